"""The container's life without an engine: its command, health check and stop signal, and nothing written."""

import json
import signal
from pathlib import Path

import pytest

from tests.packaging.dockerfile import last_stage, value
from tests.packaging.health import health_check
from tests.processes import ROOT, Processes, free_port

STAGE = last_stage(ROOT / "Dockerfile")
RULES = """\
listen: 127.0.0.1:{port}
upstream: http://127.0.0.1:{nobody}
admin: {{listen: "127.0.0.1:{admin}"}}
rules:
  - path: /**
    allow_origins: [https://app.example.com]
"""


def files_below(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*")}


@pytest.mark.parametrize("workers", [1, 2])
def test_it_runs_is_healthy_stops_and_has_written_nothing(
    installed: Path, running: Processes, tmp_path: Path, workers: int
) -> None:
    home, temporary, mounted = (tmp_path / name for name in ("home", "tmp", "mounted"))
    for folder in (home, temporary, mounted):
        folder.mkdir()
    port, admin = free_port(), free_port()
    rules = mounted / "corsproxy.yaml"
    rules.write_text(RULES.format(port=port, nobody=free_port(), admin=admin) + f"workers: {workers}\n")
    before = files_below(installed, home, temporary, mounted)

    words = json.loads(value(STAGE, "ENTRYPOINT")) + json.loads(value(STAGE, "CMD"))
    # `corsproxy run` finds /etc/corsproxy/corsproxy.yaml in the image; here the file is named.
    environ = dict(word.split("=", 1) for word in value(STAGE, "ENV").split() if not word.startswith("PATH="))
    process = running.start(
        installed / "bin" / words[0], *words[1:],
        ports=[port, admin],
        environ={**environ, "CORSPROXY_CONFIG": str(rules), "HOME": str(home), "TMPDIR": str(temporary)},
        cwd=mounted,
    )  # fmt: skip
    check = json.loads(value(STAGE, "HEALTHCHECK").partition("CMD ")[2])
    assert health_check(check[2], admin) == 0
    assert process.stop(getattr(signal, value(STAGE, "STOPSIGNAL"))) == 0, process.text()
    assert files_below(installed, home, temporary, mounted) - before == set()


def test_without_a_configuration_it_says_so_and_starts_nothing(
    installed: Path, running: Processes, tmp_path: Path
) -> None:
    process = running.start(
        installed / "bin/corsproxy", "run", cwd=tmp_path, environ={"CORSPROXY_CONFIG": ""}
    )  # fmt: skip
    assert process.popen.wait(60) == 2
    assert "/etc/corsproxy/corsproxy.yaml" in process.text()

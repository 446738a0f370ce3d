"""The image, as far as it can be proved without a container engine: hadolint, its facts, its health check."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.dockerfile import instructions, last_stage, value
from tests.packaging.health import admin_answering, health_check
from tests.processes import ROOT, free_port

DOCKERFILES = [ROOT / "Dockerfile", ROOT / "config/compose/app/Dockerfile"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "hadolint is not in this environment: pip install 'corsproxy[test]'"
    done = subprocess.run(
        [hadolint, "--no-color", str(path)], capture_output=True, text=True, check=False, timeout=200
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_is_made_in_two_stages_of_the_same_base() -> None:
    bases = [rest.split(" ")[0] for word, rest in instructions(ROOT / "Dockerfile") if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1, (
        "the environment that the first stage makes points at the second's interpreter"
    )
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])


def test_what_the_image_promises() -> None:
    stage = last_stage(ROOT / "Dockerfile")
    assert value(stage, "USER") == "65532:65532"
    assert value(stage, "EXPOSE") == "8080"
    assert value(stage, "STOPSIGNAL") == "SIGTERM"
    assert value(stage, "WORKDIR") == "/etc/corsproxy"
    assert json.loads(value(stage, "ENTRYPOINT")) == ["corsproxy"]
    assert json.loads(value(stage, "CMD")) == ["run"]
    assert "PYTHONDONTWRITEBYTECODE=1" in value(stage, "ENV").split()
    assert "RUN" not in dict(stage), "the last stage only copies"
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]+)"', value(stage, "LABEL")))
    assert labels.keys() == {"title", "description", "licenses"}


def test_only_what_is_copied_passes_the_dockerignore() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = [
        rest.split(" ")
        for word, rest in instructions(ROOT / "Dockerfile")
        if word == "COPY" and "--from" not in rest
    ]
    assert {source for sources in copied for source in sources[:-1]} == let_in
    assert [name for name in let_in if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1)])
def test_the_health_check_believes_livez(status: int, code: int) -> None:
    command = json.loads(value(last_stage(ROOT / "Dockerfile"), "HEALTHCHECK").partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    with admin_answering(status) as (port, asked):
        assert (health_check(command[2], port), asked) == (code, ["/livez"])


def test_the_health_check_fails_where_nobody_listens() -> None:
    command = json.loads(value(last_stage(ROOT / "Dockerfile"), "HEALTHCHECK").partition("CMD ")[2])
    assert health_check(command[2], free_port()) == 1

"""The key `tracing`: off unless it says otel, and then only where the extra is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from corsproxy.config.load import load
from corsproxy.config.problem import Code, ConfigError
from tests.processes import ROOT

SMALLEST = "upstream: http://127.0.0.1:5000\nrules:\n  - path: /**\n    allow_origins: []\n"
# Read by the interpreter when it starts: makes a package as good as not installed.
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r} or name.startswith({name!r} + "."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "corsproxy.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("line", "expected"),
    [("", "off"), ("tracing: off\n", "off"), ("tracing: 'off'\n", "off"), ("tracing: otel\n", "otel")],
)
def test_what_is_written(tmp_path: Path, line: str, expected: str) -> None:
    assert load(write(tmp_path, line + SMALLEST), {}).tracing == expected


@pytest.mark.parametrize("key", ["otel_trace", "OpenTelemetry", "jaeger", "otlp"])
def test_what_others_call_it(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, f"{key}: collector\n{SMALLEST}"), {})
    (problem,) = caught.value.problems
    assert (problem.code, "write tracing: otel; where spans go" in problem.fix) == (Code.UNKNOWN_KEY, True)


# The package that is missing, what is said of it, and by which command that needs the file.
@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("opentelemetry", "opentelemetry.sdk"),
        ("opentelemetry.exporter.otlp", "opentelemetry.exporter.otlp.proto.http"),
    ],
)
def test_without_the_extra_it_is_refused(tmp_path: Path, missing: str, named: str, command: str) -> None:
    file = write(tmp_path, "tracing: otel\n" + SMALLEST)
    (tmp_path / "sitecustomize.py").write_text(BLOCK.format(name=missing))
    argv = [sys.executable, "-m", "corsproxy", command, *(["-c"] if command == "run" else []), str(file)]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=200,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )
    end = "1 problem." if command == "check" else "1 problem; nothing was started."
    assert (done.returncode, done.stdout + done.stderr) == (
        2,
        (
            f"{file}:1:1  tracing\n  otel needs OpenTelemetry's SDK, and {named} is not installed.\n"
            f"  Fix: pip install 'corsproxy[otel]', or write off\n\n{end}\n"
        ),
    )


def test_without_the_extra_off_is_fine(tmp_path: Path) -> None:
    file = write(tmp_path, "tracing: off\n" + SMALLEST)
    (tmp_path / "sitecustomize.py").write_text(BLOCK.format(name="opentelemetry"))
    done = subprocess.run(
        [sys.executable, "-m", "corsproxy", "check", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )
    assert (done.returncode, done.stderr) == (0, "")

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from corsproxy import __version__
from corsproxy.cli import main as cli


def invoke(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.corsproxy, words, prog_name="corsproxy")
    return result.exit_code, result.stdout, result.stderr


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def usage_error(message: str) -> str:
    return (
        "Usage: corsproxy [OPTIONS] COMMAND [ARGS]...\n"
        "Try 'corsproxy --help' for help.\n"
        "\n"
        f"Error: {message}\n"
    )


def test_version_is_one_line() -> None:
    assert invoke("--version") == (0, f"corsproxy {__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_the_commands_in_the_order_one_meets_them(flag: str) -> None:
    status, out, err = invoke(flag)
    listed = [line.split()[0] for line in out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()]
    assert (status, listed, err) == (0, ["run", "check", "explain", "probe", "import", "schema", "demo"], "")
    assert out.startswith("Usage: corsproxy [OPTIONS] COMMAND [ARGS]...\n")


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    status, out, err = invoke(name, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: corsproxy {name} ")
    assert len(out.splitlines()) > 4


@pytest.mark.parametrize("words", [[], ["import"], ["import", "flask"], *([name] for name in cli.COMMANDS)])
def test_help_is_whole_on_eighty_columns(words: list[str]) -> None:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(cli.corsproxy, [*words, "--help"], prog_name="corsproxy")
    commands = result.stdout.partition("Commands:\n")[2]
    assert (result.exit_code, "\\b" in result.stdout, "\b" in result.stdout, "..." in commands) == (
        0,
        False,
        False,
        False,
    )
    if "Exit status:" in result.stdout:
        assert "\n  Exit status:\n    0  " in result.stdout


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("chekc", "There is no command `chekc`. Did you mean `check`?"),
        ("Run", "There is no command `Run`. Did you mean `run`?"),
        (
            "serve",
            "There is no command `serve`. This version has: run, check, explain, probe, import, schema, demo.",
        ),
        ("", "There is no command ``. This version has: run, check, explain, probe, import, schema, demo."),
    ],
)
def test_an_unknown_command_gets_the_nearest_or_all(typed: str, message: str) -> None:
    assert invoke(typed) == (2, "", usage_error(message))


def test_an_unknown_option_is_a_usage_error() -> None:
    assert invoke("--colour") == (2, "", usage_error("No such option '--colour'."))


def test_no_command_at_all_shows_the_help_and_is_a_usage_error() -> None:
    status, out, err = invoke()
    assert (status, out) == (2, "")
    assert err.startswith("Usage: corsproxy [OPTIONS] COMMAND [ARGS]...\n")


def test_a_module_without_its_command_is_our_fault_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "COMMANDS", {"json": "json"})
    result = CliRunner().invoke(cli.corsproxy, ["json"])
    assert repr(result.exception) == repr(AttributeError("module 'json' has no attribute 'json'"))


@pytest.mark.parametrize("words", [["schema"], ["check", "-"], ["import", "flask", "app.py"]])
def test_a_full_disk_is_said_and_is_no_verdict(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom flask_cors import CORS\napp = Flask(__name__)\nCORS(app)\n"
    )
    rules = "upstream: http://127.0.0.1:5000\nrules: [{path: /**, allow_origins: []}]\n"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "corsproxy", *words],
            input=rules,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    said = "Error: Standard output cannot be written: No space left on device.\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_an_interruption_is_silent_and_no_verdict(tmp_path: Path) -> None:
    """The command says that it reads by opening what is a pipe."""
    pipe = tmp_path / "slow.yaml"
    os.mkfifo(pipe)
    words = [sys.executable, "-m", "corsproxy", "check", str(pipe)]
    running = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What a shell starts in the background, as these tests may be, is deaf to it, and so are its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 -- no threads here
    )
    with pipe.open("wb"):
        running.send_signal(signal.SIGINT)
    # The end of the pipe came after the signal: it wakes a read that began between the signal and Python's look at it.
    assert (running.communicate(), running.returncode) == ((b"", b""), 130)


def test_python_dash_m_is_the_same_command() -> None:
    done = python("-m", "corsproxy", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"corsproxy {__version__}\n", "")


def test_the_command_line_imports_no_command_before_it_is_called() -> None:
    code = (
        "import sys, corsproxy.cli.main as m;"
        "print(sorted(n for n in sys.modules if n.startswith('corsproxy.') and n != 'corsproxy.cli.main'))"
    )
    assert python("-c", code).stdout == "['corsproxy.cli', 'corsproxy.cli.descriptors']\n"


@pytest.mark.parametrize(
    ("closed", "words", "status"),
    [
        ("<&-", "check -", 2),
        (">&-", "check -", 0),
        (">&-", "explain --origin https://a.example -c {file}", 1),
        ("2>&-", "explain --origin https://a.example -c nowhere", 2),
    ],
)
def test_a_standard_descriptor_that_is_closed_is_no_traceback(
    tmp_path: Path, closed: str, words: str, status: int
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("upstream: http://127.0.0.1:5000\nrules: [{path: /**, allow_origins: []}]\n")
    called = [sys.executable, "-m", "corsproxy", *words.format(file=file).split()]
    with file.open() as given:
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *called],
            stdin=given,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (status, "")

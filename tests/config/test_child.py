"""Loading in a process of its own: the same outcome, and a Problem for whatever goes wrong on the way."""

import asyncio
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from corsproxy import __version__
from corsproxy.config import child
from corsproxy.config.child import Flags, load_in_child, load_in_child_blocking
from corsproxy.config.load import load, settings_from_flags
from corsproxy.config.problem import COMMAND_LINE, Code, ConfigError, Problem

GOOD = """\
listen: ${LISTEN}
upstream: http://127.0.0.1:5000
rules:
  - path: /**
    allow_origins: [https://app.example.com]
"""
ENVIRON = {"LISTEN": "127.0.0.1:8080"}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    return file


def replaced(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let another program stand in for the child."""
    monkeypatch.setattr(child, "_command", lambda: (sys.executable, "-c", program))


async def test_a_file_comes_to_what_it_comes_to_here(good: Path) -> None:
    assert await load_in_child(good, ENVIRON) == load(good, ENVIRON)


def test_a_file_without_a_loop(good: Path) -> None:
    assert load_in_child_blocking(good, ENVIRON) == load(good, ENVIRON)


def test_another_backend(good: Path) -> None:
    loaded = load_in_child_blocking(good, ENVIRON, upstream="http://127.0.0.1:6000")
    assert loaded == load(good, ENVIRON, upstream="http://127.0.0.1:6000")


async def test_flags() -> None:
    flags = Flags(upstream="http://127.0.0.1:5000", allow_origins=("https://app.example.com",))
    expected = settings_from_flags("http://127.0.0.1:5000", ["https://app.example.com"])
    assert await load_in_child(flags, {}) == expected


async def test_problems_are_the_same(good: Path) -> None:
    with pytest.raises(ConfigError) as there:
        await load_in_child(good, {})
    with pytest.raises(ConfigError) as here:
        load(good, {})
    assert there.value.problems == here.value.problems
    assert there.value.problems[0].code is Code.ENVIRONMENT


async def test_the_environment_may_hold_any_bytes(good: Path) -> None:
    environ = {**ENVIRON, "ODD": os.fsdecode(b"\xff\xfe")}
    assert await load_in_child(good, environ) == load(good, environ)


async def test_modules_that_lie_around_are_not_taken(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('the wrong yaml')\n")
    monkeypatch.chdir(tmp_path)
    assert await load_in_child(good, ENVIRON) == load(good, ENVIRON)


FAILED = "The loading process failed (exit status {status}): {last}."


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("raise SystemExit(3)", FAILED.format(status=3, last="it said nothing")),
        ("raise ValueError('no such luck')", FAILED.format(status=1, last="ValueError: no such luck")),
        ("print('hello')", FAILED.format(status=0, last="it said nothing")),
        ("import os; os.kill(os.getpid(), 9)", FAILED.format(status=-9, last="it said nothing")),
        (
            "import pickle, sys; sys.stdout.buffer.write(pickle.dumps((1, 2)))",
            FAILED.format(status=0, last="it said nothing"),
        ),
        (
            "import pickle, sys, subprocess; sys.stdout.buffer.write(pickle.dumps(subprocess.Popen))",
            FAILED.format(status=0, last="it said nothing"),
        ),
    ],
)
async def test_a_child_that_fails(
    program: str, what: str, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(monkeypatch, f"import sys; sys.stdin.buffer.read()\n{program}")
    expected = Problem(
        str(good), 0, 0, "", what, fix="run `corsproxy check` on it to see more", code=Code.LOADER_FAILED
    )
    with pytest.raises(ConfigError) as refused:
        await load_in_child(good, ENVIRON)
    assert refused.value.problems == (expected,)
    with pytest.raises(ConfigError) as refused:
        load_in_child_blocking(good, ENVIRON)
    assert refused.value.problems == (expected,)


async def test_a_child_that_hangs_is_ended(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, "import signal; signal.pause()")
    what = "The loading process was not done after 0.2 s."
    with pytest.raises(ConfigError) as refused:
        await load_in_child(good, ENVIRON, timeout=0.2)
    assert [problem.what for problem in refused.value.problems] == [what]
    with pytest.raises(ConfigError) as refused:
        load_in_child_blocking(good, ENVIRON, timeout=0.2)
    assert [problem.what for problem in refused.value.problems] == [what]


async def test_a_load_that_is_cancelled_leaves_no_child(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child holds the writing end of a pipe; its end is read as the end of the pipe."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    monkeypatch.setattr(
        child,
        "_command",
        lambda: ("/bin/sh", "-c", f"exec 3>/proc/{os.getpid()}/fd/{writing}; echo >&3; exec sleep 1000"),
    )
    load = asyncio.ensure_future(load_in_child(good, ENVIRON))
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, os.read, reading, 1) == b"\n"
    os.close(writing)
    load.cancel()
    with pytest.raises(asyncio.CancelledError):
        await load
    assert await loop.run_in_executor(None, os.read, reading, 1) == b""
    os.close(reading)


async def test_an_interpreter_that_is_gone(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_command", lambda: ("/nowhere/python",))
    for attempt in (load_in_child(good, ENVIRON), asyncio.to_thread(load_in_child_blocking, good, ENVIRON)):
        with pytest.raises(ConfigError) as refused:
            await attempt
        (problem,) = refused.value.problems
        assert problem.what.startswith("The loading process did not start: ")


def test_flags_that_fail_are_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, "pass")
    with pytest.raises(ConfigError) as refused:
        load_in_child_blocking(Flags(upstream="x", allow_origins=()), {})
    assert refused.value.problems[0].file == COMMAND_LINE


HEAVY = ("yaml", "pydantic", "pydantic_core", "publicsuffixlist", "re2", "idna")


def test_the_parent_stays_light(good: Path) -> None:
    """What the serving process imports brings neither models nor YAML, before a load and after."""
    program = (
        "import sys, json, asyncio, pathlib\n"
        "import corsproxy.config.child, corsproxy.config.source, corsproxy.config.settings, corsproxy.config.problem\n"
        f"corsproxy.config.child.load_in_child_blocking(pathlib.Path({str(good)!r}), {ENVIRON!r})\n"
        "print(json.dumps(sorted(name.partition('.')[0] for name in sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(done.stdout))


def test_an_answer_is_pickled_once_whole(good: Path) -> None:
    """What a library prints at import cannot get between the bytes."""
    question = json.dumps(
        {"path": str(good), "version": __version__, "upstream": None, "environ": ENVIRON}
    ).encode()
    done = subprocess.run(
        [sys.executable, "-m", "corsproxy.config.child"], input=question, capture_output=True, check=True
    )
    assert pickle.loads(done.stdout) == load(good, ENVIRON)


async def test_another_version_that_was_installed_meanwhile_does_not_load_for_this_one(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "__version__", "0.0.1")
    with pytest.raises(ConfigError) as refused:
        await load_in_child(good, ENVIRON)
    (problem,) = refused.value.problems
    assert problem.what == f"corsproxy {__version__} is installed now, and 0.0.1 runs."
    assert (problem.file, problem.fix, problem.code) == (str(good), "restart corsproxy", Code.LOADER_FAILED)

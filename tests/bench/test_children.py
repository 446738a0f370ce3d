"""Every process that the bench starts is ended, with its own children, whatever happens."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import accounting
from bench.children import Child, Children
from bench.machine import Cores

_CORE = Cores.of_this_machine().proxy
_PARENT = (
    "import signal, subprocess, sys;"
    "{prologue};"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; {prologue}; print(1, flush=True); signal.pause()'],"
    " stdout=subprocess.PIPE);"
    "child.stdout.readline(); print('ready', flush=True); signal.pause()"
)
_STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def _start(children: Children, folder: Path, prologue: str = "pass") -> tuple[Child, list[int]]:
    child = children.start(
        "parent", [sys.executable, "-c", _PARENT.format(prologue=prologue)], core=_CORE, cwd=folder
    )
    while "ready" not in child.log.read_text():
        assert child.popen.poll() is None, child.last_words()
    return child, accounting.tree(child.pid)


@pytest.mark.parametrize("prologue", ["pass", _STUBBORN])
def test_the_whole_family_is_ended(prologue: str, tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child, family = _start(children, tmp_path, prologue)
        assert len(family) == 2
        children.stop(child, patience=0.3)
        assert [accounting.start_time(pid) for pid in family] == [None, None]


def test_an_error_ends_them_too(tmp_path: Path) -> None:
    family: list[int] = []

    def fail() -> None:
        with Children(tmp_path) as children:
            family.extend(_start(children, tmp_path)[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [accounting.start_time(pid) for pid in family] == [None, None]


def test_they_are_pinned(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        program = "import os; print(os.sched_getaffinity(0))"
        child = children.start("pinned", [sys.executable, "-c", program], core=_CORE, cwd=tmp_path)
        assert child.popen.wait(60) == 0
        assert child.last_words() == f"{{{_CORE}}}"


def test_last_words_are_the_end_of_what_was_printed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as popen:
        popen.wait()
    child = Child("x", popen, tmp_path / "log")
    child.log.write_text("one\ntwo\nthree\nfour\n")
    assert child.last_words() == "two / three / four"
    child.log.write_text("\n")
    assert child.last_words() == "(it printed nothing)"

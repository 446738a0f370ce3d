"""Child processes, each pinned to a core, and the promise that every one of them is ended.

They run in sessions of their own, so that a Ctrl-C reaches only us and we end them in order; should we be killed
outright, the kernel ends them (pdeathsig). Only processes started here are ever signalled, by id, and an id is
trusted only while its start time is still the same.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import accounting

__all__ = ["Child", "Children", "DidNotStart"]


class DidNotStart(Exception):  # noqa: N818 -- reads as what happened
    """A process ended, or did not answer in time; the text carries the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running process and the file that takes what it prints."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def last_words(self) -> str:
        """Return the end of what it printed, on one line."""
        return (
            " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])
            or "(it printed nothing)"
        )


class Children:
    """Starts processes; on leaving the `with` block ends whatever still runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave any behind
        try:
            while self._running:
                self.stop(self._running[-1])
        finally:
            signal.signal(signal.SIGINT, previous)

    def start(
        self, name: str, command: Sequence[str], *, core: int, cwd: Path, env: Mapping[str, str] | None = None
    ) -> Child:
        """Start a command on a core."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as sink:
            popen = subprocess.Popen(
                ["taskset", "-c", str(core), "setpriv", "--pdeathsig", "TERM", *command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, popen, log)
        self._running.append(child)
        return child

    def stop(self, child: Child, patience: float = 5.0) -> None:
        """End a process and its descendants: asked first, then killed."""
        family = {pid: accounting.start_time(pid) for pid in accounting.tree(child.pid)}
        if child.popen.poll() is None:
            child.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.popen.wait(patience)
        deadline = time.monotonic() + patience
        while (left := _alive(family)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.popen.wait(patience)  # reaps it
        self._running.remove(child)


def _alive(family: Mapping[int, int | None]) -> list[int]:
    return [pid for pid, began in family.items() if began is not None and accounting.start_time(pid) == began]

"""Everything in place: a temporary folder in memory, the backend running, peers started on free ports.

Leaving the `with` block ends every process and removes the folder, however one leaves.
"""

import os
import resource
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import backend
from bench.answers import ask
from bench.children import Child, Children, DidNotStart
from bench.machine import Cores
from bench.peers.peer import ROOT, Peer, Place
from bench.workloads import GET, PREFLIGHT

__all__ = ["Arena", "Running", "allow_many_files", "working_folder"]

_START_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that has answered its first request `start_seconds` after it was started."""

    peer: Peer
    port: int
    child: Child
    start_seconds: float


class Arena:
    """Holds the backend and the peers of one command."""

    def __init__(self, cores: Cores) -> None:
        self.cores = cores
        self.backend_port = 0
        self._stack = ExitStack()
        self._started = 0

    def __enter__(self) -> Self:
        allow_many_files()
        os.sched_setaffinity(0, {self.cores.load})
        with ExitStack() as stack:
            self.folder = folder = stack.enter_context(working_folder())
            self._children = stack.enter_context(Children(folder))
            self.backend_port = _free_port()
            command = backend.command(folder, self.backend_port)
            child = self._children.start("backend", command, core=self.cores.backend, cwd=folder)
            _wait_for_answer(child, self.backend_port, GET.message)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, peer: Peer) -> Running:
        """Start a peer on its core and wait until it answers; raises DidNotStart."""
        self._started += 1
        name = f"{peer.name}-{self._started}"
        place = Place(self.folder / name, _free_port(), _free_port(), self.backend_port)
        place.folder.mkdir()
        command = peer.command(place)
        began = time.monotonic()
        child = self._children.start(name, command.argv, core=self.cores.proxy, cwd=ROOT, env=command.env)
        try:
            _wait_for_answer(child, place.port, (PREFLIGHT if peer.takes == "preflights" else GET).message)
        except DidNotStart:
            self._children.stop(child)
            raise
        return Running(peer, place.port, child, time.monotonic() - began)

    def stop(self, running: Running) -> None:
        """End a peer."""
        self._children.stop(running.child)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for_answer(child: Child, port: int, message: bytes) -> None:
    """Wait until there is a good answer to a message."""
    deadline = time.monotonic() + _START_PATIENCE
    while True:
        if child.popen.poll() is not None:
            raise DidNotStart(f"it ended with status {child.popen.returncode}: {child.last_words()}")
        try:
            status = ask(port, message, timeout=5).status
        except OSError as error:
            status, why = 0, str(error)
        else:
            why = f"it answers {status}"
        if 200 <= status < 300:
            return
        if time.monotonic() > deadline:
            raise DidNotStart(f"no good answer within {_START_PATIENCE:.0f} s ({why}): {child.last_words()}")
        time.sleep(0.02)


@contextmanager
def working_folder() -> Iterator[Path]:
    """Make a folder, in memory where that can be, and remove it."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="corsproxy-bench-", dir=memory if memory.is_dir() else None))
    try:
        folder.chmod(0o755)  # nginx's workers are another user when we are root
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def allow_many_files() -> None:
    """Open as many files as this user may."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

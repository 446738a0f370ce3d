"""Real processes for tests: started, waited for by connecting, and ended by their own id.

Laws: nothing is ever ended by name; readiness is a connection that succeeded, never a pause; what a
process wrote is part of the message when it fails to come up.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

__all__ = ["ROOT", "Process", "Processes", "accepts", "chromium_path", "free_port", "runs"]

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 90.0
STOPPED_WITHIN = 60.0
FIRST = 10_240
LENT = Path("/proc/sys/net/ipv4/ip_local_port_range")

_given: set[int] = set()


def free_port() -> int:
    """Return a TCP port that nobody listens on now, on 127.0.0.1; each once.

    It is none of those that the system lends to connections, one of which might have it before it is bound.
    """
    lent = int(LENT.read_text().split()[0]) if LENT.exists() else 0
    first = FIRST if lent > 2 * FIRST else 0
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", first and secrets.choice(range(first, lent))))
            port: int = probe.getsockname()[1]
            if port not in _given:
                _given.add(port)
                return port


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a TCP connection to the port succeeds."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def runs(process: psutil.Process) -> bool:
    """Tell whether it still runs; one that has ended, and that nobody has asked for its status yet, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def chromium_path() -> str | None:
    """Return the Chromium to drive: CORSPROXY_CHROMIUM, or the first usual name on PATH; None if there is none."""
    if named := os.environ.get("CORSPROXY_CHROMIUM"):
        return named
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    return next((str(f / n) for n in names for f in folders if os.access(f / n, os.X_OK)), None)


@dataclass
class Process:
    """One started process and the file that takes what it writes."""

    popen: subprocess.Popen[bytes]
    output: IO[bytes]

    def text(self) -> str:
        """Return everything that the process has written so far, standard output and error together."""
        self.output.flush()
        return Path(self.output.name).read_text(errors="replace")

    def wait_for_port(self, *ports: int) -> None:
        """Wait until every port accepts a connection; fail with the output if the process ends first."""
        deadline = time.monotonic() + READY_WITHIN
        for port in ports:
            while not accepts(port):
                if (status := self.popen.poll()) is not None:
                    raise AssertionError(f"{self.popen.args!r} ended with {status}:\n{self.text()}")
                if time.monotonic() > deadline:
                    raise AssertionError(f"{self.popen.args!r} does not listen on {port}:\n{self.text()}")
                time.sleep(0.02)  # between two tries to connect, not instead of them

    def wait_for_text(self, words: str) -> str:
        """Wait until the process has written these words; return everything written so far."""
        deadline = time.monotonic() + READY_WITHIN
        while words not in (text := self.text()):
            if (status := self.popen.poll()) is not None:
                raise AssertionError(
                    f"{self.popen.args!r} ended with {status} and never wrote {words!r}:\n{self.text()}"
                )
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.popen.args!r} has not written {words!r}:\n{text}")
            time.sleep(0.02)  # between two looks, not instead of them
        return text

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal if the process still runs, wait, and return its exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.popen.wait(STOPPED_WITHIN)


class Processes:
    """Starts processes and, at the end of a test, ends those that are left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Process] = []

    def start(
        self,
        *argv: str | Path,
        ports: Sequence[int] = (),
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Start `argv`, in a session of its own, with `environ` on top of ours; wait for its ports."""
        output = (self._folder / f"process-{len(self._started)}.log").open("wb")
        process = Process(
            subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
                cwd=cwd or self._folder,
                start_new_session=True,
            ),
            output,
        )
        self._started.append(process)
        process.wait_for_port(*ports)
        return process

    def python(
        self, *argv: str | Path, ports: Sequence[int] = (), environ: Mapping[str, str] | None = None
    ) -> Process:
        """Start this interpreter with `argv`."""
        return self.start(sys.executable, *argv, ports=ports, environ=environ)

    def end_all(self) -> None:
        """End what still runs: kindly, then for good; only ever by the id of a process started here."""
        for process in reversed(self._started):
            try:
                process.stop()
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
            finally:
                process.output.close()

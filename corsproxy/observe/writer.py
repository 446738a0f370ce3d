"""Writes log lines to a file descriptor without ever holding up the event loop.

Laws: `write` only appends to a bounded queue; one daemon thread does the writing. Where the reader is
slow, gone, or the disk is full, lines that find no room are dropped and counted, and the first thing
written once there is room again says how many. A line is never torn: what could not be written whole is
kept and finished first. No write is longer than PIPE_BUF unless one line is, so that several processes
can share a pipe. A Writer does not survive fork(): each process makes its own.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Writer"]

# A wake-up a line would cost more than the line: the thread gathers for this long before it writes.
_GATHER = 0.01
# Between attempts on a descriptor that refuses.
_PATIENCE = 1.0


class Writer:
    """A queue of lines and the thread that empties it into `descriptor`.

    `dropped_line` makes the line that tells of lost ones; `room` is how many bytes may wait.
    """

    def __init__(
        self, descriptor: int, dropped_line: Callable[[int], bytes], *, room: int = 4 * 1024 * 1024
    ) -> None:
        self._descriptor = descriptor
        self._atomic = _pipe_buf(descriptor)
        self._dropped_line = dropped_line
        self._room = room
        self._lock = threading.Lock()  # held for a few bytecodes only, never while writing
        self._lines: deque[bytes] = deque()
        self._waiting = 0  # bytes in _lines
        self._dropped = 0
        self._reported = 0  # of _dropped
        self._has_lines = threading.Event()
        self._is_closing = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many lines were lost so far."""
        return self._dropped

    def write(self, lines: bytes) -> None:
        """Queue whole lines, or drop and count them where there is no room. Never blocks, never raises."""
        with self._lock:
            if self._waiting + len(lines) > self._room or self._is_closing.is_set():
                self._dropped += lines.count(b"\n")
                return
            if len(lines) <= self._atomic:
                self._lines.append(lines)
            else:
                self._lines.extend(lines.splitlines(keepends=True))
            self._waiting += len(lines)
            if self._has_lines.is_set():
                return
        self._has_lines.set()

    def close(self, timeout: float) -> None:
        """Write what is queued, for at most `timeout` seconds, then give up on the rest."""
        self._deadline = time.monotonic() + timeout
        self._is_closing.set()
        self._has_lines.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._has_lines.wait()
            self._is_closing.wait(_GATHER)
            while lot := self._take():
                while lot:
                    if time.monotonic() >= self._deadline:
                        return
                    lot = self._attempt(lot)

    def _take(self) -> bytes:
        """Return whole lines for one write, after the news of lost ones; b"" when there are none."""
        lost = self._dropped - self._reported
        news = self._dropped_line(lost) if lost else b""
        self._reported += lost
        taken = [news] if news else []
        room = self._atomic - len(news)
        with self._lock:
            while self._lines and (not taken or len(self._lines[0]) <= room):
                lines = self._lines.popleft()
                self._waiting -= len(lines)
                room -= len(lines)
                taken.append(lines)
            if not self._lines:
                self._has_lines.clear()
        return b"".join(taken)

    def _attempt(self, lot: bytes) -> bytes:
        """Write once and return what is left; wait a little where the descriptor refuses."""
        try:
            return lot[os.write(self._descriptor, lot) :]
        except BlockingIOError:  # somebody who shares the descriptor made it non-blocking
            self._pause(_GATHER)
        except OSError:
            # EPIPE, ENOSPC, EIO, EBADF: there is nobody to tell, and it may pass. The queue holds what it can.
            self._pause(_PATIENCE)
        return lot

    def _pause(self, seconds: float) -> None:
        if self._is_closing.is_set():
            time.sleep(_GATHER)
        else:
            self._is_closing.wait(seconds)


def _pipe_buf(descriptor: int) -> int:
    """Return how much is written to a pipe in one piece."""
    try:
        return os.fpathconf(descriptor, "PC_PIPE_BUF")
    except (OSError, ValueError):
        return 512  # what POSIX promises

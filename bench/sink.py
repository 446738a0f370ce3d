"""The client for large answers: reads heads, then lets the kernel throw the bytes away (MSG_TRUNC).

Laws: only whole answers count, and the clock stops when the last one is whole, so that no CPU time of an unfinished
answer is charged to the finished ones; an answer without its expected length is an error.
"""

import re
import selectors
import socket
import time
from dataclasses import dataclass, field

from bench.load import Load
from bench.spread import percentile
from bench.workloads import Workload

__all__ = ["run"]

_SCRATCH = bytearray(4 << 20)  # never written to: MSG_TRUNC copies nothing
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+) *\r\n", re.IGNORECASE)
_SILENCE = 10.0


class _BadAnswerError(Exception):
    """Not a 200 of the expected length; the text is the kind of error."""


@dataclass(slots=True)
class _Connection:
    """One keep-alive connection and the answer it is reading."""

    socket: socket.socket
    began: float = 0.0
    head: bytes = b""
    left: int = 0

    def send(self, message: bytes) -> None:
        """Ask; requests are small enough for the socket's buffer."""
        self.began, self.head, self.left = time.monotonic(), b"", -1
        self.socket.sendall(message)

    def read(self, expected: int) -> bool:
        """Take what has come and say whether the answer is whole."""
        if self.left < 0:
            block = self.socket.recv(16_384)
            self._check_open(len(block))
            self.head += block
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            length = _LENGTH.search(self.head, 0, end + 4)
            if not self.head.startswith(b"HTTP/1.1 200 "):
                raise _BadAnswerError("status")
            if length is None or int(length[1]) != expected:
                raise _BadAnswerError("length")
            self.left = expected - (len(self.head) - end - 4)
        else:
            count = self.socket.recv_into(_SCRATCH, min(self.left, len(_SCRATCH)), socket.MSG_TRUNC)
            self._check_open(count)
            self.left -= count
        return self.left == 0

    @staticmethod
    def _check_open(count: int) -> None:
        if not count:
            raise _BadAnswerError("read")


@dataclass(slots=True)
class _Tally:
    times: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def fault(self, kind: str) -> None:
        self.errors[kind] = self.errors.get(kind, 0) + 1


def run(workload: Workload, port: int, seconds: float, *, silence: float = _SILENCE) -> Load:
    """Load a port; begins no answer after `seconds`, and finishes those that it began.

    Where nothing comes for `silence` seconds, answers without a head count as "unanswered", others as "stalled".
    """
    tally = _Tally()
    with selectors.DefaultSelector() as selector:
        connections = []
        for _ in range(workload.connections):
            connection = _Connection(socket.create_connection(("127.0.0.1", port), timeout=silence))
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connections.append(connection)
        began = time.monotonic()
        for connection in connections:
            connection.send(workload.message)
        _read_all(selector, workload, began + seconds, silence, tally)
        took = time.monotonic() - began
        for connection in connections:
            connection.socket.close()
    milliseconds = sorted(1000 * each for each in tally.times)
    if not milliseconds:
        return Load(0, took, 0.0, 0.0, tally.errors)
    return Load(
        len(milliseconds), took, percentile(milliseconds, 50), percentile(milliseconds, 99), tally.errors
    )


def _read_all(
    selector: selectors.BaseSelector, workload: Workload, deadline: float, silence: float, tally: _Tally
) -> None:
    while selector.get_map():
        ready = selector.select(silence)
        if not ready:
            for key in selector.get_map().values():
                tally.fault("unanswered" if key.data.left < 0 else "stalled")
            return
        for key, _events in ready:
            connection: _Connection = key.data
            try:
                if not connection.read(workload.length):
                    continue
                now = time.monotonic()
                tally.times.append(now - connection.began)
                if now < deadline:
                    connection.send(workload.message)
                    continue
            except _BadAnswerError as error:
                tally.fault(str(error))
            except OSError:
                tally.fault("read")
            selector.unregister(connection.socket)

"""Raw connections that somebody greedy would open: many at once, and what goes over each of them counted as on a wire.

Laws: a byte is counted when the kernel has taken it, with 52 bytes of headers a packet, three packets a connection:
that is what it costs the sender. Statuses are counted as they come; bodies are read and dropped.
"""

import re
import resource
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

__all__ = ["PACKET", "Talk", "Wire", "pump"]

PACKET = 52  # IPv4 and TCP with its time stamps
_SEGMENT = 1448
_OPENING = 3 * PACKET  # SYN, ACK, FIN
_BLOCK = 256 * 1024
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})")
_SPARE = 256  # descriptors that are not clients
_SEAM = 11  # a status may be cut between two reads


@dataclass(slots=True)
class Wire:
    """What was sent, and what came of it. Connections stay open until `stack` is closed."""

    port: int
    stack: ExitStack
    sent: int = 0
    connections: int = 0
    requests: int = 0
    outcome: Counter[str] = field(default_factory=Counter)
    shortage: str = ""

    def connect(self, *, buffer: int = 0) -> socket.socket:
        """Open one connection that does not block."""
        opened = self.stack.enter_context(socket.socket())
        if buffer:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        opened.settimeout(10)
        opened.connect(("127.0.0.1", self.port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setblocking(False)
        self.connections += 1
        self.sent += _OPENING
        return opened

    def crowd(self, count: int, *, buffer: int = 0, ends: int = 1) -> list[socket.socket]:
        """Open many; `ends` is how many descriptors each costs the proxy, which may have as many as we."""
        most = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE) // ends
        if most < count:
            self.shortage = f"only {most:,} of {count:,} connections: ulimit -n"
        return [self.connect(buffer=buffer) for _ in range(min(count, most))]

    def send(self, connection: socket.socket, data: bytes | memoryview) -> int:
        """Send what the kernel takes; -1 where the connection is no more."""
        try:
            size = connection.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return -1
        self.sent += size + PACKET * -(-size // _SEGMENT)
        return size

    def drip(self, connections: Iterable[socket.socket], data: bytes, *, times: int, every: float) -> None:
        """Send a little on each of them, again and again."""
        alive = list(connections)
        for _ in range(times):
            began = time.monotonic()
            alive = [each for each in alive if self.send(each, data) >= 0]
            time.sleep(max(0.0, began + every - time.monotonic()))


@dataclass(slots=True)
class Talk:
    """One connection: what is to be sent, and how many answers are due; `to_end` waits for the end after them."""

    socket: socket.socket
    out: memoryview
    due: int
    to_end: bool = False
    held: bytes = b""


def pump(wire: Wire, talks: Sequence[Talk], *, silence: float = 60.0) -> None:
    """Send and read everything; what had no answer after so much silence is counted as unanswered."""
    with selectors.DefaultSelector() as selector:
        for talk in talks:
            selector.register(talk.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, talk)
        while selector.get_map():
            ready = selector.select(silence)
            if not ready:
                wire.outcome["unanswered"] += sum(key.data.due for key in selector.get_map().values())
                return
            for key, events in ready:
                talk = key.data
                is_over = bool(events & selectors.EVENT_WRITE) and not _write(wire, selector, talk)
                if events & selectors.EVENT_READ:
                    is_over = not _read(wire, talk)
                if is_over:
                    selector.unregister(talk.socket)


def _write(wire: Wire, selector: selectors.BaseSelector, talk: Talk) -> bool:
    size = wire.send(talk.socket, talk.out[:_BLOCK])
    talk.out = talk.out[max(size, 0) :]
    if not talk.out or size < 0:  # what it was told meanwhile may still be read
        selector.modify(talk.socket, selectors.EVENT_READ, talk)
    return True


def _read(wire: Wire, talk: Talk) -> bool:
    """Take what has come; False where no more is due."""
    try:
        data = talk.socket.recv(_BLOCK)
    except BlockingIOError:
        return True
    except OSError:
        data = b""
    if not data:
        if talk.due:
            wire.outcome["closed"] += 1
        return False
    text = talk.held + data
    seen = 0
    for found in _STATUS.finditer(text):
        wire.outcome[found[1].decode()] += 1
        talk.due -= 1
        seen = found.end()
    talk.held = text[max(seen, len(text) - _SEAM) :]
    return talk.to_end or talk.due > 0

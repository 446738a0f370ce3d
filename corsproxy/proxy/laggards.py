"""Clients that hold a connection to the backend and hardly move, while others have none.

Laws: nobody is cut for being slow while there is a connection for everybody, nor for what the backend or
another client is slow in. What counts is what the client itself has sent or taken since the last look; where
all connections are in use and somebody has waited for one, less than `LEAST` bytes a second is too little.
"""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

__all__ = ["LEAST", "WINDOW", "Holder", "Laggards", "untaken"]

LEAST = 240  # bytes a second; what Kestrel asks for, too
WINDOW = 5.0  # seconds between two looks


class Holder(Protocol):
    """A client, as far as this matters."""

    def progress(self) -> int | None:
        """How many bytes it has sent or taken of what it holds a connection for; None where it is not its turn to."""

    def too_slow(self) -> None:
        """End it."""


class Laggards:
    """Looks at all clients from time to time while there is want."""

    def __init__(self) -> None:
        self._seen: dict[Holder, int] = {}
        self._since = 0.0

    def look(self, now: float, clients: Iterable[Holder], *, is_want: bool) -> None:
        """Note how far everybody is, and end those who hardly got on since the last look. `now` in seconds."""
        if not is_want:
            self._since = 0.0
            self._seen.clear()
            return
        if self._since and now - self._since < WINDOW:
            return
        least = LEAST * (now - self._since)
        before, self._seen = self._seen, {}
        self._since = now
        for client in tuple(clients):
            progress = client.progress()
            if progress is None:
                continue
            if client in before and progress - before[client] < least:
                client.too_slow()
            else:
                self._seen[client] = progress


def untaken(transport: asyncio.Transport) -> int:
    """Count what we and, where it says so, the kernel hold for a peer that has not acknowledged it."""
    size = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")  # None where TLS has lost its connection
    with suppress(OSError, ValueError):  # ValueError: it is closed
        if sock is not None:
            size += struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return size

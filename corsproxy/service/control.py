"""What a supervisor and its workers say to each other, and how it travels.

Laws: a socket pair made by the supervisor, so both ends are ours and pickles are safe; a message is its
length in four bytes, then its pickle. Sending never waits for the other end. The end of the stream is a message too: for
the supervisor that its worker is gone, for a worker that it is alone and has to finish.
"""

import asyncio
import pickle
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from corsproxy.admin.aside import aside
from corsproxy.config.settings import Endpoint, Settings
from corsproxy.observe.counters import Snapshot
from corsproxy.observe.ledger_rows import LedgerSnapshot

__all__ = [
    "Abort",
    "Adopt",
    "Adopted",
    "Begin",
    "Channel",
    "Count",
    "Counted",
    "Drain",
    "Failed",
    "Farewell",
    "FromSupervisor",
    "FromWorker",
    "Leaving",
    "Ready",
    "Tell",
    "Told",
]


PARTS_WITHIN = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Begin:
    """First word to a worker: what to serve, and where; the sockets are inherited by number."""

    settings: Settings
    listeners: tuple[tuple[Endpoint, int], ...]


@dataclass(frozen=True, slots=True)
class Adopt:
    """Serve the next request by these settings. Answered by Adopted with the same number."""

    number: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Count:
    """Say what was counted. Answered by Counted with the same number."""

    number: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the ledger: apart from Count, because it is larger and seldom wanted. Answered by Told."""

    number: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Accept no more, finish, end."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Cut everything and end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker accepts connections."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot serve, and ends."""

    why: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """Settings were adopted; or refused, and then `why` says so and the old ones still serve."""

    number: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """The answer to Count."""

    number: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to Tell."""

    number: int
    ledger: LedgerSnapshot


@dataclass(frozen=True, slots=True)
class Leaving:
    """The worker was told by a signal to end, and serves until it is told to Drain."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Last word of a worker that drained: its final counts, and its ledger."""

    snapshot: Snapshot
    ledger: LedgerSnapshot = field(default_factory=LedgerSnapshot)


FromSupervisor = Begin | Adopt | Count | Tell | Drain | Abort
FromWorker = Ready | Failed | Adopted | Counted | Told | Leaving | Farewell

LENGTH = struct.Struct("!I")

Said = TypeVar("Said")
Heard = TypeVar("Heard")


class Channel(Generic[Said, Heard]):
    """One end of the pair: `Said` are the messages of this side, `Heard` those of the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Take over one end of the pair."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: Said) -> None:
        """Send without waiting; to an end that is gone it does nothing."""
        self._send(_packed(message))

    async def send_long(self, message: Said) -> None:
        """Send what takes milliseconds to pack: proxied requests do not wait for it."""
        self._send(await aside(_packed, message))

    def _send(self, packed: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(LENGTH.pack(len(packed)) + packed)

    async def receive(self) -> Heard | None:
        """Wait for the next message; None once the other end is gone."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            message: Heard = pickle.loads(await self._reader.readexactly(length))  # noqa: S301 -- our own process
        except (asyncio.IncompleteReadError, OSError):
            return None
        return message

    async def part(self) -> None:
        """Send what is still to be sent, say that it was all, and wait a while for the other end to have heard it.

        Writing to an end that is closed would cost the other side what it has not read yet: our last words.
        """
        with suppress(OSError):
            async with asyncio.timeout(PARTS_WITHIN):
                if not self._writer.is_closing():
                    self._writer.write_eof()
                await self._reader.read()
        await self.close()

    async def close(self) -> None:
        """Send what is still to be sent, and end the stream."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


def _packed(message: object) -> bytes:
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)

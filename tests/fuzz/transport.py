"""A connection without a socket, for protocols that are driven by hand, and a clock that only moves when told.

Laws: it does what asyncio's and uvloop's transports both do, and where they differ the stricter: uvloop's
refuse any call after `connection_lost`. What the peer does not read is held; what is held at an abort is lost.
"""

import asyncio
import os
import select
from collections.abc import Callable
from typing import Any, cast

__all__ = ["StoppedClock", "Wire"]

_HIGH_WATER = 64


class StoppedClock(asyncio.SelectorEventLoop):
    """An event loop whose time stands still between `pass_by`, and that connects to nothing but wires."""

    dial: Callable[[asyncio.Protocol], "Wire"]

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    async def create_connection(  # type: ignore[override]  # typeshed names every option
        self, protocol_factory: Callable[[], asyncio.Protocol], *_where: Any, **_options: Any
    ) -> tuple["Wire", asyncio.Protocol]:
        protocol = protocol_factory()
        return self.dial(protocol), protocol

    def pass_by(self, seconds: float) -> None:
        self._now += seconds

    async def settle(self) -> None:
        """Run all that is due now."""
        for _ in range(200):
            await asyncio.sleep(0)
            if not self._ready:  # type: ignore[attr-defined]  # the only way to know without waiting
                return
        raise AssertionError("the loop never comes to rest")


class _Socket:
    """Notes that a reset was asked for, and tells who asks the kernel whether something has come and was not read."""

    def __init__(self) -> None:
        self.is_reset = False
        self._is_readable = False
        self._pipe: tuple[int, ...] = ()  # made for those who ask

    def fileno(self) -> int:
        if not self._pipe:
            self._pipe = os.pipe()
            self._tell()
        return self._pipe[0]

    def note(self, *, is_readable: bool) -> None:
        if is_readable is not self._is_readable:
            self._is_readable = is_readable
            self._tell()

    def end(self) -> None:
        """Let who reads on find that nothing was left behind."""
        self.close()
        ours, theirs = os.pipe()
        os.close(theirs)
        self._pipe = (ours,)

    def close(self) -> None:
        for each in self._pipe:
            os.close(each)
        self._pipe = ()

    def _tell(self) -> None:
        if self._pipe and self._is_readable:
            os.write(self._pipe[1], b".")
        elif self._pipe and select.select(self._pipe[:1], (), (), 0)[0]:
            os.read(self._pipe[0], 1)

    def setsockopt(self, _level: int, _option: int, _value: bytes) -> None:
        self.is_reset = True


class Wire(asyncio.Transport):
    """One connection of the proxy's; the methods that begin with `peer_` are what the other side does."""

    def __init__(self, protocol: asyncio.Protocol, address: str) -> None:
        self._loop = cast("StoppedClock", asyncio.get_running_loop())
        self._due: list[bytes] = []  # what the protocol has not read; b"" is the end
        self._socket = _Socket()
        super().__init__(extra={"peername": (address, 40000), "socket": self._socket})
        self.protocol = protocol
        self.address = address
        self.out = bytearray()  # what the peer has read
        self.said = bytearray()  # what the protocol has read
        self.turns = [(0, 0)]  # how much was in `out` and `said` when a write followed a read
        self.is_over = False  # nothing more is taken from the protocol, nor given to it
        self.was_left = False  # it was the peer that broke off
        self.has_lost = False  # bytes that were written
        self._held = b""
        self._is_blocked = self._is_write_paused = self._is_read_paused = False
        self._is_closing = self._has_ended = self._is_lost = self._peer_has_ended = False
        protocol.connection_made(self)

    @property
    def was_reset(self) -> bool:
        return self._socket.is_reset

    # --- what the protocol calls ---------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._must_live()
        if self._has_ended:
            raise RuntimeError("written to after write_eof")
        if len(self.said) > self.turns[-1][1]:
            self.turns.append((len(self.out) + len(self._held), len(self.said)))
        if self.is_over:
            self.has_lost = self.has_lost or bool(data)
        elif self._is_blocked:
            self._held += bytes(data)
            if len(self._held) > _HIGH_WATER and not self._is_write_paused:
                self._is_write_paused = True
                self.protocol.pause_writing()
        else:
            self.out += data

    def write_eof(self) -> None:
        self._must_live()
        self._has_ended = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            if not self._held:
                self._end(None)

    def abort(self) -> None:
        if not self.is_over:
            self.has_lost = self.has_lost or bool(self._held)
            self._end(None)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._must_live()
        self._is_read_paused = True

    def resume_reading(self) -> None:
        self._must_live()
        self._is_read_paused = False
        self._loop.call_soon(self._give)

    def is_reading(self) -> bool:
        return not self._is_read_paused

    def get_write_buffer_size(self) -> int:
        return len(self._held)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Stay at limits that messages of a few bytes meet."""

    # --- what the peer does --------------------------------------------------------------------

    def peer_sends(self, data: bytes) -> None:
        """Send bytes; none are the end of them."""
        if not self._peer_has_ended:
            self._peer_has_ended = not data
            self._due.append(data)
            self._socket.note(is_readable=True)
            self._give()

    def peer_resets(self) -> None:
        if not self.is_over:
            self.was_left = True
            self.has_lost = self.has_lost or bool(self._held)
            self._end(ConnectionResetError())

    def peer_stops_reading(self) -> None:
        self._is_blocked = True

    def peer_reads(self) -> None:
        self._is_blocked = False
        if self.is_over:
            return
        self.out += self._held
        self._held = b""
        if self._is_write_paused:
            self._is_write_paused = False
            self.protocol.resume_writing()
        if self._is_closing and not self._held and not self.is_over:
            self._end(None)

    # --- within --------------------------------------------------------------------------------

    def _give(self) -> None:
        while self._due and not self._is_read_paused and not self._is_closing:
            data = self._due.pop(0)
            self._socket.note(is_readable=bool(self._due))
            self.said += data
            if data:
                self.protocol.data_received(data)
            elif not cast("Any", self.protocol).eof_received():
                self.close()

    def _end(self, why: Exception | None) -> None:
        self._is_closing = self.is_over = True
        self._held = b""
        self._loop.call_soon(self._lose, why)

    def _lose(self, why: Exception | None) -> None:
        self._socket.end()
        self.protocol.connection_lost(why)
        self._is_lost = True
        self._socket.close()

    def _must_live(self) -> None:
        if self._is_lost:
            raise RuntimeError("used after connection_lost")

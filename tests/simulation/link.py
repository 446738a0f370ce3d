"""A connection with a kernel between: what is sent waits to be read, what is written waits to be taken.

Laws: nothing moves by itself; the world says what is delivered, and when there is room. Two kinds of event loop
are played: asyncio's, which tells an end again after a pause, and uvloop's, which writes at the end of a turn.
"""

import asyncio
from dataclasses import dataclass

from tests.fuzz.transport import Wire

__all__ = ["Link", "Traits"]

_RESET = b"reset"  # by identity
_ROOM = 400


@dataclass(frozen=True)
class Traits:
    """`room`: bytes that the kernel takes for the peer; `high`: the transport's mark; `is_lazy`: as uvloop."""

    room: int
    high: int
    is_lazy: bool


class Link(Wire):
    """One connection of the proxy's."""

    def __init__(self, protocol: asyncio.Protocol, address: str, traits: Traits) -> None:
        self.traits = traits
        self.unread = bytearray()  # with the kernel, for the peer
        self.peer_has_left = False  # whatever is written to it is answered by a reset
        self.most_read = 0
        self.is_open = True
        self._is_broken = self._is_flush_due = self._end_was_told = False
        self._had_unread = False
        super().__init__(protocol, address)

    # --- what is noted on the way --------------------------------------------------------------

    def noted_write(self, data: bytes) -> None:
        """Look at what the protocol writes."""

    def noted_read(self, data: bytes) -> None:
        """Look at what the protocol is about to read; none is the end."""

    # --- what the protocol calls ---------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._must_live()
        if self._has_ended:
            raise RuntimeError("written to after write_eof")
        if self.is_over:
            self.has_lost = self.has_lost or bool(data)
            return
        self.noted_write(bytes(data))
        was_empty = not self._held
        self._held += bytes(data)
        if self.traits.is_lazy and len(self._held) <= self.traits.high:
            if not self._is_flush_due:
                self._is_flush_due = True
                self._loop.call_soon(self._flush_late)
        elif was_empty:
            self._flush()
        if len(self._held) > self.traits.high and not self._is_write_paused:
            self._is_write_paused = True
            self.protocol.pause_writing()

    def resume_reading(self) -> None:
        self._must_live()
        was_paused, self._is_read_paused = self._is_read_paused, False
        if was_paused and self._end_was_told and not self.traits.is_lazy and not self._is_closing:
            self._due.append(b"")
            self._socket.note(is_readable=True)

    # --- what the peer sees and does -----------------------------------------------------------

    @property
    def sees_end(self) -> bool:
        """Whether the peer has taken all that will ever come."""
        return (self.is_over or (self._has_ended and not self._held)) and not self.unread

    @property
    def sees_reset(self) -> bool:
        """Whether what the peer sees cannot be taken for a good end."""
        return self.was_reset or self._had_unread

    def peer_takes(self, most: int) -> bytes:
        taken = bytes(self.unread[:most])
        del self.unread[:most]
        self.out += taken
        return taken

    def peer_posts(self, data: bytes) -> None:
        """Send bytes, or with none the end, and let the kernel hold them."""
        if not self._peer_has_ended and not self.is_over:
            self._peer_has_ended = not data
            self._post(data)

    def peer_adds(self, data: bytes) -> None:
        """Send bytes that come with those before: nobody can tell them apart from what they were asked for later."""
        if self.has_due and self._due[-1] and self._due[-1] is not _RESET:
            self._due[-1] += data
        elif not self._due and not self._is_read_paused and not self._peer_has_ended and not self.is_over:
            self.peer_posts(data)
            self.deliver(is_merged=True)

    def peer_leaves(self, *, by_reset: bool) -> None:
        """Close, or reset; closing on bytes that were not read resets, too."""
        if self.peer_has_left:
            return
        self.was_left = True
        if by_reset or self.unread:
            self._post(_RESET)
        else:
            self.peer_posts(b"")
        self._peer_has_ended = self.peer_has_left = True
        self.unread.clear()

    def reset_at_once(self) -> None:
        """Let the reset come before all that was sent earlier."""
        if not self.is_over:
            self._due.clear()
            self.has_lost = True
            self._end(ConnectionResetError())

    # --- what the world does -------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        return bool(self._due) and not self._is_read_paused and not self._is_closing

    @property
    def has_due(self) -> bool:
        """Whether something has come to the kernel that the protocol has not read."""
        return bool(self._due)

    @property
    def has_room(self) -> bool:
        """Whether the kernel takes more for the protocol."""
        return sum(map(len, self._due)) < _ROOM

    @property
    def can_flush(self) -> bool:
        return bool(
            not self.is_over
            and (self._held or self._is_write_paused)
            and (self.peer_has_left or len(self.unread) < self.traits.room)
        )

    @property
    def is_stuck(self) -> bool:
        """Whether the protocol was told to write no more."""
        return self._is_write_paused

    @property
    def held(self) -> int:
        return len(self._held)

    def deliver(self, *, is_merged: bool) -> None:
        """Let the protocol read, as far as it does."""
        if not self.has_news:
            return
        data = self._due.pop(0)
        if data is _RESET:
            self._end(ConnectionResetError())
            return
        while is_merged and data and self._due and self._due[0] and self._due[0] is not _RESET:
            data += self._due.pop(0)
        self._socket.note(is_readable=bool(self._due))
        self.said += data
        self.most_read = max(self.most_read, len(data))
        self.noted_read(data)
        if data:
            self.protocol.data_received(data)
            return
        self._end_was_told = True
        if not self.protocol.eof_received():
            self.close()

    def flush(self) -> None:
        """Let the transport write what the kernel takes."""
        if not self.can_flush:
            return
        self._flush()
        if self.is_over:
            return
        if self._is_write_paused and len(self._held) <= self.traits.high // 4:
            self._is_write_paused = False
            self.protocol.resume_writing()
        if self._is_closing and not self._held and not self.is_over:
            self._end(None)

    # --- within --------------------------------------------------------------------------------

    def _flush_late(self) -> None:
        self._is_flush_due = False
        if not self.is_over:
            self._flush()
            if self._is_closing and not self._held and not self.is_over:
                self._end(None)

    def _flush(self) -> None:
        if self.peer_has_left:
            if self._is_broken and self._held:
                self.has_lost = True
                self._end(ConnectionResetError())
            elif self._held:
                self._is_broken = self.has_lost = True
                self._held = b""
                self._post(_RESET)
            return
        room = self.traits.room - len(self.unread)
        self.unread += self._held[:room]
        self._held = self._held[room:]

    def _post(self, data: bytes) -> None:
        self._due.append(data)
        self._socket.note(is_readable=True)

    def _end(self, why: Exception | None) -> None:
        if self.was_reset:
            self.has_lost = self.has_lost or bool(self.unread)
            self.unread.clear()
        self._had_unread = any(data and data is not _RESET for data in self._due)
        super()._end(why)

    def _lose(self, why: Exception | None) -> None:
        super()._lose(why)
        self.is_open = False

"""A listening socket of TLS: a task for each connection until its handshake is over.

Laws: whoever has not finished a handshake counts as a client; one too many is closed unanswered, since
an answer would cost a handshake. Nothing is set aside for TLS before a first byte has come, and that byte
tells who speaks plain HTTP: those are answered in plain HTTP. All of it takes `Door.seconds` at most, and no
more than a moment of a drain: nobody has asked for anything yet. Few begin in one turn of the event loop,
because a signature takes as long as many requests.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["Door", "TlsListener"]

_AT_ONCE = 64  # accepted before others get their turn
_BEGUN_A_TURN = 4
_PAUSE = 1.0  # seconds, where no descriptor is left
_IN_A_DRAIN = 2.0  # seconds from the beginning: enough for who has just connected


@dataclass(frozen=True, slots=True)
class Door:
    """Whom a listener lets in: `make` gives a client's protocol, `make_plain` that of one who speaks plain HTTP.

    `tls` is how we show ourselves, and `seconds` how long a handshake may take, asked anew for each;
    `admits` says whether there is room for one more; `lost` is told whose handshake came to nothing.
    """

    tls: Callable[[], ssl.SSLContext]
    seconds: Callable[[], float]
    make: Callable[[], asyncio.Protocol]
    make_plain: Callable[[], asyncio.Protocol]
    admits: Callable[[], bool]
    lost: Callable[[asyncio.Protocol], None]


class TlsListener:
    """Accepts on a bound, listening, non-blocking socket, which is closed with it."""

    def __init__(self, bound: socket.socket, door: Door) -> None:
        self._bound = bound
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._is_open = False
        self._pause: asyncio.TimerHandle | None = None
        self._greeting: set[asyncio.Task[None]] = set()
        self._limits: dict[asyncio.Timeout, float] = {}  # and since when each has held
        self._begun = 0  # handshakes, in this turn
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def open(self) -> None:
        """Begin to accept."""
        self._is_open = True
        self._loop.add_reader(self._bound, self._accept)

    def close(self) -> None:
        """Take what is queued, and accept no more; wait for no handshake that stalls."""
        if not self._is_open:
            return
        self._is_open = False
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._bound)
        while self._accept_one():
            pass
        self._bound.close()
        for limit, since in self._limits.items():
            if not limit.expired():
                limit.reschedule(since + _IN_A_DRAIN)

    def abort(self) -> None:
        """Cut every handshake."""
        self.close()
        for task in self._greeting:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if not self._accept_one():
                return

    def _accept_one(self) -> bool:
        """Take one connection out of the queue; return False where there is none."""
        try:
            sock, _ = self._bound.accept()
        except ConnectionAbortedError:
            return True
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            if self._is_open:  # else we would be called again at once, and for nothing
                self._loop.remove_reader(self._bound)
                self._pause = self._loop.call_later(_PAUSE, self._go_on)
            return False
        sock.setblocking(False)
        if not self._door.admits():
            sock.close()
            return True
        protocol = self._door.make()
        task = self._loop.create_task(self._greet(sock, protocol))
        self._greeting.add(task)
        task.add_done_callback(lambda task: self._greeted(task, sock, protocol))
        return True

    def _greeted(self, task: asyncio.Task[None], sock: socket.socket, protocol: asyncio.Protocol) -> None:
        """Clear up; not in the task, since one that is cut before its first turn does nothing at all."""
        self._greeting.discard(task)
        if task.cancelled():
            sock.close()
        self._door.lost(protocol)

    def _go_on(self) -> None:
        self._loop.add_reader(self._bound, self._accept)

    async def _greet(self, sock: socket.socket, protocol: asyncio.Protocol) -> None:
        seconds = self._door.seconds()
        limit = asyncio.timeout(seconds if self._is_open else _IN_A_DRAIN)
        self._limits[limit] = self._loop.time()
        try:
            async with limit:
                if (first := await self._peek(sock)).isalpha():
                    await self._loop.connect_accepted_socket(self._door.make_plain, sock)
                elif first:
                    await self._turn()
                    await self._loop.connect_accepted_socket(
                        lambda: protocol, sock, ssl=self._door.tls(), ssl_handshake_timeout=seconds
                    )
                else:
                    sock.close()
        except OSError:  # it left, was too slow, or its handshake failed
            sock.close()
        finally:
            del self._limits[limit]

    async def _peek(self, sock: socket.socket) -> bytes:
        """Wait for the first byte, and leave it where it is; none at the end."""
        while True:
            with suppress(BlockingIOError, InterruptedError):
                return sock.recv(1, socket.MSG_PEEK)
            readable = self._loop.create_future()
            self._loop.add_reader(sock, _settle, readable)
            try:
                await readable
            finally:
                self._loop.remove_reader(sock)

    async def _turn(self) -> None:
        """Wait for a turn of the loop in which few others begin."""
        if not self._begun:
            self._loop.call_soon(self._begin_turn)
        elif self._begun >= _BEGUN_A_TURN:
            turn = self._loop.create_future()
            self._waiting.append(turn)
            await turn
            return
        self._begun += 1

    def _begin_turn(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < _BEGUN_A_TURN:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._begun += 1
        if self._begun:
            self._loop.call_soon(self._begin_turn)


def _settle(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)

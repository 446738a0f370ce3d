"""One listening socket: accepts clients until it is closed, and then those that the kernel has queued.

Laws: a connection that was queued before the close is served, not reset; the socket that was given is
closed with it. Who accepts where there is TLS is `handshakes`.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from corsproxy.config.settings import ServerTls

__all__ = ["Listener", "server_context"]

_BACKLOG = 2048


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """Return how we show ourselves to clients. Raises OSError, or its kind ssl.SSLError, for bad PEM files."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(tls.certificate, tls.key)
    return context


class Listener:
    """Accepts on a bound, listening, non-blocking socket; `make` gives the protocol of each connection."""

    def __init__(self, bound: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        self._bound = bound
        self._make = make
        self._server: asyncio.Server | None = None
        self._taking: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        create: Callable[..., Coroutine[Any, Any, asyncio.Server]] = (
            loop.create_unix_server if self._bound.family == socket.AF_UNIX else loop.create_server
        )
        self._server = await create(self._make, sock=self._bound, backlog=_BACKLOG)

    def close(self) -> None:
        """Take what is queued, and accept no more."""
        if self._server is None:
            return
        for sock in self._queued():
            task = asyncio.get_running_loop().create_task(self._take(sock, self._make()))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)
        self._server.close()
        self._server = None

    def abort(self) -> None:
        """Accept no more; nothing is under way here that could be cut."""
        self.close()

    def _queued(self) -> list[socket.socket]:
        found = []
        with suppress(OSError):  # none is left, or no descriptor is
            while True:
                sock, _ = self._bound.accept()
                sock.setblocking(False)
                found.append(sock)
        return found

    async def _take(self, sock: socket.socket, protocol: asyncio.Protocol) -> None:
        with suppress(OSError):  # it left
            await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, sock)

"""After a 101: bytes pass both ways untouched until both sides have said they are done.

Laws: a FIN is passed on as a FIN, a reset as a reset; a side that does not read stops the other;
silence on both sides for `timeouts.tunnel_idle` ends it, also where one side has left and the other
does not take what is still due to it. (RFC 6455 §1.7, RFC 9110 §7.8)
"""

import asyncio
from typing import TYPE_CHECKING

from corsproxy.proxy.flow import pause_reading, resume_reading
from corsproxy.proxy.reset import reset

if TYPE_CHECKING:
    from corsproxy.proxy.downstream import ClientConnection
    from corsproxy.proxy.exchange import Exchange
    from corsproxy.proxy.upstream import UpstreamConnection

__all__ = ["Tunnel"]


class Tunnel:
    """Joins a client's connection and a backend's for the rest of their lives."""

    def __init__(
        self, client: "ClientConnection", upstream: "UpstreamConnection", exchange: "Exchange"
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._exchange = exchange
        self._up = 0
        self._down = 0
        self._client_done = False
        self._upstream_done = False
        self._open = 2  # connections
        self._is_over = False
        self.moved = client.engine.now

    def open(self) -> None:
        """Take both connections over, with what the client sent early."""
        early = self._client.enter_tunnel(self)
        self._upstream.exchange = None
        self._upstream.tunnel = self
        self._client.engine.tunnels.add(self)
        if early:
            self.from_client(early)
        if self._client.is_half_closed:
            self.client_ended()

    def from_client(self, data: bytes) -> None:
        """Pass bytes up."""
        self.moved = self._client.engine.now
        self._up += len(data)
        if not self._client_done:
            self._upstream.transport.write(data)

    def from_upstream(self, data: bytes) -> None:
        """Pass bytes down."""
        self.moved = self._client.engine.now
        self._down += len(data)
        if not self._upstream_done:
            self._client.transport.write(data)

    def client_ended(self) -> None:
        """Pass the client's FIN on."""
        self._client_done = True
        _end(self._upstream.transport)
        self._close_if_done()

    def upstream_ended(self) -> None:
        """Pass the backend's FIN on."""
        self._upstream_done = True
        _end(self._client.transport)
        self._close_if_done()

    def client_lost(self, *, by_reset: bool) -> None:
        """End with the client's connection; what it said last is still delivered."""
        self._lost()
        if by_reset:
            reset(self._upstream.transport)
        else:
            self._upstream.transport.close()

    def upstream_lost(self, *, by_reset: bool) -> None:
        """End with the backend's connection; what it said last is still delivered."""
        self._lost()
        if by_reset:
            reset(self._client.transport)
        else:
            self._client.transport.close()

    def cut(self) -> None:
        """End both at once."""
        self._finish()
        self._upstream.transport.abort()
        self._client.transport.abort()

    def pause_client(self) -> None:
        """The backend does not read: stop reading the client."""
        pause_reading(self._client.transport)

    def resume_client(self) -> None:
        """The backend reads again."""
        self.moved = self._client.engine.now
        resume_reading(self._client.transport)

    def pause_upstream(self) -> None:
        """The client does not read: stop reading the backend."""
        pause_reading(self._upstream.transport)

    def resume_upstream(self) -> None:
        """The client reads again."""
        self.moved = self._client.engine.now
        resume_reading(self._upstream.transport)

    def _close_if_done(self) -> None:
        if self._client_done and self._upstream_done:
            self._finish()
            for transport in (self._upstream.transport, self._client.transport):
                if not transport.is_closing():  # asyncio's TLS breaks where it is closed twice
                    transport.close()

    def _lost(self) -> None:
        self._finish()
        self._open -= 1
        if not self._open:
            self._client.engine.tunnels.discard(self)

    def _finish(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._exchange.tunnel_over(self._up, self._down)


def _end(transport: asyncio.Transport) -> None:
    """Send a FIN where the transport can; over TLS the only end is to close."""
    if transport.is_closing():
        return
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()

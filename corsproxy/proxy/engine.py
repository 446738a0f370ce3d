"""Everything one worker needs to serve: settings in force, connections, the clock that sweeps them.

Laws: new settings are adopted by assignment and hold for the next request; nothing is closed for them.
Time is told by one coarse clock; there are no timers for single requests. It knows neither admin nor
how processes are started.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import astuple
from email.utils import formatdate

from corsproxy.config.settings import Endpoint, Settings
from corsproxy.cors.policy import Policy
from corsproxy.proxy.downstream import ClientConnection
from corsproxy.proxy.forwarded import TrustedProxies
from corsproxy.proxy.pool import Pool
from corsproxy.proxy.record import Gauges, Observer
from corsproxy.proxy.tunnel import Tunnel
from corsproxy.proxy.upstream import UpstreamConnection

__all__ = ["Engine"]

_BACKLOG = 2048
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
)


class Engine:
    """Serves one set of listeners until it is drained."""

    def __init__(self, settings: Settings, observer: Observer) -> None:
        self.observer = observer
        self.clients: set[ClientConnection] = set()
        self.tunnels: set[Tunnel] = set()
        self.is_draining = False
        self.now = 0.0  # coarse monotonic time in seconds
        self.date = formatdate(usegmt=True).encode()
        self._retired: list[Pool] = []
        self._servers: list[asyncio.Server] = []
        self._ticker: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._use(settings)
        self.pool = self._make_pool()

    # --- settings ------------------------------------------------------------------------------

    def adopt(self, settings: Settings) -> None:
        """Use new settings from the next request on. Raises OSError where the backend's `ca` cannot be read."""
        before = self.settings
        self._use(settings)
        for client in self.clients:
            client.adopt()
        if settings.upstream != before.upstream or settings.timeouts.connect != before.timeouts.connect:
            old, self.pool = self.pool, self._make_pool()
            old.retire()
            self._retired.append(old)

    def _use(self, settings: Settings) -> None:
        self.policy = Policy.compile(settings.rules, settings.public_origins)
        self.settings = settings
        self.limits = settings.limits
        self.timeouts = settings.timeouts
        self.trusted = TrustedProxies(settings.trusted_proxies)
        upstream = settings.upstream
        self.upstream_authority = upstream.authority.encode()
        # What replaces the client's Host; empty where it is preserved.
        self.upstream_host = {"preserve": b"", "upstream": self.upstream_authority}.get(
            upstream.host, upstream.host.encode()
        )
        # Often enough for the shortest wait; once a second is enough for the usual ones.
        shortest = min(*astuple(settings.timeouts), upstream.idle_timeout)
        self._period = max(0.05, min(1.0, shortest / 4))

    def _make_pool(self) -> Pool:
        settings = self.settings
        return Pool(settings.upstream, settings.timeouts.connect, UpstreamConnection)

    # --- life ----------------------------------------------------------------------------------

    async def open(self, sockets: Sequence[tuple[Endpoint, socket.socket]]) -> None:
        """Accept clients on bound, listening, non-blocking sockets. Raises OSError or ssl.SSLError for bad PEM files."""
        self._tick()
        for endpoint, sock in sockets:
            self._servers.append(
                await (self._open_unix(sock) if endpoint.path else self._open_tcp(endpoint, sock))
            )

    async def _open_tcp(self, endpoint: Endpoint, sock: socket.socket) -> asyncio.Server:
        context = _server_context(self.settings)
        scheme = b"http" if context is None else b"https"
        return await asyncio.get_running_loop().create_server(
            lambda: ClientConnection(self, scheme=scheme, port=endpoint.port, local=False),
            sock=sock,
            ssl=context,
            backlog=_BACKLOG,
            ssl_handshake_timeout=None if context is None else self.timeouts.client_header,
        )

    async def _open_unix(self, sock: socket.socket) -> asyncio.Server:
        return await asyncio.get_running_loop().create_unix_server(
            lambda: ClientConnection(self, scheme=b"http", port=0, local=True), sock=sock, backlog=_BACKLOG
        )

    async def drain(self) -> None:
        """Accept no more, finish what is in flight, cut the rest after `timeouts.drain`."""
        self.is_draining = True
        for server in self._servers:
            server.close()
        if self.clients:
            try:
                async with asyncio.timeout(self.timeouts.drain):
                    await self._empty.wait()
            except TimeoutError:
                pass
        self.abort()

    def abort(self) -> None:
        """Cut everything now."""
        self.is_draining = True
        for server in self._servers:
            server.close()
        for tunnel in tuple(self.tunnels):
            tunnel.cut()
        for client in tuple(self.clients):
            client.transport.abort()
        for pool in (self.pool, *self._retired):
            pool.abort()
        if self._ticker is not None:
            self._ticker.cancel()

    def gauges(self) -> Gauges:
        """Count what is open now."""
        pools = (self.pool, *self._retired)
        return Gauges(
            client_connections=len(self.clients),
            upstream_connections_active=sum(pool.active for pool in pools),
            upstream_connections_idle=sum(pool.idle for pool in pools),
            upstream_queue=sum(pool.queued for pool in pools),
            tunnels=len(self.tunnels),
        )

    # --- connections ---------------------------------------------------------------------------

    def opened(self, client: ClientConnection) -> None:
        """Note a new client; turn it away where there are too many."""
        self.clients.add(client)
        self.observer.connection_opened()
        limit = self.limits.connections
        if limit and len(self.clients) > limit:
            client.transport.write(_BUSY)
            client.end(linger=True)

    def closed(self, client: ClientConnection) -> None:
        """Note that a client's connection is no more."""
        self.clients.discard(client)
        if self.is_draining and not self.clients:
            self._empty.set()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        # First of all: no fault below may stop the clock.
        self._ticker = loop.call_later(self._period, self._tick)
        self.now = now = loop.time()
        self.date = formatdate(usegmt=True).encode()
        for client in tuple(self.clients):
            client.sweep(now)
        idle = self.timeouts.tunnel_idle
        for tunnel in tuple(self.tunnels):
            if now - tunnel.moved > idle:
                tunnel.cut()
        wait = self.timeouts.upstream_response
        self.pool.sweep(now, wait)
        for pool in self._retired:
            pool.sweep(now, wait)
        self._retired = [pool for pool in self._retired if pool.active or pool.queued]


def _server_context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(settings.tls.certificate, settings.tls.key)
    return context

"""Everything one worker needs to serve: settings in force, connections, the clock that sweeps them.

Laws: new settings are adopted whole or not at all, by assignment, and hold for the next request (of TLS,
for the next handshake); nothing is closed for them. A drain serves what had come before it began.
Time is told by one coarse clock; there are no timers for single requests. It knows neither admin nor
how processes are started.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import astuple
from email.utils import formatdate
from functools import partial
from weakref import WeakSet

from corsproxy.config.settings import Endpoint, Settings
from corsproxy.cors.policy import Policy
from corsproxy.proxy.descriptors import KEPT, clients_with_room
from corsproxy.proxy.downstream import ClientConnection
from corsproxy.proxy.exchange import Exchange
from corsproxy.proxy.forwarded import TrustedProxies
from corsproxy.proxy.handshakes import Door, TlsListener
from corsproxy.proxy.laggards import Laggards
from corsproxy.proxy.listener import Listener, server_context
from corsproxy.proxy.overdue import sweep
from corsproxy.proxy.plain import PlainClient
from corsproxy.proxy.pool import Pool, tls_context
from corsproxy.proxy.record import Gauges, Observer
from corsproxy.proxy.traced import TracedExchange
from corsproxy.proxy.tracing import Tracer
from corsproxy.proxy.tunnel import Tunnel
from corsproxy.proxy.upstream import UpstreamConnection

__all__ = ["Engine"]

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
)

# Who is turned away may stay a while to read why, and that costs a descriptor of those that nobody has.
_TOLD_AT_ONCE = KEPT // 2
_SWEPT_A_TURN = 250


class Engine:
    """Serves one set of listeners until it is drained."""

    def __init__(self, settings: Settings, observer: Observer, tracer: Tracer | None = None) -> None:
        self.observer = observer
        self.exchange = Exchange if tracer is None else partial(TracedExchange, tracer)
        self.clients: set[ClientConnection] = set()
        self.tunnels: set[Tunnel] = set()
        self.is_draining = False
        self.now = 0.0  # coarse monotonic time in seconds
        self.date = formatdate(usegmt=True).encode()
        self._retired: list[Pool] = []
        self._listeners: list[Listener | TlsListener] = []
        # Accepted, and not yet opened: by asyncio's next turn, or by the end of a TLS handshake.
        self._arriving: WeakSet[ClientConnection] = WeakSet()
        self._shaking: set[asyncio.Protocol] = set()
        self._tls: ssl.SSLContext | None = None  # of the next handshake; None: plain HTTP
        self._laggards = Laggards()
        self._ticker: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._use(settings, Policy.compile(settings.rules, settings.public_origins), _candidate(settings))
        self.pool = _make_pool(settings)

    # --- settings ------------------------------------------------------------------------------

    def adopt(self, settings: Settings) -> None:
        """Use new settings, and what their PEM files hold now, from the next request on.

        Raises OSError, or its kind ssl.SSLError, for PEM files that will not do; nothing has changed then.
        """
        policy = Policy.compile(settings.rules, settings.public_origins)
        candidate = _candidate(settings)
        tls = self._tls
        if tls is not None and settings.tls is not None:
            tls = server_context(settings.tls)
        pool = self.pool
        if (settings.upstream, settings.timeouts.connect) != (pool.upstream, pool.connect_timeout):
            pool = _make_pool(settings)
        authorities = pool.tls
        if settings.upstream.tls is not None and settings.upstream.tls.ca:
            authorities = tls_context(settings.upstream)
        # What can fail is behind us.
        self._use(settings, policy, candidate)
        self._tls = tls
        if pool is not self.pool:
            self.pool.retire()
            self._retired.append(self.pool)
            self.pool = pool
        pool.tls = authorities
        for client in self.clients:
            client.adopt()

    def _use(self, settings: Settings, policy: Policy, candidate: Policy | None) -> None:
        self.policy = policy
        self.candidate = candidate  # decides beside it, and nothing comes of that but an account
        self.settings = settings
        self.limits = settings.limits
        self.timeouts = settings.timeouts
        self.trusted = TrustedProxies(settings.trusted_proxies)
        upstream = settings.upstream
        self._most_clients = clients_with_room(settings.limits.connections, upstream.max_connections)
        self.upstream_authority = upstream.authority.encode()
        # What replaces the client's Host; empty where it is preserved.
        self.upstream_host = {"preserve": b"", "upstream": self.upstream_authority}.get(
            upstream.host, upstream.host.encode()
        )
        # Often enough for the shortest wait; once a second is enough for the usual ones.
        shortest = min(*astuple(settings.timeouts), upstream.idle_timeout)
        self._period = max(0.05, min(1.0, shortest / 4))

    # --- life ----------------------------------------------------------------------------------

    async def open(self, sockets: Sequence[tuple[Endpoint, socket.socket]]) -> None:
        """Accept clients on bound, listening, non-blocking sockets. Raises OSError or ssl.SSLError for bad PEM files."""
        self._tick()
        if self.settings.tls is not None:
            self._tls = server_context(self.settings.tls)
        for endpoint, sock in sockets:
            listener = self._listener(endpoint, sock)
            self._listeners.append(listener)
            await listener.open()

    def _listener(self, endpoint: Endpoint, sock: socket.socket) -> Listener | TlsListener:
        if self._tls is None or endpoint.path:
            return Listener(sock, partial(self._arrive, endpoint))
        door = Door(
            tls=self._current_tls,
            seconds=lambda: self.timeouts.client_header,
            make=partial(self._arrive_at_tls, ClientConnection, endpoint, b"https"),
            make_plain=partial(self._arrive_at_tls, PlainClient, endpoint, b"http"),
            admits=self._has_room,
            lost=self._lost,
        )
        return TlsListener(sock, door)

    def _current_tls(self) -> ssl.SSLContext:
        assert self._tls is not None  # noqa: S101 -- only asked by listeners that have TLS
        return self._tls

    async def drain(self) -> None:
        """Accept no more, finish what has come, cut the rest after `timeouts.drain`."""
        self.is_draining = True
        self._close_listeners()
        await asyncio.sleep(0)  # asyncio makes a connection one turn after it has accepted it
        try:
            async with asyncio.timeout(self.timeouts.drain):
                while self.clients or self._arriving or self._shaking:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            pass
        self.abort()

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def abort(self) -> None:
        """Cut everything now."""
        self.is_draining = True
        for listener in self._listeners:
            listener.abort()
        for tunnel in tuple(self.tunnels):
            tunnel.cut()
        for client in tuple(self.clients):
            client.abort()
        for pool in (self.pool, *self._retired):
            pool.abort()
        if self._ticker is not None:
            self._ticker.cancel()

    def gauges(self) -> Gauges:
        """Count what is open now."""
        pools = (self.pool, *self._retired)
        return Gauges(
            client_connections=self._count,
            upstream_connections_active=sum(pool.active for pool in pools),
            upstream_connections_idle=sum(pool.idle for pool in pools),
            upstream_queue=sum(pool.queued for pool in pools),
            tunnels=len(self.tunnels),
        )

    # --- connections ---------------------------------------------------------------------------

    def _arrive(self, endpoint: Endpoint) -> ClientConnection:
        client = ClientConnection(self, scheme=b"http", port=endpoint.port, local=bool(endpoint.path))
        self._arriving.add(client)
        return client

    def _arrive_at_tls(
        self, kind: type[ClientConnection], endpoint: Endpoint, scheme: bytes
    ) -> ClientConnection:
        client = kind(self, scheme=scheme, port=endpoint.port, local=False)
        self._shaking.add(client)
        return client

    @property
    def _count(self) -> int:
        return len(self.clients) + len(self._shaking)

    def _has_room(self) -> bool:
        limit = self._most_clients
        return not limit or self._count < limit

    def _lost(self, client: asyncio.Protocol) -> None:
        self._shaking.discard(client)
        self._note_if_empty()

    def opened(self, client: ClientConnection) -> None:
        """Note a new client; turn it away where there are too many."""
        self._arriving.discard(client)
        self._shaking.discard(client)
        self.clients.add(client)
        self.observer.connection_opened()
        over = self._count - self._most_clients if self._most_clients else 0
        if over > _TOLD_AT_ONCE:
            client.cut()
        elif over > 0:
            client.transport.write(_BUSY)
            client.end(linger=True)

    def closed(self, client: ClientConnection) -> None:
        """Note that a client's connection is no more."""
        self.clients.discard(client)
        self._note_if_empty()

    def _note_if_empty(self) -> None:
        if self.is_draining and not self.clients and not self._shaking:
            self._empty.set()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        # First of all: no fault below may stop the clock.
        self._ticker = loop.call_later(self._period, self._tick)
        self.now = now = loop.time()
        self.date = formatdate(usegmt=True).encode()
        self._sweep(tuple(self.clients))
        self._laggards.look(now, self.clients, is_want=self.pool.is_wanting(now))
        idle = self.timeouts.tunnel_idle
        for tunnel in tuple(self.tunnels):
            if now - tunnel.moved > idle:
                tunnel.cut()
        wait = self.timeouts.upstream_response
        self.pool.sweep(now, wait)
        for pool in self._retired:
            pool.sweep(now, wait)
        self._retired = [pool for pool in self._retired if pool.active or pool.queued]

    def _sweep(self, clients: Sequence[ClientConnection], at: int = 0) -> None:
        """Look after some clients now, and after the others in the next turns: all of them may be due an answer."""
        until = at + _SWEPT_A_TURN
        for client in clients[at:until]:
            sweep(client, self.now)
        if until < len(clients):
            asyncio.get_running_loop().call_soon(self._sweep, clients, until)


def _candidate(settings: Settings) -> Policy | None:
    candidate = settings.candidate
    if candidate is None or candidate.problems:
        return None
    return Policy.compile(candidate.rules, candidate.public_origins)


def _make_pool(settings: Settings) -> Pool:
    return Pool(settings.upstream, settings.timeouts.connect, UpstreamConnection)

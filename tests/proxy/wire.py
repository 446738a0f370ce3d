"""Raw peers on both sides of a real engine, and h11 as the strict third party that reads what it sends.

Laws: a test waits for bytes, ends and conditions, never for time to pass; every wait fails after
PATIENCE. What a peer sends and when it cuts, closes or resets is the test's alone to say.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from corsproxy.config.settings import Endpoint, Limits, ServerTls, Settings, Source, Timeouts, Upstream
from corsproxy.cors.rule import Origins, Rule
from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.engine import Engine
from corsproxy.proxy.record import Gauges, Record
from corsproxy.proxy.tracing import Tracer
from tests.proxy.strict import Message, Overheard, Reading

PATIENCE = 8.0  # by a steady clock: less than what any fault of ours would end by itself after
LOOPBACK = Endpoint("127.0.0.1", 0)

ORIGIN = b"https://app.example"
RULE = Rule(
    name="api",
    place="corsproxy.yaml:4",
    paths=("/**",),
    origins=Origins(exact=("https://app.example",)),
    allow_methods=("GET", "PUT", "DELETE"),
    allow_headers=("Content-Type",),
    expose_headers=("X-Total",),
    allow_credentials=True,
    max_age=600,
)
# What an allowed origin gets on a response of the backend, and on one of our own.
GRANT = (
    b"Access-Control-Allow-Origin: https://app.example\r\nAccess-Control-Allow-Credentials: true\r\n"
    b"Access-Control-Expose-Headers: X-Total\r\n"
)
OWN_GRANT = GRANT.replace(b"X-Total", b"X-Total, Proxy-Status") + b"Vary: Origin\r\n"

HOST = b"Host: a.example:80\r\n"
# What every request to that host from an untrusted peer on loopback carries on to the backend.
FORWARDED = (
    b"Via: 1.1 corsproxy\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
    b"X-Forwarded-Host: a.example:80\r\nX-Forwarded-Port: 80\r\n"
    b'Forwarded: for=127.0.0.1;host="a.example:80";proto=http\r\n'
)
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NONE_OPEN = Gauges(0, 0, 0, 0, 0)


def get(path: bytes = b"/", fields: bytes = b"", *, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """Return a request without a body."""
    return b"%b %b HTTP/%b\r\n%b%b\r\n" % (method, path, version, HOST, fields)


def forwarded(request: bytes) -> bytes:
    """Return what the backend gets of a request in which nothing has to be taken out."""
    head, end, body = request.partition(b"\r\n\r\n")
    line, crlf, fields = head.partition(b"\r\n")
    return line[:-1] + b"1" + crlf + fields + b"\r\n" + FORWARDED + b"\r\n" + body if end else request


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- conditions are of sockets and counters, which set no event
            await asyncio.sleep(0)


class Peer:
    """One end of a connection, driven by hand."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.held = b""
        self.overheard = Overheard()
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        self.overheard.went(data)
        async with asyncio.timeout(PATIENCE):
            await self._loop.sock_sendall(self.sock, data)

    def send_some(self, data: bytes) -> int:
        """Send what the socket takes at once; return how much that was."""
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            return 0
        self.overheard.went(data[:sent])
        return sent

    async def some(self, most: int = 65536) -> bytes:
        """Return bytes as they come; none at the end. Raises ConnectionError for a reset."""
        if self.held:
            held, self.held = self.held, b""
            return held
        async with asyncio.timeout(PATIENCE):
            data = await self._loop.sock_recv(self.sock, most)
        self.overheard.came(data)
        return data

    async def take(self, size: int) -> bytes:
        """Return exactly that many bytes; fewer only at the end."""
        pieces, due = [], size
        while due > 0 and (data := await self.some()):
            pieces.append(data)
            due -= len(data)
        got = b"".join(pieces)
        self.held = got[size:]
        return got[:size]

    async def head(self) -> bytes:
        """Return bytes up to and with the next empty line."""
        got = b""
        while b"\r\n\r\n" not in got:
            data = await self.some()
            if not data:
                return got
            got += data
        head, end, self.held = got.partition(b"\r\n\r\n")
        return head + end

    async def rest(self) -> bytes:
        """Return all bytes to the end."""
        pieces = []
        while data := await self.some():
            pieces.append(data)
        return b"".join(pieces)

    async def rest_or_reset(self) -> bytes:
        """Return all bytes to the end of the connection, of whatever kind that is."""
        got = b""
        with suppress(ConnectionError):
            while data := await self.some():
                got += data
        return got

    async def ended(self) -> bool:
        """Wait for a good end; False where anything else comes first."""
        try:
            return await self.some() == b""
        except ConnectionError:
            return False

    async def was_reset(self) -> bool:
        """Wait for a reset; False where anything else comes first."""
        try:
            await self.some()
        except ConnectionResetError:
            return True
        return False

    async def is_gone(self) -> bool:
        """Wait for the end of the connection, whatever its kind and whatever still comes."""
        await self.rest_or_reset()
        return True

    def has_nothing(self) -> bool:
        """Tell whether neither a byte nor an end has come."""
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return not self.held
        return False

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    async def response(self, method: bytes = b"GET", fields: tuple[tuple[str, str], ...] = ()) -> Message:
        """Read one response to `method`; `fields` are what else matters of the request."""
        return await self._read(Reading.of_response(method, fields))

    async def request(self) -> Message:
        """Read one request."""
        return await self._read(Reading.of_request())

    async def _read(self, reading: Reading) -> Message:
        with suppress(ConnectionError):
            while not reading.is_over:
                reading.feed(await self.some())
        self.held = reading.rest
        return reading.message()


class TlsPeer(Peer):
    """A peer behind asyncio's own TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(cast("socket.socket", None))
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self.overheard.went(data)
        self._writer.write(data)
        async with asyncio.timeout(PATIENCE):
            await self._writer.drain()

    async def some(self, most: int = 65536) -> bytes:
        if self.held:
            held, self.held = self.held, b""
            return held
        async with asyncio.timeout(PATIENCE):
            data = await self._reader.read(most)
        self.overheard.came(data)
        return data

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        self._writer.transport.abort()


class Book:
    """The observer: keeps what it is told."""

    def __init__(self) -> None:
        self.connections = 0
        self.events: list[tuple[str, str]] = []
        self._records: asyncio.Queue[Record] = asyncio.Queue()

    def finished(self, record: Record) -> None:
        self._records.put_nowait(record)

    def connection_opened(self) -> None:
        self.connections += 1

    def event(self, level: str, message: str, **_details: object) -> None:
        self.events.append((level, message))

    @property
    def is_empty(self) -> bool:
        return self._records.empty()

    async def next(self) -> Record:
        async with asyncio.timeout(PATIENCE):
            return await self._records.get()

    async def ends(self) -> tuple[int, Reason | None]:
        """Return status and fault of the next record."""
        record = await self.next()
        return record.status, record.fault


def listening(endpoint: Endpoint = LOOPBACK, *, buffer: int = 0, backlog: int = 64) -> socket.socket:
    """Return a bound, listening socket; `buffer` bounds what the kernel holds for each connection."""
    sock = socket.socket(socket.AF_UNIX if endpoint.path else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.bind(endpoint.path or (endpoint.host, endpoint.port))
    sock.listen(backlog)
    sock.setblocking(False)
    return sock


class Backend:
    """A listening socket whose connections the test plays."""

    def __init__(self, endpoint: Endpoint = LOOPBACK, *, buffer: int = 0) -> None:
        self._sock = listening(endpoint, buffer=buffer)
        self.endpoint = endpoint if endpoint.path else Endpoint("127.0.0.1", self._sock.getsockname()[1])
        self.peers: list[Peer] = []

    async def accept(self) -> Peer:
        async with asyncio.timeout(PATIENCE):
            sock, _ = await asyncio.get_running_loop().sock_accept(self._sock)
        sock.setblocking(False)
        if not self.endpoint.path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(sock)
        self.peers.append(peer)
        return peer

    def is_untouched(self) -> bool:
        """Tell whether nobody has connected beyond those who were accepted."""
        try:
            sock, _ = self._sock.accept()
        except BlockingIOError:
            return True
        sock.close()
        return False

    def close(self) -> None:
        """Close everything; from now on connections are refused."""
        self._sock.close()
        for peer in self.peers:
            peer.close()


class Stage:
    """One engine between a backend and clients that the test plays."""

    def __init__(
        self,
        *,
        rules: tuple[Rule, ...] = (),
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        upstream: Upstream | None = None,
        listen: tuple[Endpoint, ...] = (LOOPBACK,),
        buffer: int = 0,
        trusted_proxies: tuple[str, ...] = (),
        public_origins: tuple[str, ...] = (),
        tls: ServerTls | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.backend = Backend()
        self._buffer = buffer
        self._clients: list[Peer] = []
        self._listeners: list[tuple[Endpoint, socket.socket]] = []
        for endpoint in listen:
            sock = listening(endpoint, buffer=buffer)
            bound = endpoint if endpoint.path else Endpoint("127.0.0.1", sock.getsockname()[1])
            self._listeners.append((bound, sock))
        self.endpoints = tuple(endpoint for endpoint, _ in self._listeners)
        self.book = Book()
        self.settings = Settings(
            source=Source("corsproxy.yaml", "0" * 64),
            upstream=upstream or self.upstream(),
            rules=rules,
            listen=self.endpoints,
            timeouts=timeouts or Timeouts(),
            limits=limits or Limits(),
            trusted_proxies=trusted_proxies,
            public_origins=public_origins,
            tls=tls,
        )
        self.engine = Engine(self.settings, self.book, tracer)

    def upstream(
        self,
        *,
        max_connections: int = 100,
        max_queue: int = 1000,
        idle_timeout: float = 60.0,
        host: str = "preserve",
    ) -> Upstream:
        """Return how to reach the stage's backend."""
        return Upstream(
            endpoint=self.backend.endpoint,
            authority="b.example:8000",
            host=host,
            max_connections=max_connections,
            max_queue=max_queue,
            idle_timeout=idle_timeout,
        )

    def with_upstream(self, **options: Any) -> Settings:
        """Return the stage's settings with another way to use its backend."""
        return replace(self.settings, upstream=self.upstream(**options))

    async def open(self) -> None:
        await self.engine.open(self._listeners)

    async def connect(self, *, at: int = 0, tls: ssl.SSLContext | None = None, buffer: int = 0) -> Peer:
        """Connect a client to the listener at that place."""
        endpoint = self.endpoints[at]
        peer: Peer
        if tls is not None:
            peer = TlsPeer(
                *await asyncio.open_connection(
                    endpoint.host, endpoint.port, ssl=tls, server_hostname="a.example"
                )
            )
        else:
            sock = socket.socket(socket.AF_UNIX if endpoint.path else socket.AF_INET)
            if buffer or self._buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer or self._buffer)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer or self._buffer)
            sock.setblocking(False)
            if not endpoint.path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock)
            self._clients.append(peer)
            await asyncio.get_running_loop().sock_connect(
                sock, endpoint.path or (endpoint.host, endpoint.port)
            )
            return peer
        self._clients.append(peer)
        return peer

    async def ask(self, client: Peer, request: bytes) -> Peer:
        """Send a request; return the fresh connection on which it reaches the backend."""
        await client.send(request)
        return await self.backend.accept()

    async def exchange(self, request: bytes, answer: bytes, *, method: bytes = b"GET") -> Message:
        """Carry one request over fresh connections, with the backend's answer; return the client's."""
        client = await self.connect()
        peer = await self.ask(client, request)
        await peer.request()
        await peer.send(answer)
        return await client.response(method)

    async def close(self) -> None:
        """End everything; nothing may be left open."""
        for client in self._clients:
            client.close()
        self.engine.abort()
        self.backend.close()
        await until(lambda: self.engine.gauges() == NONE_OPEN)
        for _, sock in self._listeners:
            sock.close()
        for client in self._clients:
            client.overheard.read_responses()
        for peer in self.backend.peers:
            peer.overheard.read_requests()

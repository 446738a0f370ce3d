"""Whole exchanges from both sides: two clients and a backend say anything, in any order, and cut when they like.

An input is steps: 0xFF, a letter, what is said. 0xFE in what is said stands for a secret: a client's own, or, from
the backend, that of the client it is serving. Held after every input: nothing was raised; each client heard one whole
or visibly cut answer for each request (h11 reads both); the backend heard only whole requests that a client made
(h11 again); no secret reached another exchange; and a fresh client is served as if nothing had been.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import h11

from corsproxy.config.settings import Endpoint, Limits, Settings, Source, Upstream
from corsproxy.cors.rule import Cookies, Origins
from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.downstream import ClientConnection
from corsproxy.proxy.engine import Engine
from corsproxy.proxy.record import Record
from corsproxy.proxy.upstream import UpstreamConnection
from tests.fuzz.transport import StoppedClock, Wire
from tests.proxy.strict import Reading
from tests.proxy.wire import RULE

__all__ = ["exchanges"]

_RULES = (
    replace(RULE, name="block", paths=("/block/**",), block=True),
    replace(RULE, name="report", paths=("/report/**",), report=True),
    replace(RULE, name="any", paths=("/any/**",), origins=Origins(any=True), allow_credentials=False),
    replace(
        RULE,
        cookies=Cookies(same_site="None", secure=True),
        set_fields=(("X-Set", "1"),),
        remove_fields=("Server",),
    ),
)
_SETTINGS = Settings(
    source=Source("corsproxy.yaml", "0" * 64),
    upstream=Upstream(
        endpoint=Endpoint("127.0.0.1", 1), authority="b.example:8000", max_connections=2, max_queue=1
    ),
    rules=_RULES,
    limits=Limits(header_bytes=600, header_count=16, body_bytes=300, connections=4),
)
_CANARY = b"GET /canary HTTP/1.1\r\nHost: canary.example\r\n"
# How h11 says that a head was cut, or that there is not a byte of one.
_CUT = ("unexpectedly closed", "can't handle event type ConnectionClosed")
_REFUSALS = (Reason.BAD_REQUEST, Reason.HEAD_TOO_LARGE, Reason.BODY_TOO_LARGE, Reason.CLIENT_TIMEOUT)
_SWITCHING = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


def exchanges(data: bytes) -> None:
    """Play `data`."""
    with asyncio.Runner(loop_factory=StoppedClock) as runner:
        runner.run(_play(data))


async def _play(data: bytes) -> None:
    play = _Play()
    await play.begin()
    for step in data.split(b"\xff")[1:40]:
        await play.step(step[:1], step[1:])
    await play.end()


def _secret(address: str) -> bytes:
    return b"(%b)" % address.encode()


class _Book:
    """The observer."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def finished(self, record: Record) -> None:
        self.records.append(record)

    def connection_opened(self) -> None:
        """Connections are not counted."""

    def event(self, level: str, message: str, **details: object) -> None:
        """Events are not kept."""


class _Play:
    def __init__(self) -> None:
        self._book = _Book()
        self._loop = cast("StoppedClock", asyncio.get_running_loop())
        self._loop.dial = self._dialled
        self._engine = Engine(_SETTINGS, self._book)
        self._troubles: list[dict[str, Any]] = []
        self._clients: dict[str, Wire] = {}
        self._backends: list[Wire] = []
        self._tunnels: dict[Wire, int] = {}  # by connection: how much was written when it became a tunnel
        self._is_refusing = False
        self._steps: dict[bytes, Callable[[], None]] = {
            b"c": lambda: self._client("1").peer_sends(b""),
            b"d": lambda: self._client("2").peer_sends(b""),
            b"x": lambda: self._client("1").peer_resets(),
            b"y": lambda: self._client("2").peer_resets(),
            b"p": lambda: self._client("1").peer_stops_reading(),
            b"q": lambda: self._client("1").peer_reads(),
            b"b": lambda: self._backend_does(Wire.peer_sends, b""),
            b"e": lambda: self._backend_does(Wire.peer_resets),
            b"P": lambda: self._backend_does(Wire.peer_stops_reading),
            b"Q": lambda: self._backend_does(Wire.peer_reads),
            b"F": self._refuse_one,
            b"S": lambda: self._loop.pass_by(1.1),
            b"T": lambda: self._loop.pass_by(70.0),
            b"O": lambda: self._engine.adopt(replace(_SETTINGS, trusted_proxies=())),
            b"G": self._drain,
        }

    async def begin(self) -> None:
        self._loop.set_exception_handler(lambda _, context: self._troubles.append(context))
        await self._engine.open([])

    async def step(self, letter: bytes, said: bytes) -> None:
        if letter in (b"C", b"D"):
            client = self._client("1" if letter == b"C" else "2")
            if said:
                client.peer_sends(said.replace(b"\xfe", _secret(client.address)))
        elif letter == b"B":
            self._backend_does(self._backend_says, said)
        elif letter in self._steps:
            self._steps[letter]()
        await self._loop.settle()

    # --- the sides -----------------------------------------------------------------------------

    def _client(self, number: str) -> Wire:
        address = f"10.0.0.{number}"
        if address not in self._clients:
            connection = ClientConnection(self._engine, scheme=b"http", port=80, local=False)
            self._clients[address] = Wire(connection, address)
        return self._clients[address]

    def _dialled(self, protocol: asyncio.Protocol) -> Wire:
        if self._is_refusing:
            self._is_refusing = False
            raise ConnectionRefusedError
        self._backends.append(Wire(protocol, "127.0.0.1"))
        return self._backends[-1]

    def _backend_does(self, what: Callable[..., None], *with_: bytes) -> None:
        """Let the connection do it that serves somebody, or the youngest if none does."""
        alive = [wire for wire in self._backends if not wire.is_over]
        busy = [wire for wire in alive if _upstream(wire).exchange or _upstream(wire).tunnel]
        for wire in (busy or alive[-1:])[:1]:
            what(wire, *with_)

    def _backend_says(self, wire: Wire, said: bytes) -> None:
        upstream = _upstream(wire)
        if upstream.exchange is not None:
            said = said.replace(b"\xfe", _secret(upstream.exchange.client._address))
        written = len(wire.out)
        if said:
            wire.peer_sends(said)
        if upstream.tunnel is not None:
            self._tunnels.setdefault(wire, written)

    def _refuse_one(self) -> None:
        self._is_refusing = True

    def _drain(self) -> None:
        self._engine.is_draining = True

    # --- what must hold ------------------------------------------------------------------------

    async def end(self) -> None:
        for wire in (*self._clients.values(), *self._backends):
            wire.peer_reads()
        await self._loop.settle()
        for wire in self._clients.values():
            wire.peer_resets()
        await self._loop.settle()
        gauges = self._engine.gauges()
        assert (gauges.client_connections, gauges.upstream_queue, gauges.tunnels) == (0, 0, 0), gauges
        assert not gauges.upstream_connections_active, gauges
        await self._serve_canary()
        self._engine.abort()
        await self._loop.settle()
        assert self._troubles == []
        for address, client in self._clients.items():
            records = [record for record in self._book.records if record.client == address]
            self._judge_client(client, records)
            _judge_requests(client, records)
        heard = Counter[tuple[bytes, bytes]]()
        for wire in self._backends:
            heard.update(self._judge_backend(wire))
        made = Counter((record.method, record.path) for record in self._book.records)
        assert all(times <= 2 * made[request] for request, times in heard.items()), (heard, made)

    async def _serve_canary(self) -> None:
        self._is_refusing = False
        marks = {wire: len(wire.out) for wire in self._backends}
        client = self._client("9")
        client.peer_sends(_CANARY + b"\r\n")
        await self._loop.settle()
        asked = [wire for wire in self._backends if len(wire.out) > marks.get(wire, 0)]
        assert len(asked) == 1
        heard = bytes(asked[0].out[marks.get(asked[0], 0) :])
        assert heard.startswith(_CANARY + b"Via: 1.1 corsproxy\r\nX-Forwarded-For: 10.0.0.9\r\n")
        assert heard.endswith(b"proto=http\r\n\r\n")
        asked[0].peer_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary")
        await self._loop.settle()
        assert client.out.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n")
        assert client.out.endswith(b"\r\n\r\ncanary")

    def _judge_client(self, wire: Wire, records: list[Record]) -> None:
        out = bytes(wire.out)
        assert all(_secret(other) not in out for other in self._clients if other != wire.address)
        for record in records:
            assert _secret(wire.address).decode() not in record.detail
            if record.status:
                out = _judge_answer(wire, out, record, is_last=record is records[-1])
            else:
                assert record is records[-1]
                out = _without_interims(out)
        assert not out, "an answer that nobody accounts for"

    def _judge_backend(self, wire: Wire) -> list[tuple[bytes, bytes]]:
        """Return method and path of every request it heard."""
        out = bytes(wire.out[: self._tunnels.get(wire)])
        requests: list[tuple[bytes, bytes]] = []
        at = 0
        while out:
            if requests:
                _judge_reuse(wire, at, requests[-1][0])
            reading = Reading.of_request()
            with _forgiving_a_cut():
                reading.feed(out)
                if not reading.is_over:
                    reading.feed(b"")
            assert reading.is_whole or wire.is_over, "half a request on a connection that stays"
            heard = out[: len(out) - len(reading.rest)] if reading.is_whole else out
            assert sum(_secret(address) in heard for address in self._clients) <= 1
            if b"\r\n" in heard:
                method, target, _ = heard[: heard.index(b"\r\n")].split(b" ")
                requests.append((method, target.partition(b"?")[0]))
            out = reading.rest if reading.is_whole else b""
            at += len(heard)
        return requests


def _upstream(wire: Wire) -> UpstreamConnection:
    return cast("UpstreamConnection", wire.protocol)


@contextmanager
def _forgiving_a_cut() -> Iterator[None]:
    """Let a head be cut; h11 raises for that as for everything else."""
    try:
        yield
    except h11.RemoteProtocolError as broken:
        if not any(text in str(broken) for text in _CUT):
            raise


def _judge_requests(wire: Wire, records: list[Record]) -> None:
    """Hold that h11 reads the same requests out of what the client sent, as far as neither refuses one."""
    said = bytes(wire.said)
    for record in records:
        reading = Reading.of_request()
        try:
            reading.feed(said)
        except h11.RemoteProtocolError:
            return
        if not reading.is_whole or record.fault in _REFUSALS:
            return
        method, target, _ = reading.message().head.split(b" ", 2)
        assert record.method == method
        assert record.path == target.partition(b"?")[0] or target[:1] != b"/"
        if record is not records[-1] and record.upstream_seconds >= 0:
            assert record.request_bytes == len(reading.message().body)
        if record.status == 101:
            return
        said = reading.rest


def _judge_answer(wire: Wire, out: bytes, record: Record, *, is_last: bool) -> bytes:
    """Return what came after the answer of that record."""
    reading = Reading.of_response(
        b"HEAD" if record.method == b"HEAD" else b"GET", _SWITCHING if record.status == 101 else ()
    )
    with _forgiving_a_cut():
        reading.feed(out)
        if not reading.is_over:
            reading.feed(b"")
    if not reading.is_whole:
        assert is_last
        assert wire.is_over
        assert record.fault or wire.was_left or wire.has_lost, "cut without a reason"
        return b""
    message = reading.message()
    assert message.status == record.status
    assert not message.interim or b"HTTP/1.1" in wire.said, "HTTP/1.0 knows no interim answers"
    if record.status == 101:
        assert is_last
        return b""
    if record.fault and record.upstream_seconds >= 0:
        # The backend's answer had begun, so its end is a cut: h11, which sees no resets, took it for a good one.
        assert b"\r\nContent-Length:" not in message.head
        assert wire.was_reset or wire.was_left or wire.has_lost, "a cut that looks like a good end"
    if b"\r\nConnection: close\r\n" in message.head:
        assert is_last
        assert not reading.rest
    return reading.rest


def _judge_reuse(wire: Wire, at: int, method: bytes) -> None:
    """Hold that before the request at `at` the one before it, of that method, was answered: whole, and no byte more."""
    ends = [said for out, said in wire.turns if out == at]
    assert ends, "a request on a connection that had not answered"
    begins = [said for out, said in wire.turns if out < at]
    reading = Reading.of_response(b"HEAD" if method == b"HEAD" else b"GET", ())
    try:
        reading.feed(bytes(wire.said[begins[-1] : ends[-1]]))
    except h11.RemoteProtocolError:
        return  # it reads less than llhttp does
    assert reading.is_whole
    assert not reading.rest, "a connection used again that had said too much"


def _without_interims(out: bytes) -> bytes:
    while out.startswith(b"HTTP/1.1 1"):
        out = out.partition(b"\r\n\r\n")[2]
    return out

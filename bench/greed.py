"""The ways to be greedy that `greedy` measures: what one machine can do to a proxy without breaking a rule of HTTP.

Each is a function that does it over a `Wire` and returns when it is done; the numbers are the issue's own where
there are any. Floods send the smallest heads that do what they are meant to, since small input is the dearest.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench import policy
from bench.greedy_backend import CHUNK, CHUNKS
from bench.talk import Talk, Wire, pump
from bench.workloads import GET, SMALL_PATH

__all__ = ["ALL", "BASELINE", "BY_NAME", "LINE", "Way"]

LINE = 10_000_000  # bytes of a request line
FLOOD = 100_000
_LANES = 16
_HOST = f"Host: {policy.HOST}\r\n".encode()
_SMALL = b"GET " + SMALL_PATH.encode() + b" HTTP/1.1\r\n" + _HOST
_COMMAS = b"," * 8192
_HELD = 3.0  # seconds for what is held open

Act = Callable[[Wire], None]


@dataclass(frozen=True, slots=True)
class Way:
    """One way: `expected` is what clients may get, and nothing else; `settings` go into the configuration's top.

    Where `is_fed`, what the backend sends is the greedier part, and counts as sent.
    """

    name: str
    title: str
    act: Act
    expected: frozenset[str]
    settings: Mapping[str, object] = field(default_factory=dict)
    tls: bool = False
    is_fed: bool = False


def _flood(wire: Wire, count: int, message: Callable[[int], bytes], lanes: int = _LANES) -> None:
    """Send `count` messages over some connections, each as fast as it is read, and read all answers."""
    share = count // lanes
    talks = [
        Talk(wire.connect(), memoryview(b"".join(message(lane * share + n) for n in range(share))), share)
        for lane in range(lanes)
    ]
    wire.requests = share * lanes
    pump(wire, talks)


def _gets(wire: Wire) -> None:
    _flood(wire, 30_000, lambda _: GET.message)


def _silent(wire: Wire) -> None:
    wire.crowd(10_000)
    time.sleep(_HELD)


def _idle(wire: Wire) -> None:
    crowd = wire.crowd(10_000)
    wire.requests = len(crowd)
    for start in range(0, len(crowd), 500):
        pump(wire, [Talk(each, memoryview(GET.message), 1) for each in crowd[start : start + 500]])
    time.sleep(_HELD)


def _pipeline(wire: Wire) -> None:
    _flood(wire, FLOOD, lambda _: _SMALL + b"\r\n", lanes=1)


def _unread(wire: Wire) -> None:
    """As before, but no answer is ever read: send until nothing is taken any more."""
    connection = wire.connect(buffer=4096)
    out = memoryview((_SMALL + b"\r\n") * FLOOD)
    wire.requests = FLOOD
    quiet = time.monotonic() + _HELD
    while out and time.monotonic() < quiet:
        if (size := wire.send(connection, out[:65_536])) > 0:
            out, quiet = out[size:], time.monotonic() + _HELD
        else:
            time.sleep(0.01)


def _chunked(extra: bytes = b"") -> bytes:
    return b"POST /upload HTTP/1.1\r\n" + _HOST + extra + b"Transfer-Encoding: chunked\r\n\r\n"


def _chunks_up(wire: Wire) -> None:
    _flood(wire, 4, lambda _: _chunked() + CHUNK * (CHUNKS // 4) + b"0\r\n\r\n", lanes=4)


def _chunks_apart(wire: Wire) -> None:
    """Each chunk in a packet of its own."""
    crowd = wire.crowd(8)
    wire.requests = len(crowd)
    for each in crowd:
        wire.send(each, _chunked())
    wire.drip(crowd, CHUNK, times=10_000, every=0.0)
    pump(wire, [Talk(each, memoryview(b"0\r\n\r\n"), 1) for each in crowd])


def _chunks_down(wire: Wire) -> None:
    """Here it is the backend that sends them."""
    message = b"GET /chunks HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n"
    wire.requests = 1
    pump(wire, [Talk(wire.connect(), memoryview(message), 1, to_end=True)])


def _line(wire: Wire) -> None:
    _flood(wire, 20, lambda _: b"GET /" + b"a" * LINE, lanes=20)


def _commas(wire: Wire) -> None:
    fields = (
        f"Origin: {policy.ORIGIN}\r\nAccess-Control-Request-Method: PUT\r\n".encode()
        + b"Access-Control-Request-Headers: "
        + _COMMAS
    )
    _flood(wire, 10_000, lambda _: b"OPTIONS / HTTP/1.1\r\n" + _HOST + fields + b"\r\n\r\n")


def _blanks(wire: Wire) -> None:
    """Each head must be refused, and a field that is looked for in it anyway is all blanks."""
    message = b"GET / HTTP/1.1\r\n" + _HOST + b"Origin:" + b" \t" * 15_000 + b"\x01\r\n\r\n"
    _flood(wire, 200, lambda _: message, lanes=200)


def _options(wire: Wire) -> None:
    """Each head names in Connection thousands of fields that it does not have, beside a hundred that it has."""
    names = b",".join(b"x%d" % number for number in range(4_500))
    fields = b"".join(b"Y-%d: 1\r\n" % number for number in range(100))
    _flood(wire, 1_600, lambda _: _SMALL + fields + b"Connection: " + names + b"\r\n\r\n")


def _preflight(origin: str) -> bytes:
    return b"OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: %b\r\nAccess-Control-Request-Method: PUT\r\n\r\n" % (
        origin.encode()
    )


def _preflights(wire: Wire) -> None:
    message = _preflight(policy.ORIGIN)
    _flood(wire, FLOOD, lambda _: message)


def _preflights_refused(wire: Wire) -> None:
    _flood(wire, FLOOD, lambda number: _preflight(f"https://{number:x}.example"))


def _origins(wire: Wire) -> None:
    """Each request of an origin that nobody has seen, passed on to the backend and answered without a grant."""
    _flood(wire, FLOOD, lambda n: b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://%x.example\r\n\r\n" % n)


def _slow_heads(wire: Wire) -> None:
    crowd = wire.crowd(8_000)
    wire.requests = len(crowd)
    for each in crowd:
        wire.send(each, _SMALL + b"X: ")
    wire.drip(crowd, b"y", times=6, every=1.0)
    pump(wire, [Talk(each, memoryview(b""), 1, to_end=True) for each in crowd])


def _slow_bodies(wire: Wire) -> None:
    """Each upload comes byte by byte, and would take hours."""
    crowd = wire.crowd(2_000)
    wire.requests = len(crowd)
    for each in crowd:
        wire.send(each, b"POST /upload HTTP/1.1\r\n" + _HOST + b"Content-Length: 100000\r\n\r\n")
    wire.drip(crowd, b"x", times=15, every=1.0)


def _slow_readers(wire: Wire) -> None:
    """Each asks for 100 MB and takes none of it."""
    crowd = wire.crowd(500, buffer=4096, ends=2)
    wire.requests = len(crowd)
    for each in crowd:
        wire.send(each, b"GET /large HTTP/1.1\r\n" + _HOST + b"\r\n")
    time.sleep(10)


def _tunnels(wire: Wire) -> None:
    crowd = wire.crowd(4_000, ends=2)
    wire.requests = len(crowd)
    message = (
        b"GET /socket HTTP/1.1\r\n" + _HOST + f"Origin: {policy.ORIGIN}\r\n".encode()
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )  # fmt: skip
    pump(wire, [Talk(each, memoryview(message), 1) for each in crowd])
    time.sleep(_HELD)


def _hello() -> bytes:
    """Return what a client of TLS says first."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=policy.HOST)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without the other side")


def _handshakes_unbegun(wire: Wire) -> None:
    wire.crowd(9_000)
    time.sleep(_HELD)


def _handshakes(wire: Wire) -> None:
    """Each gets the server's half, and leaves it at that."""
    hello = _hello()
    for each in wire.crowd(4_000):
        wire.send(each, hello)
    time.sleep(2 * _HELD)


def _idle_tls(wire: Wire) -> None:
    """Whole handshakes, one answer over each, and then nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(1_500):  # one by one: a handshake has its time
        (raw,) = wire.crowd(1)
        raw.settimeout(10)
        client = wire.stack.enter_context(context.wrap_socket(raw))
        client.sendall(GET.message)
        wire.requests += 1
        wire.sent += 600 + len(GET.message)  # of a hello, about
        wire.outcome[client.recv(65_536).split(b" ", 2)[1].decode()] += 1
    time.sleep(_HELD)


_NOTHING: frozenset[str] = frozenset()
BASELINE = Way("get", "plain GETs of a browser, 654 B", _gets, frozenset({"200"}))
_MANY: Mapping[str, object] = {"limits": {"connections": 12_000}}
ALL: tuple[Way, ...] = (
    Way("silent", "10,000 connections that say nothing", _silent, _NOTHING, _MANY),
    Way("idle", "10,000 idle connections, one answer each", _idle, frozenset({"200"}), _MANY),
    Way("pipeline", "100,000 pipelined requests on one connection", _pipeline, frozenset({"200"})),
    Way("unread", "the same, and no answer is read", _unread, _NOTHING),
    Way("chunks-up", "1,000,000 one-byte chunks sent", _chunks_up, frozenset({"200"})),
    Way("chunks-apart", "80,000 one-byte chunks, a packet each", _chunks_apart, frozenset({"200"})),
    Way("chunks-down", "1,000,000 one-byte chunks from the backend", _chunks_down, frozenset({"200"}), is_fed=True),
    Way("line", "20 request lines of 10 MB", _line, frozenset({"414"})),
    Way("commas", "10,000 preflights with 8 KiB of commas", _commas, frozenset({"204"})),
    Way("blanks", "200 refused heads with 30 KB of blanks", _blanks, frozenset({"400"})),
    Way("options", "1,600 heads with 4,500 options of Connection", _options, frozenset({"200"})),
    Way("preflights", "100,000 preflights", _preflights, frozenset({"204"})),
    Way("refused", "100,000 preflights, as many foreign origins", _preflights_refused, frozenset({"403"})),
    Way("origins", "100,000 requests, as many foreign origins", _origins, frozenset({"200"})),
    Way(
        "slow-heads", "8,000 heads, a byte a second", _slow_heads, frozenset({"408"}),
        {"timeouts": {"client_header": "5s"}},
    ),
    Way("slow-bodies", "2,000 uploads, a byte a second", _slow_bodies, _NOTHING),
    Way(
        "slow-readers", "500 downloads of 100 MB, not read", _slow_readers, _NOTHING,
        {"upstream": {"max_connections": 5_000}}, is_fed=True,
    ),
    Way(
        "tunnels", "4,000 idle WebSockets", _tunnels, frozenset({"101"}),
        {"upstream": {"max_connections": 5_000}},
    ),
    Way("idle-tls", "1,500 idle connections over TLS", _idle_tls, frozenset({"200"}), tls=True),
    Way("half-open", "9,000 TLS handshakes not begun", _handshakes_unbegun, _NOTHING, tls=True),
    Way("handshakes", "4,000 TLS handshakes left half-way", _handshakes, _NOTHING, tls=True),
)  # fmt: skip
BY_NAME = {way.name: way for way in ALL}

"""What a client asks for: requests of every kind, each byte of them marked as its own.

Laws: a mark stands in the target, in a cookie and all over the body, so that a byte that strays is known by it.
"""

from dataclasses import dataclass, field
from random import Random

__all__ = ["ORIGIN", "Request", "draw_requests", "marked", "plain", "refused"]

ORIGIN = b"https://app.example"
IDEMPOTENT = (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE")
_HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_OWN = {
    "preflight": (204, b"OPTIONS", b"Origin: %b\r\nAccess-Control-Request-Method: PUT\r\n" % ORIGIN),
    "refused preflight": (
        403,
        b"OPTIONS",
        b"Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n",
    ),
    "blocked": (403, b"POST", b"Origin: https://evil.example\r\n"),
    "last hop": (200, b"OPTIONS", b"Max-Forwards: 0\r\n"),
    "two hosts": (400, b"GET", b"Host: b.example\r\n"),
    "unknown coding": (501, b"POST", b"Transfer-Encoding: gzip\r\n"),
}


@dataclass(frozen=True)
class Request:
    """One request as it is sent: `head`, then `coded`, which is `body` with its framing."""

    mark: bytes
    method: bytes
    head: bytes
    body: bytes = field(repr=False)
    coded: bytes = field(repr=False)
    minor: int
    own_status: int  # what the proxy answers itself; 0: it goes to the backend
    is_upgrade: bool
    expects: bool
    ends: bool  # nothing is read after it
    awaits: bool  # it is not sent before what came before it is answered

    @property
    def is_idempotent(self) -> bool:
        return self.method in IDEMPOTENT

    @property
    def text(self) -> bytes:
        return self.head + self.coded


def marked(mark: bytes, size: int) -> bytes:
    """Return at least `size` bytes, each run of them recognizable as those of `mark`, in order."""
    content = b""
    at = 0
    while len(content) < size:
        content += b"(%b.%d)" % (mark, at)
        at += 1
    return content


def draw_requests(
    random: Random, client: bytes, *, upgrades: float, own: float, pipelines: float, longest_body: int
) -> list[Request]:
    """Draw what one client asks for on one connection."""
    requests = []
    count = random.choice((1, 1, 2, 3, 4, 6))
    for at in range(count):
        mark = b"%b-%d" % (client, at)
        awaits = random.random() >= pipelines
        if random.random() < own:
            request = _own(random, mark, awaits=awaits)
        elif random.random() < upgrades:
            request = _upgrade(mark, awaits=awaits)
        else:
            request = _forwarded(random, mark, longest_body, awaits=awaits)
        requests.append(request)
        if request.ends or request.is_upgrade:
            break
    return requests


def _start(mark: bytes, method: bytes, minor: int, path: bytes = b"") -> bytes:
    return b"%b %b/%b HTTP/1.%d\r\nHost: a.example\r\nCookie: of=%b\r\n" % (method, path, mark, minor, mark)


def plain(mark: bytes) -> Request:
    """Return a plain GET."""
    return Request(
        mark, b"GET", _start(mark, b"GET", 1) + b"\r\n", b"", b"", 1, 0, False, False, False, False
    )


def refused(mark: bytes) -> Request:
    """Return what is no request at all."""
    return Request(mark, b"GET", b"", b"", b"", 1, 400, False, False, True, False)


def _upgrade(mark: bytes, *, awaits: bool) -> Request:
    head = _start(mark, b"GET", 1) + _HANDSHAKE + b"\r\n"
    return Request(mark, b"GET", head, b"", b"", 1, 0, True, False, False, awaits)


def _own(random: Random, mark: bytes, *, awaits: bool) -> Request:
    kind = random.choice(tuple(_OWN))
    status, method, lines = _OWN[kind]
    body = b""
    if kind in {"blocked", "last hop"} and random.random() < 0.5:
        body = marked(mark, random.randint(1, 60))
        lines += b"Content-Length: %d\r\n" % len(body)
    ends = status in (400, 501)
    closes = random.random() < 0.1
    if closes:
        lines += b"Connection: close\r\n"
    path = b"/block" if kind == "blocked" else b""
    head = _start(mark, method, 1, path) + lines + b"\r\n"
    return Request(mark, method, head, body, body, 1, status, False, False, ends or closes, awaits)


def _forwarded(random: Random, mark: bytes, longest_body: int, *, awaits: bool) -> Request:
    method = random.choice((b"GET", b"GET", b"HEAD", b"POST", b"POST", b"PUT", b"DELETE", b"OPTIONS"))
    minor = 0 if random.random() < 0.15 else 1
    lines = b"Origin: %b\r\n" % ORIGIN if random.random() < 0.3 else b""
    body = coded = b""
    expects = False
    if random.random() < (0.9 if method in (b"POST", b"PUT") else 0.15):
        body = marked(mark, random.randint(1, longest_body)) if random.random() < 0.9 else b""
        if minor and random.random() < 0.5:
            lines += b"Transfer-Encoding: chunked\r\n"
            coded = _chunked(random, body)
        else:
            lines += b"Content-Length: %d\r\n" % len(body)
            coded = body
        if body and minor and random.random() < 0.2:
            expects = True
            lines += b"Expect: 100-continue\r\n"
    closes = random.random() < 0.08
    if closes:
        lines += b"Connection: close\r\n"
    elif not minor and random.random() < 0.5:
        lines += b"Connection: keep-alive\r\n"
    ends = closes or (not minor and b"keep-alive" not in lines)
    head = _start(mark, method, minor) + lines + b"\r\n"
    return Request(mark, method, head, body, coded, minor, 0, False, expects, ends, awaits)


def _chunked(random: Random, body: bytes) -> bytes:
    coded = b""
    sizes = random.choice(((1, 2, 7, 20, 64, 300), (1, 2, 7)))
    while body:
        size = random.choice(sizes)
        piece, body = body[:size], body[size:]
        extension = b";x=1" if random.random() < 0.05 else b""
        coded += b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
    trailers = b"X-Trailer: 1\r\n" if random.random() < 0.1 else b""
    return coded + b"0\r\n" + trailers + b"\r\n"

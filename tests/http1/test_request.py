"""Request heads: what is refused and with which status; what is forwarded, line by line."""

import pytest

from corsproxy.http1.faults import BadRequest
from corsproxy.http1.framing import CHUNKED
from corsproxy.http1.request import RequestHead, RequestReader

H = b"Host: a.example\r\n"


def read(raw: bytes, count_limit: int = 128) -> RequestHead:
    head = RequestReader(count_limit).read(raw)
    head.drop_odd_names()
    return head


REFUSED = {
    # framing: CL and TE in every unhappy combination
    "length and chunked": (
        b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "chunked and length": (
        b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        400,
    ),
    "chunked and length 0": (
        b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
        400,
    ),
    "two lengths": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
    "two equal lengths": (
        b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
        400,
    ),
    "length list": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3, 3\r\n\r\n", 400),
    "length with sign": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: +3\r\n\r\n", 400),
    "negative length": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: -3\r\n\r\n", 400),
    "hexadecimal length": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 0x3\r\n\r\n", 400),
    "empty length": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length:\r\n\r\n", 400),
    "length over 2^63-1": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 9223372036854775808\r\n\r\n", 400),
    "length of 2^64-1": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 18446744073709551615\r\n\r\n", 400),
    "gzip, chunked": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    "chunked twice": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "two chunked lines": (
        b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "gzip": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "identity": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: identity\r\n\r\n", 501),
    "X-GZip2": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: X-GZip2\r\n\r\n", 501),
    "no coding, then chunked": (
        b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "quoted chunked": (b"POST / HTTP/1.1\r\n" + H + b'Transfer-Encoding: "chunked"\r\n\r\n', 400),
    "vertical tab chunked": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    "chunked in 1.0": (b"POST / HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n", 400),
    # lines
    "bare LF first": (b"\nGET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    "bare CR first": (b"\rGET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    "bare LF in the target": (b"GET /a\nb:c HTTP/1.1\r\n" + H + b"\r\n", 400),
    "bare CR in the target": (b"GET /a\rb:c HTTP/1.1\r\n" + H + b"\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\n" + H + b"\r\n", 400),
    "bare LF in a field": (b"GET / HTTP/1.1\r\n" + H + b"X: a\nY: b\r\n\r\n", 400),
    "bare CR in a value": (b"GET / HTTP/1.1\r\n" + H + b"X: a\rb\r\n\r\n", 400),
    "folded": (b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n b\r\n\r\n", 400),
    "folded by tab": (b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n\tb\r\n\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\n" + H + b"X : a\r\n\r\n", 400),
    "space before the first field": (b"GET / HTTP/1.1\r\n " + H + b"\r\n", 400),
    "empty name": (b"GET / HTTP/1.1\r\n" + H + b": a\r\n\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\n" + H + b"abc\r\n\r\n", 400),
    "NUL in a value": (b"GET / HTTP/1.1\r\n" + H + b"X: a\0b\r\n\r\n", 400),
    "control byte in a value": (b"GET / HTTP/1.1\r\n" + H + b"X: a\x01b\r\n\r\n", 400),
    "DEL in a value": (b"GET / HTTP/1.1\r\n" + H + b"X: a\x7fb\r\n\r\n", 400),
    "bad name": (b"GET / HTTP/1.1\r\n" + H + b"X(y): a\r\n\r\n", 400),
    "name outside ASCII": (b"GET / HTTP/1.1\r\n" + H + b"X\xe9: a\r\n\r\n", 400),
    # hosts
    "no Host": (b"GET / HTTP/1.1\r\nX: a\r\n\r\n", 400),
    "no Host, absolute target": (b"GET http://b.example/ HTTP/1.1\r\nX: a\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\n" + H + H + b"\r\n", 400),
    "empty Host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "Host with space": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "Host with userinfo": (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    "Host with path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "Host list": (b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    "Host with a bad port": (b"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400),
    "Host with a port over 65535": (b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400),
    "absolute target, other Host": (b"GET http://b.example/ HTTP/1.1\r\n" + H + b"\r\n", 400),
    # targets, methods, versions
    "* with GET": (b"GET * HTTP/1.1\r\n" + H + b"\r\n", 400),
    "fragment": (b"GET /a#b HTTP/1.1\r\n" + H + b"\r\n", 400),
    "target outside ASCII": (b"GET /\xe9 HTTP/1.1\r\n" + H + b"\r\n", 400),
    "relative target": (b"GET a HTTP/1.1\r\n" + H + b"\r\n", 400),
    "ftp target": (b"GET ftp://a.example/ HTTP/1.1\r\n" + H + b"\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + H + b"\r\n", 400),
    "tab": (b"GET\t/ HTTP/1.1\r\n" + H + b"\r\n", 400),
    "CONNECT": (b"CONNECT a.example:443 HTTP/1.1\r\n" + H + b"\r\n", 405),
    "TRACE": (b"TRACE / HTTP/1.1\r\n" + H + b"\r\n", 405),
    "unknown method": (b"BREW / HTTP/1.1\r\n" + H + b"\r\n", 501),
    "lower-case method": (b"get / HTTP/1.1\r\n" + H + b"\r\n", 501),
    "0.9": (b"GET / HTTP/0.9\r\n" + H + b"\r\n", 505),
    "1.2": (b"GET / HTTP/1.2\r\n" + H + b"\r\n", 505),
    "2.0 and a target outside ASCII": (b"GET /\xe9 HTTP/2.0\r\n" + H + b"\r\n", 505),
    "2.0": (b"GET / HTTP/2.0\r\n" + H + b"\r\n", 505),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\n", 505),
    "no version": (b"GET /\r\n" + H + b"\r\n", 400),
    # fields a client cannot name away, doubles, loops
    "names Host away": (b"GET / HTTP/1.1\r\n" + H + b"Connection: close, Host, x\r\n\r\n", 400),
    "two Content-Types": (
        b"POST / HTTP/1.1\r\n" + H + b"Content-Type: a/b\r\ncontent-type: a/b\r\n\r\n",
        400,
    ),
    "two Origins": (b"GET / HTTP/1.1\r\n" + H + b"Origin: https://a\r\nOrigin: https://a\r\n\r\n", 400),
    "two request methods": (
        b"OPTIONS / HTTP/1.1\r\n"
        + H
        + b"Access-Control-Request-Method: A\r\naccess-control-request-method: A\r\n\r\n",
        400,
    ),
    "unknown expectation": (b"GET / HTTP/1.1\r\n" + H + b"Expect: tea\r\n\r\n", 417),
    "two expectations": (
        b"PUT / HTTP/1.1\r\n"
        + H
        + b"Content-Length: 1\r\nExpect: 100-continue\r\nexpect: 100-continue\r\n\r\n",
        417,
    ),
    "loop": (b"GET / HTTP/1.1\r\n" + H + b"Via: 1.0 x, 1.1 corsproxy\r\n\r\n", 508),
    "loop, odd spelling": (b"GET / HTTP/1.1\r\n" + H + b"vIa:1.1 corsproxy (x)\r\n\r\n", 508),
}


@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED)
def test_refused(raw: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        read(raw)
    assert caught.value.status == status


NOT_THE_CLIENTS_TO_REMOVE = [
    b"Host",
    b"Origin",
    b"Cookie",
    b"Authorization",
    b"Content-Length",
    b"Content-Type",
    b"Via",
    b"Expect",
    b"Forwarded",
    b"X-Forwarded-For",
    b"X-Forwarded-Anything",
    # A proxy in front sets them, and may pass on what a client says of its connection.
    b"X-Real-IP",
    b"X-Request-Id",
    b"traceparent",
    b"tracestate",
    # What was read here: the backend has to see what was decided by.
    b"Access-Control-Request-Method",
    b"Access-Control-Request-Headers",
    b"Sec-Fetch-Site",
    b"Sec-WebSocket-Key",
    b"Sec-WebSocket-Version",
    b"Sec-WebSocket-Protocol",
    # Written anew here: without it a loop would not end.
    b"Max-Forwards",
]


@pytest.mark.parametrize("name", NOT_THE_CLIENTS_TO_REMOVE, ids=bytes.decode)
def test_what_a_client_cannot_name_away(name: bytes) -> None:
    for spelling in (name, name.lower(), name.upper()):
        with pytest.raises(BadRequest) as caught:
            read(b"GET / HTTP/1.1\r\n" + H + b"Connection: keep-alive,\t" + spelling + b" \r\n\r\n")
        assert caught.value.status == 400


THE_CLIENTS_OWN = [
    b"TE",
    b"Range",
    b"If-Match",
    b"X-Mine",
    b"X-Real-IPs",
    b"Forwarded-For",
    b"Secret",
    b"baggage",
]


@pytest.mark.parametrize("name", THE_CLIENTS_OWN, ids=bytes.decode)
def test_what_a_client_may_name_away(name: bytes) -> None:
    """RFC 9110 §7.6.1 has it removed; whoever adds it is the client itself."""
    head = read(b"GET / HTTP/1.1\r\n" + H + name + b": 1\r\nConnection: " + name + b"\r\n\r\n")
    head.drop_odd_names()
    assert head.lines[1:-2] == [H[:-2]]


TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_a_coding_of_any_letters_is_not_known_here() -> None:
    for byte in TOKEN_BYTES:
        coding = b"Transfer-Encoding: %c\r\nTransfer-Encoding: chunked\r\n\r\n" % byte
        with pytest.raises(BadRequest) as caught:
            read(b"POST / HTTP/1.1\r\n" + H + coding)
        assert (caught.value.status, byte) == (501, byte)


def test_too_many_fields() -> None:
    raw = b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n" * 3 + b"\r\n"
    assert len(read(raw, count_limit=4).lines) == 7
    with pytest.raises(BadRequest) as caught:
        read(raw, count_limit=3)
    assert caught.value.status == 431


# What goes in (after the request line and Host) and what is forwarded of it.
FORWARDED = {
    "order, spelling and repetition stay": (
        b"x-A: 1\r\nX-a:  2 \r\nCookie: a=b\r\nX-A:3\r\n",
        [b"x-A: 1", b"X-a:  2 ", b"Cookie: a=b", b"X-A:3"],
    ),
    "high bytes stay": (b"X: \xe9\xff\r\n", [b"X: \xe9\xff"]),
    "hop-by-hop goes": (
        (
            b"Connection: keep-alive\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: abc\r\nA: b\r\n"
        ),
        [b"A: b"],
    ),
    "te in any case goes": (b"tE:x\r\nTe: y\r\nA: b\r\n", [b"A: b"]),
    "what Connection names goes": (b"X-Mine: 1\r\nConnection: X-MINE, close\r\nA: b\r\n", [b"A: b"]),
    "underscored names go": (b"X_Forwarded_For: 1\r\nA: b_c\r\nx_y: z\r\n", [b"A: b_c"]),
    "forwarding claims go": (
        b"X-Forwarded-For: 1.1.1.1\r\nx-forwarded-proto: https\r\nForwarded: for=1\r\nX-Forwarded-Ssl: on\r\nA: b\r\n",
        [b"A: b"],
    ),
    "a length is written plainly": (b"Content-Length: 007\r\n", [b"Content-Length: 7"]),
    "a length of nothing stays": (b"Content-Length: 0\r\n", [b"Content-Length: 0"]),
    "chunked is the forwarder's to say": (b"Transfer-Encoding: Chunked\r\n", []),
    "expectation stays": (
        b"Expect: 100-Continue\r\nContent-Length: 1\r\n",
        [b"Expect: 100-Continue", b"Content-Length: 1"],
    ),
    "expectation without content goes": (b"A: b\r\nExpect: 100-continue\r\n", [b"A: b"]),
}


@pytest.mark.parametrize(("fields", "lines"), FORWARDED.values(), ids=FORWARDED)
def test_forwarded(fields: bytes, lines: list[bytes]) -> None:
    head = read(b"POST /a/../b//?%zz? HTTP/1.1\r\n" + H + fields + b"\r\n")
    assert head.lines == [b"POST /a/../b//?%zz? HTTP/1.1", b"Host: a.example", *lines, b"", b""]


def test_every_name_with_an_underscore_goes() -> None:
    for byte in TOKEN_BYTES:
        head = read(b"GET / HTTP/1.1\r\n" + H + b"%c_: 1\r\nA: b\r\n\r\n" % byte)
        assert head.lines == [b"GET / HTTP/1.1", b"Host: a.example", b"A: b", b"", b""]


def test_forwarding_claims_are_kept_apart_in_order() -> None:
    head = read(
        b"GET / HTTP/1.1\r\nForwarded: for=1\r\nX-Forwarded-For:\t1.1.1.1 \r\n" + H + b"forwarded:for=2\r\n"
        b"X-FORWARDED-PROTO: https\r\nx-forwarded-for: 2.2.2.2\r\n\r\n"
    )
    assert head.forwarded == (
        (b"forwarded", b"for=1"),
        (b"x-forwarded-for", b"1.1.1.1"),
        (b"forwarded", b"for=2"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-for", b"2.2.2.2"),
    )


ID_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:+/=-"
REQUEST_IDS = {
    "every byte that one may have": (ID_BYTES, ID_BYTES),
    "the longest": (b"x" * 128, b"x" * 128),
    "too long": (b"x" * 129, b""),
    "empty": (b"", b""),
    "with a blank": (b"a b", b""),
    "with a quote": (b'a"', b""),
}


@pytest.mark.parametrize(("sent", "noted"), REQUEST_IDS.values(), ids=REQUEST_IDS)
def test_request_ids(sent: bytes, noted: bytes) -> None:
    assert read(b"GET / HTTP/1.1\r\n" + H + b"X-Request-Id: " + sent + b"\r\n\r\n").request_id == noted


def test_blanks_around_values_are_no_part_of_them() -> None:
    head = read(
        b"GET / HTTP/1.1\r\nHost:\t a.example \t\r\nOrigin:\t https://o \t\r\nSec-Fetch-Site:\t none \t\r\n"
        b"Content-Length:\t 3 \t\r\n\r\n"
    )
    assert (head.host, head.origin, head.sec_fetch_site, head.length) == (
        b"a.example",
        b"https://o",
        b"none",
        3,
    )
    # What is decided by is the same for servers that take blanks at the end for a part of the value.
    assert head.lines[1:3] == [b"Host:\t a.example", b"Origin:\t https://o"]


@pytest.mark.parametrize(
    "fields",
    [
        b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Storage-Access: active\r\n",  # as Chromium sends them
        b"Sec-Fetch-Storage-Access: none\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n",
        b"sec-fetch-site:same-origin\r\n",
    ],
)
def test_a_site_is_told_from_its_kin(fields: bytes) -> None:
    assert read(b"GET / HTTP/1.1\r\n" + H + fields + b"\r\n").sec_fetch_site == b"same-origin"


def test_what_is_noted() -> None:
    head = read(
        b"OPTIONS /p?q HTTP/1.1\r\nhOST: a.example:80\r\norigin:https://o\r\nSec-Fetch-Site: cross-site\r\n"
        b"Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: a\r\naccess-control-request-headers: b\r\n"
        b"Access-Control-Request-Private-Network: true\r\nX-Request-Id: abc-1\r\n\r\n"
    )
    assert (head.method, head.target, head.path, head.host) == (b"OPTIONS", b"/p?q", b"/p", b"a.example:80")
    assert (head.origin, head.sec_fetch_site, head.request_method) == (b"https://o", b"cross-site", b"PUT")
    assert (head.request_headers, head.request_private_network, head.request_id) == (b"a,b", True, b"abc-1")
    assert (head.length, head.keep_alive, head.is_websocket) == (0, True, False)


VERSIONS = {
    "1.1": (b"HTTP/1.1\r\n" + H, True),
    "1.1 close": (b"HTTP/1.1\r\n" + H + b"Connection: CLOSE\r\n", False),
    "1.1 close among others": (b"HTTP/1.1\r\n" + H + b"Connection: x, Close\r\n", False),
    "1.1 close, then others": (
        b"HTTP/1.1\r\n" + H + b"Connection: close\r\nConnection: keep-alive, x\r\n",
        False,
    ),
    "1.1 both": (b"HTTP/1.1\r\n" + H + b"Connection: keep-alive, close\r\n", False),
    "1.0": (b"HTTP/1.0\r\n", False),
    "1.0 keep-alive": (b"HTTP/1.0\r\nConnection: Keep-Alive\r\n", True),
    "1.0 both": (b"HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n", False),
}


@pytest.mark.parametrize(("rest", "keep_alive"), VERSIONS.values(), ids=VERSIONS)
def test_persistence(rest: bytes, keep_alive: bool) -> None:
    head = read(b"GET / " + rest + b"\r\n")
    assert head.keep_alive is keep_alive
    assert head.lines[0] == b"GET / HTTP/1.1"


def test_absolute_form() -> None:
    head = read(b"GET HTTP://A.example:81?q HTTP/1.1\r\nHost: a.example:81\r\n\r\n")
    assert (head.host, head.target, head.path) == (b"A.example:81", b"/?q", b"/")
    assert head.lines == [b"GET /?q HTTP/1.1", b"Host: A.example:81", b"", b""]
    head = read(b"GET https://a.example HTTP/1.1\r\nA: b\r\nHost: A.EXAMPLE\r\n\r\n")
    assert (head.host, head.target, head.path) == (b"a.example", b"/", b"/")
    assert head.lines == [b"GET / HTTP/1.1", b"A: b", b"Host: a.example", b"", b""]
    assert read(b"GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n").target == b"/b?c"


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\n" + H + b"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
AGAIN = {
    "a key": b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "a version": b"Sec-WebSocket-Version: 13\r\n",
    "a protocol": b"Upgrade: websocket\r\n",
}
NOT_HANDSHAKES = {
    "POST": HANDSHAKE.replace(b"GET", b"POST"),
    "1.0": HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "version 12": HANDSHAKE.replace(b": 13", b": 12"),
    "short key": HANDSHAKE.replace(b"dGhl", b""),
    "not named in Connection": HANDSHAKE.replace(b"keep-alive, Upgrade", b"keep-alive"),
    **{
        f"{name} {count} times": HANDSHAKE.replace(b"\r\n\r\n", b"\r\n" + line * (count - 1) + b"\r\n")
        for name, line in AGAIN.items()
        for count in (2, 3)
    },
    "a body of no bytes": HANDSHAKE.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
    "a longer key": HANDSHAKE.replace(b"dGhl", b"dGhlIHNh"),
    "two protocols": HANDSHAKE.replace(b"WebSocket\r", b"websocket, h2c\r"),
    "with a body": HANDSHAKE.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"),
}


def test_handshake() -> None:
    head = read(HANDSHAKE)
    assert head.is_websocket
    assert all(not line.lower().startswith((b"upgrade", b"connection")) for line in head.lines)


@pytest.mark.parametrize("raw", NOT_HANDSHAKES.values(), ids=NOT_HANDSHAKES)
def test_no_handshake(raw: bytes) -> None:
    head = read(raw)
    assert not head.is_websocket
    assert all(not line.lower().startswith((b"upgrade", b"connection")) for line in head.lines)


def test_a_reader_reads_on_after_bodies_and_upgrades() -> None:
    reader = RequestReader(128)
    head = RequestHead()
    for raw in (
        HANDSHAKE,
        b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + H + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + H + b"Proxy-Connection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + H + b"\r\n",
    ):
        head = reader.read(raw)
    assert (head.method, head.length) == (b"GET", 0)
    assert reader.read(b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n").length == CHUNKED


def test_max_forwards_counts_down_for_options_only() -> None:
    assert read(b"OPTIONS / HTTP/1.1\r\n" + H + b"Max-Forwards: 3\r\n\r\n").lines[2] == b"Max-Forwards: 2"
    assert read(b"GET / HTTP/1.1\r\n" + H + b"Max-Forwards: 3\r\n\r\n").lines[2] == b"Max-Forwards: 3"
    assert read(b"OPTIONS * HTTP/1.1\r\n" + H + b"Max-Forwards: 0\r\n\r\n").max_forwards == b"0"
    assert read(b"OPTIONS * HTTP/1.1\r\n" + H + b"Max-Forwards: 0\r\n\r\n").lines[2] == b"Max-Forwards: 0"


def test_options_without_end_are_obeyed_in_one_pass() -> None:
    """A pass over the fields for each option would take minutes."""
    options = b"x-gone," + b"b," * 300_000 + b"x-gone"
    fields = b"X-Gone: a\r\n" + b"a:b\r\n" * 10_000
    head = read(b"GET / HTTP/1.1\r\n" + H + fields + b"Connection: " + options + b"\r\n\r\n", count_limit=0)
    assert head.lines == [b"GET / HTTP/1.1", b"Host: a.example", *[b"a:b"] * 10_000, b"", b""]

"""What is told of heads that are refused: only what stands there once and plainly."""

import pytest

from corsproxy.http1.salvage import salvage

# raw; method, path, origin, host, request id
SALVAGED = {
    "all of it": (
        b"PUT /p?q HTTP/1.1\r\nhost: a.example:80\r\nORIGIN:https://o\r\nX-Request-Id:\tid \r\n\r\n",
        (b"PUT", b"/p", b"https://o", b"a.example:80", b"id"),
    ),
    "nothing": (b"", (b"-", b"/", None, b"", b"")),
    "another protocol": (b"\x16\x03\x01\x02\x00", (b"-", b"/", None, b"", b"")),
    "a line cut short": (b"GET /" + b"a" * 9, (b"GET", b"/" + b"a" * 9, None, b"", b"")),
    "a field cut short": (b"GET /p HTTP/1.1\r\nOrigin: https://o", (b"GET", b"/p", None, b"", b"")),
    "an absolute target": (b"GET http://h/p HTTP/1.1\r\n\r\n", (b"GET", b"/", None, b"", b"")),
    "a target outside ASCII": (b"GET /\xe9 HTTP/1.1\r\n\r\n", (b"GET", b"/", None, b"", b"")),
    "two origins": (
        b"GET / HTTP/1.1\r\nOrigin: https://o\r\nOrigin: https://o\r\n\r\n",
        (b"GET", b"/", None, b"", b""),
    ),
    "two origins apart": (
        b"GET / HTTP/1.1\r\nOrigin: https://o\r\nX: y\r\nOrigin: https://p\r\n\r\n",
        (b"GET", b"/", None, b"", b""),
    ),
    "two origins, one of them not plain": (
        b"GET / HTTP/1.1\r\nOrigin: https://o\r\nOrigin: https://o p\r\n\r\n",
        (b"GET", b"/", None, b"", b""),
    ),
    "an origin with a space": (
        b"GET / HTTP/1.1\r\nOrigin: https://o p\r\n\r\n",
        (b"GET", b"/", None, b"", b""),
    ),
    "an origin with a control byte": (
        b"GET / HTTP/1.1\r\nOrigin: https://o\x00\r\n\r\n",
        (b"GET", b"/", None, b"", b""),
    ),
    "an empty origin": (b"GET / HTTP/1.1\r\nOrigin:\r\n\r\n", (b"GET", b"/", None, b"", b"")),
    "a host that is none": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", (b"GET", b"/", None, b"", b"")),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (b"GET", b"/", None, b"", b"")),
    "an id that is none": (b"GET / HTTP/1.1\r\nX-Request-Id: <a>\r\n\r\n", (b"GET", b"/", None, b"", b"")),
}


@pytest.mark.parametrize(("raw", "expected"), SALVAGED.values(), ids=SALVAGED)
def test_salvage(raw: bytes, expected: tuple[bytes, bytes, bytes | None, bytes, bytes]) -> None:
    head = salvage(raw)
    assert (head.method, head.path, head.origin, head.host, head.request_id) == expected
    assert (head.length, head.is_websocket, head.request_method) == (0, False, None)


BLANKS = b" \t" * 400_000


@pytest.mark.parametrize("name", [b"Origin", b"host", b"X-Request-Id"])
def test_blanks_without_end_take_no_time(name: bytes) -> None:
    """A pattern that begins anew at each of them would take days."""
    head = salvage(b"GET / HTTP/1.1\r\n" + name + b":" + BLANKS + b"\x01" + BLANKS + b"\r\n\r\n")
    assert (head.origin, head.host, head.request_id) == (None, b"", b"")
    assert (
        salvage(b"GET / HTTP/1.1\r\nOrigin:" + BLANKS + b"https://o" + BLANKS + b"\r\n\r\n").origin
        == b"https://o"
    )
    assert salvage(b"GET / HTTP/1.1\r\n" + name + b":" + BLANKS).origin is None

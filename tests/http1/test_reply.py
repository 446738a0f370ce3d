"""The proxy's own answers, byte by byte."""

import pytest

from corsproxy.http1.reply import answer, phrase, problem

VARY = b"Vary: Origin\r\n"


@pytest.mark.parametrize(
    ("close", "connection"), [(True, b"Connection: close\r\n"), (False, b"")], ids=["close", "keep-alive"]
)
@pytest.mark.parametrize(
    ("status", "line", "length"),
    [(204, b"HTTP/1.1 204 No Content\r\n", b""), (200, b"HTTP/1.1 200 OK\r\n", b"Content-Length: 0\r\n")],
    ids=["204", "200"],
)
def test_answer(status: int, line: bytes, length: bytes, close: bool, connection: bytes) -> None:
    assert answer(status, VARY, date=b"today", close=close) == (
        line + VARY + connection + b"Date: today\r\n" + length + b"\r\n"
    )


@pytest.mark.parametrize("to_head", [True, False], ids=["HEAD", "GET"])
@pytest.mark.parametrize(
    ("close", "connection"), [(True, b"Connection: close\r\n"), (False, b"")], ids=["close", "keep-alive"]
)
def test_problem(close: bool, connection: bytes, to_head: bool) -> None:
    body = (
        b'{"type": "about:blank", "title": "Bad Gateway", "status": 502, "code": "upstream_closed", '
        b'"detail": "gone", "request_id": "r-1"}'
    )
    assert problem(
        502,
        code="upstream_closed",
        detail="gone",
        request_id="r-1",
        proxy_error="connection_terminated",
        lines=VARY,
        date=b"today",
        close=close,
        to_head=to_head,
    ) == (
        b"HTTP/1.1 502 Bad Gateway\r\n"
        b"Content-Type: application/problem+json\r\n"
        b"Content-Length: %d\r\n"
        b"Cache-Control: no-store\r\n"
        b'Proxy-Status: corsproxy; error=connection_terminated; details="upstream_closed"\r\n'
        b"Date: today\r\n" % len(body)
    ) + VARY + connection + b"\r\n" + (b"" if to_head else body)


def test_phrases() -> None:
    assert (phrase(404), phrase(799)) == ("Not Found", "Error")

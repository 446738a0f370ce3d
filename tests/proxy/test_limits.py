"""Where each limit stands to the byte, and that 0 is none."""

import pytest

from corsproxy.config.settings import Limits
from tests.proxy.conftest import Staged
from tests.proxy.wire import HOST, OK, get

POST = b"POST /p HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def of_size(size: int) -> bytes:
    """Return a head of so many bytes."""
    return get(fields=b"X: " + b"x" * (size - len(get(fields=b"X: \r\n"))) + b"\r\n")


def of_line(size: int) -> bytes:
    """Return a head whose first line has so many bytes, without its end."""
    return get(b"/" + b"x" * (size - len(b"GET / HTTP/1.1")))


# The limits, a request, the status.
ROWS = {
    "a head of the greatest size": (Limits(header_bytes=300), of_size(300), 200),
    "a head that is larger": (Limits(header_bytes=300), of_size(301), 431),
    "a head without its end that is larger": (Limits(header_bytes=300), of_size(303)[:-2], 431),
    "a line of the greatest size": (Limits(header_bytes=300), of_line(300), 431),
    "a line that is longer": (Limits(header_bytes=300), of_line(301), 414),
    "a line without its end that is longer": (Limits(header_bytes=300), of_line(400)[:301], 414),
    "no limit for heads": (Limits(header_bytes=0), of_size(100_000), 200),
    "the most fields": (Limits(header_count=3), get(fields=b"A: b\r\n" * 2), 200),
    "more fields": (Limits(header_count=3), get(fields=b"A: b\r\n" * 3), 431),
    "no limit for fields": (Limits(header_count=0), get(fields=b"A: b\r\n" * 2_000), 200),
    "a body of the greatest size": (Limits(body_bytes=8), POST + b"Content-Length: 8\r\n\r\nxxxxxxxx", 200),
    "a body that is larger": (Limits(body_bytes=8), POST + b"Content-Length: 9\r\n\r\nxxxxxxxxx", 413),
    "chunks of the greatest size": (
        Limits(body_bytes=8),
        POST + CHUNKED + b"4\r\nxxxx\r\n4\r\nxxxx\r\n0\r\n\r\n",
        200,
    ),
    "chunks that are larger": (
        Limits(body_bytes=8),
        POST + CHUNKED + b"4\r\nxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n",
        413,
    ),
    "no limit for bodies": (
        Limits(body_bytes=0),
        POST + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000,
        200,
    ),
    "no limit for chunks": (
        Limits(body_bytes=0),
        POST + CHUNKED + b"186a0\r\n" + b"x" * 100_000 + b"\r\n0\r\n\r\n",
        200,
    ),
}


@pytest.mark.parametrize(("limits", "request_", "status"), ROWS.values(), ids=ROWS)
async def test_limits(staged: Staged, limits: Limits, request_: bytes, status: int) -> None:
    stage = await staged(limits=limits)
    if status == 200:
        assert (await stage.exchange(request_, OK)).status == 200
    else:
        client = await stage.connect()
        await client.send(request_)
        assert (await client.response()).status == status
        assert await client.ended()

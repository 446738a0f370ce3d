"""Responses: how each framing of the backend's reaches each kind of client, byte by byte."""

import pytest

from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, NONE_OPEN, OK, Stage, get, until

L1, L0 = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
KEEP = b"Connection: keep-alive\r\n"

V10, V10_KEEP = get(version=b"1.0"), get(fields=KEEP, version=b"1.0")

# What becomes of the connections: both stay, the backend's is not used again, the client's ends.
SAME, FRESH, ENDS = range(3)

# request, answer, head and body as the client reads them, what becomes of the connections
FRAMINGS = {
    "counted, 1.1": (GET, OK, L1 + b"Content-Length: 2\r\n\r\n", b"ok", SAME),
    "counted, client's close": (
        get(fields=CLOSE),
        OK,
        L1 + b"Content-Length: 2\r\n" + CLOSE + b"\r\n",
        b"ok",
        ENDS,
    ),
    "counted, 1.0": (V10, OK, L1 + b"Content-Length: 2\r\n" + CLOSE + b"\r\n", b"ok", ENDS),
    "counted, 1.0 that keeps": (V10_KEEP, OK, L1 + b"Content-Length: 2\r\n" + KEEP + b"\r\n", b"ok", SAME),
    "counted, none": (GET, L1 + b"Content-Length: 0\r\n\r\n", L1 + b"Content-Length: 0\r\n\r\n", b"", SAME),
    "counted, leading zeros": (
        GET,
        L1 + b"Content-Length: 002\r\n\r\nok",
        L1 + b"Content-Length: 2\r\n\r\n",
        b"ok",
        SAME,
    ),
    "counted, backend 1.0": (
        GET,
        L0 + b"Content-Length: 2\r\n\r\nok",
        L1 + b"Content-Length: 2\r\n\r\n",
        b"ok",
        FRESH,
    ),
    "counted, backend 1.0 that keeps": (
        GET,
        L0 + KEEP + b"Content-Length: 2\r\n\r\nok",
        L1 + b"Content-Length: 2\r\n\r\n",
        b"ok",
        SAME,
    ),
    "counted, backend's close": (
        GET,
        L1 + CLOSE + b"Content-Length: 2\r\n\r\nok",
        L1 + b"Content-Length: 2\r\n\r\n",
        b"ok",
        FRESH,
    ),
    "chunked, 1.1": (
        GET,
        L1 + CHUNKED + b"\r\n2\r\nok\r\n3\r\nyes\r\n0\r\n\r\n",
        L1 + CHUNKED + b"\r\n",
        b"okyes",
        SAME,
    ),
    "chunked, 1.0": (
        V10,
        L1 + CHUNKED + b"\r\n2\r\nok\r\n3\r\nyes\r\n0\r\n\r\n",
        L1 + CLOSE + b"\r\n",
        b"okyes",
        ENDS,
    ),
    "chunked, 1.0 that would keep": (
        V10_KEEP,
        L1 + CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n",
        L1 + CLOSE + b"\r\n",
        b"ok",
        ENDS,
    ),
    "chunked, nothing in it": (GET, L1 + CHUNKED + b"\r\n0\r\n\r\n", L1 + CHUNKED + b"\r\n", b"", SAME),
    "HEAD": (
        get(method=b"HEAD"),
        L1 + b"Content-Length: 9\r\n\r\n",
        L1 + b"Content-Length: 9\r\n\r\n",
        b"",
        SAME,
    ),
    "HEAD, chunked": (get(method=b"HEAD"), L1 + CHUNKED + b"\r\n", L1 + b"\r\n", b"", SAME),
    "HEAD, unframed": (get(method=b"HEAD"), L1 + b"\r\n", L1 + b"\r\n", b"", SAME),
    "204": (GET, b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", b"", SAME),
    "204 with a length": (
        GET,
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"",
        SAME,
    ),
    "304 with the length of what it stands for": (
        GET,
        b'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: "a"\r\n\r\n',
        b'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: "a"\r\n\r\n',
        b"",
        SAME,
    ),
    "304 that says chunked": (
        GET,
        b"HTTP/1.1 304 Not Modified\r\n" + CHUNKED + b"\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"",
        SAME,
    ),
    "no reason phrase": (
        GET,
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"",
        SAME,
    ),
    "a status of one's own": (
        GET,
        b"HTTP/1.1 299 Odd \xe9\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 299 Odd \xe9\r\nContent-Length: 0\r\n\r\n",
        b"",
        SAME,
    ),
}


@pytest.mark.parametrize(("request_", "answer", "head", "body", "then"), FRAMINGS.values(), ids=FRAMINGS)
async def test_framing(
    stage: Stage, request_: bytes, answer: bytes, head: bytes, body: bytes, then: int
) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, request_)
    await peer.request()
    await peer.send(answer)
    response = await client.response(request_.split()[0])
    assert (response.head, response.body, response.is_whole) == (head, body, True)
    if then == ENDS:
        assert await client.ended()
    else:
        await client.send(GET)
        if then == FRESH:
            assert await peer.is_gone()
            peer = await stage.backend.accept()
        await peer.request()
        await peer.send(OK)
        assert (await client.response()).body == b"ok"


# What the backend says with the end of its connection, and what a client of 1.1 gets of it.
CLOSE_DELIMITED = {
    "1.1": L1 + b"X: y\r\n\r\n",
    "1.1, says close": L1 + b"X: y\r\n" + CLOSE + b"\r\n",
    "1.0": L0 + b"X: y\r\n\r\n",
    "1.0, says keep-alive": L0 + b"X: y\r\n" + KEEP + b"\r\n",
}


@pytest.mark.parametrize("head", CLOSE_DELIMITED.values(), ids=CLOSE_DELIMITED)
@pytest.mark.parametrize("body", [b"", b"to the end"], ids=["empty", "content"])
async def test_close_delimited_goes_out_chunked_to_1_1(stage: Stage, head: bytes, body: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(head + body)
    peer.close()
    response = await client.response()
    assert (response.head, response.body, response.is_whole) == (
        L1 + b"X: y\r\n" + CHUNKED + b"\r\n",
        body,
        True,
    )
    again = await stage.ask(client, GET)
    await again.request()
    await again.send(OK)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize("request_", [V10, V10_KEEP], ids=["plain", "keep-alive"])
async def test_close_delimited_stays_so_to_1_0(stage: Stage, request_: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, request_)
    await peer.request()
    await peer.send(L1 + b"X: y\r\n\r\nto the")
    await peer.send(b" end")
    peer.close()
    response = await client.response()
    assert (response.head, response.body, response.is_whole) == (
        L1 + b"X: y\r\n" + CLOSE + b"\r\n",
        b"to the end",
        True,
    )
    assert await client.ended()


async def test_extensions_and_trailers_are_left_out(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(
        L1
        + b"Trailer: X-Sum, Access-Control-Allow-Origin\r\n"
        + CHUNKED
        + b'\r\n2;a="b;c";d\r\nok\r\n0003 ;x\r\nyes\r\n0;last\r\nX-Sum: 1\r\nAccess-Control-Allow-Origin: *\r\n\r\n'
    )
    whole = L1 + CHUNKED + b"\r\n2\r\nok\r\n0003\r\nyes\r\n0\r\n\r\n"
    assert await client.take(len(whole)) == whole
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


# Responses that end with their heads, and bytes that the backend sends after them all the same.
BODILESS = {
    "HEAD": (get(method=b"HEAD"), L1 + b"Content-Length: 5\r\n\r\n"),
    "204": (GET, b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": (GET, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "length 0": (GET, L1 + b"Content-Length: 0\r\n\r\n"),
}
STRAYS = {"text": b"stray", "another response": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
@pytest.mark.parametrize(("request_", "head"), BODILESS.values(), ids=BODILESS)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
async def test_stray_bytes_are_never_passed_on(
    stage: Stage, request_: bytes, head: bytes, stray: bytes, at_once: bool
) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, request_)
    await peer.request()
    await peer.send(head + stray if at_once else head)
    response = await client.response(request_.split()[0])
    assert (response.head, response.body) == (head, b"")
    if not at_once:
        await peer.send(stray)
    assert await peer.is_gone()
    fresh = await stage.ask(client, GET)
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize(
    "answer",
    [OK + b"stray", L1 + CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\nstray"],
    ids=["counted", "chunked"],
)
async def test_bytes_after_a_body_end_the_connection(stage: Stage, answer: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(answer)
    assert (await client.response()).body == b"ok"
    assert await peer.is_gone()
    fresh = await stage.ask(client, GET)
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


# A body that the backend breaks off: what the client reads before it sees the cut.
CUTS = {
    "counted": (GET, L1 + b"Content-Length: 9\r\n\r\nhalf"),
    "chunked": (GET, L1 + CHUNKED + b"\r\n4\r\nhalf\r\n"),
    "chunked, within a chunk": (GET, L1 + CHUNKED + b"\r\n9\r\nhalf"),
    "chunked, before the last line": (GET, L1 + CHUNKED + b"\r\n4\r\nhalf\r\n0\r\n"),
    "counted, 1.0": (V10, L1 + b"Content-Length: 9\r\n\r\nhalf"),
}


@pytest.mark.parametrize(("request_", "answer"), CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_body_cut_short_is_seen_to_be(stage: Stage, request_: bytes, answer: bytes, how: str) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, request_)
    await peer.request()
    await peer.send(answer)
    await until(lambda: any(c.exchange and c.exchange.response_bytes for c in stage.engine.clients))
    getattr(peer, how)()
    response = await client.response()
    assert (response.status, response.is_whole) == (200, False)
    assert response.body in (b"half", b"")  # a reset may overtake what was sent before it


@pytest.mark.parametrize(
    "answer", [L1 + CHUNKED + b"\r\n4\r\nhalf\r\n", L1 + b"\r\nhalf"], ids=["chunked", "close-delimited"]
)
async def test_a_cut_looks_like_none_to_a_1_0_client(stage: Stage, answer: bytes) -> None:
    """Where the end of the connection is the end of the body, only a reset tells the difference."""
    client = await stage.connect()
    peer = await stage.ask(client, V10)
    await peer.request()
    await peer.send(answer)
    assert await client.take(len(L1 + CLOSE + b"\r\nhalf")) == L1 + CLOSE + b"\r\nhalf"
    peer.reset()
    assert await client.was_reset()


async def test_all_is_closed_when_both_sides_leave(staged: Staged) -> None:
    stage = await staged()
    assert (await stage.exchange(GET, OK)).body == b"ok"
    for client in tuple(stage.engine.clients):
        assert client.exchange is None
    await stage.close()
    assert stage.engine.gauges() == NONE_OPEN

"""A backend that refuses, breaks off, breaks the rules of HTTP or cannot be believed."""

import socket

import pytest

from corsproxy.config.settings import Endpoint, Upstream
from corsproxy.cors.vocabulary import Reason
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, OK, Stage, get

L1 = b"HTTP/1.1 200 OK\r\n"

# What no backend may say: a 502 with upstream_invalid, and its connection is closed.
INVALID = {
    "two lengths": L1 + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "two equal lengths": L1 + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": L1 + b"Content-Length: 2, 2\r\n\r\nok",
    "length with sign": L1 + b"Content-Length: +2\r\n\r\nok",
    "negative length": L1 + b"Content-Length: -2\r\n\r\nok",
    "length over 2^63-1": L1 + b"Content-Length: 9223372036854775808\r\n\r\nok",
    "length and chunked": L1 + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked and length": L1 + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "gzip, chunked": L1 + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked twice": L1 + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": L1 + b"Transfer-Encoding: gzip\r\n\r\nok",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n",
    "bare LF in a field": L1 + b"X: a\nY: b\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in a value": L1 + b"X: a\rb\r\nContent-Length: 2\r\n\r\nok",
    "NUL in a value": L1 + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "control byte in a value": L1 + b"X: a\x01b\r\nContent-Length: 2\r\n\r\nok",
    "DEL in a value": L1 + b"X: a\x7fb\r\nContent-Length: 2\r\n\r\nok",
    "control byte in the reason": b"HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok",
    "folded": L1 + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "space before colon": L1 + b"X : a\r\nContent-Length: 2\r\n\r\nok",
    "space before the first field": b"HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\nok",
    "no colon": L1 + b"abc\r\nContent-Length: 2\r\n\r\nok",
    "empty name": L1 + b": a\r\nContent-Length: 2\r\n\r\nok",
    "bad name": L1 + b"X(y): a\r\nContent-Length: 2\r\n\r\nok",
    "2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "0.9": b"<html>ok</html>",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "TLS": b"\x15\x03\x03\x00\x02\x02\x46",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 OK\r\n\r\n",
    "an endless head": L1 + b"X: " + b"a" * 200_000,
    "a large head": L1 + b"X: " + b"a" * 200_000 + b"\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("answer", INVALID.values(), ids=INVALID)
async def test_an_invalid_answer(stage: Stage, answer: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(answer)
    response = await client.response()
    assert (response.status, b'"code": "upstream_invalid"' in response.body) == (502, True)
    assert await peer.is_gone()
    assert await stage.book.ends() == (502, Reason.UPSTREAM_INVALID)
    fresh = await stage.ask(client, GET)
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


BAD_CHUNKS = {
    "size with sign": b"-2\r\nok\r\n0\r\n\r\n",
    "size with 0x": b"0x2\r\nok\r\n0\r\n\r\n",
    "size with underscore": b"0_2\r\nok\r\n0\r\n\r\n",
    "no size": b"\r\nok\r\n0\r\n\r\n",
    "size over 2^63-1": b"8000000000000000\r\nok",
    "17 digits": b"00000000000000002\r\nok\r\n0\r\n\r\n",
    "space before": b" 2\r\nok\r\n0\r\n\r\n",
    "longer than its size": b"2\r\noki\r\n0\r\n\r\n",
    "bare LF": b"2\nok\n0\n\n",
    "bare LF in an extension": b"2;a\nb\r\nok\r\n0\r\n\r\n",
    "control byte in an extension": b"2;a\0\r\nok\r\n0\r\n\r\n",
    "a trailer that is none": b"2\r\nok\r\n0\r\nabc\r\n\r\n",
    "a folded trailer": b"2\r\nok\r\n0\r\nX: a\r\n b\r\n\r\n",
    "endless extension": b"2;" + b"a" * 5000,
    "endless trailers": b"0\r\n" + b"X: abcdefgh\r\n" * 1000,
}


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_a_bad_chunk_is_never_passed_on_as_an_end(stage: Stage, chunks: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(L1 + b"Transfer-Encoding: chunked\r\n\r\n")
    assert (await client.head()) == L1 + b"Transfer-Encoding: chunked\r\n\r\n"
    await peer.send(chunks)
    assert b"\r\n0\r\n" not in b"\r\n" + await client.rest_or_reset()
    assert await peer.is_gone()
    assert await stage.book.ends() == (200, Reason.UPSTREAM_INVALID)


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_a_bad_chunk_with_the_head_is_never_passed_on_as_an_end(stage: Stage, chunks: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(L1 + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    got = await client.rest_or_reset()
    assert not got.endswith(b"\r\n0\r\n\r\n")
    assert await stage.book.ends() == (200, Reason.UPSTREAM_INVALID)


async def test_bytes_outside_ascii_in_values_pass(stage: Stage) -> None:
    answer = L1 + b"X: \xe9\xff\x80\r\nServer: a\r\nx: \t b \r\nContent-Length: 2\r\n\r\nok"
    assert (await stage.exchange(GET, answer)).raw == answer


async def test_a_backend_that_refuses(staged: Staged) -> None:
    stage = await staged()
    stage.backend.close()
    client = await stage.connect()
    for _ in range(2):  # and the client's connection stays
        await client.send(GET)
        response = await client.response()
        assert (response.status, b'"code": "upstream_refused"' in response.body) == (502, True)
        assert await stage.book.ends() == (502, Reason.UPSTREAM_REFUSED)


async def test_a_backend_of_no_address(staged: Staged) -> None:
    stage = await staged(
        upstream=Upstream(endpoint=Endpoint(path="/nonexistent/socket"), authority="localhost")
    )
    client = await stage.connect()
    await client.send(GET)
    response = await client.response()
    assert (response.status, b'"code": "upstream_refused"' in response.body) == (502, True)


# How far the backend gets with its answer before it leaves, and what the client gets of it.
LEAVING = {
    "before the request is read": (b"", False),
    "before a byte": (b"", True),
    "within the status line": (b"HTTP/1.1 2", True),
    "within the head": (b"HTTP/1.1 200 OK\r\nContent-Len", True),
    "after an interim answer": (b"HTTP/1.1 103 Early Hints\r\n\r\n", True),
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(("said", "reads"), LEAVING.values(), ids=LEAVING)
async def test_a_backend_that_leaves_before_its_answer(
    stage: Stage, said: bytes, reads: bool, how: str
) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(fields=b"X: y\r\n"))
    if reads:
        await peer.request()
    if said:
        await peer.send(said)
    getattr(peer, how)()
    response = await client.response()
    assert (response.status, b'"code": "upstream_closed"' in response.body) == (502, True)
    assert await stage.book.ends() == (502, Reason.UPSTREAM_CLOSED)
    fresh = await stage.ask(client, GET)
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_backend_that_leaves_within_its_answer(stage: Stage, how: str) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(L1 + b"Content-Length: 9\r\n\r\nhalf")
    await client.head()
    getattr(peer, how)()
    assert await client.rest_or_reset() in (b"half", b"")
    record = await stage.book.next()
    assert (record.status, record.fault) == (200, Reason.UPSTREAM_CLOSED)
    assert record.detail == "the backend closed the connection in the middle of its response"


async def test_a_backend_that_half_closes_after_its_answer(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    peer.half_close()
    assert (await client.response()).body == b"ok"
    assert await peer.is_gone()


async def test_a_backend_that_cannot_be_reached_fails_all_who_wait(staged: Staged) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    stage = await staged(
        upstream=Upstream(endpoint=Endpoint("127.0.0.1", full.getsockname()[1]), authority="x")
    )
    clients = [await stage.connect() for _ in range(20)]
    for client in clients:
        await client.send(GET)
    assert [(await client.response()).status for client in clients] == [502] * 20
    full.close()

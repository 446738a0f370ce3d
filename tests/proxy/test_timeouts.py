"""Timeouts: what each is counted from, what its end looks like, and what does not set it off."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from corsproxy.config.settings import Endpoint, Limits, Timeouts, Upstream
from corsproxy.cors.vocabulary import Reason
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, get, until

SHORT = 0.2


def short(**which: float) -> dict[str, Any]:
    return {"timeouts": Timeouts(**which)}


async def test_a_head_that_does_not_end(staged: Staged) -> None:
    stage = await staged(**short(client_header=SHORT))
    client = await stage.connect()
    await client.send(GET[:-2])
    response = await client.response()
    assert (response.status, b'"code": "client_timeout"' in response.body) == (408, True)
    assert await client.ended()
    assert await stage.book.ends() == (408, Reason.CLIENT_TIMEOUT)


async def test_a_head_that_drips_does_not_gain_time(staged: Staged) -> None:
    stage = await staged(limits=Limits(header_bytes=0), **short(client_header=SHORT))
    client = await stage.connect()
    await client.send(b"GET / HTTP/1.1\r\n")
    while client.has_nothing():
        await client.send(b"X: y\r\n")
        await asyncio.sleep(0)
    assert (await client.response()).status == 408


async def test_a_client_that_says_nothing(staged: Staged) -> None:
    stage = await staged(**short(client_header=SHORT))
    client = await stage.connect()
    assert await client.ended()
    assert stage.book.is_empty


async def test_a_client_that_says_no_more(staged: Staged) -> None:
    stage = await staged(**short(client_idle=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert await client.ended()
    assert stage.engine.gauges().upstream_connections_idle == 1


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 9\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ids=["counted", "chunked"],
)
async def test_a_body_that_stalls(staged: Staged, body: bytes) -> None:
    stage = await staged(**short(client_body=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, b"PUT / HTTP/1.1\r\n" + HOST + body)
    await peer.head()
    response = await client.response()
    assert (response.status, b'"code": "client_timeout"' in response.body) == (408, True)
    assert await client.ended()
    assert not (await peer.rest_or_reset()).endswith(b"0\r\n\r\n")
    assert await stage.book.ends() == (408, Reason.CLIENT_TIMEOUT)


async def test_a_client_that_waits_for_100_is_not_to_blame(staged: Staged) -> None:
    stage = await staged(**short(client_body=SHORT, upstream_response=2 * SHORT))
    client = await stage.connect()
    peer = await stage.ask(
        client, b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    )
    await peer.head()
    assert (await client.response()).status == 504
    assert await stage.book.ends() == (504, Reason.UPSTREAM_TIMEOUT)


async def test_a_client_that_got_its_100_and_stalls_is(staged: Staged) -> None:
    stage = await staged(**short(client_body=SHORT))
    client = await stage.connect()
    peer = await stage.ask(
        client, b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    )
    await peer.head()
    await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    response = await client.response()
    assert (response.status, len(response.interim)) == (408, 1)


@pytest.fixture
def full() -> Iterator[Upstream]:
    """A backend whose queue of connections is full, and which never accepts."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen(0)
    port = bound.getsockname()[1]
    waiting = [socket.socket() for _ in range(3)]  # more than its backlog holds
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
    yield Upstream(endpoint=Endpoint("127.0.0.1", port), authority="x", max_connections=2)
    for one in (*waiting, bound):
        one.close()


@pytest.mark.parametrize(
    "timeouts",
    [
        {"connect": SHORT},
        {"connect": 5.0, "upstream_response": SHORT},
        {"connect": SHORT, "upstream_response": SHORT},
    ],
    ids=["connect", "upstream_response", "both"],
)
async def test_a_backend_that_does_not_accept(
    staged: Staged, full: Upstream, timeouts: dict[str, float]
) -> None:
    """Whichever of the two timeouts ends the wait, it is the backend that was too slow."""
    stage = await staged(upstream=full, **short(**timeouts))
    client = await stage.connect()
    await client.send(GET)
    response = await client.response()
    assert (response.status, b"did not accept a connection in time" in response.body) == (504, True)
    assert b"Proxy-Status: corsproxy; error=connection_timeout" in response.raw
    assert await stage.book.ends() == (504, Reason.UPSTREAM_TIMEOUT)


async def test_who_waits_behind_those_whose_connection_is_being_made_waits_for_the_backend_too(
    staged: Staged, full: Upstream
) -> None:
    stage = await staged(upstream=full, **short(connect=5.0, upstream_response=SHORT))
    clients = [await stage.connect() for _ in range(3)]
    for client in clients:
        await client.send(GET)
        await until(lambda: stage.engine.pool.queued > 0)
    assert [(await client.response()).status for client in clients] == [504, 504, 504]


async def test_a_backend_that_does_not_answer(staged: Staged) -> None:
    stage = await staged(**short(upstream_response=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    assert (await client.response()).status == 504
    assert await peer.is_gone()
    assert await stage.book.ends() == (504, Reason.UPSTREAM_TIMEOUT)
    fresh = await stage.ask(client, GET)
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200", b"HTTP/1.1 103 Hints\r\n\r\n"], ids=["half a head", "hints"]
)
async def test_a_backend_that_stops_before_its_answer(staged: Staged, said: bytes) -> None:
    stage = await staged(**short(upstream_response=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(said)
    assert (await client.response()).status == 504


async def test_a_backend_that_does_not_read(staged: Staged) -> None:
    stage = await staged(**short(upstream_response=SHORT))
    client = await stage.connect()
    size = 50_000_000
    await client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size)
    await stage.backend.accept()
    with pytest.raises(ConnectionError):
        await client.send(b"x" * size)
    assert await stage.book.ends() == (504, Reason.UPSTREAM_TIMEOUT)


@pytest.mark.parametrize(
    ("request_", "head"),
    [
        (GET, b"Content-Length: 9\r\n\r\nhalf"),
        (GET, b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        (GET, b"\r\nhalf"),
        (get(version=b"1.0"), b"\r\nhalf"),
    ],
    ids=["counted", "chunked", "close-delimited", "close-delimited, 1.0"],
)
async def test_a_body_of_the_backend_that_stalls_is_cut(staged: Staged, request_: bytes, head: bytes) -> None:
    stage = await staged(**short(upstream_idle_body=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, request_)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n" + head)
    response = await client.response()
    assert (response.status, response.is_whole) == (200, False)
    assert await peer.is_gone()
    assert await stage.book.ends() == (200, Reason.UPSTREAM_TIMEOUT)


async def test_a_client_that_does_not_read_is_cut(staged: Staged) -> None:
    stage = await staged(buffer=8192, **short(client_body=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    with pytest.raises(ConnectionError):
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 50_000_000)
    assert await stage.book.ends() == (200, Reason.CLIENT_TIMEOUT)
    assert client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, 104)
    await until(lambda: not stage.engine.clients)


async def test_a_client_that_does_not_read_is_not_the_backends_fault(staged: Staged) -> None:
    """A download that the client holds longer than the backend may be silent goes on."""
    stage = await staged(buffer=8192, **short(upstream_idle_body=SHORT, upstream_response=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    size = 200_000
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size + 2) + b"x" * size)
    await until(lambda: any(c.is_write_paused for c in stage.engine.clients))
    held_since = stage.engine.now
    await until(lambda: stage.engine.now > held_since + 3 * SHORT)
    head = await client.head()
    await client.take(size)
    await peer.send(b"ok")
    assert (head[:12], await client.take(2)) == (b"HTTP/1.1 200", b"ok")


async def test_who_waits_too_long_for_a_place_is_told(staged: Staged) -> None:
    stage = await staged(**short(upstream_response=2 * SHORT))
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    await second.send(GET)
    response = await second.response()
    assert (response.status, b'"code": "queue_full"' in response.body) == (503, True)
    assert b"\r\nRetry-After: 1\r\n" in response.head

"""Early answers, clients that have said all, and clients that leave."""

import pytest

from corsproxy.cors.vocabulary import Reason
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, Stage, get, until

UPLOAD = b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!"


@pytest.mark.parametrize(
    "request_",
    [
        UPLOAD + b"x" * 1000,
        b"POST /up HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
    ],
    ids=["counted", "chunked"],
)
async def test_an_early_answer_gets_through_and_ends_both(stage: Stage, request_: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, request_)
    await peer.head()
    await peer.send(TOO_LARGE)
    response = await client.response()
    assert response.raw == TOO_LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert await client.ended()
    assert await peer.is_gone()
    assert stage.engine.gauges().upstream_connections_idle == 0
    assert await stage.book.ends() == (413, None)


async def test_the_rest_of_an_upload_is_read_so_that_the_answer_is_not_lost(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, UPLOAD + b"x" * 1000)
    await peer.head()
    await peer.send(TOO_LARGE)
    await client.send(b"x" * 999_000)
    assert (await client.response()).status == 413
    assert await client.ended()


async def test_an_upload_without_end_is_cut(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, UPLOAD.replace(b"1000000", b"1000000000"))
    await peer.head()
    await peer.send(TOO_LARGE)
    assert (await client.response()).status == 413
    with pytest.raises(ConnectionError):
        await client.send(b"x" * 100_000_000)


async def test_an_early_answer_that_streams_lets_the_upload_go_on(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 8\r\n\r\n")
    await peer.head()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
    assert b"Connection: close\r\n" in await client.head()
    for piece in (b"abcd", b"efgh"):
        await client.send(piece)
        assert await peer.take(4) == piece
        await peer.send(piece)
        assert await client.take(4) == piece
    assert await client.ended()


async def test_a_backend_that_resets_an_upload_it_has_answered(stage: Stage) -> None:
    """The answer was read whole: what becomes of the connection afterwards is of no interest."""
    client = await stage.connect()
    peer = await stage.ask(client, UPLOAD)
    await peer.head()
    await peer.send(TOO_LARGE)
    assert (await client.response()).status == 413
    peer.reset()
    await client.send(b"x" * 1000)
    assert await client.ended()
    assert await stage.book.ends() == (413, None)


async def test_a_client_that_has_said_all_gets_its_answer(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    client.half_close()
    await peer.request()
    await until(lambda: any(c.is_half_closed for c in stage.engine.clients))
    await peer.send(OK)
    response = await client.response()
    assert response.raw == OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert await client.ended()
    assert stage.engine.gauges().upstream_connections_idle == 1


async def test_a_client_that_has_said_all_gets_all_its_answers(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(
        client, get(b"/1") + get(b"/2") + b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"
    )
    client.half_close()
    await until(lambda: any(c.is_half_closed for c in stage.engine.clients))
    for _ in range(3):
        await peer.request()
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
    assert await client.ended()


# What a client breaks off: it gets nothing and the backend never sees a good end.
BROKEN_OFF = {
    "a head": b"GET / HTTP/1.1\r\nHost: a",
    "a counted body": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nhalf",
    "a chunked body": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
}


@pytest.mark.parametrize("how", ["half_close", "close", "reset"])
@pytest.mark.parametrize("request_", BROKEN_OFF.values(), ids=BROKEN_OFF)
async def test_a_request_broken_off(stage: Stage, request_: bytes, how: str) -> None:
    client = await stage.connect()
    await client.send(request_)
    if b"\r\n\r\n" in request_:
        peer = await stage.backend.accept()
        await peer.head()
        getattr(client, how)()
        assert not (await peer.rest_or_reset()).endswith(b"0\r\n\r\n")
        record = await stage.book.next()
        assert (record.status, record.fault, record.detail) == (0, None, "the client left before the end")
    else:
        await until(lambda: bool(stage.engine.clients))
        getattr(client, how)()
    await until(lambda: not stage.engine.clients)
    assert stage.backend.is_untouched()
    assert stage.book.is_empty


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_while_the_backend_answers(stage: Stage, how: str) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
    await client.head()
    getattr(client, how)()
    with pytest.raises(ConnectionError):
        await peer.send(b"4\r\nmore\r\n" * 10_000_000)
    record = await stage.book.next()
    assert (record.status, record.fault, record.detail) == (200, None, "the client left before the end")
    await until(lambda: stage.engine.gauges().upstream_connections_active == 0)


async def test_a_client_that_is_lost_while_the_backend_thinks(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    client.reset()
    assert await peer.is_gone()
    record = await stage.book.next()
    assert (record.status, record.fault, record.detail) == (0, None, "the client left before the end")


async def test_a_client_that_is_lost_in_the_queue_leaves_its_place(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second, third = [await stage.connect() for _ in range(3)]
    peer = await stage.ask(first, get(b"/1"))
    await peer.request()
    await second.send(get(b"/2"))
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    await third.send(get(b"/3"))
    await until(lambda: stage.engine.gauges().upstream_queue == 2)
    second.reset()
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    await peer.send(OK)
    assert (await peer.request()).head.startswith(b"GET /3 ")
    await peer.send(OK)
    assert (await third.response()).body == b"ok"
    assert [await stage.book.ends() for _ in range(3)] == [(0, None), (200, None), (200, None)]


async def test_faults_after_the_client_left_are_nobodys(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    client.reset()
    assert await peer.is_gone()
    record = await stage.book.next()
    assert record.fault is None
    assert stage.book.is_empty
    assert Reason.UPSTREAM_CLOSED not in record.notes


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    ],
    ids=["counted", "chunked"],
)
async def test_an_answer_before_a_reset_gets_through(stage: Stage, answer: bytes) -> None:
    """A server that leaves an upload unread resets: the next write fails, and what was said before is still there."""
    client = await stage.connect()
    peer = await stage.ask(
        client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 9000
    )
    await peer.head()
    (serving,) = stage.engine.clients
    assert peer.send_some(answer) == len(answer)
    peer.reset()
    serving.data_received(b"x" * 9000)  # before the loop can look at what has come
    response = await client.response()
    assert (response.status, response.body, response.is_whole) == (413, b"no", True)
    assert b"\r\nConnection: close\r\n" in response.head
    assert await client.ended()
    assert await stage.book.ends() == (413, None)


async def test_half_an_answer_before_a_reset_is_none(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(
        client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 9000
    )
    await peer.head()
    (serving,) = stage.engine.clients
    peer.send_some(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nn")
    peer.reset()
    serving.data_received(b"x" * 9000)
    response = await client.response()
    assert (response.status, response.is_whole) == (413, False)
    assert await stage.book.ends() == (413, Reason.UPSTREAM_CLOSED)

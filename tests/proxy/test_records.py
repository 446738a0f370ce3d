"""The account of each kind of end: one for each request, whole."""

import time

from corsproxy.config.settings import Limits
from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.record import Record
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, ORIGIN, RULE, Stage, get, until

EVIL_PREFLIGHT = b"Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n"


def told(record: Record) -> tuple[object, ...]:
    """Return what of a record can be known beforehand; its times are checked for sense."""
    assert record.started > 1_700_000_000
    assert 0 <= record.seconds < 60
    assert record.upstream_seconds == -1.0 or 0 <= record.upstream_seconds <= record.seconds
    assert record.added_seconds <= record.upstream_seconds or record.upstream_seconds == -1.0
    assert (record.added_seconds >= 0) or record.upstream_seconds == -1.0
    assert record.client == "127.0.0.1"
    return (
        record.status,
        record.fault,
        record.upstream_seconds >= 0,
        record.method,
        record.path,
        record.host,
        record.origin,
        record.request_bytes,
        record.response_bytes,
        record.request_id,
        record.detail,
    )


async def test_an_exchange(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    request = (
        b"PUT /p%20q?secret=1 HTTP/1.1\r\n"
        + HOST
        + b"Origin: "
        + ORIGIN
        + b"\r\nX-Request-Id: abc-1\r\nContent-Length: 4\r\n\r\nbody"
    )
    await stage.exchange(request, OK)
    record = await stage.book.next()
    assert told(record) == (200, None, True, b"PUT", b"/p%20q", b"a.example:80", ORIGIN, 4, 2, "abc-1", "")
    assert record.decision is not None
    assert (record.decision.reason, record.notes, record.removed_fields) == (Reason.ORIGIN_ALLOWED, (), ())
    assert stage.book.is_empty
    assert stage.book.connections == 1


async def test_chunked_bodies_are_counted_as_sent(stage: Stage) -> None:
    """Of a request its content; of a response its chunks, as they pass unopened."""
    request = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    chunks = b"2\r\nok\r\n0\r\n\r\n"
    await stage.exchange(request, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    record = await stage.book.next()
    assert (record.request_bytes, record.response_bytes) == (4, len(chunks))


async def test_a_body_in_pieces(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    await client.head()
    await client.take(2)
    await peer.send(b"cd")
    await client.take(2)
    assert told(await stage.book.next()) == (
        200,
        None,
        True,
        b"GET",
        b"/",
        b"a.example:80",
        None,
        0,
        4,
        "",
        "",
    )


async def test_heads_without_bodies(stage: Stage) -> None:
    await stage.exchange(GET, b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n")
    assert told(await stage.book.next()) == (
        304,
        None,
        True,
        b"GET",
        b"/",
        b"a.example:80",
        None,
        0,
        0,
        "",
        "",
    )


async def test_a_preflight(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    fields = b"Origin: " + ORIGIN + b"\r\nAccess-Control-Request-Method: PATCH\r\n"
    await client.send(get(b"/p", fields, method=b"OPTIONS"))
    assert (await client.response(b"OPTIONS")).status == 204
    record = await stage.book.next()
    assert told(record) == (204, None, False, b"OPTIONS", b"/p", b"a.example:80", ORIGIN, 0, 0, "", "")
    assert record.decision is not None
    assert record.decision.reason is Reason.METHOD_NOT_ALLOWED


async def test_a_head_that_cannot_be_read(staged: Staged) -> None:
    stage = await staged(rules=(RULE,), limits=Limits(header_count=3))
    client = await stage.connect()
    await client.send(get(b"/p?secret", b"Origin: " + ORIGIN + b"\r\nX-Request-Id: a\r\nX: y\r\n"))
    assert (await client.response()).status == 431
    record = await stage.book.next()
    assert told(record) == (
        431,
        Reason.HEAD_TOO_LARGE,
        False,
        b"GET",
        b"/p",
        b"a.example:80",
        ORIGIN,
        0,
        0,
        "a",
        "the request has too many fields",
    )


async def test_nothing_that_can_be_told(stage: Stage) -> None:
    client = await stage.connect()
    await client.send(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
    assert (await client.response()).status == 400
    record = await stage.book.next()
    assert (record.status, record.fault, record.method, record.path, record.host) == (
        400,
        Reason.BAD_REQUEST,
        b"-",
        b"/",
        b"",
    )


async def test_a_broken_answer_counts_what_was_passed_on(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    await client.head()
    peer.close()
    record = await stage.book.next()
    assert (record.status, record.fault, record.response_bytes) == (200, Reason.UPSTREAM_CLOSED, 4)


async def test_waiting_for_a_connection_is_what_the_proxy_adds(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, GET)
    await peer.request()
    await second.send(GET)
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    queued_before = time.perf_counter()
    await first.send(b"")  # any turn of the loop
    freed_after = time.perf_counter()
    await peer.send(OK)
    await peer.request()
    await peer.send(OK)
    quick, waited = await stage.book.next(), await stage.book.next()
    # The first had an idle backend; the second was in the queue at least for as long as we saw it there.
    assert 0 <= quick.added_seconds < quick.upstream_seconds
    assert freed_after - queued_before <= waited.added_seconds < waited.upstream_seconds


async def test_a_refusal_adds_nothing_to_what_the_backend_takes(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    await client.send(get(b"/", EVIL_PREFLIGHT, method=b"OPTIONS"))
    assert (await client.response()).status == 403
    record = await stage.book.next()
    assert (record.upstream_seconds, record.added_seconds) == (-1.0, -1.0)

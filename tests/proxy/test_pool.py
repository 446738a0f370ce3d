"""Connections to the backend: when one is used again, how many there are, who waits and in which order."""

import pytest

from corsproxy.proxy.exchange import Exchange
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, Peer, Stage, get, until


async def carry(client: Peer, peer: Peer, request: bytes = GET, answer: bytes = OK) -> None:
    """Carry one more exchange over connections that are open."""
    await client.send(request)
    await peer.request()
    await peer.send(answer)
    assert (await client.response()).is_whole


async def all_at_once(stage: Stage, clients: list[Peer]) -> list[Peer]:
    """Carry an exchange for each client over a connection of its own."""
    peers = []
    for client in clients:
        peers.append(await stage.ask(client, GET))
        await peers[-1].request()
    for client, peer in zip(clients, peers, strict=True):
        await peer.send(OK)
        await client.response()
    return peers


async def test_a_connection_is_used_again(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    for request in (
        GET,
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        GET,
    ):
        await carry(client, peer, request)
    await carry(
        client, peer, answer=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )
    await carry(client, peer, answer=b"HTTP/1.1 304 Not Modified\r\n\r\n")
    await carry(client, peer)
    assert stage.backend.is_untouched()


async def test_it_serves_another_client(stage: Stage) -> None:
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, GET)
    await peer.request()
    await peer.send(OK)
    assert (await first.response()).body == b"ok"
    first.close()
    await carry(second, peer)
    assert stage.backend.is_untouched()


async def test_the_one_used_last_is_used_next(stage: Stage) -> None:
    clients = [await stage.connect() for _ in range(2)]
    peers = await all_at_once(stage, clients)
    await carry(clients[0], peers[1])
    await carry(clients[0], peers[1])
    assert peers[0].has_nothing()


async def test_one_that_idled_too_long_is_closed(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(idle_timeout=0.1))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    await client.response()
    assert await peer.ended()
    fresh = await stage.ask(client, GET)
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


async def test_one_that_the_backend_closed_is_not_used(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    await client.response()
    peer.close()
    await until(lambda: stage.engine.gauges().upstream_connections_idle == 0)
    fresh = await stage.ask(client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


async def test_no_more_than_max_connections_and_first_come_first_served(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=2))
    clients = [await stage.connect() for _ in range(5)]
    for number, client in enumerate(clients):
        await client.send(get(b"/%d" % number))
        await until(
            lambda n=number: (  # type: ignore[misc]  # a default binds the loop's value
                sum(c.exchange is not None for c in stage.engine.clients) == n + 1
            )
        )
    peers = [await stage.backend.accept() for _ in range(2)]
    assert sorted([(await peer.request()).head[:6] for peer in peers]) == [b"GET /0", b"GET /1"]
    assert stage.backend.is_untouched()
    assert stage.engine.gauges().upstream_queue == 3
    assert stage.engine.gauges().upstream_connections_active == 2
    for number in (2, 3, 4):
        await peers[0].send(OK)
        assert (await peers[0].request()).head.startswith(b"GET /%d " % number)
    await peers[0].send(OK)
    await peers[1].send(OK)
    assert [(await client.response()).body for client in clients] == [b"ok"] * 5
    assert stage.engine.gauges().upstream_queue == 0


async def test_one_beyond_the_queue_is_told_to_come_again(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1, max_queue=1))
    clients = [await stage.connect() for _ in range(3)]
    peer = await stage.ask(clients[0], get(b"/0"))
    await peer.request()
    await clients[1].send(get(b"/1"))
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    await clients[2].send(get(b"/2"))
    refused = await clients[2].response()
    assert (refused.status, b"\r\nRetry-After: 1\r\n" in refused.head) == (503, True)
    assert b'"code": "queue_full"' in refused.body
    for number in (0, 1):
        await peer.send(OK)
        assert (await clients[number].response()).body == b"ok"
        if number == 0:
            assert (await peer.request()).head.startswith(b"GET /1 ")
    await carry(clients[2], peer)  # and its connection stays


async def test_a_place_that_falls_free_goes_to_who_waits(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, get(b"/1"))
    await peer.request()
    await second.send(get(b"/2"))
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    peer.close()
    assert (await first.response()).status == 502
    fresh = await stage.backend.accept()
    assert (await fresh.request()).head.startswith(b"GET /2 ")
    await fresh.send(OK)
    assert (await second.response()).body == b"ok"


async def test_one_that_has_not_taken_our_request_is_not_used(stage: Stage) -> None:
    """The backend answers an upload that still waits for it to read: who knows what it takes for a request."""
    client = await stage.connect()
    peer = await stage.ask(client, b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 16000000\r\n\r\n")
    await peer.head()
    (exchange,) = (c.exchange for c in stage.engine.clients)
    assert exchange is not None
    assert exchange.upstream is not None
    exchange.upstream.transport.set_write_buffer_limits(high=32_000_000)  # so that all of it is taken in
    await client.send(b"x" * 16_000_000)
    await until(lambda: exchange.is_sent)
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert stage.engine.gauges().upstream_connections_idle == 0
    assert await peer.is_gone()


IDEMPOTENT = {
    "GET": GET,
    "HEAD": get(method=b"HEAD"),
    "OPTIONS": get(method=b"OPTIONS"),
    "DELETE": get(method=b"DELETE"),
    "PUT with a body": b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
    "PUT with chunks": b"PUT / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
}
NOT_IDEMPOTENT = {
    "POST": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
    "POST of nothing": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    "PATCH": b"PATCH / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
    "PUT too large to be kept": b"PUT / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 70000\r\n\r\n"
    + b"x" * 70_000,
}


def has_spoken(exchange: Exchange) -> bool:
    return exchange.upstream is not None and exchange.upstream.has_spoken


async def used(stage: Stage) -> tuple[Peer, Peer]:
    """Return a client and a connection to the backend that has been used before."""
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    return client, peer


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("request_", IDEMPOTENT.values(), ids=IDEMPOTENT)
async def test_a_used_connection_that_dies_is_no_reason_to_fail(
    stage: Stage, request_: bytes, how: str
) -> None:
    client, peer = await used(stage)
    await client.send(request_)
    seen = await peer.request()
    getattr(peer, how)()
    fresh = await stage.backend.accept()
    again = await fresh.request()
    assert (again.head, again.body, again.is_whole) == (seen.head, seen.body, True)
    await fresh.send(OK)
    assert (await client.response(request_.split()[0])).status == 200


@pytest.mark.parametrize("request_", NOT_IDEMPOTENT.values(), ids=NOT_IDEMPOTENT)
async def test_what_may_have_had_an_effect_is_not_sent_again(stage: Stage, request_: bytes) -> None:
    client, peer = await used(stage)
    await client.send(request_)
    await peer.request()
    peer.close()
    response = await client.response()
    assert (response.status, b'"code": "upstream_closed"' in response.body) == (502, True)
    assert stage.backend.is_untouched()


async def test_it_is_sent_again_once(stage: Stage) -> None:
    client, peer = await used(stage)
    await client.send(GET)
    await peer.request()
    peer.close()
    fresh = await stage.backend.accept()
    await fresh.request()
    fresh.close()
    assert (await client.response()).status == 502
    assert stage.backend.is_untouched()


async def test_what_is_sent_again_waits_for_a_fresh_connection(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, peer = await used(stage)
    second = await stage.connect()
    await first.send(get(b"/1"))
    await peer.request()
    await second.send(get(b"/2"))
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    peer.close()
    between = await stage.backend.accept()
    assert (await between.request()).head.startswith(b"GET /2 ")
    await between.send(OK)
    assert (await second.response()).body == b"ok"
    fresh = await stage.backend.accept()
    assert (await fresh.request()).head.startswith(b"GET /1 ")
    await fresh.send(OK)
    assert (await first.response()).body == b"ok"
    assert await between.ended()


@pytest.mark.parametrize("request_", [NOT_IDEMPOTENT["POST"], NOT_IDEMPOTENT["POST of nothing"]])
async def test_what_waits_and_cannot_be_sent_twice_goes_over_no_connection_that_has_ended(
    staged: Staged, request_: bytes
) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, GET)
    await peer.request()
    await second.send(request_)
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    peer.send_some(OK)
    peer.close()
    assert (await first.response()).body == b"ok"
    fresh = await stage.backend.accept()
    assert (await fresh.request()).head.startswith(b"POST / ")
    await fresh.send(OK)
    assert (await second.response()).body == b"ok"


async def test_a_fresh_connection_that_dies_says_something(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    peer.close()
    assert (await client.response()).status == 502
    assert stage.backend.is_untouched()


@pytest.mark.parametrize(
    "said", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["a byte", "an interim answer"]
)
async def test_after_a_byte_of_an_answer_nothing_is_sent_again(stage: Stage, said: bytes) -> None:
    client, peer = await used(stage)
    await client.send(GET)
    await peer.request()
    await peer.send(said)
    await until(lambda: any(c.exchange and has_spoken(c.exchange) for c in stage.engine.clients))
    peer.close()
    assert (await client.response()).status == 502
    assert stage.backend.is_untouched()


async def test_all_stale_connections_at_once_cost_one_retry_each(stage: Stage) -> None:
    clients = [await stage.connect() for _ in range(3)]
    peers = await all_at_once(stage, clients)
    await clients[0].send(GET)
    await peers[2].request()
    for peer in peers:
        peer.close()
    fresh = await stage.backend.accept()
    await fresh.request()
    await fresh.send(OK)
    assert (await clients[0].response()).body == b"ok"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
async def test_what_cannot_be_sent_twice_goes_over_no_connection_that_has_ended(
    stage: Stage, said: bytes
) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    await client.response()
    # The end and the request come in one turn of the loop, and the request is looked at first.
    (connection,) = stage.engine.clients
    peer.send_some(said)
    peer.close()
    connection.data_received(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody")
    fresh = await stage.backend.accept()
    assert (await fresh.request()).body == b"body"
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"

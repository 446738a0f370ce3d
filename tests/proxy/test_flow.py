"""Flow: each side holds the other, what is in between is bounded, and nothing waits that could move on.

Sockets have small buffers here, so that what was accepted tells what is held in the middle.
"""

import asyncio

import pytest

from corsproxy.proxy.upstream import BULK_READS
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, ORIGIN, RULE, Peer, Stage, get, until

SMALL = 8192  # what the kernel holds for each end of a client's connection
BOUND = 512 * 1024  # what the proxy may hold of one exchange: a read, and what it stops at
BODY = bytes(range(256)) * 32 * 1024  # 8 MiB: more than any kernel takes in for a peer that does not read
PREFLIGHT = (
    b"OPTIONS /p HTTP/1.1\r\n"
    + HOST
    + b"Origin: "
    + ORIGIN
    + b"\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://app.example\r\n"
    b"Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Methods: GET, PUT, DELETE\r\n"
)


async def fill(peer: Peer, data: bytes) -> int:
    """Send until nobody takes any more; return how much was taken."""
    sent = 0
    idle_turns = 0
    while sent < len(data) and idle_turns < 200:
        took = peer.send_some(data[sent : sent + 65536])
        sent += took
        idle_turns = 0 if took else idle_turns + 1
        await asyncio.sleep(0)
    return sent


def held(stage: Stage) -> int:
    """Return how many bytes the proxy holds for its clients, in either direction."""
    total = 0
    for client in stage.engine.clients:
        total += len(client._buffer) + client.transport.get_write_buffer_size()
        if client.exchange is not None:
            kept = client.exchange._kept
            total += len(kept._content) if kept is not None else 0
            if client.exchange.upstream is not None:
                total += client.exchange.upstream.transport.get_write_buffer_size()
    return total


async def finish(peer: Peer, data: bytes) -> None:
    """Send what `fill` left over, piece by piece, as long as it takes."""
    for at in range(0, len(data), 1 << 20):
        await peer.send(data[at : at + (1 << 20)])


async def test_pipelined_preflights_of_a_client_that_reads_late(staged: Staged) -> None:
    stage = await staged(rules=(RULE,), buffer=SMALL)
    client = await stage.connect()
    count = 10_000
    requests = PREFLIGHT * count
    sent = await fill(client, requests)
    assert held(stage) < BOUND
    assert sent < len(requests)
    async with asyncio.TaskGroup() as group:
        group.create_task(finish(client, requests[sent:]))
        first = await client.head()
        rest = await client.take((count - 1) * len(first))
    assert first.startswith(ANSWER)
    assert rest.count(ANSWER) == count - 1
    assert client.has_nothing()


async def test_a_client_that_has_said_all_and_reads_late_gets_all(staged: Staged) -> None:
    stage = await staged(rules=(RULE,), buffer=SMALL)
    client = await stage.connect()
    count = 700
    await client.send(PREFLIGHT * count)
    client.half_close()
    await until(lambda: any(c.is_half_closed for c in stage.engine.clients))
    got = await client.rest()
    assert got.count(ANSWER) == count
    assert got.count(b"Connection: close\r\n") == 1


@pytest.mark.parametrize("framing", ["counted", "chunked", "close-delimited"])
@pytest.mark.parametrize("reads", [1, BULK_READS])
async def test_a_slow_client_holds_the_backend(
    staged: Staged, framing: str, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With 1, every large read waits for its turn, and so does the one at which the client has had enough.
    monkeypatch.setattr("corsproxy.proxy.upstream.BULK_READS", reads)
    stage = await staged(buffer=SMALL)
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    head = {
        "counted": b"Content-Length: %d\r\n\r\n" % len(BODY),
        "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY),
        "close-delimited": b"\r\n",
    }[framing]
    end = b"\r\n0\r\n\r\n" if framing == "chunked" else b""
    answer = b"HTTP/1.1 200 OK\r\n" + head + BODY + end
    sent = await fill(peer, answer)
    assert held(stage) < BOUND
    assert sent < len(answer)

    async def finish_and_close() -> None:
        await finish(peer, answer[sent:])
        if framing == "close-delimited":
            peer.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(finish_and_close())
        response = await client.response()
    assert (response.is_whole, response.body == BODY) == (True, True)
    await client.send(GET)
    again = await stage.backend.accept() if framing == "close-delimited" else peer
    await again.request()
    await again.send(OK)
    assert (await client.response()).body == b"ok"


def hold_early(stage: Stage) -> None:
    """Let each client's connection count as full after a kilobyte, so that one read can fill it."""
    for client in stage.engine.clients:
        client.transport.set_write_buffer_limits(high=1024)


async def test_the_end_of_an_answer_that_waits_for_its_client_frees_the_backend(staged: Staged) -> None:
    """The last bytes of a response wait for a slow client; another client uses the connection meanwhile."""
    stage = await staged(buffer=SMALL)
    slow, other = await stage.connect(), await stage.connect()
    peer = await stage.ask(slow, GET)
    await peer.request()
    hold_early(stage)
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
    await until(lambda: stage.engine.gauges().upstream_connections_idle == 1)
    await until(lambda: any(client.is_write_paused for client in stage.engine.clients))
    await other.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await other.response()).body == b"ok"
    assert len((await slow.response()).body) == 60_000


async def test_what_is_pipelined_behind_an_answer_that_waits_is_not_asked_for(staged: Staged) -> None:
    stage = await staged(buffer=SMALL)
    client = await stage.connect()
    peer = await stage.ask(client, GET + GET)
    await peer.request()
    hold_early(stage)
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
    await until(lambda: stage.engine.gauges().upstream_connections_idle == 1)
    assert peer.has_nothing()
    assert len((await client.response()).body) == 60_000
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize("framing", ["counted", "chunked"])
async def test_a_slow_backend_holds_the_client(staged: Staged, framing: str) -> None:
    stage = await staged(buffer=SMALL)
    client = await stage.connect()
    head = b"PUT / HTTP/1.1\r\n" + HOST
    if framing == "counted":
        request = head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    else:
        request = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    sent = await fill(client, request)
    assert held(stage) < BOUND
    assert sent < len(request)
    peer = await stage.backend.accept()
    async with asyncio.TaskGroup() as group:
        group.create_task(finish(client, request[sent:]))
        got = await peer.request()
    assert (got.is_whole, got.body == BODY) == (True, True)
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_an_upload_waits_outside_until_a_connection_is_free(staged: Staged) -> None:
    stage = await staged(buffer=SMALL)
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, GET)
    await peer.request()
    request = b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    sent = await fill(second, request)
    assert held(stage) < BOUND
    assert sent < len(request)
    await peer.send(OK)
    assert (await first.response()).body == b"ok"
    async with asyncio.TaskGroup() as group:
        group.create_task(finish(second, request[sent:]))
        assert (await peer.request()).body == BODY
    await peer.send(OK)
    assert (await second.response()).body == b"ok"


async def test_events_pass_at_once(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(b"/events", b"Accept: text/event-stream\r\n"))
    await peer.request()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    await peer.send(head + b"\r\n")
    assert await client.head() == head + b"Transfer-Encoding: chunked\r\n\r\n"
    for number in range(3):
        event = b"data: %d\n\n" % number
        await peer.send(event)
        assert await client.take(14) == b"9\r\n" + event + b"\r\n"


async def test_pieces_of_a_counted_body_pass_at_once(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    await client.head()
    for piece in (b"ab", b"cd"):
        await peer.send(piece)
        assert await client.take(2) == piece

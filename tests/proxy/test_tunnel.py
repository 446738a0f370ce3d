"""WebSocket: the handshake, the tunnel after it, and how each of its ends reaches the other side."""

import asyncio
from dataclasses import replace

import pytest

from corsproxy.config.settings import Timeouts
from corsproxy.cors.vocabulary import Kind, Reason
from corsproxy.proxy.laggards import Laggards
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import BOUND, fill
from tests.proxy.wire import FORWARDED, GET, HOST, NONE_OPEN, OK, ORIGIN, RULE, Peer, Stage, get, until
from tests.steady import skip

KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
ASK = b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + KEY
HANDSHAKE = get(b"/ws", ASK)
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzhZRbK+xOo=\r\n"
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + ACCEPT + b"\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\n" + ACCEPT + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)
H11_FIELDS = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


async def switched(stage: Stage, early: bytes = b"") -> tuple[Peer, Peer]:
    """Return both ends of a tunnel."""
    client = await stage.connect()
    peer = await stage.ask(client, HANDSHAKE)
    await peer.head()
    await peer.send(SWITCH + early)
    response = await client.response(fields=H11_FIELDS)
    assert response.head == SWITCHED
    return client, peer


async def test_the_handshake_reaches_the_backend(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(
        client, get(b"/ws", b"Sec-WebSocket-Protocol: a, b\r\n" + ASK.replace(b"websocket", b"WebSocket"))
    )
    assert await peer.head() == (
        b"GET /ws HTTP/1.1\r\n"
        + HOST
        + b"Sec-WebSocket-Protocol: a, b\r\n"
        + KEY
        + FORWARDED
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )


async def test_bytes_pass_both_ways_untouched(stage: Stage) -> None:
    client, peer = await switched(stage)
    for up, down in (
        (b"\x81\x02hi", b"\x00\xff"),
        (b"HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"),
        (b"\r\n", b"0\r\n\r\n"),
    ):
        await client.send(up)
        assert await peer.take(len(up)) == up
        await peer.send(down)
        assert await client.take(len(down)) == down
    assert stage.engine.gauges().tunnels == 1


async def test_bytes_that_come_with_the_handshake_pass(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, HANDSHAKE + b"early up")
    await peer.head()
    assert peer.has_nothing()  # not before the backend has agreed
    await peer.send(SWITCH + b"early down")
    assert (await client.response(fields=H11_FIELDS)).head == SWITCHED
    assert await client.take(10) == b"early down"
    assert await peer.take(8) == b"early up"


async def test_many_bytes_that_come_with_the_handshake_pass(stage: Stage) -> None:
    client = await stage.connect()
    early = bytes(range(256)) * 4096  # 1 MiB: more than is read ahead
    sending = asyncio.ensure_future(client.send(HANDSHAKE + early))
    peer = await stage.backend.accept()
    await peer.head()
    await until(lambda: any(c._held_by_buffer for c in stage.engine.clients))
    await peer.send(SWITCH)
    assert await peer.take(len(early)) == early
    await sending
    await client.send(b"more")
    assert await peer.take(4) == b"more"


async def test_an_end_is_passed_on_as_an_end(stage: Stage) -> None:
    client, peer = await switched(stage)
    await client.send(b"last words")
    client.half_close()
    assert await peer.rest() == b"last words"
    await peer.send(b"answer to them")
    peer.half_close()
    assert await client.rest() == b"answer to them"
    record = await stage.book.next()
    assert (record.status, record.fault, record.request_bytes, record.response_bytes) == (101, None, 10, 14)
    assert 0 <= record.added_seconds <= record.upstream_seconds <= record.seconds
    assert stage.engine.gauges().tunnels == 0


async def test_the_backends_end_is_passed_on_as_an_end(stage: Stage) -> None:
    client, peer = await switched(stage)
    await peer.send(b"last words")
    peer.half_close()
    assert await client.rest() == b"last words"
    await client.send(b"answer to them")
    client.half_close()
    assert await peer.rest() == b"answer to them"
    await until(lambda: stage.engine.gauges().tunnels == 0)


async def test_an_end_with_the_handshake_is_passed_on(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, HANDSHAKE + b"all there is")
    await peer.head()
    client.half_close()
    await until(lambda: any(c.is_half_closed for c in stage.engine.clients))
    await peer.send(SWITCH)
    assert (await client.response(fields=H11_FIELDS)).head == SWITCHED
    assert await peer.rest() == b"all there is"


async def test_a_client_that_resets(stage: Stage) -> None:
    client, peer = await switched(stage)
    client.reset()
    assert await peer.was_reset()
    assert await stage.book.ends() == (101, None)


async def test_a_backend_that_resets(stage: Stage) -> None:
    client, peer = await switched(stage)
    peer.reset()
    assert await client.was_reset()
    assert await stage.book.ends() == (101, None)


@pytest.mark.parametrize("side", ["client", "backend"])
async def test_a_side_that_closes_without_reading_on(stage: Stage, side: str) -> None:
    ends = await switched(stage)
    leaving, staying = ends if side == "client" else ends[::-1]
    leaving.close()
    assert await staying.ended()
    await staying.send(b"into the void")
    staying.close()
    assert await stage.book.ends() == (101, None)


async def test_silence_ends_it(staged: Staged) -> None:
    stage = await staged(timeouts=Timeouts(tunnel_idle=0.2))
    client, peer = await switched(stage)
    assert await client.is_gone()
    assert await peer.is_gone()
    assert await stage.book.ends() == (101, None)


async def test_ordinary_timeouts_do_not_end_it(staged: Staged) -> None:
    others = Timeouts(
        client_header=10, client_body=10, client_idle=10, upstream_response=10, upstream_idle_body=10
    )
    stage = await staged(timeouts=others)
    client, peer = await switched(stage)
    for _ in range(4):
        since = stage.engine.now
        skip(10)
        await until(lambda since=since: stage.engine.now >= since + 10)  # type: ignore[misc]
    await client.send(b"up")
    assert await peer.take(2) == b"up"
    await peer.send(b"down")
    assert await client.take(4) == b"down"


@pytest.mark.parametrize("side", ["client", "backend"])
async def test_a_side_that_does_not_read_holds_the_other(staged: Staged, side: str) -> None:
    stage = await staged(buffer=8192)
    ends = await switched(stage)
    reading, sending = ends if side == "client" else ends[::-1]
    data = bytes(range(256)) * 32 * 1024
    sent = await fill(sending, data)
    assert sent < len(data)
    (client,) = stage.engine.clients
    assert client.tunnel is not None
    for transport in (client.transport, client.tunnel._upstream.transport):
        assert transport.get_write_buffer_size() < BOUND
    async with asyncio.TaskGroup() as group:
        group.create_task(sending.send(data[sent:]))
        assert await reading.take(len(data)) == data


@pytest.mark.parametrize("side", ["client", "backend"])
async def test_what_is_due_to_a_side_that_never_reads_ends_with_idleness(staged: Staged, side: str) -> None:
    stage = await staged(buffer=8192, timeouts=Timeouts(tunnel_idle=0.3))
    ends = await switched(stage)
    silent, sending = ends if side == "client" else ends[::-1]
    await fill(sending, bytes(8 * 1024 * 1024))
    sending.close()
    await until(lambda: stage.engine.gauges() == NONE_OPEN)
    assert await silent.is_gone()


async def test_a_client_that_the_backend_outpaces_is_not_taken_for_idle(staged: Staged) -> None:
    """While others wait for a connection: how much of a tunnel's bytes it has taken is not counted."""
    stage = await staged(buffer=8192)
    client, peer = await switched(stage)
    data = bytes(range(256)) * 32 * 1024
    sent = await fill(peer, data)
    (connection,) = stage.engine.clients
    assert connection.is_write_paused
    laggards = Laggards()
    for now in (1000.0, 2000.0, 3000.0):
        laggards.look(now, stage.engine.clients, is_want=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.send(data[sent:]))
        assert await client.take(len(data)) == data
    assert stage.book.is_empty


DECLINED = {
    "400": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno",
    "200": OK,
    "426": b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nSec-WebSocket-Version: 13\r\n\r\n",
}


@pytest.mark.parametrize("answer", DECLINED.values(), ids=DECLINED)
async def test_an_upgrade_declined_is_an_ordinary_answer(stage: Stage, answer: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, HANDSHAKE)
    await peer.head()
    await peer.send(answer)
    assert (await client.response()).raw == answer
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).raw == OK


NOT_WEBSOCKET = {
    "another protocol": SWITCH.replace(b"websocket", b"h2c"),
    "no protocol": SWITCH.replace(b"Upgrade: websocket\r\n", b""),
}


@pytest.mark.parametrize("answer", NOT_WEBSOCKET.values(), ids=NOT_WEBSOCKET)
async def test_a_switch_to_something_else_is_bad(stage: Stage, answer: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, HANDSHAKE)
    await peer.head()
    await peer.send(answer)
    response = await client.response(fields=H11_FIELDS)
    assert (response.status, b'"code": "upstream_invalid"' in response.body) == (502, True)
    assert await peer.is_gone()


async def test_origins_are_checked(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    await client.send(get(b"/ws", ASK + b"Origin: https://evil.example\r\n"))
    response = await client.response()
    assert (response.status, b'"code": "websocket_origin_not_allowed"' in response.body) == (403, True)
    assert stage.backend.is_untouched()
    record = await stage.book.next()
    assert record.decision is not None
    assert (record.decision.kind, record.decision.reason) == (
        Kind.WEBSOCKET,
        Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED,
    )
    peer = await stage.ask(client, get(b"/ws", ASK + b"Origin: " + ORIGIN + b"\r\n"))
    await peer.head()
    await peer.send(SWITCH.replace(ACCEPT, ACCEPT + b"Access-Control-Allow-Origin: *\r\n"))
    assert (await client.response(fields=H11_FIELDS)).head == SWITCHED


async def test_origins_are_not_checked_where_the_rule_says_so(staged: Staged) -> None:
    stage = await staged(rules=(replace(RULE, websocket=False),))
    client = await stage.connect()
    peer = await stage.ask(client, get(b"/ws", ASK + b"Origin: https://evil.example\r\n"))
    await peer.head()
    await peer.send(SWITCH)
    assert (await client.response(fields=H11_FIELDS)).head == SWITCHED


async def test_tunnels_count_as_connections(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    client, peer = await switched(stage)
    other = await stage.connect()
    await other.send(GET)
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    client.close()
    peer.close()
    fresh = await stage.backend.accept()
    await fresh.request()
    await fresh.send(OK)
    assert (await other.response()).body == b"ok"

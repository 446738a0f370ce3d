"""What arrives between, across and at the end of turns: nothing is lost, doubled, reordered or left waiting."""

import asyncio

import pytest

from tests.proxy.conftest import Staged
from tests.proxy.test_fairness import BACKLOG
from tests.proxy.test_flow import ANSWER, PREFLIGHT
from tests.proxy.wire import GET, HOST, OK, RULE, Stage, get, until

UPLOAD = b"PUT /up HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
SMALL = b"1\r\nx\r\n" * 3_000 + b"0\r\n\r\n"
UPGRADE = get(
    b"/ws",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 61, 1_021, 65_521])
async def test_pipelined_requests_cut_anywhere(staged: Staged, size: int) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    count = 20 if size < 61 else 200
    flood = PREFLIGHT * count
    async with asyncio.TaskGroup() as group:

        async def send() -> None:
            for at in range(0, len(flood), size):
                await client.send(flood[at : at + size])
                await asyncio.sleep(0)

        group.create_task(send())
        first = await client.head()
        rest = await client.take((count - 1) * len(first))
    assert (first + rest).count(ANSWER) == count
    assert client.has_nothing()


@pytest.mark.parametrize("before", [0, 7, 8, 9, 16, 17])
async def test_a_body_of_small_chunks_between_pipelined_requests(staged: Staged, before: int) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(PREFLIGHT * before + UPLOAD + SMALL + PREFLIGHT * before + GET))
        for _ in range(before):
            assert (await client.response(b"OPTIONS")).status in {200, 204}
        peer = await stage.backend.accept()
        assert (await peer.request()).body == b"x" * 3_000
    await peer.send(OK)
    assert (await client.response(b"PUT")).body == b"ok"
    for _ in range(before):
        assert (await client.response(b"OPTIONS")).status in {200, 204}
    assert (await peer.request()).body == b""
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert client.has_nothing()


async def test_an_upload_that_was_sent_far_ahead_is_read_to_its_end(stage: Stage) -> None:
    """The client is not read while it waits behind another request; its small chunks take turns; then it is read on."""
    client = await stage.connect()
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(GET + UPLOAD + b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n"))
        peer = await stage.backend.accept()
        await peer.request()
        await until(lambda: all(one._held_by_buffer for one in stage.engine.clients))
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
        assert (await peer.request()).body == b"x" * 40_000
    await peer.send(OK)
    assert (await client.response(b"PUT")).body == b"ok"


async def test_what_looks_like_a_request_inside_a_body_is_none(stage: Stage) -> None:
    """Chunks that hold a request, cut between two turns, stay a body."""
    client = await stage.connect()
    inner = get(b"/smuggled")
    body = b"1\r\nx\r\n" * 511 + b"%x\r\n%b\r\n" % (len(inner), inner) + b"1\r\nx\r\n" * 600 + b"0\r\n\r\n"
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(UPLOAD + body + get(b"/next")))
        peer = await stage.backend.accept()
        assert (await peer.request()).body == b"x" * 511 + inner + b"x" * 600
    await peer.send(OK)
    assert (await client.response(b"PUT")).body == b"ok"
    assert (await peer.head()).startswith(b"GET /next ")


async def test_a_client_that_half_closes_behind_small_chunks_gets_its_answers(stage: Stage) -> None:
    client = await stage.connect()
    async with asyncio.TaskGroup() as group:

        async def send() -> None:
            await client.send(UPLOAD + SMALL + GET)
            client.half_close()

        group.create_task(send())
        peer = await stage.backend.accept()
        assert len((await peer.request()).body) == 3_000
    await peer.send(OK)
    assert (await client.response(b"PUT")).body == b"ok"
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert await client.ended()


async def test_a_client_that_breaks_off_among_small_chunks_ends_its_request(stage: Stage) -> None:
    client = await stage.connect()
    await client.send(UPLOAD + SMALL[:9_000])
    client.half_close()
    peer = await stage.backend.accept()
    assert not (await peer.rest_or_reset()).endswith(b"0\r\n\r\n")
    await until(lambda: not stage.engine.clients)


async def test_a_drain_between_two_turns_lets_the_upload_end(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, UPLOAD)
    await peer.head()
    (serving,) = stage.engine.clients
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(BACKLOG + b"0\r\n\r\n"))
        await until(lambda: serving._held_by_turn)
        group.create_task(stage.engine.drain())
        got = b""
        while not got.endswith(b"\r\n0\r\n\r\n"):
            got += await peer.some()
        assert got.count(b"x") == 100_000
        await peer.send(OK)
        assert (await client.response(b"PUT")).body == b"ok"
        assert await client.ended()


async def test_a_drain_between_two_turns_answers_once_more_and_says_close(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    await client.send(PREFLIGHT * 200)
    await until(lambda: stage.engine.clients != set())
    (serving,) = stage.engine.clients
    await until(lambda: serving._held_by_turn)
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.engine.drain())
        got = await client.rest_or_reset()
        client.close()
    assert got.count(b"Connection: close\r\n") == 1
    assert b"HTTP/1.1 " not in got.rpartition(b"Connection: close\r\n")[2]


async def test_expect_before_small_chunks(stage: Stage) -> None:
    client = await stage.connect()
    head = UPLOAD[:-2] + b"Expect: 100-continue\r\n\r\n"
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(head + SMALL + GET))
        peer = await stage.backend.accept()
        assert len((await peer.request()).body) == 3_000
    await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    got = b""
    while not got.endswith(b"ok"):
        got += await client.some()
    assert got.count(b"HTTP/1.1 200 ") == 1
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize("before", [0, 7, 8, 9, 20])
async def test_an_upgrade_behind_pipelined_requests_has_all_that_follows(staged: Staged, before: int) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    early = b"frames" * 1_000
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(PREFLIGHT * before + UPGRADE + early))
        for _ in range(before):
            assert (await client.response(b"OPTIONS")).status in {200, 204}
        peer = await stage.backend.accept()
        assert (await peer.head()).startswith(b"GET /ws ")
    await peer.send(SWITCH + b"hello")
    assert (await client.head()).startswith(b"HTTP/1.1 101 ")
    assert await client.take(5) == b"hello"
    assert await peer.take(len(early)) == early
    await client.send(b"more")
    assert await peer.take(4) == b"more"


async def test_a_connection_is_used_again_after_an_answer_of_small_chunks(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    for turn in range(3):
        if turn:
            await client.send(GET)
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + SMALL)
        assert len((await client.response()).body) == 3_000
        await until(lambda: stage.engine.pool.idle == 1)


async def test_bytes_behind_an_answer_of_small_chunks_end_its_connection(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + SMALL + OK)
    assert len((await client.response()).body) == 3_000
    assert await peer.is_gone()
    await client.send(GET)
    other = await stage.backend.accept()
    await other.request()
    await other.send(OK)
    assert (await client.response()).body == b"ok"

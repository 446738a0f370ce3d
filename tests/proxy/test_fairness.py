"""Others are served meanwhile: what one connection gets done in one turn of the event loop is bounded.

Turns are counted, not time: between two of them nobody else gets a word in, however much one client has sent.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from corsproxy.config.settings import Timeouts
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import ANSWER, PREFLIGHT
from tests.proxy.wire import GET, HOST, OK, RULE, Stage, until

# Of one connection, in one turn: what was left over from the last turn, and a read of this one.
HEADS = 2 * 8
CHUNKS = 2 * 512
BACKLOG = b"1\r\nx\r\n" * 100_000


@contextmanager
def turns(count: Callable[[], int]) -> Iterator[list[int]]:
    """Collect by how much a count grows in each turn of the loop."""
    loop = asyncio.get_running_loop()
    grown: list[int] = []
    before = count()
    handle = loop.call_soon(lambda: None)

    def look() -> None:
        nonlocal before, handle
        now = count()
        if now != before:
            grown.append(now - before)
        before = now
        handle = loop.call_soon(look)

    handle = loop.call_soon(look)
    try:
        yield grown
    finally:
        handle.cancel()
        look()
        handle.cancel()


def answered(stage: Stage) -> int:
    return stage.book._records.qsize()


async def test_pipelined_requests_are_answered_a_few_in_a_turn(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    count = 3_000
    with turns(lambda: answered(stage)) as grown:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(PREFLIGHT * count))
            first = await client.head()
            rest = await client.take((count - 1) * len(first))
    assert (first + rest).count(ANSWER) == count
    assert sum(grown) == answered(stage) == count
    assert max(grown) <= HEADS


async def test_another_client_has_its_turn_among_pipelined_requests(staged: Staged) -> None:
    """It sends after the flood has come to the kernel, and need not wait for the flood's end."""
    stage = await staged(rules=(RULE,))
    greedy, other = await stage.connect(), await stage.connect()
    flood = PREFLIGHT * 1_000
    sent = 0
    while sent < len(flood):
        sent += greedy.send_some(flood[sent:])
        if sent < len(flood):
            await asyncio.sleep(0)
    before = answered(stage)
    await other.send(PREFLIGHT)
    assert (await other.head()).startswith(ANSWER)
    assert answered(stage) - before < 1_000


async def test_those_that_are_refused_are_no_different(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    refused = PREFLIGHT.replace(b"https://app.example", b"https://evil.example")
    with turns(lambda: answered(stage)) as grown:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(refused * 1_000))
            for _ in range(1_000):
                assert (await client.response(b"OPTIONS")).status == 403
    assert sum(grown) == 1_000
    assert max(grown) <= HEADS


async def test_of_large_heads_a_turn_has_fewer(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    large = PREFLIGHT[:-2] + b"Y: " + b"y" * 30_000 + b"\r\n\r\n"
    with turns(lambda: answered(stage)) as grown:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(large * 200))
            first = await client.head()
            rest = await client.take(199 * len(first))
    assert (first + rest).count(ANSWER) == 200
    assert sum(grown) == 200
    assert max(grown) <= 2


async def test_a_client_that_half_closes_behind_its_pipeline_gets_all(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    await client.send(PREFLIGHT * 200)
    client.half_close()
    got = await client.rest()
    assert got.count(ANSWER) == 200
    assert got.count(b"Connection: close\r\n") <= 1


async def test_a_client_that_leaves_between_its_turns(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    await client.send(PREFLIGHT * 500)
    await until(lambda: answered(stage) >= HEADS)
    client.reset()
    await until(lambda: not stage.engine.clients)
    await asyncio.sleep(0)  # what was due is not done any more
    before = answered(stage)
    await asyncio.sleep(0)
    assert answered(stage) == before


async def test_one_byte_chunks_of_an_upload(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    await peer.head()
    (serving,) = stage.engine.clients
    exchange = serving.exchange
    assert exchange is not None
    with turns(lambda: exchange.request_bytes) as grown:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(BACKLOG + b"0\r\n\r\n" + GET))
            got = b""
            while not got.endswith(b"\r\n0\r\n\r\n"):
                got += await peer.some()
    assert got.count(b"x") == sum(grown) == 100_000
    assert max(grown) <= CHUNKS
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    peer = await stage.backend.accept()
    await peer.request()  # what came behind it was not lost
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_one_byte_chunks_that_come_with_their_head(stage: Stage) -> None:
    client = await stage.connect()
    head = b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(head + BACKLOG + b"0\r\n\r\n" + GET))
        peer = await stage.backend.accept()
        assert len((await peer.request()).body) == 100_000
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    peer = await stage.backend.accept()
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_one_byte_chunks_after_the_answer(stage: Stage) -> None:
    """A backend that answers early: the rest of the upload is nobody's, and its turns end."""
    client = await stage.connect()
    peer = await stage.ask(client, b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    await peer.head()
    await client.send(BACKLOG[:60_000])
    await peer.send(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n")
    assert (await client.response()).status == 413
    assert await client.ended()


async def test_one_byte_chunks_of_an_answer(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    (serving,) = stage.engine.clients
    exchange = serving.exchange
    assert exchange is not None
    with turns(lambda: exchange.response_bytes) as grown:
        async with asyncio.TaskGroup() as group:
            answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + BACKLOG + b"0\r\n\r\n"
            group.create_task(peer.send(answer))
            response = await client.response()
    assert (response.is_whole, len(response.body)) == (True, 100_000)
    assert max(grown) <= CHUNKS * 6
    await client.send(GET)  # and the connection is used again
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_one_byte_chunks_of_a_backend_that_closes_behind_them(stage: Stage) -> None:
    for end, is_whole in ((b"0\r\n\r\n", True), (b"", False)):
        client = await stage.connect()
        peer = await stage.ask(client, GET)
        await peer.request()
        async with asyncio.TaskGroup() as group:
            answer = (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + BACKLOG + end
            )

            async def send_and_close(text: bytes = answer, to: object = peer) -> None:
                await to.send(text)  # type: ignore[attr-defined]
                to.close()  # type: ignore[attr-defined]

            group.create_task(send_and_close())
            response = await client.response()
        assert (response.is_whole, len(response.body)) == (is_whole, 100_000)


BULK = 2 * 2 * 256 * 1024  # bytes of a body: two reads of the loop, twice
LARGE = bytes(30_000_000)


async def test_a_large_answer(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    (serving,) = stage.engine.clients
    exchange = serving.exchange
    assert exchange is not None
    with turns(lambda: exchange.response_bytes) as grown:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE) + LARGE)
            )
            response = await client.response()
    assert (response.is_whole, len(response.body)) == (True, len(LARGE))
    assert max(grown) <= BULK
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_a_large_upload(stage: Stage) -> None:
    client = await stage.connect()
    head = b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(LARGE)
    peer = await stage.ask(client, head)
    await peer.head()
    (serving,) = stage.engine.clients
    exchange = serving.exchange
    assert exchange is not None
    with turns(lambda: exchange.request_bytes) as grown:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(LARGE + GET))
            left = len(LARGE)
            while left:
                left -= len(await peer.take(min(left, 1 << 20)))
    assert max(grown) <= BULK
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    peer = await stage.backend.accept()
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_heads_that_time_out_together_are_answered_in_several_turns(staged: Staged) -> None:
    stage = await staged()
    clients = [await stage.connect() for _ in range(600)]
    for client in clients:
        await client.send(GET[:-2])
    await until(lambda: all(client.head_since for client in stage.engine.clients))
    stage.engine.adopt(replace(stage.settings, timeouts=Timeouts(client_header=0.05)))
    with turns(lambda: answered(stage)) as grown:
        assert {(await client.response()).status for client in clients} == {408}
    assert sum(grown) == 600
    assert max(grown) <= 256

"""Greedy clients in the small: what is held for each, counted in bytes. `python -m bench greedy` does it in the large.

What one turn of the loop may take is in test_fairness, who is cut for others' sake in test_laggards, what uploads may
have in test_uploads_share, and handshakes in test_tls_listener.
"""

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from corsproxy.config.settings import Limits, Log
from corsproxy.cors.vocabulary import Reason
from corsproxy.observe.observer import WorkerObserver
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import ANSWER, PREFLIGHT, held
from tests.proxy.wire import GET, HOST, OK, RULE, Peer, Stage, get, until

READ = 256 * 1024  # what a loop reads at once
IDLE = 8 * 1024  # bytes of an idle connection, as the design allows
SOCKETS = 4  # of Python's own, at both ends of each connection of a test


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def in_use() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def answered_once(stage: Stage, client: Peer, peer: Peer | None) -> Peer:
    if peer is None:
        peer = await stage.ask(client, GET)
    else:
        await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    return peer


@pytest.mark.usefixtures("traced")
async def test_idle_connections(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    clients = [await stage.connect() for _ in range(20)]
    peer = None
    for client in clients:  # what is made once for all is made now
        peer = await answered_once(stage, client, peer)
    before = in_use()
    more = [await stage.connect() for _ in range(300)]
    for client in more:
        peer = await answered_once(stage, client, peer)
    assert stage.engine.gauges().client_connections == 320
    assert stage.backend.is_untouched()
    while not stage.book.is_empty:
        await stage.book.next()
    assert (in_use() - before) / len(more) < IDLE


async def test_a_request_line_of_ten_megabytes(staged: Staged) -> None:
    stage = await staged()
    client = await stage.connect()
    line = memoryview(b"GET /" + b"a" * 10_000_000)
    sent = most = 0
    try:
        while sent < len(line):
            await client.send(bytes(line[sent : sent + 65_536]))
            sent += 65_536
            most = max(most, held(stage))
    except ConnectionError:
        pass  # after 4 MiB nobody listens any more
    assert most <= Limits().header_bytes + READ + 1_000  # the last is our answer
    assert sent < 10_000_000
    assert await stage.book.ends() == (414, Reason.HEAD_TOO_LARGE)
    await until(lambda: not stage.engine.clients)
    assert stage.book.is_empty
    assert stage.backend.is_untouched()


COMMAS = {
    "8 KiB of commas": b"," * 8192,
    "4 KiB of commas": b"," * 4096,
    "256 empty names": b"," * 256,
    "as many names as fit": b",".join(b"x%d" % n for n in range(1_400)),
    "blanks and commas": b", \t" * 2_700,
}


@pytest.mark.parametrize("asked", COMMAS.values(), ids=COMMAS)
async def test_absurd_lists_of_fields_change_nothing_in_the_answer(staged: Staged, asked: bytes) -> None:
    stage = await staged(rules=(RULE, replace(RULE, name="all", allow_headers=("*",), paths=("/all",))))
    client = await stage.connect()
    await client.send(PREFLIGHT)
    plain = await client.head()
    assert plain.startswith(ANSWER)
    await client.send(PREFLIGHT[:-2] + b"Access-Control-Request-Headers: " + asked + b"\r\n\r\n")
    assert await client.head() == plain
    await client.send(
        PREFLIGHT[:-2].replace(b" /p ", b" /all ") + b"Access-Control-Request-Headers: " + asked + b"\r\n\r\n"
    )
    assert len(await client.head()) < len(plain) + 4096
    assert stage.backend.is_untouched()


@pytest.mark.usefixtures("traced")
async def test_ever_new_origins_leave_nothing_behind(staged: Staged, tmp_path: Path) -> None:
    """One line each in the log, of a bounded length, and nothing that grows with their number."""
    stage = await staged(rules=(RULE,))
    settings = replace(stage.settings, log=Log(access="refused"))
    log = tmp_path / "log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    observer = WorkerObserver(settings, descriptor)
    stage.engine.observer = observer
    client = await stage.connect()
    number = 0

    async def flood(count: int) -> None:
        """Send them all, and read as many answers, which are all as long."""
        nonlocal number
        origins = [b"https://%06x.%b.example" % (number + n, b"a" * 40) for n in range(count)]
        number += count
        flooding = b"".join(PREFLIGHT.replace(b"https://app.example", origin) for origin in origins)
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(flooding))
            first = await client.head()
            body = int(first.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            rest = await client.take(body + (count - 1) * (len(first) + body))
        assert (first + rest).count(b"HTTP/1.1 403 Forbidden\r\n") == count
        observer.snapshot(stage.engine.gauges())

    await flood(1_500)
    before = in_use()
    await flood(1_500)
    assert in_use() - before < 256 * 1024
    counted = observer.snapshot(stage.engine.gauges())
    assert [*counted.decisions.values()] == [3_000]
    observer.close()
    os.close(descriptor)
    lines = log.read_bytes().splitlines()
    assert len(lines) == 3_000
    assert max(map(len, lines)) < 700


async def test_a_line_of_the_log_is_bounded_however_long_the_request(staged: Staged, tmp_path: Path) -> None:
    stage = await staged(rules=(RULE,))
    log = tmp_path / "log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    observer = WorkerObserver(replace(stage.settings, log=Log(access="all")), descriptor)
    stage.engine.observer = observer
    client = await stage.connect()
    huge = b"\\\x22<" * 2_000
    await client.send(
        get(b"/" + b"%00" * 3_000, b"Origin: https://" + b"e" * 8_000 + b"\r\nX-Request-Id: " + huge + b"\r\n", method=b"OPTIONS")
        .replace(b"\r\n\r\n", b"\r\nAccess-Control-Request-Method: PUT\r\n\r\n")
    )  # fmt: skip
    assert (await client.response(b"OPTIONS")).status in (400, 403)
    observer.close()
    os.close(descriptor)
    (line,) = log.read_bytes().splitlines()
    assert len(line) < 4096


@pytest.mark.usefixtures("traced")
async def test_idle_tunnels(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=500))
    handshake = (
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    async def open_tunnel() -> None:
        client = await stage.connect()
        peer = await stage.ask(client, handshake)
        await peer.head()
        await peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        await client.head()

    for _ in range(10):
        await open_tunnel()
    before = in_use()
    for _ in range(150):
        await open_tunnel()
    assert stage.engine.gauges().tunnels == 160
    assert (in_use() - before) / 150 < 2 * IDLE

"""Slow clients and the connections to the backend: cut when others have none, and only then."""

import asyncio

import pytest

from corsproxy.config.settings import Timeouts
from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.laggards import LEAST, WINDOW, Laggards
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, ORIGIN, RULE, Peer, Stage, get, until

UPLOAD = b"PUT / HTTP/1.1\r\n" + HOST + b"Origin: " + ORIGIN + b"\r\nContent-Length: 100000\r\n\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n"


class Slow:
    """A client whose progress the test says."""

    def __init__(self, progress: int | None = 0) -> None:
        self.at = progress
        self.is_ended = False

    def progress(self) -> int | None:
        return self.at

    def too_slow(self) -> None:
        self.is_ended = True


def test_only_those_who_hardly_move_between_two_looks() -> None:
    still, slow, enough, waiting = Slow(), Slow(), Slow(), Slow(None)
    clients = [still, slow, enough, waiting]
    laggards = Laggards()
    laggards.look(10.0, clients, is_want=True)
    slow.at, enough.at = int(LEAST * WINDOW) - 1, int(LEAST * WINDOW)
    laggards.look(10.0 + WINDOW - 0.1, clients, is_want=True)
    assert not any(client.is_ended for client in clients)
    laggards.look(10.0 + WINDOW, clients, is_want=True)
    assert [client.is_ended for client in clients] == [True, True, False, False]


def test_a_newcomer_has_a_window_of_its_own() -> None:
    laggards, newcomer = Laggards(), Slow()
    laggards.look(10.0, [], is_want=True)
    laggards.look(10.0 + WINDOW, [newcomer], is_want=True)
    assert not newcomer.is_ended
    laggards.look(10.0 + 2 * WINDOW, [newcomer], is_want=True)
    assert newcomer.is_ended


def test_without_want_nobody_is_looked_at_and_what_was_seen_is_forgotten() -> None:
    laggards, client = Laggards(), Slow()
    for now in (10.0, 20.0, 30.0):
        laggards.look(now, [client], is_want=False)
    laggards.look(40.0, [client], is_want=True)
    laggards.look(41.0, [client], is_want=False)
    laggards.look(50.0, [client], is_want=True)
    assert not client.is_ended


@pytest.fixture
async def narrow(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """One connection to the backend, and little patience."""
    monkeypatch.setattr("corsproxy.proxy.laggards.WINDOW", 0.2)
    monkeypatch.setattr("corsproxy.proxy.pool._WANT", 0.05)
    # The shortest of them sets how often is looked.
    stage = await staged(rules=(RULE,), timeouts=Timeouts(tunnel_idle=0.2), buffer=8192)
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    return stage


async def served(stage: Stage, other: Peer) -> None:
    peer = await stage.backend.accept()
    await peer.request()
    await peer.send(OK)
    assert (await other.response()).body == b"ok"


async def test_a_slow_upload_makes_room_for_others(narrow: Stage) -> None:
    slow, other = await narrow.connect(), await narrow.connect()
    held = await narrow.ask(slow, UPLOAD)
    await slow.send(b"x")
    await held.head()
    await other.send(GET)
    response = await slow.response(b"PUT")
    assert (response.status, b'"code": "client_timeout"' in response.body) == (408, True)
    assert b"sent its body too slowly while others waited for a connection to the backend" in response.body
    assert b"Access-Control-Allow-Origin: " + ORIGIN in response.raw
    assert await slow.ended()
    assert await held.is_gone()
    await served(narrow, other)
    assert await narrow.book.ends() == (408, Reason.CLIENT_TIMEOUT)


async def test_a_download_that_is_not_taken_makes_room_for_others(narrow: Stage) -> None:
    slow, other = await narrow.connect(), await narrow.connect()
    held = await narrow.ask(slow, GET)
    await held.request()
    await other.send(GET)
    with pytest.raises(ConnectionError):
        await held.send(LARGE + b"x" * 50_000_000)
    await served(narrow, other)
    record = await narrow.book.next()
    assert (record.status, record.fault, record.detail) == (
        200,
        Reason.CLIENT_TIMEOUT,
        "the client took its answer too slowly while others waited for a connection to the backend",
    )
    assert len(await slow.rest_or_reset()) < 50_000_000


async def test_nobody_is_cut_where_nobody_waits(narrow: Stage) -> None:
    slow = await narrow.connect()
    held = await narrow.ask(slow, UPLOAD)
    await held.head()
    begun = narrow.engine.now
    await until(lambda: narrow.engine.now > begun + 0.6)
    await slow.send(b"x" * 100_000)
    assert await held.take(100_000) == b"x" * 100_000
    await held.send(OK)
    assert (await slow.response(b"PUT")).body == b"ok"


async def test_who_moves_is_not_cut(narrow: Stage) -> None:
    moving, other = await narrow.connect(), await narrow.connect()
    held = await narrow.ask(moving, UPLOAD)
    await held.head()
    await other.send(GET)
    await until(lambda: narrow.engine.pool.queued == 1)
    begun, sent = narrow.engine.now, 0
    while narrow.engine.now < begun + 0.6:
        seen = narrow.engine.now
        await moving.send(b"x" * 1_000)
        sent += 1_000
        await until(lambda seen=seen: narrow.engine.now > seen)  # type: ignore[misc]
    await moving.send(b"x" * (100_000 - sent))
    assert await held.take(100_000) == b"x" * 100_000
    await held.send(OK)
    assert (await moving.response(b"PUT")).body == b"ok"
    fresh = await narrow.backend.accept()  # nobody is given a connection after that much of a body
    await fresh.request()
    await fresh.send(OK)
    assert (await other.response()).body == b"ok"


async def test_who_waits_for_a_slow_backend_is_not_cut(narrow: Stage) -> None:
    asking, other = await narrow.connect(), await narrow.connect()
    peer = await narrow.ask(asking, GET)
    await peer.request()
    await other.send(GET)
    await until(lambda: narrow.engine.pool.queued == 1)
    begun = narrow.engine.now
    await until(lambda: narrow.engine.now > begun + 0.6)
    await peer.send(OK)
    assert (await asking.response()).body == b"ok"
    await peer.request()
    await peer.send(OK)
    assert (await other.response()).body == b"ok"


async def test_events_that_are_rare_are_no_slowness(narrow: Stage) -> None:
    listening, other = await narrow.connect(), await narrow.connect()
    peer = await narrow.ask(listening, get(b"/events"))
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ndata: x\r\n")
    await listening.head()
    await other.send(GET)
    await until(lambda: narrow.engine.pool.queued == 1)
    begun = narrow.engine.now
    await until(lambda: narrow.engine.now > begun + 0.6)
    await asyncio.sleep(0)
    assert not listening.held.startswith(b"HTTP")
    await peer.send(b"0\r\n\r\n")
    assert await listening.take(17) == b"7\r\ndata: x\r\n0\r\n\r\n"

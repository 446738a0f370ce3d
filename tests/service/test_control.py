"""The channel between a supervisor and a worker, over a real socket pair."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from corsproxy.config.settings import Endpoint, Settings, Source, Upstream
from corsproxy.observe.counters import Snapshot
from corsproxy.observe.ledger_rows import LedgerSnapshot, Recent
from corsproxy.service.control import (
    Abort,
    Adopt,
    Adopted,
    Begin,
    Channel,
    Count,
    Counted,
    Drain,
    Failed,
    Farewell,
    FromSupervisor,
    FromWorker,
    Leaving,
    Ready,
    Tell,
    Told,
)

SETTINGS = Settings(
    source=Source("config/corsproxy.yaml", "0" * 64),
    upstream=Upstream(endpoint=Endpoint("127.0.0.1", 5000), authority="127.0.0.1:5000"),
    rules=(),
    public_origins=("https://api.example.com",) * 100_000,  # far more than one read brings
)
Supervisor = Channel[FromSupervisor, FromWorker]
Worker = Channel[FromWorker, FromSupervisor]


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Supervisor, Worker]]:
    ours, theirs = socket.socketpair()
    supervisor: Supervisor = await Channel.over(ours)
    worker: Worker = await Channel.over(theirs)
    yield supervisor, worker
    await supervisor.close()
    await worker.close()


async def test_what_a_supervisor_says_arrives_whole_and_in_order(pair: tuple[Supervisor, Worker]) -> None:
    supervisor, worker = pair
    said: list[FromSupervisor] = [
        Begin(SETTINGS, ((Endpoint("0.0.0.0", 8080), 7), (Endpoint(path="/run/s"), 8))),
        Adopt(1, SETTINGS),
        Count(2),
        Tell(3),
        Drain(),
        Abort(),
    ]
    for message in said:
        supervisor.send(message)
    assert [await worker.receive() for _ in said] == said


PACKED_BY: list[threading.Thread] = []


class Noticed(tuple[Recent, ...]):
    """Notes who packs it."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        PACKED_BY.append(threading.current_thread())
        return tuple, ()


async def test_what_takes_long_to_pack_is_packed_beside_the_event_loop(
    pair: tuple[Supervisor, Worker],
) -> None:
    supervisor, worker = pair
    told = Told(3, LedgerSnapshot(generation=1, recent=Noticed()))
    PACKED_BY.clear()
    await worker.send_long(told)
    assert await supervisor.receive() == Told(3, LedgerSnapshot(generation=1))
    assert len(PACKED_BY) == 1
    assert threading.current_thread() not in PACKED_BY


async def test_what_a_worker_says_arrives_whole_and_in_order(pair: tuple[Supervisor, Worker]) -> None:
    supervisor, worker = pair
    said: list[FromWorker] = [
        Ready(),
        Failed("no certificate"),
        Adopted(1),
        Adopted(1, "no"),
        Counted(2, Snapshot(responses={200: 7}, pids=(11,))),
        Told(3, LedgerSnapshot(generation=1, matched={"api": 2})),
        Leaving(),
        Farewell(Snapshot(connections=3), LedgerSnapshot(generation=2)),
    ]
    for message in said:
        worker.send(message)
    assert [await supervisor.receive() for _ in said] == said


async def test_the_last_words_arrive_before_the_end(pair: tuple[Supervisor, Worker]) -> None:
    supervisor, worker = pair
    worker.send(Farewell(Snapshot()))
    await worker.close()
    assert await supervisor.receive() == Farewell(Snapshot())
    assert await supervisor.receive() is None


async def test_the_last_words_arrive_though_the_other_end_speaks_meanwhile(
    pair: tuple[Supervisor, Worker],
) -> None:
    supervisor, worker = pair
    worker.send(Farewell(Snapshot(connections=3)))
    parting = asyncio.create_task(worker.part())
    for number in range(10):
        supervisor.send(Count(number))
        await asyncio.sleep(0)
    assert await supervisor.receive() == Farewell(Snapshot(connections=3))
    assert await supervisor.receive() is None
    assert not parting.done()
    await supervisor.close()
    await parting


async def test_half_a_message_is_the_end() -> None:
    ours, theirs = socket.socketpair()
    supervisor: Supervisor = await Channel.over(ours)
    theirs.sendall(b"\x00\x00\x01\x00half")
    theirs.close()
    assert await supervisor.receive() is None
    await supervisor.close()


async def test_sending_to_an_end_that_is_gone_does_nothing(pair: tuple[Supervisor, Worker]) -> None:
    supervisor, worker = pair
    await worker.close()
    assert await supervisor.receive() is None
    supervisor.send(Drain())
    await supervisor.close()
    supervisor.send(Drain())

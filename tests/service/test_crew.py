"""Real worker processes: what becomes of a slot when its worker ends, and of those who wait at its socket."""

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import pytest

from corsproxy.config.settings import Endpoint, ServerTls, Settings, Source, Timeouts, Upstream, UpstreamTls
from corsproxy.cors.rule import Origins, Rule
from corsproxy.observe.counters import merge
from corsproxy.observe.observer import WorkerObserver
from corsproxy.proxy.sockets import bind
from corsproxy.service.control import Channel, FromSupervisor, FromWorker
from corsproxy.service.crew import Crew, StartError, ending, pause_before
from corsproxy.service.member import Member
from corsproxy.service.reload import AdoptError
from tests.service.backend import Backend, get

WORKER = (sys.executable, "-m", "corsproxy.cli.worker")
ORIGIN = "https://app.example.com"
ALLOWS = Rule(name="all", place="x:1", paths=("/**",), origins=Origins(exact=(ORIGIN,)))


@pytest.fixture
def settings(backend: Backend) -> Settings:
    return Settings(
        source=Source("x", "0" * 64),
        upstream=Upstream(endpoint=backend.endpoint, authority=str(backend.endpoint)),
        rules=(),
        workers=2,
    )


class Stage:
    """A crew, where it listens, and what it logged."""

    def __init__(self, crew: Crew, endpoint: Endpoint, observer: WorkerObserver, log: Path) -> None:
        self.crew = crew
        self.endpoint = endpoint
        self._observer = observer
        self._log = log

    def said(self) -> list[dict[str, object]]:
        """Give what was logged so far; nothing is logged after that."""
        self._observer.close()
        return list(map(json.loads, self._log.read_text().splitlines()))

    def messages(self, pid: int) -> list[object]:
        """Give what was logged of a worker so far; nothing is logged after that."""
        return [line["message"] for line in self.said() if line["pid"] == pid]

    async def pids(self) -> set[int]:
        return set(merge(await self.crew.snapshots()).pids)

    async def until(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Look again until it is so; every look waits for all workers."""
        while not await is_so():
            pass

    async def until_replaced(self, pid: int) -> None:
        async def is_so() -> bool:
            pids = await self.pids()
            return pid not in pids and len(pids) == 2

        await self.until(is_so)


@asynccontextmanager
async def staged(settings: Settings, tmp_path: Path, slots: int = 2) -> AsyncIterator[Stage]:
    listening = bind([Endpoint("127.0.0.1", 0), Endpoint(path=str(tmp_path / "s"))], slots=slots)
    with (tmp_path / "log").open("wb") as log:
        observer = WorkerObserver(settings, log.fileno())
        crew = Crew(settings, listening, WORKER, observer)
        await crew.open()
        yield Stage(crew, listening.endpoints[0], observer, tmp_path / "log")
        await crew.abort()
        observer.close()
    listening.unlink()


@pytest.fixture
async def stage(settings: Settings, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(settings, tmp_path) as stage:
        yield stage


async def test_every_slot_has_a_worker_and_all_endpoints_are_served(stage: Stage, tmp_path: Path) -> None:
    assert len(await stage.pids()) == 2
    assert os.getpid() not in await stage.pids()
    answers = [await get(stage.endpoint) for _ in range(20)]
    answers.append(await get(Endpoint(path=str(tmp_path / "s"))))
    assert [answer[-3:] for answer in answers] == [b"yes"] * 21
    assert merge(await stage.crew.snapshots()).responses == {200: 21}


async def test_one_that_is_killed_is_replaced_and_takes_over_who_waits(stage: Stage) -> None:
    pid, other = await stage.pids()
    os.kill(other, signal.SIGSTOP)  # so that nobody accepts for that slot
    os.kill(pid, signal.SIGSTOP)
    clients = [asyncio.create_task(get(stage.endpoint)) for _ in range(20)]
    os.kill(pid, signal.SIGKILL)
    os.kill(other, signal.SIGCONT)
    assert {(await client)[-3:] for client in clients} == {b"yes"}
    await stage.until_replaced(pid)


async def test_one_that_is_told_to_end_finishes_what_it_began(stage: Stage, backend: Backend) -> None:
    held = asyncio.create_task(get(stage.endpoint, "/hold"))
    await backend.held.wait()
    before = await stage.pids()
    for pid in before:
        os.kill(pid, signal.SIGTERM)

    async def is_renewed() -> bool:
        return len(await stage.pids() - before) == 2

    await stage.until(is_renewed)
    assert (await get(stage.endpoint))[-3:] == b"yes"
    assert not held.done()
    backend.release.set()
    assert (await held)[-3:] == b"yes"

    async def are_gone() -> bool:
        return not await stage.pids() & before

    await stage.until(are_gone)
    # What those that left counted is kept.
    assert merge(await stage.crew.snapshots()).responses == {200: 2}


async def test_only_one_that_left_by_itself_ended_well(stage: Stage, backend: Backend) -> None:
    held = asyncio.create_task(get(stage.endpoint, "/hold"))
    await backend.held.wait()
    before = await stage.pids()
    for pid in before:
        os.kill(pid, signal.SIGTERM)

    async def is_alone() -> bool:
        return len(await stage.pids() & before) == 1

    await stage.until(is_alone)
    (holding,) = await stage.pids() & before
    (idle,) = before - {holding}
    os.kill(holding, signal.SIGKILL)
    await stage.until_replaced(holding)
    assert await held == b""
    assert {(line["pid"], line["level"], line["status"]) for line in stage.said()} == {
        (idle, "info", "exit status 0"),
        (holding, "error", "killed by signal 9"),
    }


async def test_settings_are_adopted_by_all_at_once(stage: Stage, settings: Settings) -> None:
    assert b"Access-Control-Allow-Origin" not in await get(stage.endpoint, origin=ORIGIN)
    await stage.crew.adopt(replace(settings, rules=(ALLOWS,)))
    answers = [await get(stage.endpoint, origin=ORIGIN) for _ in range(20)]
    assert all(b"Access-Control-Allow-Origin: https://app.example.com\r\n" in answer for answer in answers)


async def test_a_successor_begins_with_the_settings_in_force(stage: Stage, settings: Settings) -> None:
    await stage.crew.adopt(replace(settings, rules=(ALLOWS,)))
    before = await stage.pids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
        await stage.until_replaced(pid)
    answers = [await get(stage.endpoint, origin=ORIGIN) for _ in range(20)]
    assert all(b"Access-Control-Allow-Origin: https://app.example.com\r\n" in answer for answer in answers)


async def test_settings_that_come_while_a_successor_is_born_are_its_own_too(
    stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    over: Callable[[socket.socket], Awaitable[Channel[FromSupervisor, FromWorker]]] = Channel.over
    is_born, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(end: socket.socket) -> Channel[FromSupervisor, FromWorker]:
        is_born.set()
        await goes_on.wait()
        return await over(end)

    monkeypatch.setattr(Channel, "over", slowly)
    pid = min(await stage.pids())
    os.kill(pid, signal.SIGKILL)
    await is_born.wait()
    await stage.crew.adopt(replace(settings, rules=(ALLOWS,)))
    goes_on.set()
    await stage.until_replaced(pid)
    answers = [await get(stage.endpoint, origin=ORIGIN) for _ in range(20)]
    assert all(b"Access-Control-Allow-Origin: https://app.example.com\r\n" in answer for answer in answers)


async def test_settings_that_one_refuses_are_adopted_by_none(stage: Stage, settings: Settings) -> None:
    tls = replace(settings.upstream, tls=UpstreamTls(ca="/nowhere/ca.pem"))
    with pytest.raises(AdoptError, match="No such file"):
        await stage.crew.adopt(replace(settings, upstream=tls, rules=(ALLOWS,)))
    assert stage.crew.settings == settings
    answers = [await get(stage.endpoint, origin=ORIGIN) for _ in range(20)]
    assert all(b"Access-Control-Allow-Origin" not in answer and answer[-3:] == b"yes" for answer in answers)


async def test_a_drain_ends_all_of_them(stage: Stage, backend: Backend) -> None:
    held = asyncio.create_task(get(stage.endpoint, "/hold"))
    await backend.held.wait()
    draining = asyncio.create_task(stage.crew.drain())
    while not await is_refused(stage.endpoint):
        pass
    assert not draining.done()
    backend.release.set()
    assert (await held)[-3:] == b"yes"
    await draining
    assert await stage.pids() == set()


async def test_one_that_hangs_holds_no_reload_up_and_adopts_when_it_can(
    stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsproxy.service.member.ANSWER_WITHIN", 0.1)
    hanging, _ = await stage.pids()
    os.kill(hanging, signal.SIGSTOP)
    await stage.crew.adopt(replace(settings, rules=(ALLOWS,)))
    os.kill(hanging, signal.SIGCONT)
    monkeypatch.undo()
    await stage.pids()  # answered in turn, so after the settings were adopted
    answers = [await get(stage.endpoint, origin=ORIGIN) for _ in range(20)]
    assert all(b"Access-Control-Allow-Origin: https://app.example.com\r\n" in answer for answer in answers)
    assert stage.messages(hanging) == ["a worker does not answer; it adopts when it can"]


async def test_one_that_does_not_answer_any_more_is_replaced(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsproxy.service.crew.LOOKS_EVERY", 0.01)
    hanging: set[int] = set()

    async def answer(member: Member) -> bool:
        return member.pid not in hanging

    monkeypatch.setattr(Member, "answers", answer)
    async with staged(settings, tmp_path) as stage:
        pid = min(await stage.pids())
        os.kill(pid, signal.SIGSTOP)
        clients = [asyncio.create_task(get(stage.endpoint)) for _ in range(20)]
        hanging.add(pid)
        assert {(await client)[-3:] for client in clients} == {b"yes"}
        await stage.until_replaced(pid)
        assert stage.messages(pid)[-2:] == ["a worker hangs and is killed", "worker ended"]


async def test_one_that_answers_again_in_time_is_kept(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: asyncio.Queue[None] = asyncio.Queue()
    answers = iter([False, False, True, False, False])

    async def answer(_member: Member) -> bool:
        looks.put_nowait(None)
        return next(answers, True)

    monkeypatch.setattr("corsproxy.service.crew.LOOKS_EVERY", 0.01)
    monkeypatch.setattr(Member, "answers", answer)
    async with staged(replace(settings, workers=1), tmp_path, slots=1) as stage:
        before = await stage.pids()
        for _ in range(10):
            await looks.get()
        assert await stage.pids() == before


async def test_one_that_hangs_is_killed_at_the_end_of_the_drain(
    stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsproxy.service.crew.GRACE", 0.1)
    await stage.crew.adopt(replace(settings, timeouts=Timeouts(drain=0.1)))
    hanging, _ = await stage.pids()
    os.kill(hanging, signal.SIGSTOP)
    await stage.crew.drain()
    assert await stage.pids() == set()
    assert stage.messages(hanging) == ["a worker hangs and is killed", "worker ended"]


async def test_one_that_dies_young_again_and_again_is_replaced_all_the_same(stage: Stage) -> None:
    pid = 0
    for _ in range(3):
        pid = min(await stage.pids())
        os.kill(pid, signal.SIGKILL)
        await stage.until_replaced(pid)
    assert [(await get(stage.endpoint))[-3:] for _ in range(10)] == [b"yes"] * 10
    assert stage.messages(pid) == ["worker ended"]


async def test_a_successor_that_cannot_be_started_is_started_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsproxy.service.crew.FIRST_PAUSE", 0.001)
    start_by(monkeypatch, chain([no_room, no_room], repeat(subprocess.Popen)))
    pid = min(await stage.pids())
    os.kill(pid, signal.SIGKILL)
    await stage.until_replaced(pid)
    slot = next(line["slot"] for line in stage.said() if line.get("pid") == pid)
    failed = [line for line in stage.said() if line["message"] == "a worker could not be started"]
    assert [(line["level"], line["slot"]) for line in failed] == [("error", slot)] * 2
    assert failed[0]["why"] == "[Errno 11] Resource temporarily unavailable"


async def test_while_all_are_gone_nobody_serves(stage: Stage) -> None:
    assert stage.crew.is_serving
    for pid in await stage.pids():
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        while stage.crew.is_serving:  # noqa: ASYNC110 -- what ends it is a process's end
            await asyncio.sleep(0)
        while not stage.crew.is_serving:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0)
    assert (await get(stage.endpoint))[-3:] == b"yes"


async def is_refused(endpoint: Endpoint) -> bool:
    try:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        writer.close()
        await writer.wait_closed()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # it was in the queue that has just been closed
    return False


async def test_workers_that_cannot_serve_say_why(settings: Settings, tmp_path: Path) -> None:
    tls = ServerTls("/nowhere/tls.crt", "/nowhere/tls.key")
    listening = bind([Endpoint("127.0.0.1", 0)], slots=2)
    with (tmp_path / "log").open("wb") as log:
        observer = WorkerObserver(settings, log.fileno())
        crew = Crew(replace(settings, tls=tls), listening, WORKER, observer)
        with pytest.raises(StartError, match="No such file"):
            await crew.open()
        assert merge(await crew.snapshots()).pids == ()
        observer.close()


async def test_workers_that_cannot_be_started_are_a_failed_start_and_none_is_left(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_by(monkeypatch, iter([subprocess.Popen, no_room]))
    listening = bind([Endpoint("127.0.0.1", 0)], slots=2)
    with (tmp_path / "log").open("wb") as log:
        observer = WorkerObserver(settings, log.fileno())
        crew = Crew(settings, listening, WORKER, observer)
        with pytest.raises(StartError, match=r"^a worker could not be started: .*Resource temporarily"):
            await crew.open()
        assert merge(await crew.snapshots()).pids == ()
        observer.close()


def start_by(monkeypatch: pytest.MonkeyPatch, attempts: Iterator[Callable[..., object]]) -> None:
    """Have each process started by the next of these."""

    def start(*given: object, **more: object) -> object:
        return next(attempts)(*given, **more)

    monkeypatch.setattr("subprocess.Popen", start)


def no_room(*_: object, **__: object) -> None:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


async def test_workers_that_die_at_once_are_a_failed_start(settings: Settings, tmp_path: Path) -> None:
    listening = bind([Endpoint("127.0.0.1", 0)], slots=2)
    with (tmp_path / "log").open("wb") as log:
        observer = WorkerObserver(settings, log.fileno())
        crew = Crew(settings, listening, (sys.executable, "-c", "raise SystemExit(7)"), observer)
        with pytest.raises(StartError, match=r"^a worker ended before it served \(exit status 7\)$"):
            await crew.open()
        observer.close()


def test_the_first_to_end_is_replaced_at_once_the_next_ones_later_and_later() -> None:
    assert [pause_before(ends) for ends in range(9)] == [0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert pause_before(10**9) == 10.0


def test_an_ending_in_words() -> None:
    assert [ending(status) for status in (0, 3, -9, None)] == [
        "exit status 0",
        "exit status 3",
        "killed by signal 9",
        "it still runs",
    ]

"""One engine in this process, under the same words as a crew."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from corsproxy.config.settings import Endpoint, ServerTls, Settings, Source, Upstream, UpstreamTls
from corsproxy.cors.rule import Origins, Rule
from corsproxy.observe.observer import WorkerObserver
from corsproxy.proxy.sockets import Listening, bind
from corsproxy.service.alone import Alone
from corsproxy.service.crew import StartError
from corsproxy.service.reload import AdoptError
from tests.service.backend import Backend, get

ORIGIN = "https://app.example.com"
ALLOWS = Rule(name="all", place="x:1", paths=("/**",), origins=Origins(exact=(ORIGIN,)))
NO_SUCH_CA = UpstreamTls(ca="/nowhere/ca.pem")


@pytest.fixture
def settings(backend: Backend) -> Settings:
    upstream = Upstream(endpoint=backend.endpoint, authority=str(backend.endpoint))
    return Settings(source=Source("x", "0" * 64), upstream=upstream, rules=())


@pytest.fixture
async def observer(settings: Settings, tmp_path: Path) -> AsyncIterator[WorkerObserver]:
    with (tmp_path / "log").open("wb") as log:
        observer = WorkerObserver(settings, log.fileno())
        yield observer
        observer.close()


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    listening = bind([Endpoint("127.0.0.1", 0)])
    yield listening
    listening.close()


@pytest.fixture
async def alone(settings: Settings, listening: Listening, observer: WorkerObserver) -> AsyncIterator[Alone]:
    alone = Alone(settings, listening, observer)
    await alone.open()
    yield alone
    await alone.abort()


async def test_it_serves_adopts_and_counts(alone: Alone, settings: Settings, listening: Listening) -> None:
    (endpoint,) = listening.endpoints
    assert b"Access-Control-Allow-Origin" not in await get(endpoint, origin=ORIGIN)
    await alone.adopt(replace(settings, rules=(ALLOWS,), generation=2))
    answer = await get(endpoint, origin=ORIGIN)
    assert b"\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n" in answer
    (snapshot,) = await alone.snapshots()
    assert snapshot.responses == {200: 2}
    (told,) = await alone.ledgers()
    assert (told.generation, told.matched) == (2, {"": 0, "all": 1})


async def test_what_it_cannot_adopt_changes_nothing(
    alone: Alone, settings: Settings, listening: Listening
) -> None:
    upstream = replace(settings.upstream, tls=NO_SUCH_CA)
    with pytest.raises(AdoptError, match="No such file"):
        await alone.adopt(replace(settings, upstream=upstream, rules=(ALLOWS,)))
    answer = await get(listening.endpoints[0], origin=ORIGIN)
    assert b"Access-Control-Allow-Origin" not in answer
    assert answer.endswith(b"\r\n\r\nyes")


async def test_it_drains(alone: Alone, backend: Backend, listening: Listening) -> None:
    held = asyncio.create_task(get(listening.endpoints[0], "/hold"))
    await backend.held.wait()
    draining = asyncio.create_task(alone.drain())
    backend.release.set()
    assert (await held).endswith(b"\r\n\r\nyes")
    await draining


async def test_a_mistake_of_ours_is_no_failed_start(
    settings: Settings, listening: Listening, observer: WorkerObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("corsproxy.service.alone.Engine", make)
    with pytest.raises(ValueError, match=r"^a mistake$"):
        Alone(settings, listening, observer)


async def test_what_it_cannot_begin_with_is_a_failed_start(
    settings: Settings, listening: Listening, observer: WorkerObserver
) -> None:
    with pytest.raises(StartError, match="No such file"):
        Alone(replace(settings, upstream=replace(settings.upstream, tls=NO_SUCH_CA)), listening, observer)
    alone = Alone(replace(settings, tls=ServerTls("/nowhere/a.pem", "/nowhere/b.pem")), listening, observer)
    with pytest.raises(StartError, match="No such file"):
        await alone.open()
    await alone.abort()

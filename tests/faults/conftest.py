"""A real server behind a stage's engine, with a fault proxy in between where it is wanted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from corsproxy.cli.loop import LoopFactory, loop_factory
from corsproxy.config.settings import Endpoint, Timeouts
from tests.faults.between import Between
from tests.processes import Process, Processes, free_port
from tests.proxy.wire import NONE_OPEN, Stage, until
from tests.steady import SteadyAsyncio, SteadyUvloop

HERE = Path(__file__).parent
Starting = Callable[[], Process]

# Waited for in full by the tests of silence, and never to be met by any other: a machine may have a bad second.
TIMEOUTS = Timeouts(connect=0.2, upstream_response=1.5, upstream_idle_body=1.5)


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Run on both loops; by the clock of the world where the backend's own patience is what it is about."""
    del config
    if item.path.name == "test_keep_alive_race.py":
        return {name: loop_factory({"CORSPROXY_LOOP": name}) for name in ("asyncio", "uvloop")}
    return {"asyncio": SteadyAsyncio, "uvloop": SteadyUvloop}


@pytest.fixture(scope="module")
def waitress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that is not to be harmed."""
    started = Processes(tmp_path_factory.mktemp("waitress"))
    port = free_port()
    start_waitress(started, port)
    yield Endpoint("127.0.0.1", port)
    started.end_all()


def start_waitress(started: Processes, port: int) -> Process:
    return started.python(
        "-m",
        "waitress",
        f"--listen=127.0.0.1:{port}",
        "--threads=2",
        "application:application",
        ports=[port],
        environ={"PYTHONPATH": str(HERE)},
    )


def before(
    stage: Stage, endpoint: Endpoint, *, idle_timeout: float = 60.0, timeouts: Timeouts = TIMEOUTS
) -> None:
    """Put the stage's engine in front of that endpoint."""
    upstream = replace(stage.settings.upstream, endpoint=endpoint, idle_timeout=idle_timeout)
    stage.engine.adopt(replace(stage.settings, upstream=upstream, timeouts=timeouts))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """An engine with short timeouts; in the end nothing of it is left: no socket, no task, no gauge."""
    tasks = len(asyncio.all_tasks())
    stage = Stage(timeouts=TIMEOUTS)
    await stage.open()
    yield stage
    await stage.close()
    assert stage.engine.gauges() == NONE_OPEN
    await until(lambda: len(asyncio.all_tasks()) <= tasks)


@pytest.fixture
async def between(stage: Stage, waitress: Endpoint) -> AsyncIterator[Between]:
    async with Between(waitress) as between:
        before(stage, between.endpoint)
        yield between

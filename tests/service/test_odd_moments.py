"""Signals and deaths at moments that nobody plans for: in the middle of a reload, in the middle of a drain."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.backend import get
from tests.service.program import Scene
from tests.service.test_reloading import grants

WORKERS = pytest.mark.parametrize("workers", [1, 2])


class Slowly:
    """A configuration that is a pipe, and comes through it as the test lets it."""

    def __init__(self, path: Path) -> None:
        path.unlink()
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._writing = os.open(path, os.O_WRONLY)
        os.close(reading)

    async def is_read(self) -> None:
        """Wait until somebody has begun to read, who then waits for more."""
        while True:
            try:
                os.write(self._writing, b"#\n")
            except BrokenPipeError:
                await asyncio.sleep(0)
            else:
                return

    def end(self, text: str = "") -> None:
        if self._writing >= 0:
            os.write(self._writing, text.encode())
            os.close(self._writing)
        self._writing = -1


@contextmanager
def coming_slowly(path: Path) -> Iterator[Slowly]:
    slowly = Slowly(path)
    try:
        yield slowly
    finally:
        slowly.end()


@WORKERS
async def test_told_to_stop_in_the_middle_of_a_reload_it_stops(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        with coming_slowly(scene.path) as slowly:
            program.signal(signal.SIGHUP)
            await slowly.is_read()
            program.signal(signal.SIGTERM)
            assert await program.ended() == (0, "")
        assert [line["message"] for line in program.lines[-2:]] == ["draining", "stopped"]


async def test_workers_that_die_in_the_middle_of_a_reload_are_replaced_and_it_goes_on(scene: Scene) -> None:
    more = "workers: 2\n"
    async with scene.serving(more) as program:
        with coming_slowly(scene.path) as slowly:
            program.signal(signal.SIGHUP)
            await slowly.is_read()
            before = (await program.status())["workers"]
            for pid in before:
                os.kill(pid, signal.SIGKILL)
                await program.says("^worker ended$")
            assert await grants(scene, "app") == {True}
            slowly.end(scene.text(more, origin="new"))
            await program.says("^configuration reloaded$")
            assert await grants(scene, "new") == {True}
            status = await program.status()
            assert not set(before) & set(status["workers"])
            assert status["config"]["generation"] == 2


@WORKERS
async def test_told_to_reload_while_it_drains_it_drains_on(scene: Scene, workers: int) -> None:
    more = f"workers: {workers}\n"
    async with scene.serving(more) as program:
        held = asyncio.create_task(get(scene.public, "/hold"))
        await scene.backend.held.wait()
        program.signal(signal.SIGTERM)
        await program.says("^draining$")
        with coming_slowly(scene.path):
            for _ in range(20):
                program.signal(signal.SIGHUP)
                assert (await program.status())["state"] == "draining"
        scene.backend.release.set()
        assert (await held)[-3:] == b"yes"
        assert await program.ended() == (0, "")
        assert program.lines[-1]["message"] == "stopped"


async def test_workers_that_die_in_the_middle_of_a_drain_are_missed_by_nobody(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        held = asyncio.create_task(get(scene.public, "/hold"))
        await scene.backend.held.wait()
        workers = (await program.status())["workers"]
        program.signal(signal.SIGTERM)
        await program.says("^draining$")
        while len(left := (await program.status())["workers"]) > 1:
            pass
        assert set(left) < set(workers)
        os.kill(left[0], signal.SIGKILL)
        assert await held == b""
        assert await program.ended() == (0, "")
        ended = [line for line in program.lines if line["message"] == "worker ended"]
        assert [(line["pid"], line["level"]) for line in ended] == [(left[0], "error")]

"""When few files may be open: who is too many is told so, who was let in is served, and the log says it beforehand."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Self

import pytest

from corsproxy.config.settings import Endpoint
from corsproxy.proxy.descriptors import KEPT
from tests.service.backend import get
from tests.service.program import Program, Scene, launch, replace_text

CONFINED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, tuple(map(int, sys.argv[1:3])))
os.execv(sys.executable, [sys.executable, "-m", "corsproxy", *sys.argv[3:]])
"""
WARNING = "^files may run out"


class Client:
    """Asks once, and keeps its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, endpoint: Endpoint) -> AsyncIterator[Self]:
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def status(self) -> bytes:
        """Give the status of the answer; b"" where the connection was cut."""
        self._writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            return (await self._reader.readuntil(b"\r\n\r\n"))[9:12]
        except (ConnectionError, asyncio.IncompleteReadError):
            return b""


async def is_granted(endpoint: Endpoint) -> bool:
    try:
        return (await get(endpoint))[-3:] == b"yes"
    except ConnectionError:
        return False


def confined(
    scene: Scene, soft: int, hard: int, loop: str = "uvloop"
) -> AbstractAsyncContextManager[Program]:
    command = (sys.executable, "-c", CONFINED, str(soft), str(hard))
    return launch("-c", scene.path, admin=scene.admin, environ={"CORSPROXY_LOOP": loop}, command=command)


@pytest.mark.parametrize(("workers", "loop"), [(1, "uvloop"), (2, "uvloop"), (1, "asyncio")])
async def test_one_too_many_is_told_and_the_others_are_served(scene: Scene, workers: int, loop: str) -> None:
    room = 10
    more = f"workers: {workers}\ntimeouts: {{client_idle: 1h}}\n"
    scene.path.write_text(scene.text(more))
    async with confined(scene, KEPT + 2 * room, KEPT + 2 * room, loop) as program:
        said = await program.says(WARNING)
        assert (said["clients"], said["limits.connections"]) == (room, 10_000)
        async with AsyncExitStack() as connections:
            clients = [await connections.enter_async_context(Client.to(scene.public)) for _ in range(60)]
            answers = Counter([await client.status() for client in clients])
            # The kernel spreads them over the workers as it likes, so one may be full before another is.
            assert room <= answers[b"200"] <= room * workers, answers
            assert 0 < answers[b"503"] <= KEPT // 2 * workers, answers
            assert answers[b"200"] + answers[b"503"] + answers[b""] == 60, answers
            # A new configuration can be loaded while all places are taken.
            replace_text(scene.path, scene.text(more, origin="new"))
            await program.says("^configuration reloaded$")
        async with asyncio.timeout(60):
            while not await is_granted(
                scene.public
            ):  # until the others, who go, have given their places back
                pass
        assert [line for line in program.lines if line["level"] == "error"] == []


async def test_the_limit_is_raised_as_far_as_it_may_be(scene: Scene) -> None:
    scene.path.write_text(scene.text("limits: {connections: 300}\n"))
    async with confined(scene, 128, 1024) as program:
        await program.says("^serving ")
        async with AsyncExitStack() as connections:
            clients = [await connections.enter_async_context(Client.to(scene.public)) for _ in range(300)]
            assert {await client.status() for client in clients} == {b"200"}
        assert not [line for line in program.lines if "run out" in line["message"]]

"""One instance takes over from another on the same sockets, under load: not one request or connection is lost."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import IO

import pytest

from corsproxy.config.settings import Endpoint
from tests.processes import ROOT
from tests.service.backend import get
from tests.service.program import Program, Scene
from tests.service.test_no_request_lost import CLIENTS, Load, until_all_came_anew

# What systemd does: the sockets from descriptor 3 on, and whom they are meant for.
HAND_OVER = """
import os, sys
for place, descriptor in enumerate(sys.argv[1].split(",")):
    os.dup2(int(descriptor), 3 + place)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(3 + place - 2)}
os.execv(sys.executable, [sys.executable, "-m", "corsproxy", "run", "-c", sys.argv[2]])
"""


@asynccontextmanager
async def activated(scene: Scene, held: Sequence[socket.socket | IO[str]]) -> AsyncIterator[Program]:
    """Start an instance on sockets that are held here."""
    descriptors = [sock.fileno() for sock in held]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HAND_OVER,
        ",".join(map(str, descriptors)),
        str(scene.path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=descriptors,
        cwd=ROOT,
    )
    program = Program(process, scene.admin)
    try:
        yield program
    finally:
        await program.end()


@pytest.fixture
def held(scene: Scene) -> Iterator[list[socket.socket]]:
    """Hold the program's two sockets, as a service manager does."""
    sockets = [socket.create_server((at.host, at.port), backlog=128) for at in (scene.public, scene.admin)]
    yield sockets
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_two_instances_in_turn_lose_nothing(
    scene: Scene, held: list[socket.socket], workers: int
) -> None:
    scene.path.write_text(scene.text(f"workers: {workers}\n"))
    load = Load(scene.public)
    async with activated(scene, held) as first:
        await first.says("^serving ")
        clients = [asyncio.create_task(load.run()) for _ in range(CLIENTS)]
        async with activated(scene, held) as second:
            await second.says("^serving ")
            first.signal(signal.SIGTERM)
            assert await first.ended() == (0, "")
            before = load.answered
            while load.answered < before + 100:
                await get(scene.public)
            await until_all_came_anew(load)
            load.is_over = True
            await asyncio.gather(*clients)
    assert load.failures == []


async def test_who_comes_between_two_instances_waits_for_the_next(
    scene: Scene, held: list[socket.socket]
) -> None:
    scene.path.write_text(scene.text())
    async with activated(scene, held) as first:
        await first.says("^serving ")
        first.signal(signal.SIGTERM)
        assert await first.ended() == (0, "")
    waiting = [asyncio.create_task(get(scene.public)) for _ in range(10)]
    async with activated(scene, held) as second:
        await second.says("^serving ")
        assert {(await answer)[-3:] for answer in waiting} == {b"yes"}


async def test_a_socket_that_no_listen_names_is_one_clear_line(
    scene: Scene, held: list[socket.socket]
) -> None:
    scene.path.write_text(scene.text())
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        endpoint = Endpoint("127.0.0.1", stranger.getsockname()[1])
        async with activated(scene, [*held, stranger]) as program:
            said = (
                f"corsproxy: cannot listen on {endpoint}: a socket there was handed over (LISTEN_FDS), and "
                "neither `listen` nor `admin` names it. Fix: add it to `listen`, written just so, or hand over "
                "no such socket.\n"
            )
            assert await program.ended() == (2, said)


@pytest.mark.parametrize("kind", ["a file", "a datagram socket"])
async def test_what_is_no_stream_socket_is_one_clear_line(
    scene: Scene, held: list[socket.socket], kind: str
) -> None:
    scene.path.write_text(scene.text())
    with socket.socket(type=socket.SOCK_DGRAM) as datagram, scene.path.open() as file:
        strange = file if kind == "a file" else datagram
        async with activated(scene, [*held, strange]) as program:
            said = (
                "corsproxy: descriptor 5 was handed over (LISTEN_FDS) and is no stream socket. Fix: hand over what "
                "`listen` and `admin` name, as ListenStream=, and say in LISTEN_FDS how many these are.\n"
            )
            assert await program.ended() == (2, said)

"""Reload after reload and a restart of every worker, under steady load: not one request may fail."""

import asyncio
import itertools
import os
import re
import shutil
import signal
from dataclasses import dataclass, field

import pytest

from corsproxy.config.settings import Endpoint
from tests.service.program import Program, Scene, replace_text

CLIENTS = 4
RESTARTS = (4, 12)  # the rounds in which a worker is told to leave
PACE = 0.1  # seconds between two rewrites: a load to bear, nothing is waited for
GOOD, BAD = 4, 1  # reloads to see
ORIGIN = "https://app.example.com"


@dataclass
class Load:
    """Clients that ask as fast as they are answered, on connections kept open as long as they may be."""

    endpoint: Endpoint
    answered: int = 0
    connections: int = 0
    failures: list[str] = field(default_factory=list)
    is_over: bool = False

    async def run(self) -> None:
        """Be one client until it is over."""
        while not self.is_over:
            reader, writer = await asyncio.open_connection(self.endpoint.host, self.endpoint.port)
            self.connections += 1
            try:
                await self._ask(reader, writer)
            except (OSError, asyncio.IncompleteReadError) as fault:
                self.failures.append(repr(fault))
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self.is_over:
            writer.write(f"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\n\r\n".encode())
            answer = await reader.readuntil(b"yes")
            self.answered += 1
            is_whole = answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.count(b"HTTP/1.1") == 1
            if not is_whole or f"\r\nAccess-Control-Allow-Origin: {ORIGIN}\r\n".encode() not in answer:
                self.failures.append(repr(answer))
            if b"\r\nconnection: close\r\n" in answer.lower():
                return


def text(scene: Scene, turn: int) -> str:
    """Write a configuration that differs from the last one; every third is a bad one."""
    policy = scene.text("workers: 2\n").replace("/**", "/*")
    rule = f"  - {{path: /turn/{turn}, allow_origins: ['https://other.example.com']}}\n"
    return policy + rule + ("nonsense: 1\n" if turn % 3 == 2 else "")


async def disturb(scene: Scene, program: Program) -> None:
    """Rewrite and reload at a steady pace and have every worker leave, until there was enough of both."""
    first = (await program.status())["workers"]
    told: set[int] = set()
    for turn in itertools.count():
        replace_text(scene.path, text(scene, turn))
        program.signal(signal.SIGHUP)
        status = await program.status()
        reloads = status["config"]["reloads"]
        if turn > max(RESTARTS) and reloads["succeeded"] >= GOOD and reloads["failed"] >= BAD:
            break
        if turn in RESTARTS:
            leaver = first.pop()
            told.add(leaver)
            os.kill(leaver, signal.SIGTERM)
        await asyncio.sleep(PACE)
    while told & set((await program.status())["workers"]):
        pass


async def until_all_came_anew(load: Load) -> None:
    """Wait until those whom a leaver had sent away are back."""
    async with asyncio.timeout(60):
        while load.connections < 2 * CLIENTS:  # noqa: ASYNC110 -- what counts is a client
            await asyncio.sleep(0)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_under_clients_of_our_own(scene: Scene, loop: str) -> None:
    async with scene.serving("workers: 2\n", loop=loop) as program:
        load = Load(scene.public)
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(load.run())
            await disturb(scene, program)
            await until_all_came_anew(load)
            load.is_over = True
        assert load.failures == []
        assert load.answered > load.connections
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian: apt-get install wrk)")
async def test_under_wrk(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        wrk = await asyncio.create_subprocess_exec(
            "wrk",
            "--threads=1",
            f"--connections={CLIENTS}",
            "--duration=1000s",
            "--timeout=1000s",  # an answer that takes longer counts as an error: two seconds, if nothing is said
            f"http://{scene.public}/",
            stdout=asyncio.subprocess.PIPE,
        )
        report = asyncio.create_task(wrk.communicate())
        try:
            await disturb(scene, program)
        finally:
            wrk.send_signal(signal.SIGINT)  # it reports then
            said = (await report)[0].decode()
        # wrk mentions errors only where there were any.
        assert re.findall(r".*(?:Socket errors|Non-2xx).*", said) == []
        asked = re.search(r"(\d+) requests in", said)
        assert asked is not None
        assert int(asked[1]) > CLIENTS

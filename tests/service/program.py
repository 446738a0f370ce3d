"""The program itself, as a process: started, read line by line, asked over its admin pages, told by signals."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corsproxy.config.settings import Endpoint
from tests.processes import ROOT, free_port
from tests.service.backend import Backend, get

__all__ = ["Program", "Scene", "configuration", "free_endpoint", "launch", "replace_text"]


def configuration(
    upstream: Endpoint, listen: str, admin: Endpoint, more: str = "", origin: str = "app"
) -> str:
    """Write a small configuration; `origin` is the sub-domain of example.com that it allows."""
    return (
        f"upstream: http://{upstream}\n"
        f"listen: {listen}\n"
        f"admin: {{listen: '{admin}'}}\n"
        f"{more}"
        f"rules:\n  - path: /**\n    allow_origins: ['https://{origin}.example.com']\n"
    )


def replace_text(path: Path, text: str) -> None:
    """Write in one step, so that nobody reads half of it."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


def free_endpoint() -> Endpoint:
    """Find a TCP endpoint on loopback that nobody listens on."""
    return Endpoint("127.0.0.1", free_port())


class Program:
    """One running `corsproxy run`."""

    def __init__(self, process: asyncio.subprocess.Process, admin: Endpoint) -> None:
        self._process = process
        self.admin = admin
        self.lines: list[dict[str, Any]] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    async def says(self, message: str) -> dict[str, Any]:
        """Read its log up to the next line whose message matches the pattern."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.lines.append(json.loads(line))
            if re.search(message, self.lines[-1]["message"]):
                return self.lines[-1]
        raise AssertionError(f"it ended and never said {message!r}: {self.lines} {await self.error()}")

    async def error(self) -> str:
        """Read what it wrote to standard error until its end."""
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; exit status and what it wrote to standard error."""
        assert self._process.stdout is not None
        error = await self.error()
        while line := await self._process.stdout.readline():
            self.lines.append(json.loads(line))
        return await self._process.wait(), error

    async def status(self) -> dict[str, Any]:
        """Ask /status."""
        head, _, body = (await get(self.admin, "/status")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        status: dict[str, Any] = json.loads(body)
        return status

    async def readyz(self) -> bytes:
        """Ask /readyz: the status line and the body."""
        head, _, body = (await get(self.admin, "/readyz")).partition(b"\r\n\r\n")
        return head.partition(b"\r\n")[0] + b" " + body

    async def end(self) -> None:
        """End it whatever it does, if it has not ended."""
        if self._process.returncode is None:
            self._process.kill()
        await self.ended()


@asynccontextmanager
async def launch(
    *arguments: str | Path,
    admin: Endpoint | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    command: Sequence[str | Path] = (sys.executable, "-m", "corsproxy"),
) -> AsyncIterator[Program]:
    """Start `corsproxy run` with these arguments; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        "run",
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environ or {})},
        cwd=cwd,
    )
    program = Program(process, admin or Endpoint("127.0.0.1", 9901))
    try:
        yield program
    finally:
        await program.end()


@dataclass
class Scene:
    """Where everything is: the file, the public endpoint, the admin pages, the backend."""

    path: Path
    public: Endpoint
    admin: Endpoint
    backend: Backend

    def text(self, more: str = "", origin: str = "app") -> str:
        """Write the configuration of this scene."""
        return configuration(self.backend.endpoint, str(self.public), self.admin, more, origin)

    def starting(self, *, loop: str = "uvloop") -> AbstractAsyncContextManager[Program]:
        """Start the program with the file as it is."""
        return launch("-c", self.path, admin=self.admin, environ={"CORSPROXY_LOOP": loop})

    @asynccontextmanager
    async def serving(self, more: str = "", *, loop: str = "uvloop") -> AsyncIterator[Program]:
        """Write the file, start the program, and wait until it serves."""
        self.path.write_text(self.text(more))
        async with self.starting(loop=loop) as program:
            await program.says("^serving ")
            yield program

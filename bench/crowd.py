"""Clients of all kinds at once, for `soak`: what each does, and what it may get while the backend comes and goes.

Laws: an answer is whole and right, or one of ours that says what is wrong, or visibly cut; anything else is a fault
and counted by its name.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bench.greedy_backend import EVENT, EVENTS
from bench.workloads import SMALL_JSON, SMALL_PATH

__all__ = ["GOOD", "Crowd"]

# Whole and right; the proxy's own; cut while the backend died; left by the client itself.
GOOD = frozenset({"200", "101", "502", "503", "504", "cut", "left"})
_HOST = b"Host: localhost\r\n"
_WHOLE = "200"

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class Crowd:
    """Keeps `size` clients busy until it is told to rest."""

    def __init__(self, port: int, size: int) -> None:
        self.met: Counter[str] = Counter()
        self._port = port
        self._size = size
        self._is_resting = False
        self._kinds: tuple[Callable[[Reader, Writer], Awaitable[str]], ...] = (
            self._get, self._get, self._post, self._chunked, self._events, self._tunnel, self._leave,
        )  # fmt: skip

    async def work(self, seconds: float) -> None:
        """Be busy for a while; returns when every connection is closed."""
        self._is_resting = False
        async with asyncio.TaskGroup() as clients:
            for _ in range(self._size):
                clients.create_task(self._client())
            await asyncio.sleep(seconds)
            self._is_resting = True

    async def _client(self) -> None:
        while not self._is_resting:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as fault:
                self.met[f"not connected: {type(fault).__name__}"] += 1
                await asyncio.sleep(0.1)
                continue
            try:
                async with asyncio.timeout(20):
                    for _ in range(random.randint(1, 6)):
                        outcome = await random.choice(self._kinds)(reader, writer)
                        self.met[outcome] += 1
                        if outcome != _WHOLE:
                            break
            except (asyncio.IncompleteReadError, ConnectionError):
                self.met["cut"] += 1
            except TimeoutError:
                self.met["silence"] += 1
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _head(self, reader: Reader) -> tuple[str, bytes]:
        head = await reader.readuntil(b"\r\n\r\n")
        return head.split(b" ", 2)[1].decode(), head

    async def _small(self, reader: Reader) -> str:
        status, _ = await self._head(reader)
        if status == _WHOLE and await reader.readexactly(len(SMALL_JSON)) != SMALL_JSON:
            return "another's bytes"
        return status

    async def _get(self, reader: Reader, writer: Writer) -> str:
        writer.write(b"GET " + SMALL_PATH.encode() + b" HTTP/1.1\r\n" + _HOST + b"\r\n")
        return await self._small(reader)

    async def _post(self, reader: Reader, writer: Writer) -> str:
        size = random.choice((1, 1_000, 100_000))
        writer.write(b"POST / HTTP/1.1\r\n" + _HOST + b"Content-Length: %d\r\n\r\n" % size)
        writer.write(b"x" * (size - 1))
        await asyncio.sleep(random.random() / 100)
        writer.write(b"x")
        return await self._small(reader)

    async def _chunked(self, reader: Reader, writer: Writer) -> str:
        writer.write(b"POST / HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        for size in (1, 10, 5_000):
            writer.write(b"%x\r\n%b\r\n" % (size, b"x" * size))
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
        return await self._small(reader)

    async def _events(self, reader: Reader, writer: Writer) -> str:
        writer.write(b"GET /events HTTP/1.1\r\n" + _HOST + b"\r\n")
        status, _ = await self._head(reader)
        if status == _WHOLE:
            whole = EVENT * EVENTS + b"0\r\n\r\n"
            if await reader.readexactly(len(whole)) != whole:
                return "another's bytes"
        return status

    async def _tunnel(self, reader: Reader, writer: Writer) -> str:
        writer.write(
            b"GET /socket HTTP/1.1\r\n" + _HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        status, _ = await self._head(reader)
        if status != "101":
            return status
        for size in (1, 100, 70_000):
            text = random.randbytes(size)
            writer.write(text)
            if await reader.readexactly(size) != text:
                return "another's bytes"
            await asyncio.sleep(random.random() / 10)
        return status

    async def _leave(self, reader: Reader, writer: Writer) -> str:
        """Ask for something, read a little or nothing of it, and go."""
        path = random.choice((b"/large", b"/events", b"/chunks", SMALL_PATH.encode()))
        method = random.choice((b"GET", b"POST"))
        length = b"Content-Length: 1000\r\n" if method == b"POST" else b""
        writer.write(method + b" " + path + b" HTTP/1.1\r\n" + _HOST + length + b"\r\n")
        if method == b"GET" and random.random() < 0.7:
            await reader.read(random.choice((1, 1_000, 1_000_000)))
        writer.transport.abort()
        return "left"

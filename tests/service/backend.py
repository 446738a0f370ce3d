"""A backend of the tests' own: answers at once, or holds its answer until it is told."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from corsproxy.config.settings import Endpoint

__all__ = ["Backend", "get"]


@dataclass
class Backend:
    """Answers /hold when `release` is set, everything else at once. `held` is set while one waits."""

    endpoint: Endpoint = field(default_factory=Endpoint)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    requests: int = 0

    async def __aenter__(self) -> Self:
        self._serving: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.endpoint = Endpoint(host, port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.release.set()
        for connection in self._serving:
            connection.close()
        await asyncio.gather(*self._serving.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[writer] = task
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                if head.startswith(b"GET /hold "):
                    self.held.set()
                    await self.release.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            del self._serving[writer]
            writer.close()


async def get(endpoint: Endpoint, path: str = "/", origin: str = "") -> bytes:
    """Fetch over a connection of its own; the whole answer as it came."""
    if endpoint.path:
        reader, writer = await asyncio.open_unix_connection(endpoint.path)
    else:
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    field = f"Origin: {origin}\r\n" if origin else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}Connection: close\r\n\r\n".encode())
    try:
        return await reader.read()
    finally:
        writer.close()

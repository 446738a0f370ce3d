"""Both ends of WebSockets that run through a proxy, each a connection of the `websockets` library.

Laws: an end does nothing by itself (no keep-alive pings, no echo); the test says what each sends.
"""

import asyncio
import ssl
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve

from corsproxy.config.settings import Endpoint, Upstream
from tests.proxy.conftest import Staged
from tests.proxy.wire import PATIENCE, RULE, Stage

LARGEST = 32 * 1024 * 1024


class Ends:
    """A backend, a proxy before it once `open` was called, and pairs of connections through it."""

    def __init__(self, staged: Staged) -> None:
        self._staged = staged
        self._accepted: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._stack = AsyncExitStack()
        self.stage: Stage

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _take(self, connection: ServerConnection) -> None:
        self._accepted.put_nowait(connection)
        await connection.wait_closed()

    async def open(
        self, *, server: dict[str, Any] | None = None, max_connections: int = 100, **stage: Any
    ) -> None:
        """Start a backend with these options of `serve`, and a proxy with these of Stage."""
        options: dict[str, Any] = {"ping_interval": None, "max_size": LARGEST, **(server or {})}
        backend: Server = await serve(self._take, "127.0.0.1", 0, **options)
        self._stack.callback(backend.close)
        (sock,) = backend.sockets
        endpoint = Endpoint("127.0.0.1", sock.getsockname()[1])
        upstream = Upstream(endpoint=endpoint, authority="b.example", max_connections=max_connections)
        self.stage = await self._staged(upstream=upstream, rules=(RULE,), **stage)

    async def connect(
        self, path: str = "/", *, tls: ssl.SSLContext | None = None, **options: Any
    ) -> ClientConnection:
        """Connect a client through the proxy. Raises what `connect` raises."""
        (endpoint,) = self.stage.endpoints
        scheme, name = ("ws", "127.0.0.1") if tls is None else ("wss", "a.example")
        options = {"ping_interval": None, "max_size": LARGEST, "proxy": None, **options}
        client = await connect(
            f"{scheme}://{name}:{endpoint.port}{path}", host=endpoint.host, ssl=tls, **options
        )
        self._stack.callback(client.transport.abort)
        return client

    async def accepted(self) -> ServerConnection:
        """Return the backend's end of the connection made next."""
        async with asyncio.timeout(6 * PATIENCE):  # by a process that has yet to start
            return await self._accepted.get()

    async def pair(self, **options: Any) -> tuple[ClientConnection, ServerConnection]:
        """Return both ends of a fresh connection."""
        client = await self.connect(**options)
        return client, await self.accepted()

    def nobody_came(self) -> bool:
        return self._accepted.empty()

"""The fault proxy: stands between the engine and a backend and spoils what passes, as it is told.

Laws: it acts on bytes and events, never on time; `deed` holds for connections from then on.
"""

import asyncio
import socket
import struct
from typing import Self

from corsproxy.config.settings import Endpoint

__all__ = ["Between"]


class Between:
    """Passes `after` bytes of each response connection, then does its deed.

    pass: goes on; bytewise: goes on byte by byte; delay: goes on once `released` is set; close: ends both ways;
    half-close: says it is over, and listens on; reset: resets; hole: takes everything and gives nothing.
    """

    def __init__(self, backend: Endpoint) -> None:
        self.deed = "pass"
        self.after = 0
        self.open = 0
        self.released = asyncio.Event()
        self._backend = backend
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = Endpoint("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        deed, after = self.deed, self.after
        backend = None
        try:
            behind, backend = await asyncio.open_connection(self._backend.host, self._backend.port)
            requests = asyncio.create_task(_pump(reader, backend))
            try:
                await self._answer(behind, writer, deed, after)
                await requests
            finally:
                requests.cancel()
                await asyncio.gather(requests, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()
            if backend is not None:
                backend.close()

    async def _answer(
        self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter, deed: str, left: int
    ) -> None:
        while data := await behind.read(65536):
            if deed == "pass":
                writer.write(data)
            elif deed == "bytewise":
                for byte in data:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0)
            else:
                passed = min(left, len(data))
                writer.write(data[:passed])
                left -= passed
                await writer.drain()
                if not left and deed != "delay":
                    await _spoil(deed, writer)
                    return
                if not left:
                    await self.released.wait()
                    writer.write(data[passed:])
                    deed = "pass"
            await writer.drain()


async def _spoil(deed: str, writer: asyncio.StreamWriter) -> None:
    if deed == "reset":
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    elif deed == "half-close":
        writer.write_eof()
    elif deed == "close":
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

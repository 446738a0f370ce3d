"""SIGTERM in the middle: what can end ends whole, what never ends is cut when the drain is over, and never looks whole."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from corsproxy.config.settings import Endpoint
from tests.service.program import Program, Scene

HOST = b"Host: localhost\r\n"
TUNNEL = (
    b"GET /tunnel HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
EVENT = b"8\r\ndata: 1\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
WORKERS = pytest.mark.parametrize("workers", [1, 2])


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be the backend of one connection: halves, events that never end, an echo."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"PUT"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + await reader.readexactly(4))
        elif head.startswith(b"GET /half"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            await reader.readexactly(1)
        elif head.startswith(b"GET /events"):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + EVENT)
            await reader.read()
        else:
            writer.write(SWITCHED)
            while data := await reader.read(100):
                writer.write(data)
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


@pytest.fixture
async def behind(scene: Scene) -> AsyncIterator[list[Streams]]:
    """Put that backend behind the program; give its connections that are in the middle of a download."""
    halves: list[Streams] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        halves.append((reader, writer))
        await answer(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    scene.backend.endpoint = Endpoint(host, port)
    yield halves
    server.close()


async def begun(scene: Scene, request: bytes, until: bytes) -> Streams:
    reader, writer = await asyncio.open_connection(scene.public.host, scene.public.port)
    writer.write(request)
    if until:
        await reader.readuntil(until)
    return reader, writer


async def told(program: Program) -> None:
    program.signal(signal.SIGTERM)
    await program.says("^draining$")


@WORKERS
async def test_what_can_end_ends_whole(scene: Scene, behind: list[Streams], workers: int) -> None:
    """And what never does is cut by a second signal, long before the drain is over."""
    async with scene.serving(f"workers: {workers}\ntimeouts: {{drain: 1h}}\n") as program:
        download = await begun(scene, b"GET /half HTTP/1.1\r\n" + HOST + b"\r\n", b"\r\n\r\nha")
        (half,) = behind
        events = await begun(scene, b"GET /events HTTP/1.1\r\n" + HOST + b"\r\n", EVENT)
        tunnel = await begun(scene, TUNNEL, b"\r\n\r\n")
        upload = await begun(
            scene,
            b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\nbo",
            b"",
        )
        while len(behind) < 4:  # noqa: ASYNC110 -- until the upload has reached the backend
            await asyncio.sleep(0)
        await told(program)
        upload[1].write(b"dy")
        half[1].write(b"lf")
        tunnel[1].write(b"still there")
        assert (await upload[0].read()).endswith(b"\r\n\r\nbody")
        assert await download[0].read() == b"lf"
        assert await tunnel[0].readexactly(11) == b"still there"
        program.signal(signal.SIGTERM)
        await expect_cut(program, events, tunnel)
        for _, writer in (download, upload):
            writer.close()


@WORKERS
async def test_what_never_ends_is_cut_when_the_drain_is_over(
    scene: Scene, behind: list[Streams], workers: int
) -> None:
    async with scene.serving(f"workers: {workers}\ntimeouts: {{drain: 100ms}}\n") as program:
        events = await begun(scene, b"GET /events HTTP/1.1\r\n" + HOST + b"\r\n", EVENT)
        tunnel = await begun(scene, TUNNEL, b"\r\n\r\n")
        assert len(behind) == 2
        await told(program)
        await expect_cut(program, events, tunnel)


async def expect_cut(program: Program, events: Streams, tunnel: Streams) -> None:
    """Expect that neither gets another byte: the stream's last chunk never comes."""
    for reader, writer in (events, tunnel):
        assert await reader.read() == b""
        writer.close()
    assert await program.ended() == (0, "")

"""Connecting to the backend, with real sockets and a hand-wound clock."""

import asyncio
import socket
from pathlib import Path

from corsproxy.admin.upstream_check import UpstreamCheck
from corsproxy.config.settings import Endpoint


class Backend:
    """A listening socket that counts who connected and what they sent."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.left = asyncio.Event()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read())
        writer.close()
        self.left.set()

    async def on_tcp(self) -> tuple[asyncio.Server, Endpoint]:
        server = await asyncio.start_server(self.take, "127.0.0.1", 0)
        return server, Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_listening_backend_gets_a_connection_and_not_a_byte() -> None:
    backend = Backend()
    server, endpoint = await backend.on_tcp()
    async with server:
        assert await UpstreamCheck().failure(endpoint, 5.0) == ""
        await backend.left.wait()
    assert backend.heard == [b""]


async def test_a_unix_socket(tmp_path: Path) -> None:
    backend = Backend()
    path = str(tmp_path / "b.sock")
    async with await asyncio.start_unix_server(backend.take, path):
        assert await UpstreamCheck().failure(Endpoint(path=path), 5.0) == ""
        await backend.left.wait()
    assert backend.heard == [b""]


async def test_a_dead_backend_by_address_and_by_name() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    assert await UpstreamCheck().failure(Endpoint("127.0.0.1", port), 5.0) == "connection refused"
    assert await UpstreamCheck().failure(Endpoint("localhost", port), 5.0) != ""


async def test_a_name_that_is_none() -> None:
    assert await UpstreamCheck().failure(Endpoint("no-such-host.invalid", 80), 5.0) != ""


async def test_a_backend_that_does_not_accept_in_time() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(0)
        endpoint = Endpoint("127.0.0.1", bound.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # more than the queue holds: Linux then ignores further SYNs
            one.setblocking(False)
            one.connect_ex(bound.getsockname())
        assert await UpstreamCheck().failure(endpoint, 0.05) == "no connection within 0.05 s"
        for one in waiting:
            one.close()


async def test_one_answer_serves_for_a_second() -> None:
    backend, clock = Backend(), Clock()
    check = UpstreamCheck(clock)
    server, endpoint = await backend.on_tcp()
    assert await check.failure(endpoint, 5.0) == ""
    server.close()
    await server.wait_closed()
    clock.now += 0.99
    assert await check.failure(endpoint, 5.0) == ""
    clock.now += 0.01
    assert await check.failure(endpoint, 5.0) == "connection refused"


async def test_many_who_ask_at_once_make_one_connection() -> None:
    backend = Backend()
    check = UpstreamCheck(Clock())
    server, endpoint = await backend.on_tcp()
    async with server:
        assert await asyncio.gather(*(check.failure(endpoint, 5.0) for _ in range(20))) == [""] * 20
        await backend.left.wait()
    assert backend.heard == [b""]


async def test_another_backend_is_asked_at_once() -> None:
    first, second = Backend(), Backend()
    check = UpstreamCheck(Clock())
    (one, at_first), (other, at_second) = await first.on_tcp(), await second.on_tcp()
    async with one, other:
        assert await check.failure(at_first, 5.0) == ""
        assert await check.failure(at_second, 5.0) == ""
        await first.left.wait()
        await second.left.wait()

"""The listener itself: real sockets, strangers that do not speak HTTP."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, web

from corsproxy.admin.server import AdminServer
from corsproxy.config.settings import Endpoint
from corsproxy.proxy.sockets import bind
from tests.admin.conftest import KeptEvents


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


def application() -> web.Application:
    app = web.Application()
    app.router.add_get("/", hello)
    return app


async def test_serves_tcp_and_tells_the_port(observer: KeptEvents) -> None:
    server = AdminServer(application(), bind([Endpoint("127.0.0.1", 0)]), observer)
    await server.start()
    (endpoint,) = server.endpoints
    async with ClientSession() as session, session.get(f"http://{endpoint}/") as response:
        assert await response.text() == "hello"
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(endpoint.host, endpoint.port)
    assert observer.events == []


async def test_an_address_may_hold_a_whole_pasted_command(observer: KeptEvents) -> None:
    server = AdminServer(application(), bind([Endpoint("127.0.0.1", 0)]), observer)
    await server.start()
    (endpoint,) = server.endpoints
    async with ClientSession() as session:
        for length, status in ((60_000, 200), (70_000, 400)):
            async with session.get(f"http://{endpoint}/", params={"paste": "x" * length}) as response:
                assert response.status == status
    await server.stop()


async def test_serves_a_unix_socket_and_removes_it(observer: KeptEvents, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    server = AdminServer(application(), bind([Endpoint(path=str(path))]), observer)
    await server.start()
    async with (
        ClientSession(connector=UnixConnector(str(path))) as session,
        session.get("http://localhost/") as response,
    ):
        assert await response.text() == "hello"
    await server.stop()
    assert not path.exists()


async def test_an_idle_connection_does_not_hold_up_the_end(observer: KeptEvents) -> None:
    server = AdminServer(application(), bind([Endpoint("127.0.0.1", 0)]), observer)
    await server.start()
    (endpoint,) = server.endpoints
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"hello")
    await server.stop()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_what_is_not_http_is_no_error_of_ours(observer: KeptEvents) -> None:
    server = AdminServer(application(), bind([Endpoint("127.0.0.1", 0)]), observer)
    await server.start()
    (endpoint,) = server.endpoints
    for noise in (b"GET / HTTP/1.1\r\nX\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        writer.write(noise)
        assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
        writer.close()
        await writer.wait_closed()
    await server.stop()
    assert {(level, details["logger"]) for level, _, details in observer.events} == {
        ("debug", "corsproxy.admin")
    }
    assert all(details.keys() == {"logger"} for _, _, details in observer.events)

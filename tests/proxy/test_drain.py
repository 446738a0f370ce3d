"""Ending: what is in flight finishes, what idles is closed, what takes too long is cut, nothing is left."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from corsproxy.config.settings import Timeouts
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.test_tunnel import switched
from tests.proxy.wire import GET, HOST, NONE_OPEN, OK, PATIENCE, Peer, Stage, TlsPeer, get, until

CLOSING = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def begun(stage: Stage) -> "asyncio.Future[None]":
    """Begin to drain."""
    draining = asyncio.ensure_future(stage.engine.drain())
    await until(lambda: stage.engine.is_draining)
    return draining


async def test_nothing_to_finish(stage: Stage) -> None:
    await stage.engine.drain()
    with pytest.raises(ConnectionError):
        await stage.connect()
    assert stage.engine.gauges() == NONE_OPEN


async def test_what_is_in_flight_finishes_and_idle_ones_close(stage: Stage) -> None:
    busy, idle, fresh = [await stage.connect() for _ in range(3)]
    peer = await stage.ask(idle, GET)
    await peer.request()
    await peer.send(OK)
    await idle.response()
    await busy.send(GET)
    await peer.request()
    await until(lambda: stage.engine.gauges().client_connections == 3)
    draining = await begun(stage)
    assert await idle.ended()
    assert await fresh.ended()
    assert not draining.done()
    await peer.send(OK)
    assert (await busy.response()).raw == CLOSING
    assert await busy.ended()
    await draining
    await until(lambda: stage.engine.gauges() == NONE_OPEN)


async def test_an_upload_in_flight_finishes(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbo")
    await peer.head()
    draining = await begun(stage)
    await client.send(b"dy")
    assert await peer.take(4) == b"body"
    await peer.send(OK)
    assert (await client.response()).raw == CLOSING
    await draining


async def test_a_download_in_flight_finishes(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    await client.head()
    draining = await begun(stage)
    await peer.send(b"2\r\nok\r\n0\r\n\r\n")
    assert await client.rest() == b"2\r\nok\r\n2\r\nok\r\n0\r\n\r\n"
    await draining


async def test_who_waits_in_the_queue_is_served(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, GET)
    await peer.request()
    await second.send(GET)
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    draining = await begun(stage)
    await peer.send(OK)
    assert (await first.response()).raw == CLOSING
    await peer.request()
    await peer.send(OK)
    assert (await second.response()).raw == CLOSING
    await draining


async def test_a_request_on_its_way_to_an_idle_connection_is_served(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    await client.response()
    draining = await begun(stage)
    await client.send(get(b"/late"))
    assert (await peer.request()).head.startswith(b"GET /late ")
    await peer.send(OK)
    assert (await client.response()).raw == CLOSING
    assert await client.ended()
    await draining


async def test_what_takes_too_long_is_cut(staged: Staged) -> None:
    stage = await staged(timeouts=Timeouts(drain=0.2))
    asking, reading, uploading = [await stage.connect() for _ in range(3)]
    first = await stage.ask(asking, GET)
    await first.request()
    second = await stage.ask(reading, GET)
    await second.request()
    await second.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    third = await stage.ask(uploading, b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbo")
    ends = await switched(stage)
    await stage.engine.drain()
    await until(lambda: stage.engine.gauges() == NONE_OPEN)
    assert not (await reading.response()).is_whole
    for peer in (asking, uploading, first, second, third, *ends):
        assert await peer.is_gone()
    records = [await stage.book.next() for _ in range(4)]
    assert sorted(record.status for record in records) == [0, 0, 101, 200]


async def test_tunnels_that_end_in_time_end_well(stage: Stage) -> None:
    client, peer = await switched(stage)
    draining = await begun(stage)
    await client.send(b"bye")
    client.half_close()
    assert await peer.rest() == b"bye"
    peer.half_close()
    assert await client.rest() == b""
    await draining


async def test_abort_leaves_nothing(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    stage.engine.abort()
    assert await client.is_gone()
    assert await peer.is_gone()
    await until(lambda: stage.engine.gauges() == NONE_OPEN)
    assert await stage.book.ends() == (0, None)


@pytest.mark.parametrize("secure", [False, True])
async def test_connections_that_wait_to_be_accepted_are_served(
    staged: Staged, tmp_path: Path, secure: bool
) -> None:
    certificates = Certificates.make(tmp_path)
    stage = await staged(tls=certificates.server_files("a.example") if secure else None)
    endpoint = stage.endpoints[0]
    # Connected by the kernel alone: the loop has no turn between this and the drain's beginning.
    queued = [socket.create_connection((endpoint.host, endpoint.port)) for _ in range(5)]
    draining = asyncio.ensure_future(stage.engine.drain())
    served = []
    for sock in queued:
        sock.setblocking(False)
        peer: Peer
        if secure:
            streams = await asyncio.open_connection(
                sock=sock, ssl=certificates.client(), server_hostname="a.example"
            )
            peer = TlsPeer(*streams)
        else:
            peer = Peer(sock)
        await peer.send(GET)
        served.append(peer)
    for _ in served:
        backend = await stage.backend.accept()
        await backend.request()
        await backend.send(CLOSING)  # serves one request each
    for peer in served:
        assert (await peer.response()).raw == CLOSING
        peer.close()
    await draining


async def test_a_tls_client_that_never_says_goodbye_holds_nothing_up(staged: Staged, tmp_path: Path) -> None:
    certificates = Certificates.make(tmp_path)
    stage = await staged(tls=certificates.server_files("a.example"), timeouts=Timeouts(drain=3600.0))
    endpoint = stage.endpoints[0]

    def shake_hands() -> ssl.SSLSocket:
        sock = socket.create_connection((endpoint.host, endpoint.port), timeout=60)
        return certificates.client().wrap_socket(sock, server_hostname="a.example")

    silent = await asyncio.to_thread(shake_hands)
    with silent:
        await until(lambda: stage.engine.gauges().client_connections == 1)
        async with asyncio.timeout(
            PATIENCE
        ):  # asyncio itself waits half a minute for an answer to close_notify
            await stage.engine.drain()
        assert stage.engine.gauges() == NONE_OPEN
        assert await asyncio.to_thread(silent.recv, 1) == b""  # our close_notify came first


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b""], ids=["an answer that is here", "half an answer"])
async def test_what_is_cut_does_not_look_whole_to_1_0(staged: Staged, end: bytes) -> None:
    """Its end is the connection's: one that comes in order would say that the body was whole."""
    stage = await staged(buffer=4096)
    client = await stage.connect()
    peer = await stage.ask(client, get(version=b"1.0"))
    await peer.request()
    body = b"x" * 60_000
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.send(head + b"%x\r\n%b\r\n" % (len(body), body) + end))
        (connection,) = stage.engine.clients
        if end:
            await until(lambda: connection.is_ending)
        else:
            await until(lambda: connection.transport.get_write_buffer_size() > 0)
    assert connection.transport.get_write_buffer_size() > 0
    stage.engine.abort()
    with pytest.raises(ConnectionResetError):  # noqa: PT012 -- the last read is the one that is told
        while await client.some():
            pass

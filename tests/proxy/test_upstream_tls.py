"""Backends over TLS, judged, and over unix sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from corsproxy.config.settings import Endpoint, Timeouts, Upstream, UpstreamTls
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import BODY
from tests.proxy.wire import GET, HOST, LOOPBACK, OK, Backend, TlsPeer, forwarded

Serve = Callable[[ssl.SSLContext], Awaitable[tuple[Endpoint, "asyncio.Queue[TlsPeer]"]]]


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.make(tmp_path)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a backend behind TLS; those who get through its handshake come out of the queue."""
    servers: list[asyncio.Server] = []
    peers: list[TlsPeer] = []

    async def start(context: ssl.SSLContext) -> tuple[Endpoint, "asyncio.Queue[TlsPeer]"]:
        accepted: asyncio.Queue[TlsPeer] = asyncio.Queue()

        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peers.append(TlsPeer(reader, writer))
            accepted.put_nowait(peers[-1])

        servers.append(await asyncio.start_server(take, LOOPBACK.host, 0, ssl=context))
        return Endpoint("127.0.0.1", servers[-1].sockets[0].getsockname()[1]), accepted

    yield start
    for peer in peers:
        peer.close()
    for server in servers:
        server.close()


def upstream(endpoint: Endpoint, tls: UpstreamTls) -> Upstream:
    return Upstream(endpoint=endpoint, authority="b.example", tls=tls, idle_timeout=60.0)


async def test_a_good_certificate(staged: Staged, serve: Serve, certificates: Certificates) -> None:
    endpoint, accepted = await serve(certificates.server("b.example"))
    stage = await staged(upstream=upstream(endpoint, UpstreamTls(certificates.ca, "b.example")))
    client = await stage.connect()
    await client.send(GET)
    peer = await accepted.get()
    for again in (True, False):
        assert (await peer.request()).head == forwarded(GET)
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
        if again:
            await client.send(GET)
    assert accepted.empty()


async def test_bodies_both_ways(staged: Staged, serve: Serve, certificates: Certificates) -> None:
    endpoint, accepted = await serve(certificates.server("b.example"))
    stage = await staged(upstream=upstream(endpoint, UpstreamTls(certificates.ca, "b.example")))
    client = await stage.connect()
    async with asyncio.TaskGroup() as group:
        group.create_task(
            client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        )
        peer = await accepted.get()
        assert (await peer.request()).body == BODY
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + BODY))
        assert b"chunked" in await client.head()
        taken = await client.take(1000)
        assert taken.partition(b"\r\n")[2][:256] == BODY[:256]
        client.close()


# What the settings say, and which reason a client is given.
JUDGED = {
    "the address is not in the certificate": (UpstreamTls("{ca}"), b"certificate was not accepted"),
    "another name": (UpstreamTls("{ca}", "c.example"), b"certificate was not accepted: Hostname mismatch"),
    "an authority we do not trust": (
        UpstreamTls("", "b.example"),
        b"certificate was not accepted: unable to get local issuer certificate",
    ),
}


@pytest.mark.parametrize(("tls", "reason"), JUDGED.values(), ids=JUDGED)
async def test_a_certificate_that_is_not_accepted(
    staged: Staged, serve: Serve, certificates: Certificates, tls: UpstreamTls, reason: bytes
) -> None:
    endpoint, accepted = await serve(certificates.server("b.example"))
    tls = UpstreamTls(tls.ca.format(ca=certificates.ca), tls.server_name)
    stage = await staged(upstream=upstream(endpoint, tls))
    client = await stage.connect()
    await client.send(GET)
    response = await client.response()
    assert (response.status, b'"code": "upstream_refused"' in response.body) == (502, True)
    assert reason in response.body
    assert accepted.empty()


async def test_a_certificate_that_is_not_looked_at(
    staged: Staged, serve: Serve, certificates: Certificates
) -> None:
    endpoint, accepted = await serve(certificates.server("c.example"))
    stage = await staged(upstream=upstream(endpoint, UpstreamTls(verify=False)))
    client = await stage.connect()
    await client.send(GET)
    peer = await accepted.get()
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_a_backend_that_speaks_no_tls(staged: Staged, certificates: Certificates) -> None:
    backend = Backend()
    stage = await staged(upstream=upstream(backend.endpoint, UpstreamTls(certificates.ca, "b.example")))
    client = await stage.connect()
    await client.send(GET)
    peer = await backend.accept()
    await peer.take(1)
    await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    response = await client.response()
    assert (response.status, b"the TLS handshake with the backend failed" in response.body) == (502, True)
    backend.close()


async def test_a_backend_that_stalls_in_the_handshake(staged: Staged, certificates: Certificates) -> None:
    backend = Backend()
    stage = await staged(
        upstream=upstream(backend.endpoint, UpstreamTls(certificates.ca, "b.example")),
        timeouts=Timeouts(connect=0.2),
    )
    client = await stage.connect()
    await client.send(GET)
    await backend.accept()
    assert (await client.response()).status == 504
    backend.close()


async def test_a_backend_that_leaves_in_the_handshake(staged: Staged, certificates: Certificates) -> None:
    backend = Backend()
    stage = await staged(upstream=upstream(backend.endpoint, UpstreamTls(certificates.ca, "b.example")))
    client = await stage.connect()
    await client.send(GET)
    peer = await backend.accept()
    peer.close()
    response = await client.response()
    assert (response.status, b'"code": "upstream_refused"' in response.body) == (502, True)
    backend.close()


async def test_a_unix_socket(staged: Staged, tmp_path: Path) -> None:
    backend = Backend(Endpoint(path=str(tmp_path / "b")))
    stage = await staged(
        upstream=Upstream(endpoint=backend.endpoint, authority="localhost", idle_timeout=60.0)
    )
    client = await stage.connect()
    await client.send(GET)
    peer = await backend.accept()
    for again in (True, False):
        assert (await peer.request()).head == forwarded(GET)
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
        if again:
            await client.send(GET)
    backend.close()
    await client.send(GET)
    assert (await client.response()).status == 502

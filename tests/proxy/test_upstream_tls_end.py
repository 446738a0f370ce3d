"""How a TLS backend's answer ends: with the alert that says so, or cut by whoever can forge a FIN."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from corsproxy.config.settings import Upstream, UpstreamTls
from corsproxy.cors.vocabulary import Reason
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import SMALL
from tests.proxy.tls_by_hand import TlsByHand
from tests.proxy.wire import GET, OK, Backend, Peer, Stage, get, until

UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nall there is"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.make(tmp_path)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


@pytest.fixture
async def secured(staged: Staged, backend: Backend, certificates: Certificates) -> Stage:
    tls = UpstreamTls(certificates.ca, "b.example")
    return await staged(upstream=Upstream(endpoint=backend.endpoint, authority="b.example", tls=tls))


async def asked(
    stage: Stage, backend: Backend, certificates: Certificates, request: bytes
) -> tuple[Peer, TlsByHand]:
    """Return the client that asked, and the backend's end that has read what it asked."""
    client = await stage.connect()
    await client.send(request)
    tls = TlsByHand(await backend.accept(), certificates.server("b.example"))
    await tls.handshake()
    await tls.head()
    return client, tls


VERSIONS = {"to HTTP/1.1": GET, "to HTTP/1.0": get(version=b"1.0")}
WHOLE = {"without a length": UNTIL_CLOSE, "with a length": OK}


@pytest.mark.parametrize("request_", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
async def test_an_answer_that_ends_with_the_alert_is_whole(
    secured: Stage, backend: Backend, certificates: Certificates, request_: bytes, answer: bytes
) -> None:
    client, tls = await asked(secured, backend, certificates, request_)
    await tls.send(answer)
    await tls.notify()
    tls.peer.close()
    response = await client.response()
    assert (response.status, response.body, response.is_whole) == (
        200,
        answer.partition(b"\r\n\r\n")[2],
        True,
    )
    assert await secured.book.ends() == (200, None)


@pytest.mark.parametrize("how", ["half_close", "close", "reset"])
@pytest.mark.parametrize("request_", VERSIONS.values(), ids=VERSIONS)
async def test_an_answer_that_ends_without_it_is_not(
    secured: Stage, backend: Backend, certificates: Certificates, request_: bytes, how: str
) -> None:
    client, tls = await asked(secured, backend, certificates, request_)
    await tls.send(UNTIL_CLOSE)
    assert await client.head() != b""
    getattr(tls.peer, how)()
    if request_ is GET:
        assert not (await client.rest_or_reset()).endswith(b"0\r\n\r\n")
    else:
        with pytest.raises(ConnectionResetError):
            await client.rest()
    assert await secured.book.ends() == (200, Reason.UPSTREAM_CLOSED)


@pytest.mark.parametrize("how", ["half_close", "close"])
async def test_a_counted_answer_needs_no_alert(
    secured: Stage, backend: Backend, certificates: Certificates, how: str
) -> None:
    client, tls = await asked(secured, backend, certificates, GET)
    await tls.send(OK)
    getattr(tls.peer, how)()
    response = await client.response()
    assert (response.body, response.is_whole) == (b"ok", True)
    assert await secured.book.ends() == (200, None)


async def test_a_large_answer_that_ends_with_the_alert_is_whole(
    secured: Stage, backend: Backend, certificates: Certificates
) -> None:
    body = bytes(range(256)) * 8192
    client, tls = await asked(secured, backend, certificates, get(version=b"1.0"))

    async def answer() -> None:
        await tls.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        await tls.notify()
        tls.peer.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        assert await client.head() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        assert await client.rest() == body


@pytest.mark.parametrize("length", [True, False], ids=["with a length", "without"])
@pytest.mark.parametrize("request_", VERSIONS.values(), ids=VERSIONS)
async def test_an_end_that_comes_before_the_client_has_taken_all_costs_nothing(
    staged: Staged, backend: Backend, certificates: Certificates, request_: bytes, length: bool
) -> None:
    tls_keys = UpstreamTls(certificates.ca, "b.example")
    upstream = Upstream(endpoint=backend.endpoint, authority="b.example", tls=tls_keys)
    stage = await staged(upstream=upstream, buffer=SMALL)
    client, tls = await asked(stage, backend, certificates, request_)
    body = bytes(range(256)) * 4096
    counted = b"Content-Length: %d\r\n" % len(body) if length else b""

    async def answer() -> None:
        await tls.send(b"HTTP/1.1 200 OK\r\n" + counted + b"\r\n" + body)
        await tls.notify()
        tls.peer.half_close()

    answering = asyncio.ensure_future(answer())
    await until(lambda: any(connection.is_write_paused for connection in stage.engine.clients))
    response = await client.response()
    await answering
    assert (response.body == body, response.is_whole) == (True, True)
    assert await stage.book.ends() == (200, None)


@pytest.mark.parametrize("request_", VERSIONS.values(), ids=VERSIONS)
async def test_small_chunks_that_end_with_the_alert_are_all_passed_on(
    secured: Stage, backend: Backend, certificates: Certificates, request_: bytes
) -> None:
    """They take more than one turn of the loop, and the end has come before the second."""
    client, tls = await asked(secured, backend, certificates, request_)
    chunks = b"1\r\nx\r\n" * 4_000 + b"0\r\n\r\n"
    await tls.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks)
    await tls.notify()
    tls.peer.close()
    response = await client.response()
    assert (response.status, len(response.body), response.is_whole) == (200, 4_000, True)
    assert await secured.book.ends() == (200, None)


async def test_small_chunks_that_end_too_early_are_not_a_whole_answer(
    secured: Stage, backend: Backend, certificates: Certificates
) -> None:
    client, tls = await asked(secured, backend, certificates, GET)
    await tls.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 4_000)
    await tls.notify()
    tls.peer.close()
    assert not (await client.rest_or_reset()).endswith(b"0\r\n\r\n")
    assert await secured.book.ends() == (200, Reason.UPSTREAM_CLOSED)

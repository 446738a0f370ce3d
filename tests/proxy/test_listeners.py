"""Where clients come in: several addresses, unix sockets, TLS."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from corsproxy.config.settings import Endpoint, Limits, Timeouts
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import BODY
from tests.proxy.wire import GET, HOST, LOOPBACK, OK, ORIGIN, RULE, Peer, Stage, get, until

Secured = Callable[..., Awaitable[tuple[Stage, Peer]]]


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.make(tmp_path)


@pytest.fixture
def secured(staged: Staged, certificates: Certificates) -> Secured:
    """Open a stage that terminates TLS, with a client that trusts it."""

    async def open_secured(**options: object) -> tuple[Stage, Peer]:
        stage = await staged(tls=certificates.server_files("a.example"), **options)
        return stage, await stage.connect(tls=certificates.client())

    return open_secured


async def test_several_addresses(staged: Staged, tmp_path: Path) -> None:
    stage = await staged(listen=(LOOPBACK, LOOPBACK, Endpoint(path=str(tmp_path / "s"))))
    clients = [await stage.connect(at=at) for at in range(3)]
    peer = await stage.ask(clients[0], GET)
    for number, client in enumerate(clients):
        if number:
            await client.send(GET)
        await peer.request()
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
    assert stage.engine.gauges().client_connections == 3


async def test_tls(secured: Secured) -> None:
    stage, client = await secured()
    peer = await stage.ask(client, GET)
    assert (await peer.head()) == (
        b"GET / HTTP/1.1\r\n" + HOST + b"Via: 1.1 corsproxy\r\nX-Forwarded-For: 127.0.0.1\r\n"
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example:80\r\nX-Forwarded-Port: 80\r\n"
        b'Forwarded: for=127.0.0.1;host="a.example:80";proto=https\r\n\r\n'
    )
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_the_own_origin_is_https_behind_tls(secured: Secured) -> None:
    stage, client = await secured(rules=(RULE,))
    peer = await stage.ask(client, b"GET / HTTP/1.1\r\nHost: a.example\r\nOrigin: https://a.example\r\n\r\n")
    await peer.request()
    await peer.send(OK)
    await client.response()
    record = await stage.book.next()
    assert record.decision is not None
    assert record.decision.reason == "same_origin"


async def test_large_bodies_over_tls(secured: Secured) -> None:
    stage, client = await secured()
    request = b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    async with asyncio.TaskGroup() as group:
        group.create_task(client.send(request))
        peer = await stage.backend.accept()
        assert (await peer.request()).body == BODY
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY))
        assert (await client.response()).body == BODY


async def test_an_early_answer_over_tls_gets_through(secured: Secured) -> None:
    stage, client = await secured(limits=Limits(body_bytes=10))
    body = b"x" * 2_000_000
    await client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert (await client.response()).status == 413
    assert await client.is_gone()
    assert stage.backend.is_untouched()


async def test_answers_without_a_length_end_well_over_tls(secured: Secured) -> None:
    stage, client = await secured()
    peer = await stage.ask(client, get(version=b"1.0"))
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\nto the end")
    peer.close()
    response = await client.response()
    assert (response.body, response.is_whole) == (b"to the end", True)


async def test_a_client_that_leaves_over_tls(secured: Secured) -> None:
    stage, client = await secured()
    peer = await stage.ask(client, GET)
    await peer.request()
    client.close()
    assert await peer.is_gone()
    record = await stage.book.next()
    assert (record.status, record.detail) == (0, "the client left before the end")


async def test_who_does_not_trust_us_gets_nothing(secured: Secured) -> None:
    stage, client = await secured()
    with pytest.raises(ssl.SSLCertVerificationError):
        await stage.connect(tls=ssl.create_default_context())
    client.close()
    await until(lambda: not stage.engine.clients)


async def test_plain_http_on_a_tls_port(secured: Secured) -> None:
    stage, _ = await secured()
    client = await stage.connect()
    await client.send(GET)
    assert await client.is_gone()
    assert stage.backend.is_untouched()


async def test_a_handshake_that_stalls(secured: Secured) -> None:
    stage, _ = await secured(timeouts=Timeouts(client_header=0.3))
    client = await stage.connect()
    assert await client.is_gone()
    assert stage.backend.is_untouched()


async def test_preflights_over_tls(secured: Secured) -> None:
    stage, client = await secured(rules=(RULE,))
    for _ in range(2):
        await client.send(
            get(
                fields=b"Origin: " + ORIGIN + b"\r\nAccess-Control-Request-Method: PUT\r\n", method=b"OPTIONS"
            )
        )
        assert (await client.response(b"OPTIONS")).status == 204
    assert stage.backend.is_untouched()

"""Clients over TLS: what is agreed on, how they end, and what they can make us hold."""

import asyncio
import logging
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from corsproxy.config.settings import Timeouts
from corsproxy.proxy.overdue import sweep
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import BODY, BOUND, SMALL, fill
from tests.proxy.test_tls_listener import TLS12, block, client_hello, serves
from tests.proxy.tls_by_hand import TlsByHand
from tests.proxy.wire import GET, NONE_OPEN, OK, RULE, Stage, get, until
from tests.steady import skip

TRICKLE = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
PREFLIGHT = get(
    b"/p", b"Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n", method=b"OPTIONS"
)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.make(tmp_path)


@pytest.fixture
async def secured(staged: Staged, certificates: Certificates) -> Stage:
    return await staged(tls=certificates.server_files("a.example"), rules=(RULE,), buffer=SMALL)


async def joined(stage: Stage, certificates: Certificates) -> TlsByHand:
    """Return a client that has shaken hands."""
    client = TlsByHand(await stage.connect(), certificates.client(), name="a.example")
    await client.handshake()
    return client


# --- what is agreed on -----------------------------------------------------------------------------

NAMES = {
    "none": b"",
    "another": b"unknown.example",
    "an address": b"127.0.0.1",
    "a dot": b".",
    "as long as may be": b"x" * 255,
    "not ASCII": b"a\xe4.example",
    "no text at all": b"\xff\xfe",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_whatever_name_is_asked_for_there_is_one_certificate(
    secured: Stage, certificates: Certificates, name: bytes
) -> None:
    """And not a line of noise: a name that is no text once ended in a traceback on stderr."""
    client = await secured.connect()
    asked = b"\x00\x00" + block(2, block(2, b"\x00" + block(2, name)))
    await client.send(client_hello(TLS12, asked))
    assert (await client.take(11))[9:] == b"\x03\x03"  # the version in ServerHello
    client.close()
    await serves(secured, certificates)
    assert secured.book.events == []


OFFERS = {
    "both": (["h2", "http/1.1"], "http/1.1"),
    "HTTP/2 alone": (["h2"], None),
    "none": ([], None),
    "others": (["http/1.0", "spdy/3.1"], None),
}


@pytest.mark.parametrize(("offered", "agreed"), OFFERS.values(), ids=OFFERS)
async def test_nothing_but_http_1_1_is_agreed_on(
    secured: Stage, certificates: Certificates, offered: list[str], agreed: str | None
) -> None:
    context = certificates.client()
    if offered:
        context.set_alpn_protocols(offered)
    client = TlsByHand(await secured.connect(), context, name="a.example")
    await client.handshake()
    assert client.tls.selected_alpn_protocol() == agreed


async def test_a_session_is_resumed_and_not_over_another_certificate(
    secured: Stage, certificates: Certificates
) -> None:
    async def session(context: ssl.SSLContext, of: ssl.SSLSession | None) -> tuple[ssl.SSLSession, bool]:
        client = TlsByHand(await secured.connect(), context, name="a.example")
        if of is not None:
            client.tls.session = of
        await client.handshake()
        await client.send(PREFLIGHT)
        await client.head()  # tickets come behind the handshake
        assert client.tls.session is not None
        return client.tls.session, bool(client.tls.session_reused)

    context = certificates.client()
    first, _ = await session(context, None)
    second, was_resumed = await session(context, first)
    assert was_resumed
    secured.engine.adopt(secured.settings)
    _, was_resumed = await session(context, second)
    assert not was_resumed


async def test_the_limit_of_a_handshake_is_that_of_the_settings_in_force(
    staged: Staged, certificates: Certificates
) -> None:
    stage = await staged(tls=certificates.server_files("a.example"), timeouts=Timeouts(client_header=1000.0))
    stage.engine.adopt(replace(stage.settings, timeouts=Timeouts(client_header=20.0)))
    silent = await stage.connect()
    await until(lambda: stage.engine.gauges().client_connections == 1)
    skip(21.0)
    assert await silent.is_gone()


# --- ends ------------------------------------------------------------------------------------------


async def test_who_ends_tls_has_the_request_cut(secured: Stage, certificates: Certificates) -> None:
    """There is no half-close here: asyncio writes nothing more once the client has said close_notify."""
    client = await joined(secured, certificates)
    await client.send(PREFLIGHT + GET + GET)
    peer = await secured.backend.accept()
    await peer.request()
    await client.notify()
    assert await peer.is_gone()
    assert (await client.rest()).startswith(b"HTTP/1.1 204 ")  # what had been answered before
    assert [await secured.book.ends() for _ in range(2)] == [(204, None), (0, None)]
    assert secured.book.is_empty
    assert secured.backend.is_untouched()


async def test_nothing_is_begun_for_who_has_ended_tls(secured: Stage, certificates: Certificates) -> None:
    """Requests that wait for their turn in the loop when the end comes."""
    client = await joined(secured, certificates)
    client.tls.write(PREFLIGHT * 8 + GET * 4)
    await client.notify()
    assert (await client.rest()).count(b"HTTP/1.1 204 ") == 8
    await until(lambda: secured.engine.gauges() == NONE_OPEN)
    assert secured.backend.is_untouched()


async def test_who_ends_tls_and_reads_nothing_is_given_up_at_once(
    secured: Stage, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = await joined(secured, certificates)
    await client.send(GET)
    peer = await secured.backend.accept()
    await peer.request()
    await peer.send(TRICKLE)
    chunk = b"1000\r\n" + bytes(4096) + b"\r\n"
    await until(
        lambda: bool(peer.send_some(chunk)) and any(c.is_write_paused for c in secured.engine.clients)
    )
    await client.notify()
    assert await peer.is_gone()
    assert await secured.book.ends() == (200, None)
    assert caplog.messages == []


async def test_a_cut_answer_does_not_end_as_a_whole_one_does(
    secured: Stage, certificates: Certificates
) -> None:
    """An answer that the end alone delimits, and a client that has ended its own side and reads on."""
    client = await joined(secured, certificates)
    await client.send(get(version=b"1.0"))
    peer = await secured.backend.accept()
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\nbegun")
    assert (await client.some()).endswith(b"\r\nConnection: close\r\n\r\nbegun")
    await client.notify()
    with pytest.raises((EOFError, ConnectionError)):
        await client.rest()


async def test_a_sweep_in_the_turn_in_which_tls_is_lost(secured: Stage, certificates: Certificates) -> None:
    client = await joined(secured, certificates)
    await client.send(GET)
    peer = await secured.backend.accept()
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    await fill(peer, BODY)
    (connection,) = secured.engine.clients
    assert connection.is_write_paused
    client.peer.reset()

    def is_gone() -> bool:
        connection.progress()
        sweep(connection, secured.engine.now)
        return secured.engine.gauges() == NONE_OPEN

    connection.transport.resume_reading()
    await until(is_gone)


# --- what is held ----------------------------------------------------------------------------------


async def test_a_client_that_does_not_read_holds_the_backend(
    secured: Stage, certificates: Certificates
) -> None:
    client = await joined(secured, certificates)
    await client.send(GET)
    peer = await secured.backend.accept()
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    sent = await fill(peer, BODY)
    assert sent < len(BODY)
    (connection,) = secured.engine.clients
    assert connection.transport.get_write_buffer_size() < BOUND - 128 * 1024
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.send(BODY[sent:]))
        got = bytearray()
        while len(got.partition(b"\r\n\r\n")[2]) < len(BODY):
            got += await client.some()
    assert got.partition(b"\r\n\r\n")[2] == BODY


async def test_one_byte_a_record(secured: Stage, certificates: Certificates) -> None:
    client = await joined(secured, certificates)
    request = get(fields=b"X: " + b"x" * 1000 + b"\r\n")
    for at in range(len(request)):
        client.tls.write(request[at : at + 1])
    await client.send(GET)
    peer = await secured.backend.accept()
    for _ in range(2):
        await peer.request()
        await peer.send(OK)
        assert (await client.some()).endswith(b"ok")

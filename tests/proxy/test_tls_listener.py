"""What our own TLS refuses, and how those end who bring the wrong protocol to a port."""

import asyncio
import errno
import logging
import socket
from pathlib import Path

import pytest

from corsproxy.config.settings import Limits, Timeouts
from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.handshakes import TlsListener
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.test_fairness import turns
from tests.proxy.wire import GET, NONE_OPEN, OK, Stage, get, until
from tests.steady import skip

SSL30, TLS10, TLS11, TLS12 = 0x0300, 0x0301, 0x0302, 0x0303


def block(size: int, content: bytes) -> bytes:
    """Return content behind its length, of `size` bytes."""
    return len(content).to_bytes(size, "big") + content


def client_hello(version: int, extension: bytes = b"") -> bytes:
    """Return the first record of a client that speaks no later version (RFC 5246 §7.4.1.2).

    By hand, because today's OpenSSL would not say it.
    """
    ciphers = (
        b"\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\xc0\x09\xc0\x13\xc0\x0a\xc0\x14\x00\x9c\x00\x2f\x00\x35\x00\x0a"
    )
    algorithms = b"\x04\x03\x05\x03\x06\x03\x08\x04\x08\x05\x08\x06\x04\x01\x05\x01\x06\x01\x02\x03\x02\x01"
    extensions = (
        b"\x00\x0a" + block(2, block(2, b"\x00\x1d\x00\x17\x00\x18"))  # groups
        + b"\x00\x0b" + block(2, block(1, b"\x00"))  # points
        + b"\x00\x0d" + block(2, block(2, algorithms))
    )  # fmt: skip
    hello = (
        version.to_bytes(2, "big")
        + bytes(range(32))
        + block(1, b"")
        + block(2, ciphers)
        + block(1, b"\x00")
        + block(2, extensions + extension)
    )
    return b"\x16\x03\x01" + block(2, b"\x01" + block(3, hello))


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.make(tmp_path)


@pytest.fixture
async def secured(staged: Staged, certificates: Certificates) -> Stage:
    return await staged(
        tls=certificates.server_files("a.example"),
        timeouts=Timeouts(client_header=0.3),
    )


async def serves(stage: Stage, certificates: Certificates) -> None:
    """Require that others are served as ever."""
    client = await stage.connect(tls=certificates.client())
    peer = await stage.ask(client, get(fields=b"Connection: close\r\n"))
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert await stage.book.ends() == (200, None)


@pytest.mark.parametrize("version", [SSL30, TLS10, TLS11], ids=["SSL 3.0", "TLS 1.0", "TLS 1.1"])
async def test_old_versions_are_refused_at_once(
    staged: Staged, certificates: Certificates, version: int
) -> None:
    stage = await staged(tls=certificates.server_files("a.example"))
    client = await stage.connect()
    await client.send(client_hello(version))
    assert (await client.rest_or_reset())[:1] in (b"", b"\x15")  # nothing, or an alert
    await serves(stage, certificates)


async def test_tls_1_2_is_not(secured: Stage) -> None:
    client = await secured.connect()
    await client.send(client_hello(TLS12))
    assert (await client.take(11))[9:] == b"\x03\x03"  # the version in ServerHello


PLAIN = {
    "HTTP": (GET, b"GET", b"/"),
    "HTTP, without an end": (b"PUT /it HTTP/1.1\r\nHo", b"PUT", b"/it"),
    "one byte": (b"G", b"G", b"/"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PRI", b"/"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.6", b"/"),
}


@pytest.mark.parametrize(("said", "method", "path"), PLAIN.values(), ids=PLAIN)
async def test_plain_http_is_told_in_plain_http(
    staged: Staged,
    certificates: Certificates,
    caplog: pytest.LogCaptureFixture,
    said: bytes,
    method: bytes,
    path: bytes,
) -> None:
    stage = await staged(tls=certificates.server_files("a.example"))
    caplog.set_level(logging.INFO)
    client = await stage.connect()
    await client.send(said)
    response = await client.response()
    assert (response.status, response.is_whole) == (400, True)
    assert b'"the client speaks plain HTTP, and this port wants TLS: use https://"' in response.body
    assert await client.ended()
    record = await stage.book.next()
    assert (record.status, record.fault, record.method, record.path) == (
        400,
        Reason.BAD_REQUEST,
        method,
        path,
    )
    assert (stage.book.is_empty, stage.book.events, caplog.messages) == (True, [], [])
    await serves(stage, certificates)
    assert stage.backend.is_untouched()


NOT_TLS = {
    "zeros": bytes(100),
    "nothing": b"",
    "a record longer than any may be": b"\x16\x03\x01\xff\xff" + bytes(100),
}


@pytest.mark.parametrize("said", NOT_TLS.values(), ids=NOT_TLS)
async def test_what_is_not_tls_is_closed_at_once(
    staged: Staged, certificates: Certificates, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    stage = await staged(
        tls=certificates.server_files("a.example")
    )  # whose timeouts are longer than our patience
    caplog.set_level(logging.INFO)
    client = await stage.connect()
    await client.send(said)
    client.half_close()
    assert not (await client.rest_or_reset()).startswith(b"HTTP/")
    assert (stage.book.is_empty, stage.book.events, caplog.messages) == (True, [], [])
    await serves(stage, certificates)


# How far a handshake gets before it stalls.
STALLED = {
    "not a byte": b"",
    "half a record": client_hello(TLS12)[:30],
    "the first flight": client_hello(TLS12),
}


@pytest.mark.parametrize("said", STALLED.values(), ids=STALLED)
async def test_a_handshake_that_stalls_is_cut(
    secured: Stage, certificates: Certificates, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    caplog.set_level(logging.INFO)
    client = await secured.connect()
    if said:
        await client.send(said)
    assert await client.is_gone()
    assert (secured.book.is_empty, secured.book.events, caplog.messages) == (True, [], [])
    await serves(secured, certificates)


async def test_a_client_that_leaves_in_the_handshake(
    secured: Stage, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for end in ("close", "reset", "half_close"):
        client = await secured.connect()
        await client.send(client_hello(TLS12))
        await client.take(5)
        getattr(client, end)()
    await serves(secured, certificates)
    assert (secured.book.is_empty, secured.book.events, caplog.messages) == (True, [], [])


async def test_tls_on_a_plain_port_is_refused_at_once(stage: Stage) -> None:
    client = await stage.connect()
    await client.send(client_hello(TLS12))
    response = await client.response()
    assert (response.status, response.is_whole) == (400, True)
    assert b"the client speaks TLS, and this port does not" in response.body
    assert await client.ended()
    assert await stage.book.ends() == (400, Reason.BAD_REQUEST)
    assert (stage.book.is_empty, stage.book.events) == (True, [])
    assert stage.backend.is_untouched()


async def test_handshakes_count_as_clients(staged: Staged, certificates: Certificates) -> None:
    """What has not so much as sent a byte takes a place; one too many is closed unanswered."""
    stage = await staged(tls=certificates.server_files("a.example"), limits=Limits(connections=3))
    silent, begun = await stage.connect(), await stage.connect()
    await begun.send(client_hello(TLS12))
    assert await begun.take(1) == b"\x16"
    served = await stage.connect(tls=certificates.client())
    assert stage.engine.gauges().client_connections == 3
    refused = await stage.connect()
    assert await refused.is_gone()
    peer = await stage.ask(served, GET)
    await peer.request()
    await peer.send(OK)
    assert (await served.response()).body == b"ok"
    silent.close()
    begun.reset()
    await until(lambda: stage.engine.gauges().client_connections == 1)
    client = await stage.connect(tls=certificates.client())
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert stage.book.connections == 2  # those that came through their handshake


async def test_stalled_handshakes_are_bounded(staged: Staged, certificates: Certificates) -> None:
    stage = await staged(tls=certificates.server_files("a.example"), limits=Limits(connections=50))
    tasks = len(asyncio.all_tasks())
    stalled = [await stage.connect() for _ in range(200)]
    await until(lambda: sum(not client.has_nothing() for client in stalled) == 150)
    assert stage.engine.gauges().client_connections == 50
    assert len(asyncio.all_tasks()) - tasks == 50
    skip(2 * stage.settings.timeouts.client_header)
    for client in stalled:
        assert await client.is_gone()
    assert stage.engine.gauges() == NONE_OPEN
    assert len(asyncio.all_tasks()) == tasks
    await serves(stage, certificates)


async def test_a_listener_without_descriptors_tries_again(
    staged: Staged, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsproxy.proxy.handshakes._PAUSE", 0.01)
    stage = await staged(tls=certificates.server_files("a.example"))
    refusals = [OSError(errno.EMFILE, "too many open files")] * 3
    accept = socket.socket.accept

    def accepting(bound: socket.socket) -> tuple[socket.socket, object]:
        if bound.getsockname()[1] == stage.endpoints[0].port and refusals:
            raise refusals.pop()
        return accept(bound)

    monkeypatch.setattr(socket.socket, "accept", accepting)
    await serves(stage, certificates)
    assert refusals == []


async def test_a_listener_without_descriptors_rests_meanwhile(
    staged: Staged, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsproxy.proxy.handshakes._PAUSE", 1000)
    stage = await staged(tls=certificates.server_files("a.example"))
    accept = socket.socket.accept
    tries = []

    def accepting(bound: socket.socket) -> tuple[socket.socket, object]:
        if bound.getsockname()[1] != stage.endpoints[0].port:
            return accept(bound)
        tries.append(bound)
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(socket.socket, "accept", accepting)
    await stage.connect()
    await until(lambda: tries != [])
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(tries) == 1


async def test_a_stop_cuts_handshakes(staged: Staged, certificates: Certificates) -> None:
    stage = await staged(tls=certificates.server_files("a.example"), timeouts=Timeouts(drain=0.1))
    silent, begun = await stage.connect(), await stage.connect()
    await begun.send(client_hello(TLS12))
    await begun.take(1)
    await stage.engine.drain()
    assert await silent.is_gone()
    assert await begun.is_gone()
    await until(lambda: stage.engine.gauges() == NONE_OPEN)


async def test_a_drain_waits_for_no_handshake_that_stalls(staged: Staged, certificates: Certificates) -> None:
    stage = await staged(
        tls=certificates.server_files("a.example"), timeouts=Timeouts(client_header=1000.0, drain=1000.0)
    )
    stalled = []
    for said in STALLED.values():
        stalled.append(await stage.connect())
        if said:
            await stalled[-1].send(said)
    await stalled[-1].take(1)
    await until(lambda: stage.engine.gauges().client_connections == len(stalled))
    unseen = await stage.connect()  # the kernel has it, the engine has not
    draining = asyncio.ensure_future(stage.engine.drain())
    await until(lambda: stage.engine.gauges().client_connections > len(stalled))
    skip(2.1)
    await until(draining.done)
    for client in (*stalled, unseen):
        assert await client.is_gone()
    assert stage.engine.gauges() == NONE_OPEN


async def test_who_waits_in_the_queue_of_a_tls_port_is_served_in_a_drain(
    staged: Staged, certificates: Certificates
) -> None:
    stage = await staged(tls=certificates.server_files("a.example"))
    connecting = asyncio.ensure_future(stage.connect(tls=certificates.client()))
    await asyncio.sleep(0)  # the kernel has it, the engine has not
    draining = asyncio.ensure_future(stage.engine.drain())
    client = await connecting
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    await draining


async def test_few_handshakes_begin_in_one_turn(
    staged: Staged, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await staged(tls=certificates.server_files("a.example"))
    (listener,) = stage.engine._listeners
    assert isinstance(listener, TlsListener)
    begun = 0
    take = type(listener)._turn

    async def counted(self: TlsListener) -> None:
        nonlocal begun
        await take(self)
        begun += 1

    monkeypatch.setattr(TlsListener, "_turn", counted)
    clients = [await stage.connect() for _ in range(60)]
    for client in clients[::2]:
        await client.send(client_hello(TLS12))
    with turns(lambda: begun) as grown:
        for client in clients[::2]:
            assert (await client.take(1)) == b"\x16"
    assert sum(grown) == 30
    assert max(grown) <= 2 * 4
    assert not listener._waiting
    clients[0].reset()
    await serves(stage, certificates)

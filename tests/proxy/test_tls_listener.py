"""What our own TLS refuses, and how those end who bring the wrong protocol to a port."""

import logging
from pathlib import Path

import pytest

from corsproxy.config.settings import Timeouts
from corsproxy.cors.vocabulary import Reason
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, OK, Stage, get

SSL30, TLS10, TLS11, TLS12 = 0x0300, 0x0301, 0x0302, 0x0303


def block(size: int, content: bytes) -> bytes:
    """Return content behind its length, of `size` bytes."""
    return len(content).to_bytes(size, "big") + content


def client_hello(version: int) -> bytes:
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
        + block(2, extensions)
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


NOT_TLS = {
    "HTTP": GET,
    "HTTP, without an end": GET[:-2],
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": bytes(100),
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

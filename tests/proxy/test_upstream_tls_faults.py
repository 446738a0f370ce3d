"""A backend that cannot be dialled: the reason, the detail and the RFC 9209 error type that name why."""

import asyncio
import datetime as dt
import errno
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from corsproxy.config.settings import Endpoint, Timeouts, Upstream, UpstreamTls
from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.faults import fault_of_dialling
from tests.proxy.conftest import Staged
from tests.proxy.strict import Message
from tests.proxy.wire import GET, LOOPBACK, OK, Backend, Stage

NAME = "b.example"
REFUSED = "upstream_refused"


@dataclass(frozen=True)
class Authorities:
    """Whom the proxy trusts, and backends' contexts that it must not believe."""

    ca: str
    trusted: trustme.CA

    def good(self) -> ssl.SSLContext:
        return serving(self.trusted.issue_cert(NAME))

    def expired(self) -> ssl.SSLContext:
        return serving(self.trusted.issue_cert(NAME, not_after=day(2001), not_before=day(2000)))

    def not_yet_valid(self) -> ssl.SSLContext:
        return serving(self.trusted.issue_cert(NAME, not_after=day(2101), not_before=day(2100)))

    def another_name(self) -> ssl.SSLContext:
        return serving(self.trusted.issue_cert("c.example"))

    def a_name_above(self) -> ssl.SSLContext:
        return serving(self.trusted.issue_cert("example", "*.b.example"))

    def by_a_stranger(self) -> ssl.SSLContext:
        return serving(trustme.CA().issue_cert(NAME))

    def chain_with_a_gap(self) -> ssl.SSLContext:
        certificate = self.trusted.create_child_ca().issue_cert(NAME)
        return loaded(certificate.private_key_pem, certificate.cert_chain_pems[0])

    def whole_chain(self) -> ssl.SSLContext:
        return serving(self.trusted.create_child_ca().issue_cert(NAME))

    def self_signed(self) -> ssl.SSLContext:
        alone = trustme.CA()
        return loaded(alone.private_key_pem, alone.cert_pem)


def day(year: int) -> dt.datetime:
    return dt.datetime(year, 1, 1, tzinfo=dt.UTC)


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def loaded(key: trustme.Blob, certificate: trustme.Blob) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with key.tempfile() as key_path, certificate.tempfile() as path:
        context.load_cert_chain(path, key_path)
    return context


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    ca = tmp_path_factory.mktemp("authorities") / "ca.pem"
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(str(ca))
    return Authorities(str(ca), trusted)


Serve = Callable[[ssl.SSLContext], Awaitable[Endpoint]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a backend behind TLS that answers `ok` to any head, and counts nobody."""
    servers: list[asyncio.Server] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.close()

    async def start(context: ssl.SSLContext) -> Endpoint:
        servers.append(await asyncio.start_server(answer, LOOPBACK.host, 0, ssl=context))
        return Endpoint("127.0.0.1", servers[-1].sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


async def asked(stage: Stage) -> Message:
    client = await stage.connect()
    await client.send(GET)
    return await client.response()


def named(response: Message) -> tuple[int, str, str, str]:
    """Return status, code, RFC 9209 error type and detail of a problem."""
    status = re.search(
        rb'\r\nProxy-Status: corsproxy; error=([a-z_]+); details="([a-z_]+)"\r\n', response.head
    )
    detail = re.search(rb'"code": "([a-z_]+)", "detail": "([^"]*)"', response.body)
    assert status is not None
    assert detail is not None
    assert status[2] == detail[1]
    return response.status, status[2].decode(), status[1].decode(), detail[2].decode()


# What the backend shows, and why it is not believed.
UNBELIEVED = {
    "expired": (Authorities.expired, "certificate has expired"),
    "not yet valid": (Authorities.not_yet_valid, "certificate is not yet valid"),
    "another name": (
        Authorities.another_name,
        "Hostname mismatch, certificate is not valid for 'b.example'.",
    ),
    "names above and below": (
        Authorities.a_name_above,
        "Hostname mismatch, certificate is not valid for 'b.example'.",
    ),
    "by a stranger": (Authorities.by_a_stranger, "unable to get local issuer certificate"),
    "a chain with a gap": (Authorities.chain_with_a_gap, "unable to get local issuer certificate"),
    "self-signed": (Authorities.self_signed, "self-signed certificate"),
}


@pytest.mark.parametrize(("shows", "why"), UNBELIEVED.values(), ids=UNBELIEVED)
async def test_a_certificate_that_is_not_believed(
    staged: Staged,
    serve: Serve,
    authorities: Authorities,
    shows: Callable[[Authorities], ssl.SSLContext],
    why: str,
) -> None:
    endpoint = await serve(shows(authorities))
    tls = UpstreamTls(authorities.ca, NAME)
    stage = await staged(upstream=Upstream(endpoint=endpoint, authority=NAME, tls=tls))
    detail = f"the backend's certificate was not accepted: {why}"
    assert named(await asked(stage)) == (502, REFUSED, "tls_certificate_error", detail)
    record = await stage.book.next()
    assert (record.fault, record.detail) == (Reason.UPSTREAM_REFUSED, detail)
    assert (stage.book.is_empty, stage.book.events) == (True, [])


@pytest.mark.parametrize(("shows", "why"), UNBELIEVED.values(), ids=UNBELIEVED)
async def test_is_taken_where_nothing_is_verified(
    staged: Staged,
    serve: Serve,
    authorities: Authorities,
    shows: Callable[[Authorities], ssl.SSLContext],
    why: str,
) -> None:
    del why
    endpoint = await serve(shows(authorities))
    tls = UpstreamTls(verify=False)
    stage = await staged(upstream=Upstream(endpoint=endpoint, authority=NAME, tls=tls))
    assert (await asked(stage)).body == b"ok"


# What the settings name, beside the address, and what is shown.
BELIEVED = {
    "a leaf": (Authorities.good, NAME),
    "a whole chain": (Authorities.whole_chain, NAME),
    "another server_name": (Authorities.another_name, "c.example"),
    "a wildcard": (Authorities.a_name_above, "x.b.example"),
}


@pytest.mark.parametrize(("shows", "name"), BELIEVED.values(), ids=BELIEVED)
async def test_a_certificate_that_is_believed(
    staged: Staged,
    serve: Serve,
    authorities: Authorities,
    shows: Callable[[Authorities], ssl.SSLContext],
    name: str,
) -> None:
    endpoint = await serve(shows(authorities))
    tls = UpstreamTls(authorities.ca, name)
    stage = await staged(upstream=Upstream(endpoint=endpoint, authority=NAME, tls=tls))
    assert (await asked(stage)).body == b"ok"


async def test_a_backend_that_speaks_only_old_versions(staged: Staged, authorities: Authorities) -> None:
    backend = Backend()
    stage = await staged(
        upstream=Upstream(endpoint=backend.endpoint, authority=NAME, tls=UpstreamTls(authorities.ca, NAME))
    )
    client = await stage.connect()
    await client.send(GET)
    peer = await backend.accept()
    await peer.take(1)
    await peer.send(b"\x15\x03\x01\x00\x02\x02\x46")  # the alert protocol_version
    assert named(await client.response()) == (
        502,
        REFUSED,
        "tls_alert_received",
        "the TLS handshake with the backend failed: TLSV1_ALERT_PROTOCOL_VERSION",
    )
    backend.close()


async def test_a_backend_that_answers_in_plain_http(staged: Staged, authorities: Authorities) -> None:
    backend = Backend()
    stage = await staged(
        upstream=Upstream(endpoint=backend.endpoint, authority=NAME, tls=UpstreamTls(authorities.ca, NAME))
    )
    client = await stage.connect()
    await client.send(GET)
    peer = await backend.accept()
    await peer.take(1)
    await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    status, code, error, detail = named(await client.response())
    assert (status, code, error) == (502, REFUSED, "tls_protocol_error")
    assert detail.startswith("the TLS handshake with the backend failed: ")
    backend.close()


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
async def test_a_backend_that_leaves_in_the_handshake(
    staged: Staged, authorities: Authorities, how: str
) -> None:
    backend = Backend()
    stage = await staged(
        upstream=Upstream(endpoint=backend.endpoint, authority=NAME, tls=UpstreamTls(authorities.ca, NAME))
    )
    client = await stage.connect()
    await client.send(GET)
    peer = await backend.accept()
    await peer.take(1)
    getattr(peer, how)()
    detail = "the backend closed the connection in the TLS handshake"
    assert named(await client.response()) == (502, REFUSED, "tls_protocol_error", detail)
    backend.close()


async def test_a_backend_that_stalls_in_the_handshake(staged: Staged, authorities: Authorities) -> None:
    backend = Backend()
    stage = await staged(
        upstream=Upstream(endpoint=backend.endpoint, authority=NAME, tls=UpstreamTls(authorities.ca, NAME)),
        timeouts=Timeouts(connect=0.2),
    )
    detail = "the backend did not accept a connection in time"
    assert named(await asked(stage)) == (504, "upstream_timeout", "connection_timeout", detail)
    peer = await backend.accept()
    assert await peer.is_gone()
    backend.close()


async def test_tls_from_a_backend_that_should_speak_plain_http(
    staged: Staged, serve: Serve, authorities: Authorities
) -> None:
    endpoint = await serve(authorities.good())
    stage = await staged(upstream=Upstream(endpoint=endpoint, authority=NAME))
    response = await asked(stage)
    assert response.status == 502
    assert response.is_whole


@pytest.mark.parametrize("name", ["b..example", "b" * 64 + ".example"], ids=["empty", "long"])
async def test_a_name_that_cannot_be_resolved(staged: Staged, name: str) -> None:
    stage = await staged(upstream=Upstream(endpoint=Endpoint(name, 80), authority=NAME))
    detail = "the backend's name cannot be resolved: a part of it is empty or too long"
    assert named(await asked(stage)) == (502, REFUSED, "dns_error", detail)


async def test_a_port_that_nobody_listens_on(staged: Staged) -> None:
    stage = await staged()
    stage.backend.close()
    detail = "the backend cannot be connected to: Connection refused"
    assert named(await asked(stage)) == (502, REFUSED, "connection_refused", detail)


# What the system says of connect(), where no test can make it say so.
DIALLED = {
    "no route to the host": (
        OSError(errno.EHOSTUNREACH, "b.example"),
        (502, "destination_ip_unroutable", "the backend cannot be connected to: No route to host"),
    ),
    "no route to the network": (
        OSError(errno.ENETUNREACH, "b.example"),
        (502, "destination_ip_unroutable", "the backend cannot be connected to: Network is unreachable"),
    ),
    "the system's own timeout": (
        TimeoutError(errno.ETIMEDOUT, "b.example"),
        (504, "connection_timeout", "the backend did not accept a connection in time"),
    ),
    "several addresses": (
        OSError("Multiple exceptions: 10.0.0.1, 10.0.0.2"),
        (502, "connection_refused", "the backend cannot be connected to: no address of it answers"),
    ),
    "a name server that is silent": (
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        (
            502,
            "dns_error",
            "the backend's name cannot be resolved: Temporary failure in name resolution",
        ),
    ),
}


@pytest.mark.parametrize(("failure", "expected"), DIALLED.values(), ids=DIALLED)
def test_what_the_system_says(failure: OSError, expected: tuple[int, str, str]) -> None:
    fault = fault_of_dialling(failure, is_tls=False)
    assert (fault.status, fault.proxy_error, fault.detail) == expected


async def test_a_unix_socket_that_is_not_there(staged: Staged, tmp_path: Path) -> None:
    stage = await staged(upstream=Upstream(endpoint=Endpoint(path=str(tmp_path / "b")), authority=NAME))
    detail = "the backend cannot be connected to: No such file or directory"
    assert named(await asked(stage)) == (502, REFUSED, "connection_refused", detail)

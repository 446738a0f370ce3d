"""New settings: they hold for the next request, on connections that stay open."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest

from corsproxy.config.settings import Limits, ServerTls, Settings, Timeouts, UpstreamTls
from corsproxy.cors.rule import Origins
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, GRANT, OK, ORIGIN, RULE, Backend, Peer, Stage, get, until

FROM = get(fields=b"Origin: " + ORIGIN + b"\r\n")


async def test_a_new_policy_for_the_next_request(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    peer = await stage.ask(client, FROM)
    await peer.request()
    stage.engine.adopt(replace(stage.settings, rules=(replace(RULE, origins=Origins(exact=("https://b",))),)))
    await peer.send(OK)
    assert GRANT in (await client.response()).head  # decided before
    await client.send(FROM)
    await peer.request()
    await peer.send(OK)
    assert b"Access-Control-Allow-Origin" not in (await client.response()).head
    assert stage.backend.is_untouched()


async def test_another_backend_for_the_next_request(stage: Stage) -> None:
    other = Backend()
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    stage.engine.adopt(
        replace(stage.settings, upstream=replace(stage.settings.upstream, endpoint=other.endpoint))
    )
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert await peer.ended()  # served out and not kept
    await client.send(GET)
    fresh = await other.accept()
    await fresh.request()
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"
    assert stage.engine.gauges().upstream_connections_idle == 1
    other.close()


async def test_idle_connections_to_the_backend_before_are_closed(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    await client.response()
    stage.engine.adopt(stage.with_upstream(max_connections=7))
    assert await peer.ended()


async def test_who_waits_for_the_backend_before_is_served(staged: Staged) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=1))
    first, second = await stage.connect(), await stage.connect()
    peer = await stage.ask(first, GET)
    await peer.request()
    await second.send(GET)
    await until(lambda: stage.engine.gauges().upstream_queue == 1)
    stage.engine.adopt(stage.with_upstream(max_connections=2))
    await peer.send(OK)
    assert (await first.response()).body == b"ok"
    await peer.request()
    await peer.send(OK)
    assert (await second.response()).body == b"ok"
    assert await peer.ended()


async def test_unchanged_upstreams_keep_their_connections(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    await client.response()
    stage.engine.adopt(replace(stage.settings, rules=(RULE,)))
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_trust_changes_on_open_connections(stage: Stage) -> None:
    claims = get(fields=b"X-Forwarded-For: 203.0.113.7\r\n")
    client = await stage.connect()
    peer = await stage.ask(client, claims)
    assert b"\r\nX-Forwarded-For: 127.0.0.1\r\n" in (await peer.request()).head
    await peer.send(OK)
    await client.response()
    stage.engine.adopt(replace(stage.settings, trusted_proxies=("127.0.0.1/32",)))
    await client.send(claims)
    assert b"\r\nX-Forwarded-For: 203.0.113.7, 127.0.0.1\r\n" in (await peer.request()).head
    await peer.send(OK)
    await client.response()
    stage.engine.adopt(stage.settings)
    await client.send(claims)
    assert b"\r\nX-Forwarded-For: 127.0.0.1\r\n" in (await peer.request()).head


async def test_limits_change_on_open_connections(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    await client.response()
    stage.engine.adopt(replace(stage.settings, limits=Limits(header_count=2)))
    await client.send(get(fields=b"X: a\r\nX: b\r\n"))
    assert (await client.response()).status == 431


async def test_timeouts_change_on_open_connections(stage: Stage) -> None:
    client = await stage.connect()
    await until(lambda: bool(stage.engine.clients))
    stage.engine.adopt(replace(stage.settings, timeouts=Timeouts(client_header=0.1)))
    assert await client.ended()


NOWHERE = "/nowhere/at/all.pem"


def unreadable_authorities(settings: Settings) -> Settings:
    return replace(settings, upstream=replace(settings.upstream, tls=UpstreamTls(ca=NOWHERE)))


def unreadable_certificate(settings: Settings) -> Settings:
    return replace(settings, tls=ServerTls(NOWHERE, NOWHERE))


@pytest.mark.parametrize("spoilt", [unreadable_authorities, unreadable_certificate])
async def test_what_cannot_be_adopted_whole_changes_nothing(
    staged: Staged, tmp_path: Path, spoilt: Callable[[Settings], Settings]
) -> None:
    certificates = Certificates.make(tmp_path)
    stage = await staged(rules=(RULE,), tls=certificates.server_files("a.example"))
    before, pool = stage.engine.settings, stage.engine.pool
    with pytest.raises(FileNotFoundError):
        stage.engine.adopt(spoilt(replace(stage.settings, rules=(), limits=Limits(header_count=2))))
    assert stage.engine.settings is before
    assert stage.engine.pool is pool
    client = await stage.connect(tls=certificates.client())
    peer = await stage.ask(client, get(fields=b"Origin: " + ORIGIN + b"\r\nX: a\r\nX: b\r\n"))
    await peer.request()
    await peer.send(OK)
    assert GRANT in (await client.response()).head


async def answered(stage: Stage, client: Peer) -> None:
    """Carry one request of this client over a connection to the backend that is made for it or idles."""
    await client.send(get(fields=b"Connection: close\r\n"))
    peer = await stage.backend.accept()
    await peer.request()
    await peer.send(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert (await client.response()).body == b"ok"


async def test_a_renewed_certificate_for_the_next_handshake(staged: Staged, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = Certificates.make(tmp_path / "old"), Certificates.make(tmp_path / "new")
    paths = old.server_files("a.example")
    stage = await staged(tls=paths)
    before = await stage.connect(tls=old.client())
    renewed = new.server_files("a.example")
    copyfile(renewed.certificate, paths.certificate)
    copyfile(renewed.key, paths.key)
    stage.engine.adopt(stage.settings)
    after = await stage.connect(tls=new.client())
    with pytest.raises(ssl.SSLCertVerificationError):
        await stage.connect(tls=old.client())
    await answered(stage, after)
    await answered(stage, before)  # no connection was closed for it


async def test_a_certificate_at_another_place_for_the_next_handshake(staged: Staged, tmp_path: Path) -> None:
    certificates = Certificates.make(tmp_path)
    stage = await staged(tls=certificates.server_files("b.example"))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await stage.connect(tls=certificates.client())
    stage.engine.adopt(replace(stage.settings, tls=certificates.server_files("a.example")))
    await answered(stage, await stage.connect(tls=certificates.client()))


async def test_renewed_authorities_for_the_next_connection_to_the_backend(
    staged: Staged, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "others").mkdir()
    theirs, others = Certificates.make(tmp_path / "theirs"), Certificates.make(tmp_path / "others")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=theirs.server("b.example"))
    port = server.sockets[0].getsockname()[1]
    stage = await staged()
    ca = tmp_path / "ca.pem"
    copyfile(others.ca, ca)
    upstream = stage.upstream()
    upstream = replace(
        upstream,
        endpoint=replace(upstream.endpoint, port=port),
        tls=UpstreamTls(ca=str(ca), server_name="b.example"),
    )
    settings = replace(stage.settings, upstream=upstream)
    stage.engine.adopt(settings)
    client = await stage.connect()
    await client.send(GET)
    assert (await client.response()).status == 502
    copyfile(theirs.ca, ca)
    stage.engine.adopt(settings)
    await client.send(GET)
    assert (await client.response()).body == b"ok"
    server.close()


async def test_a_repetition_that_finds_the_new_queue_full(staged: Staged) -> None:
    """What was asked over a former connection is asked again over the connections of today."""
    stage = await staged()
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    await client.send(GET)
    await peer.request()
    stage.engine.adopt(stage.with_upstream(max_connections=1, max_queue=0))
    await stage.ask(await stage.connect(), GET)
    peer.close()
    response = await client.response()
    assert (response.status, b'"code": "queue_full"' in response.body) == (503, True)

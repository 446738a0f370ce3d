"""New settings: they hold for the next request, on connections that stay open."""

from dataclasses import replace

from corsproxy.config.settings import Limits, Timeouts
from corsproxy.cors.rule import Origins
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, GRANT, OK, ORIGIN, RULE, Backend, Stage, get, until

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

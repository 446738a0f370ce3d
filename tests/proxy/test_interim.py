"""1xx: relayed to who knows them, and Expect: 100-continue, where policy comes first."""

import pytest

from tests.proxy.conftest import Staged
from tests.proxy.wire import HOST, OK, ORIGIN, RULE, Stage, forwarded, get, until

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
EXPECTING = b"PUT /p HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"


async def test_interim_answers_are_relayed_to_1_1(stage: Stage) -> None:
    response = await stage.exchange(get(), HINTS + CONTINUE + HINTS + OK)
    assert response.interim == (HINTS, CONTINUE, HINTS)
    assert response.raw == OK


async def test_interim_answers_are_relayed_at_once(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get())
    await peer.request()
    await peer.send(HINTS)
    assert await client.take(len(HINTS)) == HINTS
    await peer.send(OK)
    assert (await client.response()).raw == OK


async def test_interim_answers_lose_what_is_not_for_the_client(stage: Stage) -> None:
    response = await stage.exchange(
        get(),
        b"HTTP/1.1 103 Early Hints\r\naccess-control-allow-ORIGIN: *\r\nConnection: X-A\r\nX-A: 1\r\n"
        b"Content-Length: 9\r\nLink: </a>\r\n\r\n" + OK,
    )
    assert response.interim == (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",)


async def test_interim_answers_are_not_for_1_0(stage: Stage) -> None:
    response = await stage.exchange(get(version=b"1.0"), CONTINUE + HINTS + OK)
    assert response.interim == ()
    assert response.head == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"


async def test_interim_answers_without_end_are_bad(stage: Stage) -> None:
    response = await stage.exchange(get(), HINTS * 33)
    assert (response.status, len(response.interim)) == (502, 32)


async def test_the_backends_100_is_relayed(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, EXPECTING)
    assert await peer.head() == forwarded(EXPECTING)
    assert client.has_nothing()
    await peer.send(CONTINUE)
    assert await client.head() == CONTINUE
    await client.send(b"body")
    assert await peer.take(4) == b"body"
    await peer.send(OK)
    assert (await client.response()).raw == OK
    again = get(b"/again")
    await client.send(again)
    assert (await peer.request()).head == forwarded(again)


async def test_a_client_need_not_wait_for_100(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, EXPECTING + b"body")
    assert (await peer.head()) + await peer.take(4) == forwarded(EXPECTING + b"body")
    await peer.send(CONTINUE + OK)
    response = await client.response()
    assert (response.interim, response.raw) == ((CONTINUE,), OK)


async def test_a_final_answer_instead_of_100_ends_both(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, EXPECTING)
    await peer.head()
    await peer.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    response = await client.response()
    assert response.head == b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert await client.ended()
    assert await peer.is_gone()


async def test_policy_comes_before_100(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    await client.send(
        b"OPTIONS /p HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n"
        b"Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
    )
    response = await client.response(b"OPTIONS")
    assert (response.status, response.interim) == (403, ())
    assert await client.ended()
    assert stage.backend.is_untouched()


async def test_1_0_cannot_expect(stage: Stage) -> None:
    client = await stage.connect()
    expecting = EXPECTING.replace(b"1.1", b"1.0")
    peer = await stage.ask(client, expecting + b"body")
    assert (await peer.head()) == forwarded(EXPECTING.replace(b"Expect: 100-continue\r\n", b""))
    await peer.send(OK)
    assert (await client.response()).status == 200


@pytest.mark.parametrize(
    "fields",
    [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"],
    ids=["plain", "h2c", "half a handshake"],
)
async def test_an_unasked_101_is_bad(stage: Stage, fields: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(fields=fields))
    assert (await peer.head()) == forwarded(get())
    await peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes"
    )
    response = await client.response()
    assert (response.status, b"upstream_invalid" in response.body) == (502, True)
    assert await peer.is_gone()
    await until(lambda: stage.engine.gauges().upstream_connections_active == 0)


async def test_granted_origins_see_interim_answers_without_fields(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    response = await stage.exchange(get(fields=b"Origin: " + ORIGIN + b"\r\n"), HINTS + OK)
    assert response.interim == (HINTS,)

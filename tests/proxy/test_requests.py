"""Requests: what the backend gets of each, their bodies, order and pipelining."""

import pytest

from corsproxy.config.settings import Limits
from tests.proxy.conftest import Staged
from tests.proxy.wire import FORWARDED, GET, HOST, OK, ORIGIN, RULE, Stage, forwarded, get, until

POST = b"POST /p HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PREFLIGHT = (
    b"OPTIONS /p HTTP/1.1\r\n" + HOST + b"Origin: " + ORIGIN + b"\r\nAccess-Control-Request-Method: PUT\r\n"
)

# What a client sends and exactly what the backend gets of it.
FORWARDS = {
    "nothing to change": (GET, forwarded(GET)),
    "odd targets as they came": (
        get(b"//a/./../%2F%zz+?"),
        forwarded(get(b"//a/./../%2F%zz+?")),
    ),
    "a lone ?": (get(b"/?"), forwarded(get(b"/?"))),
    "queries": (get(b"/p?a=b&c=%20+d??"), forwarded(get(b"/p?a=b&c=%20+d??"))),
    "order, spelling, repetition, high bytes": (
        get(fields=b"x-A: 1\r\nCookie: a=b\r\nX-a:  \xe9\xff \r\nCookie: c=d\r\nX-A:3\r\n"),
        forwarded(get(fields=b"x-A: 1\r\nCookie: a=b\r\nX-a:  \xe9\xff \r\nCookie: c=d\r\nX-A:3\r\n")),
    ),
    "hop-by-hop fields and what Connection names": (
        get(
            fields=b"Connection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\nTE: trailers\r\n"
            b"Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nTrailer: X\r\nA: b\r\n"
        ),
        forwarded(get(fields=b"A: b\r\n")),
    ),
    "other upgrades": (get(fields=b"Connection: Upgrade\r\nUpgrade: h2c\r\n"), forwarded(GET)),
    "underscored names": (
        get(fields=b"X_Forwarded_For: 1\r\nA: b_c\r\n"),
        forwarded(get(fields=b"A: b_c\r\n")),
    ),
    "1.0 with a Host": (get(version=b"1.0"), forwarded(GET)),
    "an absolute target": (
        b"GET http://a.example:80/p?q HTTP/1.1\r\n" + HOST + b"\r\n",
        forwarded(get(b"/p?q")),
    ),
    "an absolute target of 1.0 without a Host": (
        b"GET http://a.example:80/p?q HTTP/1.0\r\nA: b\r\n\r\n",
        b"GET /p?q HTTP/1.1\r\nA: b\r\n" + FORWARDED + b"Host: a.example:80\r\n\r\n",
    ),
    "OPTIONS *": (get(b"*", method=b"OPTIONS"), forwarded(get(b"*", method=b"OPTIONS"))),
    "a plain OPTIONS with an origin": (
        get(fields=b"Origin: https://app.example\r\n", method=b"OPTIONS"),
        forwarded(get(fields=b"Origin: https://app.example\r\n", method=b"OPTIONS")),
    ),
    "an empty line before": (b"\r\n" + GET, forwarded(GET)),
    "empty lines before": (b"\r\n" * 5000 + GET, forwarded(GET)),
    "a counted body": (
        POST + b"Content-Length: 4\r\n\r\nbody",
        forwarded(POST + b"Content-Length: 4\r\n\r\nbody"),
    ),
    "an empty counted body": (
        POST + b"Content-Length: 0\r\n\r\n",
        forwarded(POST + b"Content-Length: 0\r\n\r\n"),
    ),
    "a length with zeros before it": (
        POST + b"Content-Length: 0004\r\n\r\nbody",
        forwarded(POST + b"Content-Length: 4\r\n\r\nbody"),
    ),
    "a counted body of 1.0": (
        b"POST /p HTTP/1.0\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
        forwarded(POST + b"Content-Length: 4\r\n\r\nbody"),
    ),
    "an empty chunked body": (
        POST + CHUNKED + b"\r\n0\r\n\r\n",
        POST + FORWARDED + CHUNKED + b"\r\n0\r\n\r\n",
    ),
    "a chunked body, re-framed": (
        POST + CHUNKED + b'\r\n2;a=b;c="d"\r\nbo\r\n0002\r\ndy\r\n0;x\r\nX-Sum: 1\r\n\r\n',
        POST + FORWARDED + CHUNKED + b"\r\n4\r\nbody\r\n0\r\n\r\n",
    ),
    "a body on GET": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
        forwarded(b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"),
    ),
    "a chunked body on GET": (
        b"GET / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n4\r\nbody\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + FORWARDED + CHUNKED + b"\r\n4\r\nbody\r\n0\r\n\r\n",
    ),
    "a body on DELETE": (
        b"DELETE / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
        forwarded(b"DELETE / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"),
    ),
    "a body on OPTIONS": (
        b"OPTIONS / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
        forwarded(b"OPTIONS / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"),
    ),
    "a body on HEAD": (
        b"HEAD / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
        forwarded(b"HEAD / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"),
    ),
    "Max-Forwards counted down": (
        get(fields=b"Max-Forwards: 2\r\n", method=b"OPTIONS"),
        forwarded(get(fields=b"Max-Forwards: 1\r\n", method=b"OPTIONS")),
    ),
}


@pytest.mark.parametrize(("request_", "seen"), FORWARDS.values(), ids=FORWARDS)
async def test_what_the_backend_gets(stage: Stage, request_: bytes, seen: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, request_)
    got = await peer.request()
    assert got.is_whole
    if got.trailers or b"chunked" not in got.head:
        assert got.head + got.body == seen
    else:
        head, _, body = seen.partition(b"\r\n\r\n")
        assert got.head == head + b"\r\n\r\n"
        assert got.body == (b"body" if b"body" in body else b"")
    assert peer.has_nothing()
    await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (await client.response(request_.split()[0])).status == 204


async def test_a_request_of_1_0_without_a_host_gets_the_backends(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, b"GET / HTTP/1.0\r\n\r\n")
    port = stage.endpoints[0].port
    assert (await peer.request()).head == (
        b"GET / HTTP/1.1\r\nVia: 1.1 corsproxy\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        b"X-Forwarded-Port: %d\r\nForwarded: for=127.0.0.1;proto=http\r\nHost: b.example:8000\r\n\r\n" % port
    )


async def test_pieces_of_a_body_move_on_at_once(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, POST + b"Content-Length: 6\r\n\r\n")
    await peer.head()
    for piece in (b"ab", b"cd", b"ef"):
        await client.send(piece)
        assert await peer.take(2) == piece
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_chunks_move_on_at_once(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, POST + CHUNKED + b"\r\n")
    await peer.head()
    await client.send(b"2\r\nab\r\n")
    assert await peer.take(7) == b"2\r\nab\r\n"
    await client.send(b"4\r\ncd")
    assert await peer.take(7) == b"2\r\ncd\r\n"
    await client.send(b"ef\r\n0\r\n\r\n")
    assert await peer.take(12) == b"2\r\nef\r\n0\r\n\r\n"
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_pipelined_requests_are_answered_in_order(stage: Stage) -> None:
    """One at a time over the one connection; bodies stay with their requests."""
    client = await stage.connect()
    requests = [
        get(b"/1"),
        POST + b"Content-Length: 4\r\n\r\nbody",
        POST + CHUNKED + b"\r\n4\r\nbody\r\n0\r\n\r\n",
        get(b"/4"),
    ]
    peer = await stage.ask(client, b"".join(requests))
    for number in range(1, 5):
        got = await peer.request()
        assert (got.body, peer.has_nothing()) == (b"body" if number in (2, 3) else b"", True)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
        response = await client.response()
        assert (response.body, client.has_nothing()) == (b"%d" % number, True)
    assert stage.backend.is_untouched()


async def test_refusals_stand_in_line_with_answers(staged: Staged) -> None:
    """A preflight and a refusal between forwarded requests are answered when their turn comes."""
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    refused = PREFLIGHT.replace(ORIGIN, b"https://evil.example")
    peer = await stage.ask(
        client, get(b"/1") + PREFLIGHT + b"\r\n" + refused + b"\r\n" + get(b"/2") + PREFLIGHT + b"\r\n"
    )
    await peer.request()
    assert client.has_nothing()
    await peer.send(OK)
    assert [(await client.response()).status for _ in range(3)] == [200, 204, 403]
    assert (await peer.request()).head.startswith(b"GET /2 ")
    await peer.send(OK)
    assert [(await client.response()).status for _ in range(2)] == [200, 204]


async def test_pipelining_ends_with_a_request_that_cannot_be_read(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(b"/1") + b"GET /2 HTTP/1.1\r\n\r\n" + get(b"/3"))
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).status == 200
    response = await client.response()
    assert (response.status, b"Connection: close\r\n" in response.head) == (400, True)
    assert await client.ended()
    assert peer.has_nothing()


async def test_pipelining_goes_on_after_a_backend_that_failed(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(b"/1") + get(b"/2"))
    await peer.request()
    peer.close()
    assert (await client.response()).status == 502
    fresh = await stage.backend.accept()
    assert (await fresh.request()).head.startswith(b"GET /2 ")
    await fresh.send(OK)
    assert (await client.response()).status == 200


async def test_nothing_is_read_after_close(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(b"/1", b"Connection: close\r\n") + get(b"/2"))
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    assert await client.ended()
    client.close()
    await until(lambda: not stage.engine.clients)
    assert peer.has_nothing()
    assert stage.backend.is_untouched()


# Requests that are answered here, with a body: read over and not taken for the next request.
REFUSED_BODIES = {
    "preflight, counted": (PREFLIGHT + b"Content-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\nHost:a", 204),
    "preflight refused, counted": (
        PREFLIGHT.replace(ORIGIN, b"https://evil.example") + b"Content-Length: 4\r\n\r\nbody",
        403,
    ),
    "Max-Forwards: 0": (
        b"OPTIONS / HTTP/1.1\r\n" + HOST + b"Max-Forwards: 0\r\nContent-Length: 4\r\n\r\nbody",
        200,
    ),
}


@pytest.mark.parametrize(("request_", "status"), REFUSED_BODIES.values(), ids=REFUSED_BODIES)
async def test_bodies_of_requests_that_are_answered_here(
    staged: Staged, request_: bytes, status: int
) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    peer = await stage.ask(client, request_ + get(b"/next"))
    assert (await client.response(b"OPTIONS")).status == status
    assert (await peer.request()).head.startswith(b"GET /next ")
    await peer.send(OK)
    assert (await client.response()).status == 200


@pytest.mark.parametrize(
    "body", [b"Content-Length: 9\r\n\r\nhalf", CHUNKED + b"\r\n4\r\nhalf"], ids=["counted", "chunked"]
)
async def test_an_own_answer_before_the_body_is_here_closes(staged: Staged, body: bytes) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    await client.send(PREFLIGHT + body)
    response = await client.response(b"OPTIONS")
    assert (response.status, b"Connection: close\r\n" in response.head) == (204, True)
    await client.send(b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await client.ended()
    client.close()
    await until(lambda: not stage.engine.clients)
    assert stage.backend.is_untouched()


async def test_the_bytes_of_a_body_limit_that_is_met_pass(staged: Staged) -> None:
    stage = await staged(limits=Limits(body_bytes=4))
    for body in (b"Content-Length: 4\r\n\r\nbody", CHUNKED + b"\r\n4\r\nbody\r\n0\r\n\r\n"):
        client = await stage.connect()
        await client.send(POST + body)
        peer = await stage.backend.accept()
        assert (await peer.request()).body == b"body"
        await peer.send(OK)
        assert (await client.response()).status == 200
        peer.close()
        await until(lambda: not stage.engine.gauges().upstream_connections_idle)

"""The proxy's own answers, whole: problem, Proxy-Status, CORS fields that the origin is due."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from corsproxy.config.settings import Limits, Timeouts
from corsproxy.cors.vocabulary import Reason
from tests.proxy.conftest import Staged
from tests.proxy.strict import undated
from tests.proxy.wire import GET, GRANT, HOST, OK, ORIGIN, OWN_GRANT, RULE, Stage, get

OWN = b"Origin: " + ORIGIN + b"\r\nX-Request-Id: req-1\r\n"
EVIL = b"Origin: https://evil.example\r\nX-Request-Id: req-1\r\n"
ASKING = b"Access-Control-Request-Method: PUT\r\n"
VARY = b"Vary: Origin\r\n"
VARY_PREFLIGHT = b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
ALLOW = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
NAMED_AWAY = "Connection names a field that is not the client's to remove"
BLOCK = replace(RULE, block=True)
TITLES = {
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    508: "Loop Detected",
}


def problem(status: int, code: str, error: str, detail: str, lines: bytes, *, close: bool = True) -> bytes:
    """Return a whole problem, written out."""
    title = TITLES[status]
    body = (
        f'{{"type": "about:blank", "title": "{title}", "status": {status}, "code": "{code}", '
        f'"detail": {json.dumps(detail)}, "request_id": "req-1"}}'
    )
    return (
        (
            f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
            f'Proxy-Status: corsproxy; error={error}; details="{code}"\r\nDate: *\r\n'
        ).encode()
        + lines
        + (b"Connection: close\r\n" if close else b"")
        + b"\r\n"
        + body.encode()
    )


def bad(status: int, detail: str, lines: bytes = OWN_GRANT) -> bytes:
    return problem(status, "bad_request", "http_request_error", detail, lines)


# What a client sends, and what it gets without the backend having been asked.
HEADS = {
    "400": (get(fields=OWN + b"Connection: Host\r\n"), bad(400, NAMED_AWAY)),
    "400 to a stranger": (
        get(fields=EVIL + b"Connection: Host\r\n"),
        bad(400, NAMED_AWAY, VARY),
    ),
    "400 without an origin": (
        get(fields=b"X-Request-Id: req-1\r\nConnection: Host\r\n"),
        bad(400, NAMED_AWAY, VARY),
    ),
    "400 for two origins": (
        get(fields=OWN + b"Origin: " + ORIGIN + b"\r\n"),
        bad(400, "there are two Origin fields", VARY),
    ),
    "400 for two origins in a row": (
        get(fields=b"Origin: " + ORIGIN + b"\r\n" + OWN),
        bad(400, "there are two Origin fields", VARY),
    ),
    "405": (
        get(method=b"TRACE", fields=OWN),
        bad(405, "CONNECT and TRACE are not served", OWN_GRANT + ALLOW),
    ),
    "417": (get(fields=OWN + b"Expect: tea\r\n"), bad(417, "no expectation but 100-continue can be met")),
    "501": (
        get(fields=OWN + b"Transfer-Encoding: gzip\r\n"),
        bad(501, "no transfer coding but chunked is known here"),
    ),
    "501 for a method": (get(method=b"BREW", fields=OWN), bad(501, "the method is not known here")),
    "505": (get(fields=OWN, version=b"1.2"), bad(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")),
    "508": (
        get(fields=OWN + b"Via: 1.1 corsproxy\r\n"),
        problem(
            508,
            "bad_request",
            "proxy_loop_detected",
            "the request has come through corsproxy before: a loop",
            OWN_GRANT,
        ),
    ),
    "413, counted": (
        b"PUT / HTTP/1.1\r\n" + HOST + OWN + b"Content-Length: 9\r\n\r\n",
        problem(
            413,
            "body_too_large",
            "http_request_error",
            "the body is longer than the limit of 8 bytes",
            OWN_GRANT,
        ),
    ),
    "413, counted and all here": (
        b"PUT / HTTP/1.1\r\n" + HOST + OWN + b"Content-Length: 9\r\n\r\n123456789",
        problem(
            413,
            "body_too_large",
            "http_request_error",
            "the body is longer than the limit of 8 bytes",
            OWN_GRANT,
        ),
    ),
    "414": (
        get(b"/" + b"a" * 600, OWN),
        problem(
            414,
            "head_too_large",
            "http_request_error",
            "the request line is longer than 500 bytes",
            OWN_GRANT,
        ),
    ),
    "431 for bytes": (
        get(fields=OWN + b"X: " + b"a" * 600 + b"\r\n"),
        problem(
            431,
            "head_too_large",
            "http_request_error",
            "the request's fields are longer than 500 bytes",
            OWN_GRANT,
        ),
    ),
    "431 for bytes without end": (
        get(fields=OWN)[:-2] + b"X: " + b"a" * 600,
        problem(
            431,
            "head_too_large",
            "http_request_error",
            "the request's fields are longer than 500 bytes",
            OWN_GRANT,
        ),
    ),
    "431 for a count": (
        get(fields=OWN + b"X: a\r\n" * 8),
        problem(431, "head_too_large", "http_request_error", "the request has too many fields", OWN_GRANT),
    ),
    "403, preflight": (
        get(fields=EVIL + ASKING, method=b"OPTIONS"),
        problem(
            403,
            "origin_not_allowed",
            "http_request_denied",
            "refused by rule api: origin_not_allowed",
            VARY_PREFLIGHT,
            close=False,
        ),
    ),
    "403, blocked": (
        get(b"/blocked", EVIL),
        problem(
            403,
            "origin_not_allowed",
            "http_request_denied",
            "refused by rule blocking: origin_not_allowed",
            VARY,
            close=False,
        ),
    ),
    "403, method blocked": (
        get(b"/blocked", OWN, method=b"PATCH"),
        problem(
            403,
            "method_not_allowed",
            "http_request_denied",
            "refused by rule blocking: method_not_allowed",
            OWN_GRANT,
            close=False,
        ),
    ),
    "400, a list of origins": (
        get(fields=b"Origin: https://app.example, https://app.example\r\nX-Request-Id: req-1\r\n"),
        problem(
            400,
            "origin_malformed",
            "http_request_denied",
            "refused by rule api: origin_malformed",
            VARY,
            close=False,
        ),
    ),
    "preflight": (
        get(fields=OWN + ASKING, method=b"OPTIONS"),
        b"HTTP/1.1 204 No Content\r\n"
        b"Access-Control-Allow-Origin: https://app.example\r\nAccess-Control-Allow-Credentials: true\r\n"
        b"Access-Control-Allow-Methods: GET, PUT, DELETE\r\n"
        b"Access-Control-Allow-Headers: Content-Type\r\n"
        b"Access-Control-Max-Age: 600\r\n" + VARY_PREFLIGHT + b"Date: *\r\n\r\n",
    ),
    "Max-Forwards: 0": (
        get(fields=OWN + b"Max-Forwards: 0\r\n", method=b"OPTIONS"),
        b"HTTP/1.1 200 OK\r\n" + ALLOW + OWN_GRANT + b"Date: *\r\nContent-Length: 0\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("request_", "expected"), HEADS.values(), ids=HEADS)
async def test_answers_without_the_backend(staged: Staged, request_: bytes, expected: bytes) -> None:
    stage = await staged(
        rules=(replace(BLOCK, name="blocking", paths=("/blocked",)), RULE),
        limits=Limits(header_bytes=500, header_count=8, body_bytes=8),
    )
    client = await stage.connect()
    await client.send(request_)
    response = await client.response(request_.split()[0])
    assert response.raw == expected
    assert stage.backend.is_untouched()
    record = await stage.book.next()
    assert (record.status, record.response_bytes) == (response.status, 0)
    if b"Connection: close" in expected:
        assert await client.ended()
    else:
        await client.send(GET)
        peer = await stage.backend.accept()
        await peer.request()
        await peer.send(OK)
        assert (await client.response()).status == 200


async def test_a_refused_head_is_read_over_so_that_its_answer_is_not_lost(staged: Staged) -> None:
    """What still comes is taken in; closing at once would reset the connection, and the answer with it."""
    stage = await staged(rules=(RULE,), limits=Limits(header_bytes=500))
    client = await stage.connect()
    await client.send(get(fields=OWN)[:-2] + b"X: " + b"a" * 3_000_000)
    assert (await client.response()).status == 431
    assert await client.ended()


# What the backend does, and what the client gets for it.
BACKENDS = {
    "502, closed": (
        "close",
        502,
        "upstream_closed",
        "connection_terminated",
        "the backend closed the connection before it answered",
    ),
    "502, reset": (
        "reset",
        502,
        "upstream_closed",
        "connection_terminated",
        "the backend reset the connection before it answered",
    ),
    "502, garbage": (
        b"SSH-2.0",
        502,
        "upstream_invalid",
        "http_protocol_error",
        "what the backend sent is not HTTP",
    ),
    "502, unknown coding": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        502,
        "upstream_invalid",
        "http_protocol_error",
        "Transfer-Encoding is not chunked, once, in HTTP/1.1",
    ),
    "504": (b"", 504, "upstream_timeout", "http_response_timeout", "the backend was silent for too long"),
}


@pytest.mark.parametrize(("does", "status", "code", "error", "detail"), BACKENDS.values(), ids=BACKENDS)
@pytest.mark.parametrize(
    ("fields", "lines"), [(OWN, OWN_GRANT), (EVIL, VARY)], ids=["allowed", "not allowed"]
)
async def test_answers_for_the_backend(
    staged: Staged,
    does: str | bytes,
    status: int,
    code: str,
    error: str,
    detail: str,
    fields: bytes,
    lines: bytes,
) -> None:
    stage = await staged(rules=(RULE,), timeouts=Timeouts(upstream_response=0.2))
    client = await stage.connect()
    peer = await stage.ask(client, get(fields=fields))
    await peer.request()
    if isinstance(does, bytes):
        await peer.send(does)
    else:
        getattr(peer, does)()
    response = await client.response()
    assert response.raw == problem(status, code, error, detail, lines, close=False)
    assert await stage.book.ends() == (status, Reason(code))


async def test_refused_connections(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    stage.backend.close()
    client = await stage.connect()
    await client.send(get(fields=OWN))
    response = await client.response()
    assert response.raw == problem(
        502,
        "upstream_refused",
        "connection_refused",
        "the backend cannot be connected to: Connection refused",
        OWN_GRANT,
        close=False,
    )


async def test_a_full_queue(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    stage.engine.adopt(stage.with_upstream(max_connections=1, max_queue=0))
    first, second = await stage.connect(), await stage.connect()
    await (await stage.ask(first, GET)).request()
    await second.send(get(fields=OWN))
    assert (await second.response()).raw == problem(
        503,
        "queue_full",
        "connection_limit_reached",
        "all connections to the backend are busy and the queue is full",
        OWN_GRANT + b"Retry-After: 1\r\n",
        close=False,
    )


async def test_a_chunked_body_over_the_limit(staged: Staged) -> None:
    stage = await staged(rules=(RULE,), limits=Limits(body_bytes=8))
    client = await stage.connect()
    head = b"PUT / HTTP/1.1\r\n" + HOST + OWN + b"Transfer-Encoding: chunked\r\n\r\n"
    peer = await stage.ask(client, head + b"6\r\n123456\r\n")
    await peer.head()
    await client.send(b"3\r\n789\r\n0\r\n\r\n")
    response = await client.response()
    assert response.raw == problem(
        413, "body_too_large", "http_request_error", "the body is longer than the limit of 8 bytes", OWN_GRANT
    )
    assert not (await peer.rest_or_reset()).endswith(b"0\r\n\r\n")
    assert await client.ended()


BAD_CHUNKS = {
    "size": (b"x\r\n", "a chunk size is not plain hexadecimal digits"),
    "end": (b"2\r\nabc\r\n", "a chunk is longer than its size"),
    "line": (b"2\nab\n0\n\n", "a line of the chunked coding does not end in CRLF or is too long"),
}


@pytest.mark.parametrize(("chunks", "detail"), BAD_CHUNKS.values(), ids=BAD_CHUNKS)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
async def test_a_bad_chunk(staged: Staged, chunks: bytes, detail: str, at_once: bool) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    head = b"PUT / HTTP/1.1\r\n" + HOST + OWN + b"Transfer-Encoding: chunked\r\n\r\n"
    peer = None if at_once else await stage.ask(client, head)
    if peer is not None:
        await peer.head()
    await client.send(head + chunks if at_once else chunks)
    assert (await client.response()).raw == bad(400, detail)
    assert await client.ended()
    if peer is not None:
        assert not (await peer.rest_or_reset()).endswith(b"0\r\n\r\n")


async def test_heads_that_end_nowhere_are_salvaged(staged: Staged) -> None:
    """A rule may be for one host: it is found by the Host of a head that is refused, too."""
    stage = await staged(rules=(replace(RULE, host="a.example"),))
    client = await stage.connect()
    await client.send(b"GET /p HTTP/1.1\r\nHost: a.example:80\r\n" + OWN + b"X : y\r\n\r\n")
    response = await client.response()
    assert response.status == 400
    assert OWN_GRANT in response.head


async def test_head_requests_get_the_length_of_a_problem_only(staged: Staged) -> None:
    stage = await staged(rules=(BLOCK,))
    client = await stage.connect()
    await client.send(get(fields=EVIL, method=b"HEAD") + get(fields=EVIL))
    first = await client.response(b"HEAD")
    second = await client.response()
    assert (first.body, undated(first.head)) == (b"", undated(second.head))


async def test_own_answers_to_1_0_end_the_connection(staged: Staged) -> None:
    """A client of 1.0 takes a connection for kept only if told so."""
    stage = await staged(rules=(BLOCK,))
    for request in (
        get(fields=OWN + ASKING + b"Connection: keep-alive\r\n", method=b"OPTIONS", version=b"1.0"),
        get(fields=EVIL + b"Connection: keep-alive\r\n", version=b"1.0"),
    ):
        client = await stage.connect()
        await client.send(request)
        assert b"\r\nConnection: close\r\n" in (await client.response()).head
        assert await client.ended()


async def test_a_request_id_is_made_where_none_was_given(staged: Staged) -> None:
    stage = await staged(rules=(BLOCK,))
    seen = set()
    for _ in range(2):
        client = await stage.connect()
        await client.send(get(fields=b"Origin: https://evil.example\r\n"))
        made: dict[str, Any] = json.loads((await client.response()).body)
        record = await stage.book.next()
        assert re.fullmatch("[0-9a-f]{16}", made["request_id"])
        assert record.request_id == made["request_id"]
        seen.add(made["request_id"])
    assert len(seen) == 2


async def test_clients_beyond_the_limit_are_turned_away(staged: Staged) -> None:
    stage: Stage = await staged(rules=(RULE,), limits=Limits(connections=1))
    first = await stage.connect()
    await first.send(get(fields=OWN))
    peer = await stage.backend.accept()
    await peer.request()
    second = await stage.connect()
    await second.send(get(fields=OWN))
    response = await second.response()
    assert (response.status, b"\r\nRetry-After: 1\r\n" in response.head) == (503, True)
    assert await second.ended()
    await peer.send(OK)
    assert GRANT in (await first.response()).head

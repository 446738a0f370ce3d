"""Backends that stop, stammer, drip and lie: what is cut looks cut, what is not theirs to say is not passed on.

Laws: after each, somebody else asks over the same proxy and gets the answer that was meant for them.
"""

import itertools
from dataclasses import replace

import pytest

from corsproxy.config.settings import Timeouts
from corsproxy.cors.rule import Cookies
from corsproxy.cors.vocabulary import CORS_RESPONSE_FIELDS, Reason
from tests.proxy.conftest import Staged
from tests.proxy.strict import Message
from tests.proxy.wire import GET, HOST, NONE_OPEN, OK, ORIGIN, RULE, Stage, get, until

L1 = b"HTTP/1.1 200 OK\r\n"
CHUNKED = L1 + b"Transfer-Encoding: chunked\r\n\r\n"
SECRET = b"not for you"
_canaries = itertools.count()


async def canary(stage: Stage) -> None:
    """Require that a stranger gets his own answer, and nothing beside it."""
    token = b"canary-%d" % next(_canaries)
    client = await stage.connect()
    peer = await stage.ask(client, get(b"/" + token, b"Connection: close\r\n"))
    assert (await peer.request()).head.startswith(b"GET /" + token + b" ")
    await peer.send(L1 + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(token) + token)
    response = await client.response()
    assert (response.status, response.body, response.is_whole) == (200, token, True)
    assert await client.ended()
    assert await stage.book.ends() == (200, None)
    client.close()


async def exchange(stage: Stage, request: bytes, answer: bytes) -> Message:
    """Carry one request over connections that nobody uses before or after."""
    client = await stage.connect()
    peer = await stage.ask(client, request)
    await peer.request()
    await peer.send(answer)
    response = await client.response()
    peer.close()
    client.close()
    await until(lambda: stage.engine.gauges() == NONE_OPEN)
    return response


# --- early ends ------------------------------------------------------------------------------------

# An answer, to which method, and the body that a client may take for whole, if any.
ANSWERS = {
    "counted": (L1 + b"X: y\r\nContent-Length: 5\r\n\r\nhello", b"GET"),
    "chunked": (CHUNKED + b"5\r\nhello\r\n3;x=y\r\n wo\r\n0\r\nX: y\r\n\r\n", b"GET"),
    "hinted": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + L1 + b"Content-Length: 2\r\n\r\nok",
        b"GET",
    ),
    "to HEAD": (L1 + b"Content-Length: 5\r\n\r\n", b"HEAD"),
    "204": (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", b"GET"),
    "304": (b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n', b"GET"),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"GET"),
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"], ids=["to HTTP/1.1", "to HTTP/1.0"])
@pytest.mark.parametrize(("answer", "method"), ANSWERS.values(), ids=ANSWERS)
async def test_an_end_at_every_byte(
    stage: Stage, answer: bytes, method: bytes, version: bytes, how: str
) -> None:
    for cut in range(len(answer)):
        client = await stage.connect()
        peer = await stage.ask(client, get(method=method, version=version))
        await peer.request()
        if cut:
            await peer.send(answer[:cut])
        getattr(peer, how)()
        response = await client.response(method)
        record = await stage.book.next()
        assert record.fault is Reason.UPSTREAM_CLOSED, cut
        if record.status == 502:
            assert (response.status, response.is_whole, client.held) == (502, True, b""), cut
        else:
            # Begun: what the client has is part of the answer and does not look like all of it.
            assert (record.status, response.is_whole) == (200, False), cut
            assert response.body in (b"", b"o", *(b"hello wo"[:size] for size in range(1, 9)))
        client.close()
    await canary(stage)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_end_at_every_byte_of_an_answer_after_a_good_one(stage: Stage, how: str) -> None:
    answer = L1 + b"Content-Length: 5\r\n\r\nhello"
    for cut in range(1, len(answer)):
        client = await stage.connect()
        peer = await stage.ask(client, GET)
        await peer.request()
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
        await client.send(GET)
        await peer.request()
        await peer.send(answer[:cut])
        getattr(peer, how)()
        response = await client.response()
        assert (response.status == 502) is response.is_whole, cut
        assert not response.is_whole or b"upstream_closed" in response.body, cut
        assert [await stage.book.ends(), (await stage.book.ends())[1]] == [
            (200, None),
            Reason.UPSTREAM_CLOSED,
        ]
        client.close()
    await canary(stage)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"], ids=["to HTTP/1.1", "to HTTP/1.0"])
async def test_a_reset_at_every_byte_of_an_answer_without_a_length(stage: Stage, version: bytes) -> None:
    head, body = L1 + b"X: y\r\n\r\n", b"hello"
    for cut in range(len(body) + 1):
        client = await stage.connect()
        peer = await stage.ask(client, get(version=version))
        await peer.request()
        await peer.send(head + body[:cut])
        assert (await client.head()).startswith(L1)
        peer.reset()
        assert not (await client.rest_or_reset()).endswith(b"0\r\n\r\n")
        assert await stage.book.ends() == (200, Reason.UPSTREAM_CLOSED)
        client.close()
    await canary(stage)


# --- ends that never come --------------------------------------------------------------------------

DRIPS = {
    "a status line": b"HTTP/1.1 200 " + b"O" * 4000,
    "a field": L1 + b"X: " + b"y" * 4000,
    "fields": L1 + b"X: y\r\n" * 700,
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
async def test_a_head_that_drips_gains_no_time(staged: Staged, drip: bytes) -> None:
    stage = await staged(timeouts=Timeouts(upstream_response=0.2))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    for at in range(len(drip)):
        # One byte for each look at the clock, which is far more often than the timeout.
        now = stage.engine.now
        peer.send_some(drip[at : at + 1])
        await until(lambda now=now: stage.engine.now > now)  # type: ignore[misc]
        if not stage.book.is_empty:
            break
    response = await client.response()
    assert (response.status, b'"code": "upstream_timeout"' in response.body) == (504, True)
    assert await peer.is_gone()
    assert await stage.book.ends() == (504, Reason.UPSTREAM_TIMEOUT)
    await canary(stage)


ENDLESS = {
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000,
    "interim answers of a kind": b"HTTP/1.1 199 Odd\r\nX: y\r\n\r\n" * 50_000,
    "fields": L1 + b"X: y\r\n" * 200_000,
    "a status line": b"HTTP/1.1 200 " + b"O" * 1_000_000,
    "a name": L1 + b"X" * 1_000_000,
    "empty lines": b"\r\n" * 500_000,
    "nothing": bytes(1_000_000),
}


@pytest.mark.parametrize("said", ENDLESS.values(), ids=ENDLESS)
async def test_a_head_without_end_is_refused_within_bounds(stage: Stage, said: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    while said and (sent := peer.send_some(said[:65536])):
        said = said[sent:]
    response = await client.response()
    assert (response.status, b'"code": "upstream_invalid"' in response.body) == (502, True)
    assert len(response.interim) <= 32
    assert await peer.is_gone()
    assert await stage.book.ends() == (502, Reason.UPSTREAM_INVALID)
    await canary(stage)


async def test_a_body_that_stalls_is_cut(staged: Staged) -> None:
    stage = await staged(timeouts=Timeouts(upstream_idle_body=0.2))
    for answer in (
        L1 + b"Content-Length: 9\r\n\r\nhalf",
        CHUNKED + b"4\r\nhalf\r\n",
        CHUNKED + b"4\r\nha",
        CHUNKED + b"4\r\nhalf\r\n0\r\n",
        CHUNKED + b"4\r\nhalf\r\n0\r\nX: y\r\n",
        L1 + b"\r\nhalf",
    ):
        client = await stage.connect()
        peer = await stage.ask(client, GET)
        await peer.request()
        await peer.send(answer)
        assert (await client.head()).startswith(L1)
        assert not (await client.rest_or_reset()).endswith(b"0\r\n\r\n")
        assert await peer.is_gone()
        assert await stage.book.ends() == (200, Reason.UPSTREAM_TIMEOUT)
    await canary(stage)


# --- bytes beside an answer ------------------------------------------------------------------------

SECOND = L1 + b"Set-Cookie: session=%b\r\nContent-Length: %d\r\n\r\n%b" % (SECRET, len(SECRET), SECRET)
# An answer that is whole, to which method, and the body that it comes to.
COMPLETE = {
    "counted": (OK, b"GET", b"ok"),
    "empty": (L1 + b"Content-Length: 0\r\n\r\n", b"GET", b""),
    "chunked": (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", b"GET", b"ok"),
    "chunked with trailers": (CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n\r\n", b"GET", b"ok"),
    "to HEAD": (OK[:-2], b"HEAD", b""),
    "chunked to HEAD": (CHUNKED, b"HEAD", b""),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"GET", b""),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 11\r\n\r\n", b"GET", b""),
    "204 in chunks": (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET", b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", b"GET", b""),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 11\r\n\r\n", b"GET", b""),
    "304 in chunks": (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET", b""),
    "after a hint": (b"HTTP/1.1 103 Hints\r\nContent-Length: 11\r\n\r\n" + OK, b"GET", b"ok"),
}
BESIDE = {
    "bytes": SECRET,
    "a second answer": SECOND,
    "a chunk": b"b\r\n" + SECRET + b"\r\n0\r\n\r\n",
    "an empty line": b"\r\n",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize(("answer", "method", "body"), COMPLETE.values(), ids=COMPLETE)
@pytest.mark.parametrize("is_late", [False, True], ids=["with it", "after it"])
async def test_what_comes_beside_an_answer_reaches_nobody(
    stage: Stage, answer: bytes, method: bytes, body: bytes, beside: bytes, *, is_late: bool
) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(method=method))
    await peer.request()
    await peer.send(answer if is_late else answer + beside)
    response = await client.response(method)
    assert (response.body, response.is_whole) == (body, True)
    if is_late:
        await peer.send(beside)
    assert await peer.is_gone()
    assert await stage.book.ends() == (int(response.head[9:12]), None)
    # The same client, over the same connection, gets what was meant for it.
    assert client.has_nothing()
    fresh = await stage.ask(client, get(b"/again", b"Connection: close\r\n"))
    await fresh.request()
    await fresh.send(L1 + b"Content-Length: 5\r\nConnection: close\r\n\r\nagain")
    assert (await client.response()).body == b"again"
    assert await client.ended()
    assert await stage.book.ends() == (200, None)
    await canary(stage)


async def test_an_answer_before_it_was_asked_for_reaches_nobody(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.send(SECOND + SECOND)  # before a byte of the request was read
    # It may come before there is anybody to take it for, and is then nobody's.
    assert (await client.response()).status in (200, 502)
    assert await peer.is_gone()
    await stage.book.next()
    assert client.has_nothing()
    await canary(stage)


# --- odd statuses ----------------------------------------------------------------------------------

# Relayed as they came: what a code over 599 means is between the backend and its clients.
ODD_STATUSES = {
    "600": b"HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok",
    "999": b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok",
    "299 without a phrase": b"HTTP/1.1 299 \r\nContent-Length: 2\r\n\r\nok",
    "205 with content": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok",
    "206 unasked": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok",
    "401 without a challenge": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("answer", ODD_STATUSES.values(), ids=ODD_STATUSES)
async def test_an_odd_status_is_relayed_whole(stage: Stage, answer: bytes) -> None:
    assert (await exchange(stage, GET, answer)).raw == answer
    assert await stage.book.ends() == (int(answer[9:12]), None)


INTERIM = {
    "100 unasked": (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "102": (b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "199": (b"HTTP/1.1 199 Odd\r\nX: y\r\n\r\n", b"HTTP/1.1 199 Odd\r\nX: y\r\n\r\n"),
    "with a length": (b"HTTP/1.1 103 H\r\nContent-Length: 4\r\n\r\n", b"HTTP/1.1 103 H\r\n\r\n"),
    "in chunks": (b"HTTP/1.1 103 H\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 103 H\r\n\r\n"),
    "that closes": (b"HTTP/1.1 103 H\r\nConnection: close\r\n\r\n", b"HTTP/1.1 103 H\r\n\r\n"),
    "that upgrades": (
        b"HTTP/1.1 103 H\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 103 H\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("said", "passed"), INTERIM.values(), ids=INTERIM)
async def test_an_interim_answer_says_nothing_of_the_final_one(
    stage: Stage, said: bytes, passed: bytes
) -> None:
    response = await exchange(stage, GET, said + OK)
    assert (response.interim, response.raw) == ((passed,), OK)
    assert await stage.book.ends() == (200, None)


@pytest.mark.parametrize("said", [said for said, _ in INTERIM.values()], ids=INTERIM)
async def test_a_client_of_http_1_0_is_told_nothing_in_between(stage: Stage, said: bytes) -> None:
    response = await exchange(stage, get(version=b"1.0"), said + OK)
    assert (response.interim, response.status, response.body) == ((), 200, b"ok")


BAD_INTERIM = {
    "length and chunked": b"HTTP/1.1 103 H\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"HTTP/1.1 103 H\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 103 H\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a switch unasked": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a switch to nothing": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a switch after a hint": b"HTTP/1.1 103 H\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "a body": b"HTTP/1.1 103 H\r\nContent-Length: 4\r\n\r\nbody",
}


@pytest.mark.parametrize("said", BAD_INTERIM.values(), ids=BAD_INTERIM)
async def test_a_bad_interim_answer(stage: Stage, said: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(said + SECOND)
    response = await client.response()
    assert (response.status, b'"code": "upstream_invalid"' in response.body) == (502, True)
    assert SECRET not in response.head + response.body + client.held
    assert await peer.is_gone()
    assert await stage.book.ends() == (502, Reason.UPSTREAM_INVALID)
    await canary(stage)


# --- CORS and Vary -----------------------------------------------------------------------------------

EVIL = b"https://evil.example"
BACKENDS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Credentials: true\r\n"
    b"Access-Control-Expose-Headers: *\r\n"
    b"Access-Control-Allow-Methods: *\r\n"
    b"Access-Control-Allow-Headers: *\r\n"
    b"Access-Control-Max-Age: 999999\r\n"
    b"Access-Control-Allow-Private-Network: true\r\n"
)
# Where a backend may put what it has no say in.
POSITIONS = {
    "in the head": L1 + BACKENDS + b"Content-Length: 2\r\n\r\nok",
    "twice": L1 + BACKENDS + b"X: y\r\n" + BACKENDS + b"Content-Length: 2\r\n\r\nok",
    "lower case": L1 + BACKENDS.lower() + b"Content-Length: 2\r\n\r\nok",
    "upper case": L1 + BACKENDS.upper() + b"Content-Length: 2\r\n\r\nok",
    "mixed case": L1 + BACKENDS.replace(b"Access-Control-A", b"aCCESS-conTROL-a") + b"Content-Length: 2\r\n\r\nok",
    "after the framing": L1 + b"Content-Length: 2\r\n" + BACKENDS + b"\r\nok",
    "without values": L1 + b"Access-Control-Allow-Origin:\r\nAccess-Control-Max-Age: \t \r\nContent-Length: 2\r\n\r\nok",
    "without spaces": L1 + BACKENDS.replace(b": ", b":") + b"Content-Length: 2\r\n\r\nok",
    "with spaces": L1 + BACKENDS.replace(b": ", b": \t ").replace(b"\r\n", b" \t\r\n") + b"Content-Length: 2\r\n\r\nok",
    "named in Connection": L1 + b"Connection: access-control-allow-origin\r\n" + BACKENDS + b"Content-Length: 2\r\n\r\nok",
    "before chunks": L1 + BACKENDS + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "in trailers": CHUNKED + b"2\r\nok\r\n0\r\n" + BACKENDS + b"\r\n",
    "in announced trailers": (
        L1 + b"Trailer: Access-Control-Allow-Origin\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n" + BACKENDS + b"\r\n"
    ),
    "in a chunk extension": CHUNKED + b"2;access-control-allow-origin=*\r\nok\r\n0\r\n\r\n",
    "in an interim answer": b"HTTP/1.1 103 H\r\n" + BACKENDS + b"\r\n" + OK,
    "in both answers": b"HTTP/1.1 103 H\r\n" + BACKENDS + b"\r\n" + L1 + BACKENDS + b"Content-Length: 2\r\n\r\nok",
    "from HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + BACKENDS + b"Content-Length: 2\r\n\r\nok",
    "on an error": b"HTTP/1.1 500 Oh\r\n" + BACKENDS + b"Content-Length: 2\r\n\r\nok",
}  # fmt: skip
OWN = {
    b"access-control-allow-origin": [ORIGIN],
    b"access-control-allow-credentials": [b"true"],
    b"access-control-expose-headers": [b"X-Total"],
}


def fields(head: bytes) -> dict[bytes, list[bytes]]:
    """Return the values of each field by lower-case name."""
    found: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        found.setdefault(name.lower(), []).append(value.strip(b" \t"))
    return found


def of_cors(head: bytes) -> dict[bytes, list[bytes]]:
    return {name: values for name, values in fields(head).items() if name in CORS_RESPONSE_FIELDS}


def all_said(response: Message) -> list[bytes]:
    """Return every name that a client could read, wherever it stood."""
    heads = [*response.interim, response.head]
    return [name for head in heads for name in fields(head)] + [name.lower() for name, _ in response.trailers]


@pytest.mark.parametrize("version", [b"1.1", b"1.0"], ids=["to HTTP/1.1", "to HTTP/1.0"])
@pytest.mark.parametrize("answer", POSITIONS.values(), ids=POSITIONS)
async def test_only_our_own_cors_fields_are_there(staged: Staged, answer: bytes, version: bytes) -> None:
    stage = await staged(rules=(RULE,))
    expected: dict[bytes, dict[bytes, list[bytes]]] = {ORIGIN: OWN, EVIL: {}, b"": {}}
    for origin, own in expected.items():
        asks = b"Origin: " + origin + b"\r\n" if origin else b""
        response = await exchange(stage, get(fields=asks + b"Connection: close\r\n", version=version), answer)
        assert (response.body, response.is_whole, response.trailers) == (b"ok", True, ())
        assert of_cors(response.head) == own
        assert [of_cors(head) for head in response.interim] == [{}] * len(response.interim)
        assert fields(response.head)[b"vary"] == [b"Origin"]
        assert not {b"trailer"}.intersection(all_said(response))


# Field lines that no server should send, and that some readers would take for CORS fields.
MALFORMED = {
    "folded value": b"Access-Control-Allow-Origin:\r\n *\r\n",
    "folded under another": b"X: y\r\n Access-Control-Allow-Origin: *\r\n",
    "folded by a tab": b"X: y\r\n\tAccess-Control-Allow-Origin: *\r\n",
    "space before the colon": b"Access-Control-Allow-Origin : *\r\n",
    "tab before the colon": b"Access-Control-Allow-Origin\t: *\r\n",
    "space before the name": b" Access-Control-Allow-Origin: *\r\n",
    "behind a bare CR": b"X: y\rAccess-Control-Allow-Origin: *\r\n",
    "behind a bare LF": b"X: y\nAccess-Control-Allow-Origin: *\r\n",
    "behind a NUL": b"X: y\0Access-Control-Allow-Origin: *\r\n",
    "NUL in the name": b"Access-Control-Allow-Origin\0: *\r\n",
    "without a colon": b"Access-Control-Allow-Origin\r\n",
    "Vary folded": b"Vary: Accept,\r\n Cookie\r\n",
}


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_field_is_refused(staged: Staged, line: bytes) -> None:
    stage = await staged(rules=(RULE,))
    for answer in (
        L1 + line + b"Content-Length: 2\r\n\r\nok",
        L1 + b"Content-Length: 2\r\n" + line + b"\r\nok",
    ):
        response = await exchange(stage, get(fields=b"Origin: " + EVIL + b"\r\n"), answer)
        assert (response.status, b'"code": "upstream_invalid"' in response.body) == (502, True)
        assert of_cors(response.head) == {}


async def test_a_malformed_field_after_chunks_cuts_the_answer(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    for line in (line for name, line in MALFORMED.items() if name != "Vary folded"):
        client = await stage.connect()
        peer = await stage.ask(client, get(fields=b"Origin: " + EVIL + b"\r\n"))
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nok\r\n0\r\n" + line + b"\r\n")
        got = await client.rest_or_reset()
        assert not got.endswith(b"0\r\n\r\n")
        assert b"access-control" not in got.lower()
        assert await stage.book.ends() == (200, Reason.UPSTREAM_INVALID)


async def test_names_that_only_look_alike_are_the_backends_own(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    lines = b"Access_Control_Allow_Origin: *\r\nX-Access-Control-Allow-Origin: *\r\nAccess-Control: *\r\n"
    response = await exchange(
        stage, get(fields=b"Origin: " + EVIL + b"\r\n"), L1 + lines + b"Content-Length: 2\r\n\r\nok"
    )
    assert response.head == L1 + lines + b"Content-Length: 2\r\nVary: Origin\r\n\r\n"


VARIES = {
    "none": (b"", [b"Origin"]),
    "another": (b"Vary: Accept\r\n", [b"Accept, Origin"]),
    "in any case": (b"vARY: Accept\r\n", [b"Accept, Origin"]),
    "on several lines": (b"Vary: Accept\r\nX: y\r\nvary: Cookie\r\n", [b"Accept, Cookie, Origin"]),
    "ours already": (b"Vary: origin\r\n", [b"origin"]),
    "ours twice": (b"Vary: Origin\r\nVary: ORIGIN, Accept\r\n", [b"Origin, Accept"]),
    "everything": (b"Vary: *\r\n", [b"*"]),
    "empty": (b"Vary:\r\n", [b"Origin"]),
    "only commas": (b"Vary: ,, ,\r\n", [b"Origin"]),
    "named in Connection": (b"Connection: vary\r\nVary: Accept\r\n", [b"Accept, Origin"]),
}


@pytest.mark.parametrize(("lines", "expected"), VARIES.values(), ids=VARIES)
async def test_what_an_answer_varies_on(staged: Staged, lines: bytes, expected: list[bytes]) -> None:
    stage = await staged(rules=(RULE,))
    for origin in (ORIGIN, EVIL):
        response = await exchange(
            stage,
            get(fields=b"Origin: " + origin + b"\r\nConnection: close\r\n"),
            L1 + lines + b"Content-Length: 2\r\n\r\nok",
        )
        assert (fields(response.head)[b"vary"], response.body) == (expected, b"ok")


async def test_cookies_that_a_rule_rewrites_and_removes_at_once(staged: Staged) -> None:
    stage = await staged(rules=(replace(RULE, remove_fields=("Set-Cookie",), cookies=Cookies(secure=True)),))
    response = await exchange(
        stage, GET, L1 + b"Set-Cookie: a=b\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"
    )
    assert (b"set-cookie" in fields(response.head), response.body) == (False, b"ok")


async def test_a_body_that_looks_like_an_answer_is_a_body(stage: Stage) -> None:
    answer = L1 + b"Content-Length: %d\r\n\r\n" % len(SECOND) + SECOND
    assert (await exchange(stage, GET, answer)).body == SECOND
    client = await stage.connect()
    peer = await stage.ask(
        client, b"PUT / HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: 2\r\n\r\nup"
    )
    await peer.request()
    await peer.send(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SECOND), SECOND))
    assert (await client.response(b"PUT")).body == SECOND

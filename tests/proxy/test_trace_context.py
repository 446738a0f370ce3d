"""Trace context through the proxy where tracing is off: the bytes that came, and no grant that no rule makes."""

from dataclasses import replace

import pytest

from corsproxy.cors.vocabulary import Reason
from tests.proxy.conftest import Staged
from tests.proxy.wire import GRANT, HOST, OK, ORIGIN, RULE, Stage, forwarded, get

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = b"traceparent: 00-" + TRACE + b"-00f067aa0ba902b7-01\r\n"

CARRIED = {
    "W3C": TRACEPARENT + b"tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE\r\n",
    "odd spelling": b"TraceParent:00-" + TRACE + b"-00f067aa0ba902b7-00 \r\nTRACESTATE:\ta=1 \r\n",
    "tracestate in lines": TRACEPARENT + b"tracestate: a=1\r\nAccept: */*\r\ntracestate: b=2,, ,c=3\r\n",
    "malformed": b"traceparent: not-one\r\ntracestate: ====\r\n",
    "traceparent twice": TRACEPARENT + TRACEPARENT,
    "bytes of no character set": b"tracestate: a=\x80\xff\r\nbaggage: \xe9=1\r\n",
    "baggage": b"baggage: userId=Am%C3%A9lie;p=1, serverNode=DF 28\r\nBaggage: x=%zz\r\n",
    "B3": b"X-B3-TraceId: " + TRACE + b"\r\nX-B3-SpanId: 00f067aa0ba902b7\r\nX-B3-Sampled: 1\r\n"
    b"X-B3-ParentSpanId: 05e3ac9a4f6e3b90\r\nX-B3-Flags: 1\r\n",
    "B3 in one": b"b3: " + TRACE + b"-00f067aa0ba902b7-1-05e3ac9a4f6e3b90\r\n",
    "others": b"uber-trace-id: 1:2:0:1\r\nX-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793\r\n"
    b"X-Cloud-Trace-Context: 105445aa7843bc8bf206b12000100000/1;o=1\r\nsentry-trace: 1-2-1\r\n",
}


@pytest.mark.parametrize("fields", CARRIED.values(), ids=CARRIED)
async def test_what_came_goes_on(staged: Staged, fields: bytes) -> None:
    stage = await staged(rules=(RULE,))
    request = get(fields=b"Origin: " + ORIGIN + b"\r\n" + fields)
    client = await stage.connect()
    peer = await stage.ask(client, request)
    assert await peer.head() == forwarded(request)


async def test_it_goes_on_with_a_handshake(stage: Stage) -> None:
    handshake = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    client = await stage.connect()
    peer = await stage.ask(client, get(fields=handshake + CARRIED["W3C"] + CARRIED["baggage"]))
    head = await peer.head()
    assert CARRIED["W3C"] + CARRIED["baggage"] in head


ASKING = (
    b"OPTIONS / HTTP/1.1\r\n" + HOST + b"Origin: " + ORIGIN + b"\r\nAccess-Control-Request-Method: GET\r\n"
    b"Access-Control-Request-Headers: baggage,traceparent,tracestate\r\n\r\n"
)


@pytest.mark.parametrize(
    ("listed", "granted", "reason"),
    [
        (("Content-Type",), b"Content-Type", Reason.HEADER_NOT_ALLOWED),
        (("Content-Type", "traceparent"), b"Content-Type, traceparent", Reason.HEADER_NOT_ALLOWED),
        (
            ("traceparent", "tracestate", "baggage"),
            b"traceparent, tracestate, baggage",
            Reason.ORIGIN_ALLOWED,
        ),
    ],
)
async def test_a_page_may_send_it_only_where_the_rule_says_so(
    staged: Staged, listed: tuple[str, ...], granted: bytes, reason: Reason
) -> None:
    stage = await staged(rules=(replace(RULE, allow_headers=listed),))
    client = await stage.connect()
    await client.send(ASKING)
    head = await client.head()
    assert b"\r\nAccess-Control-Allow-Headers: " + granted + b"\r\n" in head
    record = await stage.book.next()
    assert record.decision is not None
    assert record.decision.reason is reason


async def test_the_answer_is_not_traced_to_the_page(staged: Staged) -> None:
    """Neither ours nor what the backend says of its trace is exposed, unless the rule exposes it."""
    stage = await staged(rules=(RULE,))
    answer = OK.replace(b"\r\n\r\n", b"\r\ntraceresponse: 00-" + TRACE + b"-00f067aa0ba902b7-01\r\n\r\n")
    said = await stage.exchange(get(fields=b"Origin: " + ORIGIN + b"\r\n" + TRACEPARENT), answer)
    head, _, _ = answer.partition(b"\r\n\r\n")
    assert said.head == head + b"\r\n" + GRANT + b"Vary: Origin\r\n\r\n"

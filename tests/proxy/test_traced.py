"""An engine that traces, with the real SDK: one span for each end of an exchange, and what goes over the wire."""

import re

import pytest
from opentelemetry.propagate import get_global_textmap
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from corsproxy.cors.vocabulary import Reason
from corsproxy.observe.spans import Spans
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, ORIGIN, RULE, Stage, forwarded, get

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = b"traceparent: 00-" + TRACE + b"-00f067aa0ba902b7-01\r\n"
HANDSHAKE = get(
    fields=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + TRACEPARENT
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def traced(staged: Staged, exported: InMemorySpanExporter) -> Stage:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return await staged(rules=(RULE,), tracer=Spans(provider.get_tracer("corsproxy"), get_global_textmap()))


def named(span: ReadableSpan) -> bytes:
    """Return the field that names a span to the backend."""
    own = span.context
    assert own is not None
    return b"traceparent: 00-%032x-%016x-%02x\r\n" % (own.trace_id, own.span_id, own.trace_flags)


def said(span: ReadableSpan, *names: str) -> tuple[object, ...]:
    return tuple((span.attributes or {}).get(name) for name in names)


async def test_on_the_wire(traced: Stage, exported: InMemorySpanExporter) -> None:
    """All that differs from what an engine without a tracer forwards is the parent."""
    request = get(fields=b"Accept: */*\r\n" + TRACEPARENT + b"tracestate: a=1 , b=\x80\r\nbaggage: x=%zz\r\n")
    client = await traced.connect()
    peer = await traced.ask(client, request)
    head = await peer.head()
    await peer.send(OK)
    await client.response()
    (span,) = exported.get_finished_spans()
    plain = request.replace(TRACEPARENT, b"").replace(b"\r\n\r\n", b"\r\n" + named(span) + b"\r\n")
    assert head == forwarded(plain)
    record = await traced.book.next()
    assert record.trace_id.encode() == TRACE
    assert span.parent is not None
    assert b"%032x %016x" % (span.parent.trace_id, span.parent.span_id) == TRACE + b" 00f067aa0ba902b7"
    assert said(span, "http.response.status_code", "corsproxy.decision.rule") == (200, "api")
    assert span.start_time is not None
    assert span.end_time is not None
    assert abs((span.end_time - span.start_time) / 1e9 - record.seconds) < 0.5


async def test_a_response_is_not_changed(traced: Stage) -> None:
    answer = await traced.exchange(GET, OK)
    assert answer.head + answer.body == OK.replace(b"\r\n\r\n", b"\r\nVary: Origin\r\n\r\n")


async def test_each_request_of_a_connection_has_a_span(traced: Stage, exported: InMemorySpanExporter) -> None:
    """Also where the fields are the same bytes again, and the reader keeps them; and pipelined."""
    client = await traced.connect()
    peer = await traced.ask(client, GET + GET)
    heads = []
    for _ in range(2):
        heads.append(await peer.head())
        await peer.send(OK)
        await client.response()
    first, second = exported.get_finished_spans()
    assert heads == [forwarded(GET[:-2] + named(span) + b"\r\n") for span in (first, second)]
    assert named(first) != named(second)
    assert (first.parent, second.parent) == (None, None)


async def test_a_body_follows_its_head(traced: Stage, exported: InMemorySpanExporter) -> None:
    request = b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    client = await traced.connect()
    peer = await traced.ask(client, request + b"4\r\nbody\r\n0\r\n\r\n")
    message = await peer.request()
    assert message.body == b"body"
    await peer.send(OK)
    await client.response()
    (span,) = exported.get_finished_spans()
    assert named(span) in message.head


PREFLIGHT = (
    b"OPTIONS / HTTP/1.1\r\n"
    + HOST
    + b"Origin: "
    + ORIGIN
    + b"\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: traceparent\r\n\r\n"
)


async def test_preflights_and_refusals(traced: Stage, exported: InMemorySpanExporter) -> None:
    client = await traced.connect()
    await client.send(PREFLIGHT + PREFLIGHT.replace(ORIGIN, b"https://evil.example"))
    granted, refused = await client.response(b"OPTIONS"), await client.response(b"OPTIONS")
    assert (granted.status, refused.status) == (204, 403)
    assert b"\r\nAccess-Control-Allow-Headers: Content-Type\r\n" in granted.head
    keys = ("corsproxy.decision.reason", "corsproxy.decision.action", "http.response.status_code")
    assert [said(span, *keys) for span in exported.get_finished_spans()] == [
        ("header_not_allowed", "answer", 204),
        ("origin_not_allowed", "refuse", 403),
    ]
    assert {span.name for span in exported.get_finished_spans()} == {"OPTIONS api"}


async def test_a_head_that_cannot_be_read(traced: Stage, exported: InMemorySpanExporter) -> None:
    client = await traced.connect()
    await client.send(b"GET /x HTTP/1.1\r\n" + HOST + TRACEPARENT + b"no field\r\n\r\n")
    assert (await client.response()).status == 400
    (span,) = exported.get_finished_spans()
    assert (span.name, span.parent, span.status.is_ok) == ("GET api", None, True)
    keys = ("http.response.status_code", "corsproxy.fault", "error.type")
    assert said(span, *keys) == (400, "bad_request", None)


async def test_a_backend_that_closes(traced: Stage, exported: InMemorySpanExporter) -> None:
    client = await traced.connect()
    peer = await traced.ask(client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
    await peer.head()
    peer.close()
    assert (await client.response()).status == 502
    (span,) = exported.get_finished_spans()
    assert (span.status.is_ok, said(span, "error.type")) == (False, ("upstream_closed",))


async def test_a_retry_is_the_same_span(traced: Stage, exported: InMemorySpanExporter) -> None:
    client = await traced.connect()
    peer = await traced.ask(client, GET)
    await peer.head()
    await peer.send(OK)
    await client.response()
    await client.send(GET)
    first = await peer.head()
    peer.close()
    again = await traced.backend.accept()
    assert await again.head() == first
    await again.send(OK)
    assert (await client.response()).status == 200
    assert len(exported.get_finished_spans()) == 2
    assert named(exported.get_finished_spans()[1]) in first


async def test_a_client_that_leaves(traced: Stage, exported: InMemorySpanExporter) -> None:
    client = await traced.connect()
    peer = await traced.ask(client, GET)
    await peer.head()
    client.reset()
    assert await traced.book.ends() == (0, None)
    (span,) = exported.get_finished_spans()
    assert said(span, "http.response.status_code", "corsproxy.detail") == (
        None,
        "the client left before the end",
    )


async def test_a_tunnel_s_span_ends_with_it(traced: Stage, exported: InMemorySpanExporter) -> None:
    client = await traced.connect()
    peer = await traced.ask(client, HANDSHAKE)
    head = await peer.head()
    await peer.send(SWITCH)
    await client.head()
    await client.send(b"up")
    assert await peer.take(2) == b"up"
    assert exported.get_finished_spans() == ()
    client.close()
    peer.close()
    assert await traced.book.ends() == (101, None)
    (span,) = exported.get_finished_spans()
    assert named(span) in head
    assert TRACEPARENT not in head
    (event,) = span.events
    assert event.name == "corsproxy.tunnel_opened"
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time <= event.timestamp + 1_000_000
    assert event.timestamp <= span.end_time


async def test_without_a_tracer_the_record_names_the_client_s_trace(stage: Stage) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, get(fields=TRACEPARENT) + get(fields=TRACEPARENT + TRACEPARENT) + GET)
    named = []
    for _ in range(3):
        await peer.head()
        await peer.send(OK)
        await client.response()
        named.append((await stage.book.next()).trace_id)
    assert named == [TRACE.decode(), "", ""]


async def test_an_odd_parent_is_replaced_in_the_record_too(traced: Stage) -> None:
    await traced.exchange(get(fields=b"traceparent: odd\r\n"), OK)
    assert re.fullmatch(r"[0-9a-f]{32}", (await traced.book.next()).trace_id)


async def test_a_full_queue(traced: Stage, exported: InMemorySpanExporter) -> None:
    """What never reaches the backend has a span as well."""
    traced.engine.adopt(traced.with_upstream(max_connections=1, max_queue=0))
    first, second = await traced.connect(), await traced.connect()
    peer = await traced.ask(first, GET)
    await peer.head()
    await second.send(GET)
    assert (await second.response()).status == 503
    (span,) = exported.get_finished_spans()
    assert said(span, "error.type", "corsproxy.upstream_seconds") == (Reason.QUEUE_FULL.value, None)

"""The span of each kind of exchange, as the real SDK ends it; the parent it has, and the one it gives."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_ON,
    Decision,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import SpanKind, StatusCode, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from corsproxy.cors.policy import Policy
from corsproxy.cors.vocabulary import Reason
from corsproxy.http1.request import RequestReader
from corsproxy.http1.salvage import salvage
from corsproxy.observe.spans import ExchangeSpan, Spans
from corsproxy.proxy.forwarded import Client, TrustedProxies
from tests.observe.conftest import APP, EVIL, FINISHED, RULES, Head, exchange, record, unhurried

TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
SAMPLED = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = SAMPLED[:-2] + b"00"
W3C = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


class Stand:
    """A tracer, and the exchanges that go through it."""

    def __init__(self, sampler: Sampler = DEFAULT_ON, propagator: TextMapPropagator = W3C) -> None:
        self.exported = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exported))
        self.spans = Spans(provider.get_tracer("corsproxy"), propagator)
        self.client = Client("192.0.2.7", scheme=b"http", port=8080, local=False, trusted=TrustedProxies(()))
        self.policy = Policy.compile(RULES, ())

    def begin(
        self,
        *fields: bytes,
        method: bytes = b"GET",
        target: bytes = b"/api/users",
        host: bytes = b"a.example",
    ) -> tuple[ExchangeSpan, list[bytes]]:
        """Begin with a request; return its span and the lines that would be forwarded."""
        raw = b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: " + host, *fields, b"", b""])
        head = RequestReader(0).read(raw)
        forwarding = self.client.forwarding(head)
        decision = self.policy.decide(head, forwarding.scheme, forwarding.host)
        return self.spans.begin(head, forwarding, decision), head.lines

    def forwarded(self, *fields: bytes) -> list[bytes]:
        """Return the fields, beside Host, that the backend gets of a request with these."""
        span, lines = self.begin(*fields)
        span.pass_on(lines)
        assert lines[:2] == [b"GET /api/users HTTP/1.1", b"Host: a.example"]
        assert lines[-2:] == [b"", b""]
        return lines[2:-2]

    def ended(self) -> ReadableSpan:
        """Return the one span that has ended."""
        (span,) = self.exported.get_finished_spans()
        return span


@pytest.fixture
def stand() -> Stand:
    return Stand()


def own(span: ReadableSpan | ExchangeSpan) -> bytes:
    """Return what names a span to the backend."""
    if isinstance(span, ExchangeSpan):
        return span.traceparent
    assert span.context is not None
    return b"00-%032x-%016x-%02x" % (span.context.trace_id, span.context.span_id, span.context.trace_flags)


REQUEST = {
    "http.request.method": "GET",
    "url.path": "/api/users",
    "url.scheme": "http",
    "network.protocol.version": "1.1",
    "client.address": "192.0.2.7",
    "server.address": "a.example",
    "server.port": 80,
}
ALLOWED = {
    "corsproxy.origin": "https://app.example.com",
    "corsproxy.decision.kind": "actual",
    "corsproxy.decision.action": "forward",
    "corsproxy.decision.reason": "origin_allowed",
    "corsproxy.decision.rule": "api",
    "corsproxy.decision.place": "config/corsproxy.yaml:5",
}


def test_a_forwarded_request(stand: Stand) -> None:
    span, _ = stand.begin(b"Origin: " + APP, b"traceparent: " + SAMPLED, target=b"/api/users?token=secret")
    span.finish(exchange(request_id="r-1"))
    ended = stand.ended()
    assert (ended.name, ended.kind, ended.status.status_code) == (
        "GET api",
        SpanKind.SERVER,
        StatusCode.UNSET,
    )
    assert ended.attributes == {
        **REQUEST,
        **ALLOWED,
        "http.response.status_code": 200,
        "corsproxy.upstream_seconds": 0.01,
        "corsproxy.added_seconds": 0.0001,
        "corsproxy.request_id": "r-1",
    }
    assert ended.events == ()
    assert ended.parent is not None
    assert (ended.parent.trace_id, ended.parent.span_id, ended.parent.is_remote) == (TRACE, SPAN, True)
    assert own(ended) == own(span)


def test_a_preflight(stand: Stand) -> None:
    asked = (b"Origin: " + EVIL, b"Access-Control-Request-Method: PUT")
    span, _ = stand.begin(*asked, method=b"OPTIONS")
    head = Head(method=b"OPTIONS", origin=EVIL, request_method=b"PUT")
    span.finish(
        exchange(head, status=403, upstream_seconds=-1.0, added_seconds=-1.0, detail="refused by rule api")
    )
    ended = stand.ended()
    assert (ended.name, ended.parent, ended.status.status_code) == ("OPTIONS api", None, StatusCode.UNSET)
    assert ended.attributes == {
        **REQUEST,
        "http.request.method": "OPTIONS",
        "corsproxy.origin": "https://evil.example",
        "corsproxy.decision.kind": "preflight",
        "corsproxy.decision.action": "refuse",
        "corsproxy.decision.reason": "origin_not_allowed",
        "corsproxy.decision.rule": "api",
        "corsproxy.decision.place": "config/corsproxy.yaml:5",
        "http.response.status_code": 403,
        "corsproxy.detail": "refused by rule api",
    }


def test_report_mode_says_what_enforcing_had_done(stand: Stand) -> None:
    span, _ = stand.begin(b"Origin: " + EVIL, target=b"/watched/1")
    span.finish(exchange(Head(path=b"/watched/1", origin=EVIL)))
    attributes = stand.ended().attributes or {}
    assert {name: value for name, value in attributes.items() if ".decision." in name} == {
        "corsproxy.decision.kind": "actual",
        "corsproxy.decision.action": "refuse",
        "corsproxy.decision.reason": "origin_not_allowed",
        "corsproxy.decision.report": True,
        "corsproxy.decision.rule": "watched",
        "corsproxy.decision.place": "config/corsproxy.yaml:14",
    }


# What a Record says beside an uneventful 200, and whether that is an error, of which type, and why.
OUTCOMES: dict[str, tuple[dict[str, Any], tuple[StatusCode, str | None, str | None]]] = {
    "a backend's 404": ({"status": 404}, (StatusCode.UNSET, None, None)),
    "a backend's 500": ({"status": 500}, (StatusCode.ERROR, "500", None)),
    "a dead backend": (
        {"status": 502, "fault": Reason.UPSTREAM_REFUSED, "detail": "nobody listens"},
        (StatusCode.ERROR, "upstream_refused", "nobody listens"),
    ),
    "a backend that died in its answer": (
        {"status": 200, "fault": Reason.UPSTREAM_CLOSED, "detail": "cut"},
        (StatusCode.ERROR, "upstream_closed", "cut"),
    ),
    "a full queue": (
        {"status": 503, "fault": Reason.QUEUE_FULL, "detail": "full"},
        (StatusCode.ERROR, "queue_full", "full"),
    ),
    "a client's fault": (
        {"status": 400, "fault": Reason.BAD_REQUEST, "detail": "odd"},
        (StatusCode.UNSET, None, None),
    ),
    "a client that is slow": (
        {"status": 200, "fault": Reason.CLIENT_TIMEOUT, "detail": "slow"},
        (StatusCode.UNSET, None, None),
    ),
    "a client that left": ({"status": 0, "detail": "left"}, (StatusCode.UNSET, None, None)),
}


@pytest.mark.parametrize(("fields", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_is_an_error(
    stand: Stand, fields: dict[str, Any], expected: tuple[StatusCode, str | None, str | None]
) -> None:
    span, _ = stand.begin(b"Origin: " + APP)
    span.finish(exchange(**fields))
    ended = stand.ended()
    attributes = dict(ended.attributes or {})
    status = ended.status
    assert (status.status_code, attributes.pop("error.type", None), status.description) == expected
    said = {
        "http.response.status_code": fields["status"] or None,
        "corsproxy.upstream_seconds": 0.01,
        "corsproxy.added_seconds": 0.0001,
        "corsproxy.fault": fields.get("fault"),
        "corsproxy.detail": fields.get("detail"),
    }
    assert attributes == {**REQUEST, **ALLOWED, **{name: value for name, value in said.items() if value}}


def test_a_tunnel(stand: Stand) -> None:
    span, _ = stand.begin(b"Origin: " + APP)
    span.finish(exchange(status=101, seconds=60.0, started=FINISHED - 60.0, upstream_seconds=0.5))
    ended = stand.ended()
    (event,) = ended.events
    assert (event.name, event.timestamp) == ("corsproxy.tunnel_opened", int((FINISHED - 59.5) * 1e9))
    assert (ended.attributes or {})["http.response.status_code"] == 101


def test_notes(stand: Stand) -> None:
    span, _ = stand.begin(b"Origin: " + APP)
    span.finish(exchange(notes=(Reason.BACKEND_CORS_CONFLICT, Reason.BACKEND_REDIRECT)))
    assert (stand.ended().attributes or {})["corsproxy.notes"] == (
        "backend_cors_conflict",
        "backend_redirect",
    )


# The method and Host of a request, and what of them stands in its span.
NAMED = [
    (b"DELETE", b"b.example:8443", "DELETE api", ("DELETE", None, "b.example", 8443)),
    (b"PURGE", b"[2001:db8::1]:81", "HTTP api", ("_OTHER", "PURGE", "2001:db8::1", 81)),
    (b"PATCH", b"[::1]", "PATCH api", ("PATCH", None, "::1", 80)),
    (b"GET", b"b.example:18080", "GET api", ("GET", None, "b.example", 18080)),
]


@pytest.mark.parametrize(("method", "host", "name", "expected"), NAMED)
def test_methods_and_hosts(
    stand: Stand, method: bytes, host: bytes, name: str, expected: tuple[object, ...]
) -> None:
    span, _ = stand.begin(method=method, host=host)
    span.finish(exchange())
    ended = stand.ended()
    said = ended.attributes or {}
    keys = ("http.request.method", "http.request.method_original", "server.address", "server.port")
    assert (ended.name, tuple(said.get(key) for key in keys)) == (name, expected)


def test_no_rule_no_name(stand: Stand) -> None:
    span, _ = stand.begin(b"Origin: " + APP, target=b"/elsewhere")
    span.finish(exchange(Head(path=b"/elsewhere")))
    ended = stand.ended()
    assert ended.name == "GET"
    assert (ended.attributes or {})["corsproxy.decision.reason"] == "no_rule_for_path"
    assert "corsproxy.decision.rule" not in (ended.attributes or {})


def test_a_head_that_could_not_be_read(stand: Stand) -> None:
    head = salvage(
        b"GET /a?secret=1 HTTP/1.1\r\nHost: a\r\ntraceparent: " + SAMPLED + b"\r\nbad line\r\n\r\n"
    )
    forwarding = stand.client.forwarding(head)
    decision = stand.policy.decide(head, forwarding.scheme, forwarding.host)
    span = stand.spans.begin(head, forwarding, decision)
    span.finish(record(decision, Head(path=b"/a"), status=400, fault=Reason.BAD_REQUEST, detail="odd"))
    ended = stand.ended()
    assert (ended.name, ended.parent, (ended.attributes or {})["url.path"]) == ("GET", None, "/a")


# -- what the backend is told


def test_the_backend_is_told_of_our_span(stand: Stand) -> None:
    said = stand.forwarded(b"Accept: */*")
    assert said == [b"Accept: */*", said[-1]]
    assert said[-1].startswith(b"traceparent: 00-")


STATE = (b"TraceState: congo=t61rcWkgMzE ,", b"tracestate:rojo=\x80")


@pytest.mark.parametrize("flags", [b"00", b"01", b"02", b"03"])
def test_in_the_place_of_the_client_s(stand: Stand, flags: bytes) -> None:
    """The trace and its flags are the client's, and its state and baggage are the bytes that came."""
    came = (b"Baggage: a=%zz ;p", STATE[0], b"TRACEPARENT:" + SAMPLED[:-2] + flags, b"X: 1", STATE[1])
    said = stand.forwarded(*came)
    assert said[:-1] == [b"Baggage: a=%zz ;p", STATE[0], b"X: 1", STATE[1]]
    name, _, value = said[-1].partition(b": ")
    version, trace, parent, passed = value.split(b"-")
    assert (name, version, trace, passed) == (b"traceparent", b"00", b"%032x" % TRACE, flags)
    assert parent != b"%016x" % SPAN


BROKEN = {
    "malformed": (b"traceparent: 00-4bf9-00f0-01",),
    "upper case": (b"traceparent: " + SAMPLED.upper(),),
    "no trace": (b"traceparent: 00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",),
    "twice": (b"traceparent: " + SAMPLED, b"traceparent: " + SAMPLED),
    "two in one": (b"traceparent: " + SAMPLED + b", " + SAMPLED,),
    "empty": (b"traceparent:",),
    "none": (),
}


@pytest.mark.parametrize("came", BROKEN.values(), ids=BROKEN)
def test_what_is_malformed_begins_a_trace_of_ours(stand: Stand, came: Sequence[bytes]) -> None:
    """And its state goes with it (W3C Trace Context §4.3)."""
    span, lines = stand.begin(*came, b"tracestate: a=1", b"baggage: b=2")
    span.pass_on(lines)
    assert lines[2:-2] == [b"baggage: b=2", b"traceparent: " + span.traceparent]
    span.finish(exchange())
    assert stand.ended().parent is None
    assert b"%032x" % TRACE not in span.traceparent


def test_unsampled_is_told_and_not_recorded(stand: Stand) -> None:
    span, lines = stand.begin(b"traceparent: " + UNSAMPLED, STATE[0])
    span.pass_on(lines)
    span.finish(exchange())
    assert stand.exported.get_finished_spans() == ()
    assert lines[2:-2] == [STATE[0], b"traceparent: " + span.traceparent]
    assert span.traceparent.split(b"-")[1::2] == [b"%032x" % TRACE, b"00"]


@pytest.mark.parametrize(("sampler", "flags"), [(ALWAYS_ON, b"01"), (ALWAYS_OFF, b"00")])
def test_the_sampler_has_the_last_word(sampler: Sampler, flags: bytes) -> None:
    span, _ = Stand(sampler).begin(b"traceparent: " + (UNSAMPLED if flags == b"01" else SAMPLED))
    assert span.traceparent.split(b"-")[3] == flags


class Marking(Sampler):
    """Samples all, and says so in the state, as consistent probability sampling does."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE, None, TraceState([("ot", "th:0")]))

    def get_description(self) -> str:
        return "Marking"


def test_a_sampler_s_state_is_told() -> None:
    span, lines = Stand(Marking()).begin(b"traceparent: " + SAMPLED, b"tracestate: a=1")
    span.pass_on(lines)
    assert lines[2:-2] == [b"traceparent: " + span.traceparent, b"tracestate: ot=th:0"]


B3 = (b"X-B3-TraceId: %032x" % TRACE, b"x-b3-spanid: %016x" % SPAN, b"X-B3-Sampled: 1")


def test_other_fields_pass_where_they_are_not_spoken(stand: Stand) -> None:
    assert stand.forwarded(*B3)[:-1] == list(B3)


@pytest.mark.parametrize(
    ("propagator", "came", "told"),
    [
        (B3MultiFormat(), B3, [b"x-b3-traceid: %b", b"x-b3-spanid: %b", b"x-b3-sampled: 1"]),
        (B3SingleFormat(), (b"B3: %032x-%016x-1" % (TRACE, SPAN),), [b"b3: %b-%b-1"]),
    ],
)
def test_b3_where_it_is_asked_for(
    propagator: TextMapPropagator, came: Sequence[bytes], told: list[bytes]
) -> None:
    stand = Stand(propagator=propagator)
    span, lines = stand.begin(*came, b"traceparent: untouched")
    span.pass_on(lines)
    span.finish(exchange())
    _, trace, own_id, _ = span.traceparent.split(b"-")
    parent = stand.ended().parent
    assert parent is not None
    assert (parent.trace_id, parent.span_id, trace) == (TRACE, SPAN, b"%032x" % TRACE)
    expected = b"\n".join(told) % (trace, own_id)
    assert sorted(lines[2:-2]) == sorted([b"traceparent: untouched", *expected.split(b"\n")])


def test_no_propagator_changes_nothing() -> None:
    stand = Stand(propagator=CompositePropagator([]))
    came = [b"traceparent: " + SAMPLED, *STATE, *B3]
    assert stand.forwarded(*came) == came


def test_what_the_connection_takes_away_is_no_parent() -> None:
    stand = Stand(propagator=B3SingleFormat())
    span, _ = stand.begin(b"b3: %032x-%016x-1" % (TRACE, SPAN), b"Connection: b3")
    span.finish(exchange())
    assert stand.ended().parent is None


# -- secrets and strangers


def test_no_secret_is_recorded(stand: Stand) -> None:
    span, _ = stand.begin(
        b"Cookie: session=s3cret",
        b"Authorization: Bearer s3cret",
        b"Referer: https://app.example.com/?s3cret",
        b"baggage: k=s3cret",
        b"tracestate: k=s3cret",
        b"traceparent: " + SAMPLED,
        target=b"/api/users?key=s3cret",
    )
    span.finish(exchange())
    ended = stand.ended()
    assert (
        "s3cret"
        not in f"{ended.name} {dict(ended.attributes or {})} {ended.events} {ended.status.description}"
    )


LINE = st.binary(max_size=60).filter(lambda value: not set(value) & set(b"\r\n\0"))


@unhurried
@given(
    fields=st.lists(st.tuples(st.sampled_from([b"traceparent", b"TraceState", b"Origin", b"b3"]), LINE)),
    path=LINE,
    host=LINE,
    texts=st.text(),
)
def test_whatever_comes_nothing_raises(
    fields: list[tuple[bytes, bytes]], path: bytes, host: bytes, texts: str
) -> None:
    stand = Stand()
    head = salvage(b"GET / HTTP/1.1\r\n\r\n")
    head.lines = [b"GET / HTTP/1.1", *(b"%b: %b" % pair for pair in fields), b"", b""]
    head.raw = b"\r\n".join(head.lines)
    head.path, head.host, head.origin = path, host, path
    forwarding = stand.client.forwarding(head)._replace(client=texts)
    decision = stand.policy.decide(head, forwarding.scheme, forwarding.host)
    span = stand.spans.begin(head, forwarding, decision)
    span.pass_on(head.lines)
    span.finish(exchange(detail=texts, request_id=texts, status=502, fault=Reason.UPSTREAM_INVALID))
    assert len(own(span)) == 55
    for ended in stand.exported.get_finished_spans():
        values = [value for value in (ended.attributes or {}).values() if isinstance(value, str)]
        assert all(value.isprintable() and len(value) <= 1024 for value in values)

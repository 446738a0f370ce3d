"""A span for each exchange: its parent, what is sampled, what stands in it, and what the backend is told of it.

Laws: the SDK's sampler decides and its propagator speaks; a field that our span does not change passes
as it came, baggage always. No query, no cookie, no field value but Origin and Host gets into a span, and
what strangers sent is escaped and bounded. Names follow the semantic conventions for HTTP servers, our
own begin with `corsproxy.`. How spans leave the process is `otel`'s.
"""

import re

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace import Tracer as OpenTelemetryTracer
from opentelemetry.trace.propagation import get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from corsproxy.cors.decision import Decision
from corsproxy.http1.request_head import RequestHead
from corsproxy.observe.escape import from_bytes, from_text
from corsproxy.proxy.forwarded import Forwarding
from corsproxy.proxy.record import Record

__all__ = ["ExchangeSpan", "Spans"]

# https://opentelemetry.io/docs/specs/semconv/http/http-spans/#common-attributes; all others are _OTHER.
_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY")
}
_PORTS = {"http": 80, "https": 443}
_NOTHING = Context()
_W3C = TraceContextTextMapPropagator()

Value = str | int | float | bool | tuple[str, ...]
Attributes = dict[str, Value]


class Spans:
    """Begins a span for each exchange (`proxy.tracing.Tracer`)."""

    def __init__(self, tracer: OpenTelemetryTracer, propagator: TextMapPropagator) -> None:
        self._tracer = tracer
        # Baggage is the application's: re-encoding it could only change it.
        self._names = frozenset(name.lower().encode() for name in propagator.fields if name != "baggage")
        # By default there are two, and the one for baggage has nothing to do.
        self._propagator = _W3C if self._names == frozenset(map(str.encode, _W3C.fields)) else propagator
        names = b"|".join(map(re.escape, sorted(self._names)))
        pattern = rb"(%b):" % names if names else rb"(?!)"
        self._find = re.compile(rb"\n" + pattern, re.IGNORECASE).search
        self._match = re.compile(pattern, re.IGNORECASE).match

    def begin(self, head: RequestHead, forwarding: Forwarding, decision: Decision) -> "ExchangeSpan":
        """Begin when a head was read and decided on."""
        # Nearly every request has none of these fields, and then its lines need no look.
        carried = self._carried(head.lines) if head.lines and self._find(head.raw) else {}
        came = self._propagator.extract(carried, _NOTHING) if carried else _NOTHING
        name = _METHODS.get(head.method, "HTTP")
        if decision.rule is not None:
            name = f"{name} {decision.rule.name}"
        # Attributes come at the end: no sampler that `otel` lets in looks at them, and most requests may be unsampled.
        span = self._tracer.start_span(name, came, SpanKind.SERVER)
        parent = get_current_span(came).get_span_context() if carried else INVALID_SPAN_CONTEXT
        return ExchangeSpan(span, self, parent, head, forwarding, is_told=bool(carried))

    def _carried(self, lines: list[bytes]) -> dict[str, list[str]]:
        """Return the trace fields of a request; what may stand once and stands twice is not believed."""
        found: dict[str, list[str]] = {}
        for line in lines[1:-2]:
            if named := self._match(line):
                value = line[named.end() :].strip(b" \t").decode("latin-1")
                found.setdefault(named[1].lower().decode(), []).append(value)
        return {
            name: values if len(values) == 1 or name == "tracestate" else [] for name, values in found.items()
        }

    def pass_on(self, span: Span, parent: SpanContext, lines: list[bytes], *, is_told: bool) -> None:
        """Put the fields that name `span` in the place of those that came."""
        written: dict[str, str] = {}
        self._propagator.inject(written, set_span_in_context(span, _NOTHING))
        replaced = self._names
        if parent.is_valid and span.get_span_context().trace_state == parent.trace_state:
            replaced -= {b"tracestate"}
            written.pop("tracestate", None)
        if is_told:
            lines[1:-2] = [
                line
                for line in lines[1:-2]
                if (named := self._match(line)) is None or named[1].lower() not in replaced
            ]
        lines[-2:-2] = [f"{name}: {value}".encode("latin-1") for name, value in written.items()]


class ExchangeSpan:
    """The span of one exchange (`proxy.tracing.Trace`)."""

    __slots__ = ("_forwarding", "_head", "_is_told", "_parent", "_span", "_spans")

    def __init__(
        self,
        span: Span,
        spans: Spans,
        parent: SpanContext,
        head: RequestHead,
        forwarding: Forwarding,
        *,
        is_told: bool,
    ) -> None:
        self._span = span
        self._spans = spans
        self._parent = parent
        self._head = head
        self._forwarding = forwarding
        self._is_told = is_told  # the request has fields that name a trace

    @property
    def traceparent(self) -> bytes:
        """The value of the field that names this span."""
        own = self._span.get_span_context()
        return b"00-%032x-%016x-%02x" % (own.trace_id, own.span_id, own.trace_flags)

    def pass_on(self, lines: list[bytes]) -> None:
        """Name this span as the parent in a request that is forwarded."""
        self._spans.pass_on(self._span, self._parent, lines, is_told=self._is_told)

    def finish(self, record: Record) -> None:
        """End the span with what became of its exchange."""
        span = self._span
        if not span.is_recording():
            return
        attributes = _of_request(self._head, self._forwarding)
        if record.decision is not None:
            _add_decision(attributes, record.decision)
        _add_outcome(attributes, record)
        if record.status == 101 and record.upstream_seconds >= 0.0:
            span.add_event("corsproxy.tunnel_opened", timestamp=_answered(record))
        if error := _error(record):
            attributes["error.type"] = error
            span.set_status(StatusCode.ERROR, from_text(record.detail, 256) or None)
        span.set_attributes(attributes)
        span.end()


def _of_request(head: RequestHead, forwarding: Forwarding) -> Attributes:
    method = _METHODS.get(head.method, "_OTHER")
    scheme = forwarding.scheme.decode("latin-1")
    attributes: Attributes = {
        "http.request.method": method,
        "url.path": from_bytes(head.path, 1024),
        "url.scheme": scheme,
        "network.protocol.version": "1.1" if head.minor else "1.0",
        "client.address": from_text(forwarding.client, 64),
    }
    if method == "_OTHER":
        attributes["http.request.method_original"] = from_bytes(head.method, 32)
    if forwarding.host:
        _add_server(attributes, from_bytes(forwarding.host, 256), _PORTS.get(scheme, 80))
    if head.origin is not None:
        attributes["corsproxy.origin"] = from_bytes(head.origin, 256)
    return attributes


def _add_server(attributes: Attributes, host: str, port: int) -> None:
    """Add what the client called us: name or address, and port."""
    name, colon, digits = host.rpartition(":")
    if colon and digits.isdigit() and len(digits) <= 5:
        host, port = name, int(digits)
    attributes["server.address"] = host.strip("[]")
    attributes["server.port"] = port


def _add_decision(attributes: Attributes, decision: Decision) -> None:
    """Add what was decided; in report mode what enforcing had done, as the log does."""
    said = decision.would or decision
    attributes["corsproxy.decision.kind"] = said.kind.value
    attributes["corsproxy.decision.action"] = said.action.value
    attributes["corsproxy.decision.reason"] = said.reason.value
    if decision.report:
        attributes["corsproxy.decision.report"] = True
    if decision.rule is not None:
        attributes["corsproxy.decision.rule"] = decision.rule.name
        attributes["corsproxy.decision.place"] = decision.rule.place


def _add_outcome(attributes: Attributes, record: Record) -> None:
    if record.status:
        attributes["http.response.status_code"] = record.status
    if record.upstream_seconds >= 0.0:
        attributes["corsproxy.upstream_seconds"] = round(record.upstream_seconds, 6)
    if record.added_seconds >= 0.0:
        attributes["corsproxy.added_seconds"] = round(record.added_seconds, 6)
    if record.fault is not None:
        attributes["corsproxy.fault"] = record.fault.value
    if record.detail:
        attributes["corsproxy.detail"] = from_text(record.detail, 256)
    if record.request_id:
        attributes["corsproxy.request_id"] = from_text(record.request_id, 64)
    if record.notes:
        attributes["corsproxy.notes"] = tuple(note.value for note in record.notes)


def _error(record: Record) -> str:
    """Return what makes this exchange an error of a server, "" where it is none: a client's fault is not."""
    fault = record.fault
    if fault is not None and (record.status >= 500 or fault.value.startswith("upstream_")):
        # A backend that dies in the middle of a 200 too.
        return fault.value
    return str(record.status) if record.status >= 500 else ""


def _answered(record: Record) -> int:
    """Return when the backend's head came, in nanoseconds of Unix time."""
    return int((record.started + record.upstream_seconds) * 1e9)

"""A collector on loopback: takes what an exporter posts as OTLP over HTTP, and reads it with the real messages."""

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Collector", "Exported"]

PATIENCE = 60.0


@dataclass(frozen=True)
class Exported:
    """One span as it was exported, and the resource that it came from; identifiers are hexadecimal."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    state: str
    seconds: float
    attributes: dict[str, Any]
    events: tuple[str, ...]
    error: bool
    resource: dict[str, Any]
    scope: str


@dataclass
class Collector:
    """Listens while it is entered; `status` is what it answers, `fields` are of the last request."""

    status: int = 200
    requests: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    spans: list[Exported] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._told = threading.Condition()
        collector = self

        class Taking(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, fields: dict[str, str], body: bytes) -> None:
        """Read one export."""
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(body)
        with self._told:
            self.requests += 1
            self.fields = fields
            if self.status == 200:
                self.spans += read(request)
            self._told.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; looked at whenever something was exported."""
        deadline = time.monotonic() + PATIENCE
        with self._told:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"after {self.requests} exports there are only {self.spans}"
                self._told.wait(left)

    def named(self, name: str) -> Exported:
        """Wait for the one span of this name."""
        self.wait(lambda: any(span.name == name for span in self.spans))
        (span,) = [span for span in self.spans if span.name == name]
        return span


def read(request: ExportTraceServiceRequest) -> list[Exported]:
    """Return what was exported, in plain values."""
    return [
        Exported(
            name=span.name,
            kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            state=span.trace_state,
            seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
            attributes=plain(span.attributes),
            events=tuple(event.name for event in span.events),
            error=span.status.code == 2,
            resource=plain(group.resource.attributes),
            scope=scope.scope.name,
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def plain(attributes: Any) -> dict[str, Any]:
    """Return attributes as a dictionary."""
    return {pair.key: value(pair.value) for pair in attributes if isinstance(pair, KeyValue)}


def value(any_value: AnyValue) -> Any:
    """Return one value of any kind."""
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    return getattr(any_value, kind) if kind else None

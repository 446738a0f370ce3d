"""A Flask application that OpenTelemetry instruments as its documentation says, and that says what it was sent."""

import os
from collections.abc import Iterator

from flask import Flask, Response, jsonify, request
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

CARRIED = ("traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled")

app = Flask(__name__)

if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))  # at once, for the test's sake
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)  # type: ignore[no-untyped-call]


@app.route("/context", methods=["GET", "POST"])
def context() -> Response:
    """Return the fields that carry trace context, each byte as one character."""
    environ = request.environ
    names = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in CARRIED}
    return jsonify({name: environ[key] for name, key in names.items() if key in environ})


@app.get("/stream")
def stream() -> Response:
    def pieces() -> Iterator[str]:
        yield "one"
        yield "two"

    return Response(pieces())


@app.get("/boom")
def boom() -> str:
    raise RuntimeError("as asked")

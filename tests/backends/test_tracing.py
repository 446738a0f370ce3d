"""Trace context to a real Flask application: byte for byte; and with tracing on, one trace of three parties.

The page's part is played by the real SDK; the application is instrumented by the real instrumentation.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_span_id, format_trace_id

from tests.observe.collector import Collector, Exported
from tests.processes import Process, Processes, free_port

pytestmark = pytest.mark.backends

HERE = Path(__file__).parent
ORIGIN = "https://app.example.com"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RULES = f"""
rules:
  - name: api
    path: /**
    allow_origins: [{ORIGIN}]
    allow_headers: [traceparent, tracestate]
"""


@dataclass
class Chain:
    """The proxy, an application behind it, and a collector that both know where they trace."""

    port: int
    backend_port: int
    proxy: Process
    collector: Collector
    opened: list[HTTPConnection]

    def ask(self, path: str, fields: dict[str, str], *, method: str = "GET", port: int = 0) -> HTTPResponse:
        """Ask the proxy, or whoever listens on `port`."""
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        self.opened.append(connection)
        connection.request(method, path, headers=fields)
        return connection.getresponse()


def chain(folder: Path, collector: Collector, *, is_traced: bool, workers: int = 1) -> Iterator[Chain]:
    started = Processes(folder)
    backend_port, port, admin = free_port(), free_port(), free_port()
    tracing = (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"} if is_traced else {}
    )
    opened: list[HTTPConnection] = []
    try:
        started.python(
            *("-m", "gunicorn", "-w", "1", "-b", f"127.0.0.1:{backend_port}", "traced:app"),
            ports=[backend_port],
            environ={"PYTHONPATH": str(HERE), "OTEL_SERVICE_NAME": "shop", **tracing},
        )
        (folder / "corsproxy.yaml").write_text(
            f"upstream: http://127.0.0.1:{backend_port}\nlisten: 127.0.0.1:{port}\nworkers: {workers}\n"
            f"admin: {{listen: '127.0.0.1:{admin}'}}\nlog: {{access: all}}\ntracing: {'otel' if is_traced else 'off'}\n{RULES}"
        )
        proxy = started.python(
            "-m", "corsproxy", "run", "-c", folder / "corsproxy.yaml", ports=[port], environ=tracing
        )
        yield Chain(port, backend_port, proxy, collector, opened)
    finally:
        for connection in opened:
            connection.close()
        started.end_all()


@pytest.fixture(autouse=True)
def closed() -> None:
    """Stand in for the folder's own, which serves its application under four servers."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Chain]:
    yield from chain(tmp_path_factory.mktemp("plain"), collector, is_traced=False)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Chain]:
    yield from chain(tmp_path_factory.mktemp("traced"), collector, is_traced=True)


CARRIED = {
    "W3C": {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "rojo=1, congo=t61rcWkgMzE"},
    "baggage": {"baggage": "userId=Am%C3%A9lie;p=1, serverNode=DF 28,x=%zz"},
    "bytes": {"tracestate": "a=\x80\xff", "baggage": "\xe9=1"},
    "B3": {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "1"},
    "B3 in one": {"b3": f"{TRACE}-{SPAN}-1"},
    "malformed": {"traceparent": "00-1-2-3", "tracestate": "=,="},
}


@pytest.mark.parametrize("fields", CARRIED.values(), ids=CARRIED)
def test_flask_sees_the_bytes_that_came(plain: Chain, fields: dict[str, str]) -> None:
    sent = {"Origin": ORIGIN, **fields}
    directly = json.loads(plain.ask("/context", sent, port=plain.backend_port).read())
    assert directly == {name.lower(): value for name, value in fields.items()}
    assert json.loads(plain.ask("/context", sent).read()) == directly


def test_without_tracing_the_log_names_the_client_s_trace(plain: Chain) -> None:
    plain.ask("/context", {"traceparent": f"00-{'a' * 32}-{SPAN}-01"}).read()
    plain.proxy.wait_for_text(f'"trace_id":"{"a" * 32}"')
    assert "opentelemetry" not in plain.proxy.text()


@pytest.mark.parametrize("kept", ["tracestate", "baggage"])
@pytest.mark.parametrize("fields", CARRIED.values(), ids=CARRIED)
def test_traced_flask_sees_all_but_the_parent_unchanged(
    traced: Chain, fields: dict[str, str], kept: str
) -> None:
    sent = {"traceparent": f"00-{TRACE}-{SPAN}-00", **fields}
    if fields.get("traceparent", "00-4").startswith("00-4"):
        seen = json.loads(traced.ask("/context", sent).read())
        assert seen.get(kept) == fields.get(kept)
        assert seen["traceparent"].startswith(f"00-{TRACE}-")
        assert SPAN not in seen["traceparent"]
        assert {name: seen.get(name) for name in seen if "b3" in name} == {
            name.lower(): value for name, value in fields.items() if "b3" in name.lower()
        }


def both(traced: Chain, trace: str) -> list[Exported]:
    """Wait for the spans of a trace: the proxy's, and the application's."""
    spans = traced.collector.spans
    traced.collector.wait(lambda: sum(span.trace == trace for span in spans) == 2)
    ours = [span for span in spans if span.trace == trace]
    return sorted(ours, key=lambda span: str(span.resource["service.name"]))


def test_one_trace_from_the_page_to_flask(traced: Chain) -> None:
    page = TracerProvider(shutdown_on_exit=False).get_tracer("page")
    with page.start_as_current_span("click") as click:
        fields = {"Origin": ORIGIN, "tracestate": "shop=1"}
        inject(fields)
        seen = json.loads(traced.ask("/context?secret=1", fields).read())
    context = click.get_span_context()
    trace = format_trace_id(context.trace_id)
    proxy, flask = both(traced, trace)
    assert (proxy.resource["service.name"], proxy.name, proxy.kind) == ("corsproxy", "GET api", "SERVER")
    assert (flask.resource["service.name"], flask.name, flask.kind) == ("shop", "GET /context", "SERVER")
    assert (proxy.parent, flask.parent) == (format_span_id(context.span_id), proxy.id)
    assert (proxy.state, flask.state, seen["tracestate"]) == ("shop=1", "shop=1", "shop=1")
    assert seen["traceparent"][:-2] == f"00-{trace}-{proxy.id}-"
    assert proxy.seconds >= flask.seconds
    upstream = proxy.attributes.pop("corsproxy.upstream_seconds")
    assert 0 < proxy.attributes.pop("corsproxy.added_seconds") < upstream <= proxy.seconds
    place = proxy.attributes.pop("corsproxy.decision.place")
    assert place.endswith("corsproxy.yaml:9")
    assert proxy.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.path": "/context",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "server.address": "127.0.0.1",
        "server.port": traced.port,
        "corsproxy.origin": ORIGIN,
        "corsproxy.decision.kind": "actual",
        "corsproxy.decision.action": "forward",
        "corsproxy.decision.reason": "origin_allowed",
        "corsproxy.decision.rule": "api",
    }
    traced.proxy.wait_for_text(f'"trace_id":"{trace}"')


def test_unsampled_by_the_page_is_unsampled_by_all(traced: Chain) -> None:
    """Nothing is exported of it; what comes after it is."""
    quiet, loud = "b" * 32, "c" * 32
    for trace, flags in ((quiet, "00"), (loud, "01")):
        said = json.loads(traced.ask("/context", {"traceparent": f"00-{trace}-{SPAN}-{flags}"}).read())
        assert said["traceparent"].startswith(f"00-{trace}-")
        assert said["traceparent"].endswith(f"-{flags}")
    traced.collector.wait(lambda: sum(span.trace == loud for span in traced.collector.spans) == 2)
    assert [span for span in traced.collector.spans if span.trace == quiet] == []


def test_a_backend_s_error_is_one_of_both(traced: Chain) -> None:
    trace = "d" * 32
    assert traced.ask("/boom", {"traceparent": f"00-{trace}-{SPAN}-01"}).status == 500
    proxy, _ = both(traced, trace)
    assert (proxy.error, proxy.attributes["error.type"]) == (True, "500")


def test_a_preflight_has_a_span_and_flask_has_not(traced: Chain) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "traceparent,tracestate",
    }
    answer = traced.ask("/context", asked, method="OPTIONS")
    assert (answer.status, answer.getheader("Access-Control-Allow-Headers")) == (
        204,
        "traceparent, tracestate",
    )
    span = traced.collector.named("OPTIONS api")
    assert (span.parent, span.attributes["corsproxy.decision.kind"]) == ("", "preflight")
    assert "corsproxy.upstream_seconds" not in span.attributes
    assert [other for other in traced.collector.spans if other.trace == span.trace] == [span]

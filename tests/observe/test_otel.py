"""The SDK as its environment sets it up: what it exports, what is refused, and a collector that is not there."""

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

from corsproxy import __version__
from corsproxy.cors.policy import Policy
from corsproxy.http1.request import RequestReader
from corsproxy.observe.otel import Complaints, exporters, open_otel
from corsproxy.observe.tracing import Tracing
from corsproxy.proxy.forwarded import Client, TrustedProxies
from tests.observe.collector import Collector
from tests.observe.conftest import RULES, exchange
from tests.processes import ROOT, free_port

RAW = b"GET /api/users HTTP/1.1\r\nHost: a.example\r\nOrigin: https://app.example.com\r\n\r\n"
LOGGERS = ("opentelemetry", "opentelemetry.trace", "urllib3", "requests")


class Events:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, object]]] = []

    def __call__(self, level: str, message: str, **details: object) -> None:
        self.told.append((level, message, details))


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start from an environment without a word for the SDK, and leave no logger changed."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    before = {name: logging.getLogger(name) for name in LOGGERS}
    state = {name: (log.handlers, log.level, log.propagate) for name, log in before.items()}
    yield
    for name, log in before.items():
        log.handlers, log.level, log.propagate = state[name]


def one_exchange(tracing: Tracing) -> None:
    head = RequestReader(0).read(RAW)
    client = Client("192.0.2.1", scheme=b"http", port=80, local=False, trusted=TrustedProxies(()))
    forwarding = client.forwarding(head)
    decision = Policy.compile(RULES, ()).decide(head, forwarding.scheme, forwarding.host)
    assert tracing.tracer is not None
    tracing.tracer.begin(head, forwarding, decision).finish(exchange())


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End what a test left trying: else it would complain to the next one."""
    made: list[SpanExporter] = []

    def make() -> SpanExporter:
        made.append(OTLPSpanExporter())
        return made[-1]

    monkeypatch.setattr("corsproxy.observe.otel.OTLPSpanExporter", make)
    yield
    for exporter in made:
        exporter.shutdown()
    for thread in threading.enumerate():
        if thread.name == "corsproxy-tracing":
            thread.join()


async def test_a_span_reaches_the_collector(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{collector.url}/")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a,authorization=Bearer%20s3cret")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        tracing = open_otel(events)
        one_exchange(tracing)
        await tracing.close()
    (span,) = collector.spans
    assert (span.name, span.kind, span.scope, span.parent, span.error) == (
        "GET api",
        "SERVER",
        "corsproxy",
        "",
        False,
    )
    instance = span.resource.pop("service.instance.id")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", instance)
    assert {name: text for name, text in span.resource.items() if not name.startswith("telemetry.")} == {
        "service.name": "corsproxy",
        "service.version": __version__,
    }
    assert (collector.fields["x-tenant"], collector.fields["content-encoding"]) == ("a", "gzip")
    assert events.told == []


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_SERVICE_NAME": "shop-cors"}, {"service.name": "shop-cors"}),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,deployment.environment.name=prod"},
            {"service.name": "a", "deployment.environment.name": "prod"},
        ),
        (
            {
                "OTEL_SERVICE_NAME": "b",
                "OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.instance.id=pod-1",
            },
            {"service.name": "b", "service.instance.id": "pod-1"},
        ),
    ],
)
async def test_the_environment_names_the_service(
    monkeypatch: pytest.MonkeyPatch, events: Events, variables: dict[str, str], expected: dict[str, str]
) -> None:
    with Collector() as collector:
        for name, text in {**variables, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}.items():
            monkeypatch.setenv(name, text)
        tracing = open_otel(events)
        one_exchange(tracing)
        await tracing.close()
    resource = collector.spans[0].resource
    assert {name: resource.get(name) for name in expected} == expected


async def test_the_environment_samples(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
        tracing = open_otel(events)
        one_exchange(tracing)
        await tracing.close()
    assert (collector.spans, collector.requests) == ([], 0)


@pytest.mark.usefixtures("given_up")
async def test_a_collector_that_is_not_there(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    """It is said, closing does not wait longer than it is told to, and nothing is printed."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("corsproxy.observe.otel._CLOSES_WITHIN", 0.3)
    tracing = open_otel(events)
    one_exchange(tracing)
    await tracing.close()
    said = [(level, message) for level, message, _ in events.told]
    assert said[-1] == ("warning", "tracing: the last spans could not be exported in time and are lost")
    assert {level for level, _ in said} == {"warning"}


@pytest.mark.usefixtures("given_up")
async def test_one_that_is_in_a_hurry_does_not_wait(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("corsproxy.observe.otel._CLOSES_WITHIN", 3600.0)
    tracing = open_otel(events)
    one_exchange(tracing)
    tracing.hurry()
    await tracing.close()
    assert events.told[-1][1] == "tracing: the last spans could not be exported in time and are lost"


async def test_what_can_be_sent_in_a_hurry_is(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setattr("corsproxy.observe.otel._HURRIES", 60.0)  # more than a busy machine needs
        tracing = open_otel(events)
        one_exchange(tracing)
        tracing.hurry()
        await tracing.close()
    assert (len(collector.spans), events.told) == (1, [])


async def test_a_collector_that_refuses(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    with Collector(status=401) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        tracing = open_otel(events)
        one_exchange(tracing)
        await tracing.close()
    ((level, message, details),) = events.told
    assert (level, details) == (
        "warning",
        {"logger": "opentelemetry.exporter.otlp.proto.http.trace_exporter"},
    )
    assert message.startswith("tracing: Failed to export span")
    assert "401" in message


# -- complaints


def test_each_complaint_is_told_once_a_minute(events: Events) -> None:
    now = 0.0
    logger = logging.Logger("opentelemetry.x")  # noqa: LOG001 -- one that nobody else has
    logger.addHandler(Complaints(events, clock=lambda: now))
    for at in (0.0, 1.0, 59.0, 60.0, 61.0, 200.0):
        now = at
        logger.warning("lost %d spans", int(at))
    logger.error("another thing")
    assert events.told == [
        ("warning", "tracing: lost 0 spans", {"logger": "opentelemetry.x"}),
        ("warning", "tracing: lost 60 spans", {"logger": "opentelemetry.x", "held_back": 2}),
        ("warning", "tracing: lost 200 spans", {"logger": "opentelemetry.x", "held_back": 1}),
        ("warning", "tracing: another thing", {"logger": "opentelemetry.x"}),
    ]


def test_a_complaint_s_exception_is_told(events: Events) -> None:
    logger = logging.Logger("opentelemetry.x")  # noqa: LOG001 -- one that nobody else has
    logger.addHandler(Complaints(events))
    try:
        Path("/no/such/file").read_bytes()
    except OSError:
        logger.exception("Exception while exporting Span.")
    details = {
        "logger": "opentelemetry.x",
        "error": "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'",
    }
    assert events.told == [("warning", "tracing: Exception while exporting Span.", details)]


def test_complaints_of_ever_new_kinds_are_not_kept_for_ever(events: Events) -> None:
    complaints = Complaints(events, clock=lambda: 0.0)
    logger = logging.Logger("opentelemetry.x")  # noqa: LOG001 -- one that nobody else has
    logger.addHandler(complaints)
    for number in range(1000):
        logger.warning(f"kind {number}")  # noqa: G004 -- as libraries do
    assert len(events.told) == 1000
    assert len(complaints._said) <= 100


def test_a_complaint_that_cannot_be_formatted_harms_nobody(events: Events) -> None:
    logger = logging.Logger("opentelemetry.x")  # noqa: LOG001 -- one that nobody else has
    logger.addHandler(Complaints(events))
    logger.warning("%d", "no number")
    assert events.told == []


async def test_a_client_s_odd_state_is_no_complaint(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    tracing = open_otel(events)
    head = RequestReader(0).read(
        RAW[:-2] + b"traceparent: 00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01\r\ntracestate: ===,,=\r\n\r\n"
    )
    client = Client("192.0.2.1", scheme=b"http", port=80, local=False, trusted=TrustedProxies(()))
    forwarding = client.forwarding(head)
    assert tracing.tracer is not None
    decision = Policy.compile(RULES, ()).decide(head, forwarding.scheme, forwarding.host)
    tracing.tracer.begin(head, forwarding, decision).finish(exchange())
    await tracing.close()
    assert events.told == []


# -- what the environment may ask for

EXPORTERS: list[tuple[dict[str, str], list[type[SpanExporter]]]] = [
    ({}, [OTLPSpanExporter]),
    ({"OTEL_TRACES_EXPORTER": ""}, [OTLPSpanExporter]),
    ({"OTEL_TRACES_EXPORTER": "none"}, []),
    ({"OTEL_TRACES_EXPORTER": "otlp, console"}, [OTLPSpanExporter, ConsoleSpanExporter]),
    ({"OTEL_TRACES_EXPORTER": "otlp_proto_http"}, [OTLPSpanExporter]),
    ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, [OTLPSpanExporter]),
    (
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        [OTLPSpanExporter],
    ),
]


@pytest.mark.parametrize(("variables", "expected"), EXPORTERS)
def test_exporters(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: list[type[SpanExporter]]
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    made = list(exporters())
    assert [type(exporter) for exporter in made] == expected
    for exporter in made:
        exporter.shutdown()


REFUSED: list[tuple[dict[str, str], str]] = [
    (
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        (
            'OTEL_TRACES_EXPORTER: "zipkin" needs an exporter that is not installed. '
            "Fix: pip install opentelemetry-exporter-zipkin"
        ),
    ),
    (
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        (
            'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" needs an exporter that is not installed. '
            "Fix: pip install opentelemetry-exporter-otlp-proto-grpc"
        ),
    ),
    (
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
        'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" is not spoken here. Fix: write http/protobuf, or grpc.',
    ),
    (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
        'OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" is no URL. Fix: write it as in http://collector:4318.',
    ),
    (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://user:secret@collector:4318"},
        'OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" is no URL. Fix: write it as in http://collector:4318.',
    ),
    (
        {"OTEL_TRACES_SAMPLER": "sometimes"},
        (
            'OTEL_TRACES_SAMPLER: "sometimes" is none of always_off, always_on, parentbased_always_off, '
            "parentbased_always_on, parentbased_traceidratio, traceidratio. Fix: write one of these."
        ),
    ),
    (
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
        'OTEL_TRACES_SAMPLER_ARG: "10%" is no share of requests. Fix: write a number from 0 to 1.',
    ),
    (
        {"OTEL_BSP_MAX_QUEUE_SIZE": "1"},
        "OTEL_BSP_*: max_export_batch_size must be less than or equal to max_queue_size.",
    ),
    (
        {"OTEL_CONFIG_FILE": "otel.yaml"},
        "OTEL_CONFIG_FILE is not read here. Fix: unset it, and set OTEL_* variables instead.",
    ),
]


@pytest.mark.parametrize(("variables", "said"), REFUSED)
async def test_what_cannot_be_had_is_refused(
    monkeypatch: pytest.MonkeyPatch, events: Events, variables: dict[str, str], said: str
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        open_otel(events)


PROPAGATORS = {
    "tracecontext,jaeger": 'ValueError: OTEL_PROPAGATORS: "jaeger" is not installed. Fix: pip install opentelemetry-propagator-jaeger',
    "trace": 'ValueError: OTEL_PROPAGATORS: "trace" is not installed. Fix: write one of b3, b3multi, baggage, tracecontext, or none',
    " tracecontext , baggage ": "['baggage', 'traceparent', 'tracestate']",
    "None": "[]",
    "b3": "['b3']",
}


@pytest.mark.parametrize("written", PROPAGATORS)
def test_propagators(tmp_path: Path, written: str) -> None:
    """The API looks them up once, when it is imported."""
    code = (
        "from corsproxy.observe.otel import open_otel\nopen_otel(print)\n"
        "from opentelemetry.propagate import get_global_textmap\nprint(sorted(get_global_textmap().fields))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OTEL_PROPAGATORS": written,
            "OTEL_TRACES_EXPORTER": "none",
        },
        timeout=200,
    )
    assert (done.stdout + done.stderr).splitlines()[-1] == PROPAGATORS[written]

"""How spans leave the process: OpenTelemetry's SDK, set up from its own OTEL_* variables.

Laws: the loop never waits for a collector: spans go through a bounded queue to a thread of the SDK's, and
what does not fit is lost. What the SDK complains about is said once a minute in our log, and nowhere
else. What its variables ask for and cannot be had is refused by name; nothing falls back in silence.
Imported only where tracing is configured.
"""

import asyncio
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import entry_points

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from corsproxy import __version__
from corsproxy.observe.spans import Spans
from corsproxy.observe.stdlib import Events
from corsproxy.observe.tracing import Tracing

__all__ = ["Complaints", "exporters", "open_otel"]

_CLOSES_WITHIN = 3.0  # below the seconds that a supervisor gives a worker after its drain
_HURRIES = 0.25
_REPEATED_AFTER = 60.0
_MOST_COMPLAINTS = 100

_PROPAGATORS = {
    "b3": "opentelemetry-propagator-b3",
    "b3multi": "opentelemetry-propagator-b3",
    "jaeger": "opentelemetry-propagator-jaeger",
    "ottrace": "opentelemetry-propagator-ot-trace",
    "xray": "opentelemetry-propagator-aws-xray",
}
_SAMPLERS = ("always_on", "always_off", "traceidratio")
_KNOWN_SAMPLERS = frozenset({*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS)})


def open_otel(events: Events) -> Tracing:
    """Set up a worker's own SDK; raises ValueError with the variable that asks for what cannot be had."""
    _adopt_complaints(events)
    _check_sampler()
    if os.environ.get("OTEL_CONFIG_FILE"):
        raise ValueError(
            "OTEL_CONFIG_FILE is not read here. Fix: unset it, and set OTEL_* variables instead."
        )
    _check_propagators()
    from opentelemetry.propagate import get_global_textmap  # noqa: PLC0415 -- looks them up when it is imported

    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    for exporter in exporters():
        try:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        except ValueError as fault:
            raise ValueError(f"OTEL_BSP_*: {fault}") from fault
    return OpenTelemetry(
        provider, Spans(provider.get_tracer("corsproxy", __version__), get_global_textmap()), events
    )


class OpenTelemetry(Tracing):
    """A worker's own SDK."""

    def __init__(self, provider: TracerProvider, spans: Spans, events: Events) -> None:
        self.tracer = spans
        self._provider = provider
        self._events = events
        self._shut = asyncio.Event()
        self._hurried = asyncio.Event()

    async def close(self) -> None:
        """Send what is queued, for a few seconds at most; what is then left is lost, and that is said."""
        loop = asyncio.get_running_loop()

        def shut() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._shut.set)

        # A thread of its own, and a daemon: one that is stuck in a collector's silence must not hold the exit.
        threading.Thread(target=shut, name="corsproxy-tracing", daemon=True).start()
        waits = [asyncio.create_task(event.wait()) for event in (self._shut, self._hurried)]
        await asyncio.wait(waits, timeout=_CLOSES_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(waits[:1], timeout=_HURRIES)
        for wait in waits:
            wait.cancel()
        if not self._shut.is_set():
            self._events("warning", "tracing: the last spans could not be exported in time and are lost")

    def hurry(self) -> None:
        """Have `close` end at once, or nearly: a collector that is there needs a moment only."""
        self._hurried.set()


class Complaints(logging.Handler):
    """Makes events of what libraries log: each complaint once a minute, with how many were held back."""

    def __init__(self, events: Events, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._events = events
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # when last, and how many since

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on, or hold it back."""
        try:
            now = self._clock()
            key = (record.name, str(record.msg))
            last, held = self._said.get(key, (-_REPEATED_AFTER, 0))
            if now - last < _REPEATED_AFTER:
                self._said[key] = (last, held + 1)
                return
            if len(self._said) >= _MOST_COMPLAINTS:
                self._said.clear()
            self._said[key] = (now, 0)
            details: dict[str, object] = {"logger": record.name}
            if held:
                details["held_back"] = held
            if record.exc_info and (fault := record.exc_info[1]) is not None:
                details["error"] = f"{type(fault).__name__}: {fault}"
            self._events("warning", f"tracing: {record.getMessage()}", **details)
        except Exception:  # noqa: BLE001 -- a broken format string of a library must not end an export
            return


def _adopt_complaints(events: Events) -> None:
    complaints = Complaints(events)
    for name in ("opentelemetry", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.handlers = [complaints]
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    # What a client sent as tracestate is no news, and could be sent with every request.
    logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)


def _resource() -> Resource:
    ours = {
        "service.name": "corsproxy",
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
    }
    # Resource.create lets what it is given win; here the environment does.
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def _check_propagators() -> None:
    installed = {entry.name for entry in entry_points(group="opentelemetry_propagator")}
    for name in map(str.strip, os.environ.get("OTEL_PROPAGATORS", "").split(",")):
        if name and name not in installed and name.lower() != "none":
            package = _PROPAGATORS.get(name)
            fix = (
                f"pip install {package}"
                if package
                else f"write one of {', '.join(sorted(installed))}, or none"
            )
            raise ValueError(f'OTEL_PROPAGATORS: "{name}" is not installed. Fix: {fix}')


def _check_sampler() -> None:
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").lower()
    if name and name not in _KNOWN_SAMPLERS:
        raise ValueError(
            f'OTEL_TRACES_SAMPLER: "{name}" is none of {", ".join(sorted(_KNOWN_SAMPLERS))}. Fix: write one of these.'
        )
    if not name.endswith("traceidratio"):
        return
    ratio = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1")
    try:
        is_ratio = 0.0 <= float(ratio) <= 1.0
    except ValueError:
        is_ratio = False
    if not is_ratio:
        raise ValueError(
            f'OTEL_TRACES_SAMPLER_ARG: "{ratio}" is no share of requests. Fix: write a number from 0 to 1.'
        )


def exporters() -> Iterator[SpanExporter]:
    """Make what OTEL_TRACES_EXPORTER names; raises ValueError for one that cannot be had."""
    names = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    for name in names.split(","):
        match name.strip().lower():
            case "none":
                pass
            case "otlp":
                yield _otlp()
            case "console":
                # Standard output is the log's.
                yield ConsoleSpanExporter(
                    out=sys.stderr, formatter=lambda span: f"{span.to_json(indent=None)}\n"
                )
            case other:
                yield _installed("OTEL_TRACES_EXPORTER", other, other)


def _otlp() -> SpanExporter:
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = os.environ.get(variable, "").strip()
        if protocol == "grpc":
            return _installed(variable, protocol, "otlp_proto_grpc")
        if protocol == "http/protobuf":
            break
        if protocol:
            raise ValueError(
                f'{variable}: "{protocol}" is not spoken here. Fix: write http/protobuf, or grpc.'
            )
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        endpoint = os.environ.get(variable, "")
        if endpoint and not endpoint.startswith(("http://", "https://")):
            shown = endpoint.rpartition("@")[2]  # what stands before it may be a password
            raise ValueError(f'{variable}: "{shown}" is no URL. Fix: write it as in http://collector:4318.')
    return OTLPSpanExporter()


def _installed(variable: str, value: str, name: str) -> SpanExporter:
    """Make the exporter that an installed package offers under this name."""
    for entry in entry_points(group="opentelemetry_traces_exporter", name=name):
        exporter: SpanExporter = entry.load()()
        return exporter
    package = f"opentelemetry-exporter-{name.replace('_', '-')}"
    raise ValueError(
        f'{variable}: "{value}" needs an exporter that is not installed. Fix: pip install {package}'
    )

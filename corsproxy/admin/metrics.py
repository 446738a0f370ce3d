"""Turns counts into Prometheus families, and those into the format that the scraper asks for.

Laws: made afresh for each scrape from a Snapshot, so that nothing is counted twice and no registry is
shared; exposition is the library's. Label values are bounded by `counters`; the reasons of errors are
all there from the start, so that a first error is an increase.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from corsproxy import __version__
from corsproxy.admin.fleet import Facts
from corsproxy.config.settings import Candidate
from corsproxy.cors.comparison import Change
from corsproxy.cors.vocabulary import Kind, Reason
from corsproxy.observe.counters import ADDED_BOUNDS, LATENCY_BOUNDS, Snapshot

__all__ = ["Families", "expose"]

_UPSTREAM_FAULTS = (
    Reason.UPSTREAM_REFUSED,
    Reason.UPSTREAM_TIMEOUT,
    Reason.UPSTREAM_CLOSED,
    Reason.UPSTREAM_INVALID,
    Reason.QUEUE_FULL,
)
_CLIENT_FAULTS = (
    Reason.BAD_REQUEST,
    Reason.HEAD_TOO_LARGE,
    Reason.BODY_TOO_LARGE,
    Reason.CLIENT_TIMEOUT,
)

# Of several processes these are the first one's, not the sum.
_NOT_SUMMED = frozenset({"process_start_time_seconds", "process_max_fds"})


def expose(accept: str, families: Collector) -> tuple[bytes, str]:
    """Return a scrape's body and Content-Type for an Accept value."""
    registry = CollectorRegistry()
    registry.register(families)
    encode: Callable[[Collector], bytes]
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is not a number, such as version=x
        encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    return encode(registry), content_type


class Families(Collector):
    """All metric families of one scrape; `total` is the sum over all workers, `sha256` the configuration's."""

    def __init__(
        self,
        total: Snapshot,
        facts: Facts,
        *,
        sha256: str,
        is_ready: bool,
        candidate: Candidate | None = None,
    ) -> None:
        self._total = total
        self._facts = facts
        self._sha256 = sha256
        self._is_ready = is_ready
        self._candidate = candidate

    def collect(self) -> Iterator[Metric]:
        """Give the families, ours first."""
        total = self._total
        yield _info("corsproxy_build_info", "The running version, as a label; always 1.", version=__version__)
        yield GaugeMetricFamily(
            "corsproxy_ready",
            "1 where /readyz says ready; 0 while draining, while no worker serves, and where the backend could not"
            " be connected to within two seconds.",
            value=int(self._is_ready),
        )
        yield _decisions(total)
        yield _responses(total)
        yield from _faults(total)
        yield _notes(total)
        yield from _latency(total)
        yield from _connections(total)
        yield from _traffic(total)
        yield from _config(self._facts)
        yield _info(
            "corsproxy_config_info",
            "SHA-256 of the running configuration's text, as a label; always 1.",
            sha256=self._sha256,
        )
        if self._candidate is not None:
            yield from _comparisons(total, self._candidate)
        yield from PlatformCollector(registry=None).collect()
        yield from _processes(dict.fromkeys((os.getpid(), *total.pids)))


def _info(name: str, text: str, **labels: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def _counter(
    name: str, text: str, labels: Sequence[str], counts: Iterable[tuple[tuple[str, ...], int]]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family


def _decisions(total: Snapshot) -> Metric:
    return _counter(
        "corsproxy_decisions",
        "Policy decisions. mode is enforce or report; under report, kind, reason and action are what enforce"
        " would have said. rule is empty where no rule matched.",
        ("rule", "kind", "reason", "action", "mode"),
        (
            ((at.rule, at.kind, at.reason, at.action, "report" if at.report else "enforce"), count)
            for at, count in total.decisions.items()
        ),
    )


def _responses(total: Snapshot) -> Metric:
    return _counter(
        "corsproxy_responses",
        "Responses sent to clients, the backend's and our own, by status code; other is a status outside 100-599.",
        ("code",),
        (((str(code) if code else "other",), count) for code, count in total.responses.items()),
    )


def _faults(total: Snapshot) -> Iterator[Metric]:
    upstream = {(reason,): total.faults.get(reason, 0) for reason in _UPSTREAM_FAULTS}
    client = {(reason,): total.faults.get(reason, 0) for reason in _CLIENT_FAULTS}
    client |= {
        (reason,): count
        for reason, count in total.faults.items()
        if (reason,) not in upstream.keys() | client.keys()
    }
    yield _counter(
        "corsproxy_upstream_errors",
        "Requests that failed on the backend's side or for want of a connection to it, by reason.",
        ("reason",),
        upstream.items(),
    )
    yield _counter(
        "corsproxy_client_errors",
        "Requests that failed on the client's side, by reason.",
        ("reason",),
        client.items(),
    )
    yield CounterMetricFamily(
        "corsproxy_client_aborts",
        "Requests whose client left before there was a response.",
        value=total.unanswered,
    )


def _notes(total: Snapshot) -> Metric:
    return _counter(
        "corsproxy_backend_notes",
        "Responses of the backend that its owner should know of: backend_cors_conflict (it sent CORS fields of"
        " its own) and backend_redirect (it redirected a cross-origin request).",
        ("rule", "reason"),
        total.notes.items(),
    )


def _latency(total: Snapshot) -> Iterator[Metric]:
    yield _histogram(
        "corsproxy_upstream_response_seconds",
        "Seconds until the backend's response head, counted from the request's beginning.",
        LATENCY_BOUNDS,
        total.upstream_buckets,
        total.upstream_seconds,
    )
    yield _histogram(
        "corsproxy_added_seconds",
        "Seconds of these that the proxy added: until the backend had the request's head. Deciding, waiting for"
        " a connection, connecting.",
        ADDED_BOUNDS,
        total.added_buckets,
        total.added_seconds,
    )


def _histogram(
    name: str, text: str, bounds: Sequence[float], buckets: Sequence[int], seconds: float
) -> Metric:
    upper = [*map(floatToGoString, bounds), "+Inf"]
    return HistogramMetricFamily(
        name, text, buckets=list(zip(upper, accumulate(buckets), strict=True)), sum_value=seconds
    )


def _connections(total: Snapshot) -> Iterator[Metric]:
    gauges = total.gauges
    yield GaugeMetricFamily(
        "corsproxy_client_connections", "Open connections of clients.", value=gauges.client_connections
    )
    # Not client_connections_total: OpenMetrics has one name space for families, and there a counter
    # is called without its suffix.
    yield CounterMetricFamily(
        "corsproxy_client_connections_opened", "Connections that clients opened.", value=total.connections
    )
    upstream = GaugeMetricFamily(
        "corsproxy_upstream_connections",
        "Connections to the backend: active ones serve a request, idle ones wait for the next.",
        labels=["state"],
    )
    upstream.add_metric(["active"], gauges.upstream_connections_active)
    upstream.add_metric(["idle"], gauges.upstream_connections_idle)
    yield upstream
    yield GaugeMetricFamily(
        "corsproxy_upstream_queue",
        "Requests that wait for a connection to the backend.",
        value=gauges.upstream_queue,
    )
    yield GaugeMetricFamily("corsproxy_tunnels", "Open WebSocket tunnels.", value=gauges.tunnels)


def _traffic(total: Snapshot) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "corsproxy_request_bytes", "Bytes of request bodies, framing not counted.", value=total.request_bytes
    )
    yield CounterMetricFamily(
        "corsproxy_response_bytes",
        "Bytes of response bodies; of chunked ones with their framing, as they pass unopened.",
        value=total.response_bytes,
    )
    yield CounterMetricFamily(
        "corsproxy_log_lines_dropped",
        "Log lines that were lost because the log's reader was too slow or gone.",
        value=total.log_lines_dropped,
    )


def _config(facts: Facts) -> Iterator[Metric]:
    last = facts.last_reload
    yield GaugeMetricFamily(
        "corsproxy_config_last_reload_successful",
        "1 if the last attempt to reload the configuration was adopted, or none was made; 0 if it was refused.",
        value=0 if last is not None and last.problems else 1,
    )
    yield GaugeMetricFamily(
        "corsproxy_config_last_reload_success_timestamp_seconds",
        "Unix time at which the running configuration was adopted.",
        value=facts.loaded_at,
    )
    yield _counter(
        "corsproxy_config_reloads",
        "Attempts to reload the configuration.",
        ("result",),
        [(("success",), facts.reloads_succeeded), (("failure",), facts.reloads_failed)],
    )
    yield GaugeMetricFamily(
        "corsproxy_config_generation",
        "Number of the running configuration: 1 at the start, one more with every good reload.",
        value=facts.generation,
    )


def _comparisons(total: Snapshot, candidate: Candidate) -> Iterator[Metric]:
    """Give what came of a candidate; these families are only there while one is configured."""
    yield GaugeMetricFamily(
        "corsproxy_candidate_last_load_successful",
        "1 if the candidate is compared with the live policy; 0 if its file was refused.",
        value=0 if candidate.problems else 1,
    )
    yield CounterMetricFamily(
        "corsproxy_candidate_compared",
        "Requests that were decided by the live policy and by the candidate.",
        value=total.compared,
    )
    none = {(kind, change): 0 for kind in Kind for change in Change}
    yield _counter(
        "corsproxy_candidate_differences",
        "Requests that a browser or the backend would have seen otherwise under the candidate: newly_refused,"
        " newly_allowed, or other, where the grant or the mode differs. kind is what the candidate takes them for.",
        ("kind", "change"),
        (none | dict(total.differences)).items(),
    )


def _processes(pids: Iterable[int]) -> Iterator[Metric]:
    """Add up the library's process metrics over our own process and the workers'."""
    summed: dict[str, Metric] = {}
    for pid in pids:
        for family in ProcessCollector(pid=partial(str, pid), registry=None).collect():
            if family.name not in summed:
                summed[family.name] = family
            elif family.name not in _NOT_SUMMED:
                first = summed[family.name].samples
                more = family.samples
                summed[family.name].samples = [
                    one._replace(value=one.value + other.value)
                    for one, other in zip(first, more, strict=True)
                ]
    yield from summed.values()

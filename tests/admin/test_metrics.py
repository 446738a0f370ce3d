"""The metrics page, read back by Prometheus' own parsers."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from corsproxy import __version__
from corsproxy.admin import app
from corsproxy.admin.app import build
from corsproxy.admin.fleet import Facts, ReloadOutcome
from corsproxy.admin.metrics import Families, expose
from corsproxy.config.problem import Problem
from corsproxy.config.settings import Candidate, Endpoint, Source
from corsproxy.cors.comparison import Change
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.observe.counters import ADDED_BOUNDS, LATENCY_BOUNDS, DecisionLabels, Snapshot
from corsproxy.proxy.record import Gauges
from tests.admin.conftest import ADMIN, STARTED, FakeFleet, KeptEvents

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)

ALLOWED = DecisionLabels("api", Kind.ACTUAL, Reason.ORIGIN_ALLOWED, Action.FORWARD, report=False)
REFUSED = DecisionLabels('q"\\\n', Kind.PREFLIGHT, Reason.ORIGIN_NOT_ALLOWED, Action.REFUSE, report=True)
UNMATCHED = DecisionLabels("", Kind.NOT_CORS, Reason.NO_ORIGIN, Action.FORWARD, report=False)

FIRST = Snapshot(
    decisions={ALLOWED: 5, REFUSED: 2},
    responses={200: 4, 403: 2, 0: 1},
    unanswered=3,
    upstream_seconds=1.5,
    upstream_buckets=(1, 0, 2, *[0] * 12, 4),
    added_seconds=0.5,
    added_buckets=(5, *[0] * 17, 2),
    faults={Reason.UPSTREAM_TIMEOUT: 1, Reason.BAD_REQUEST: 2, Reason.AMBIGUOUS_PATH: 1},
    notes={("api", Reason.BACKEND_CORS_CONFLICT): 7},
    request_bytes=10,
    response_bytes=2**40,
    connections=9,
    log_lines_dropped=6,
    gauges=Gauges(3, 1, 2, 5, 4),
    pids=(os.getpid(),),
)
SECOND = Snapshot(
    decisions={ALLOWED: 1, UNMATCHED: 8},
    responses={200: 1, 502: 1},
    upstream_seconds=0.25,
    upstream_buckets=(0, 1, *[0] * 14),
    added_seconds=0.25,
    added_buckets=(0, 1, *[0] * 17),
    faults={Reason.UPSTREAM_TIMEOUT: 1},
    gauges=Gauges(1, 1, 0, 0, 0),
    pids=(os.getpid(),),
)

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def values(families: Iterable[Metric]) -> Values:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def at(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def expected() -> Values:
    counts = [1, 2, 4, *[4] * 12, 8]
    bounds = [*map(str, LATENCY_BOUNDS), "+Inf"]
    decisions = {
        at(
            "corsproxy_decisions_total",
            rule="api",
            kind="actual",
            reason="origin_allowed",
            action="forward",
            mode="enforce",
        ): 6,
        at(
            "corsproxy_decisions_total",
            rule='q"\\\n',
            kind="preflight",
            reason="origin_not_allowed",
            action="refuse",
            mode="report",
        ): 2,
        at(
            "corsproxy_decisions_total",
            rule="",
            kind="not_cors",
            reason="no_origin",
            action="forward",
            mode="enforce",
        ): 8,
    }
    errors = {
        at("corsproxy_upstream_errors_total", reason="upstream_refused"): 0,
        at("corsproxy_upstream_errors_total", reason="upstream_timeout"): 2,
        at("corsproxy_upstream_errors_total", reason="upstream_closed"): 0,
        at("corsproxy_upstream_errors_total", reason="upstream_invalid"): 0,
        at("corsproxy_upstream_errors_total", reason="queue_full"): 0,
        at("corsproxy_client_errors_total", reason="bad_request"): 2,
        at("corsproxy_client_errors_total", reason="head_too_large"): 0,
        at("corsproxy_client_errors_total", reason="body_too_large"): 0,
        at("corsproxy_client_errors_total", reason="client_timeout"): 0,
        at("corsproxy_client_errors_total", reason="ambiguous_path"): 1,
    }
    buckets = {
        at("corsproxy_upstream_response_seconds_bucket", le=bound): count
        for bound, count in zip(bounds, counts, strict=True)
    }
    added = {
        at("corsproxy_added_seconds_bucket", le=bound): count
        for bound, count in zip([*map(str, ADDED_BOUNDS), "+Inf"], [5, *[6] * 17, 8], strict=True)
    }
    return {
        at("corsproxy_build_info", version=__version__): 1,
        at("corsproxy_ready"): 0,  # nobody listens where the fleet's backend is said to be
        at("corsproxy_config_info", sha256="ab" * 32): 1,
        **decisions,
        at("corsproxy_responses_total", code="200"): 5,
        at("corsproxy_responses_total", code="403"): 2,
        at("corsproxy_responses_total", code="502"): 1,
        at("corsproxy_responses_total", code="other"): 1,
        **errors,
        at("corsproxy_client_aborts_total"): 3,
        at("corsproxy_backend_notes_total", rule="api", reason="backend_cors_conflict"): 7,
        **buckets,
        **added,
        at("corsproxy_added_seconds_count"): 8,
        at("corsproxy_added_seconds_sum"): 0.75,
        at("corsproxy_upstream_response_seconds_count"): 8,
        at("corsproxy_upstream_response_seconds_sum"): 1.75,
        at("corsproxy_client_connections"): 4,
        at("corsproxy_client_connections_opened_total"): 9,
        at("corsproxy_upstream_connections", state="active"): 2,
        at("corsproxy_upstream_connections", state="idle"): 2,
        at("corsproxy_upstream_queue"): 5,
        at("corsproxy_tunnels"): 4,
        at("corsproxy_request_bytes_total"): 10,
        at("corsproxy_response_bytes_total"): 2**40,
        at("corsproxy_log_lines_dropped_total"): 6,
        at("corsproxy_config_last_reload_successful"): 1,
        at("corsproxy_config_last_reload_success_timestamp_seconds"): STARTED,
        at("corsproxy_config_reloads_total", result="success"): 0,
        at("corsproxy_config_reloads_total", result="failure"): 0,
        at("corsproxy_config_generation"): 1,
    }


AdminClient = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(
    aiohttp_client: Callable[[web.Application], Awaitable[AdminClient]],
    fleet: FakeFleet,
    observer: KeptEvents,
) -> AdminClient:
    fleet.workers = [FIRST, SECOND]
    return await aiohttp_client(build(fleet, ADMIN, observer))


@pytest.mark.parametrize(
    ("accept", "read", "content_type"),
    [
        (None, read_text, "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", read_text, "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", read_text, "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=x", read_text, "text/plain; version=0.0.4; charset=utf-8"),
        (
            OPENMETRICS,
            read_openmetrics,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (
            PROMETHEUS_3,
            read_openmetrics,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
    ],
)
async def test_every_value_in_the_format_asked_for(
    client: AdminClient, accept: str | None, read: Callable[[str], Iterable[Metric]], content_type: str
) -> None:
    response = await client.get("/metrics", headers={} if accept is None else {"Accept": accept})
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Vary"] == "Accept"
    got = values(read(await response.text()))
    ours = {key: value for key, value in got.items() if key[0].startswith("corsproxy_")}
    assert ours == expected()
    others = {name for name, _ in got if not name.startswith("corsproxy_")}
    assert others == {
        "python_info",
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
    }


def families(total: Snapshot, facts: Facts) -> Families:
    return Families(total, facts, sha256="ab" * 32, is_ready=True)


def families_of(total: Snapshot, facts: Facts) -> Values:
    return values(families(total, facts).collect())


async def test_ready_is_what_readyz_says(client: AdminClient, fleet: FakeFleet) -> None:
    async def ready() -> tuple[int, float]:
        text = await (await client.get("/metrics")).text()
        return (await client.get("/readyz")).status, values(read_text(text))[at("corsproxy_ready")]

    assert await ready() == (503, 0)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        fleet.upstream = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        assert await ready() == (200, 1)
        fleet.is_serving = False
        assert await ready() == (503, 0)
        fleet.is_serving, fleet.is_draining = True, True
        assert await ready() == (503, 0)


@pytest.fixture
def full() -> Iterator[Endpoint]:
    """A backend whose queue of connections is full, and which never accepts."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen(0)
    waiting = [socket.socket() for _ in range(3)]  # more than its backlog holds
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(bound.getsockname())
    yield Endpoint(*bound.getsockname())
    for one in (*waiting, bound):
        one.close()


async def test_no_scrape_waits_for_who_waits_for_the_backend(
    client: AdminClient, fleet: FakeFleet, full: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_SCRAPES_WAIT", 0.05)
    fleet.upstream = full
    patient = asyncio.create_task(client.get("/readyz"))  # for as long as `timeouts.connect`
    text = await (await client.get("/metrics")).text()
    assert values(read_text(text))[at("corsproxy_ready")] == 0
    assert not patient.done()
    patient.cancel()


def test_a_refused_reload_shows() -> None:
    problem = Problem("c.yaml", 1, 1, "", "what")
    facts = Facts(
        started_at=STARTED,
        loaded_at=STARTED + 5,
        generation=2,
        reloads_succeeded=1,
        reloads_failed=3,
        last_reload=ReloadOutcome(at=STARTED + 9, problems=(problem,)),
    )
    got = families_of(Snapshot(), facts)
    assert got[at("corsproxy_config_last_reload_successful")] == 0
    assert got[at("corsproxy_config_last_reload_success_timestamp_seconds")] == STARTED + 5
    assert got[at("corsproxy_config_reloads_total", result="success")] == 1
    assert got[at("corsproxy_config_reloads_total", result="failure")] == 3
    assert got[at("corsproxy_config_generation")] == 2


def test_an_adopted_reload_shows() -> None:
    facts = Facts(
        started_at=STARTED,
        loaded_at=STARTED,
        generation=2,
        last_reload=ReloadOutcome(at=STARTED, waits_for_restart=("tls",)),
    )
    assert families_of(Snapshot(), facts)[at("corsproxy_config_last_reload_successful")] == 1


def test_process_metrics_are_the_sum_over_all_processes() -> None:
    facts = Facts(started_at=STARTED, loaded_at=STARTED, generation=1)
    alone = families_of(Snapshot(), facts)
    parent = os.getppid()
    together = families_of(Snapshot(pids=(os.getpid(), parent, 2**22 + 1)), facts)
    assert together[at("process_open_fds")] > alone[at("process_open_fds")]
    assert together[at("process_resident_memory_bytes")] > alone[at("process_resident_memory_bytes")]
    assert together[at("process_start_time_seconds")] == alone[at("process_start_time_seconds")]
    assert together[at("process_max_fds")] == alone[at("process_max_fds")]


def test_every_family_says_what_it_is() -> None:
    facts = Facts(started_at=STARTED, loaded_at=STARTED, generation=1)
    for family in families(FIRST, facts).collect():
        assert len(family.documentation) > 15, family.name
        assert family.documentation.endswith(".") or family.name.startswith("python"), family.name


def test_two_scrapes_of_the_same_counts_are_equal() -> None:
    facts = Facts(started_at=STARTED, loaded_at=STARTED, generation=1)

    def ours() -> list[bytes]:
        body, _ = expose("", families(FIRST, facts))
        return [line for line in body.splitlines() if b"corsproxy_" in line]

    assert ours() == ours()
    assert len(ours()) == len(set(ours()))


def test_a_candidate_has_families_of_its_own_while_there_is_one() -> None:
    candidate = Candidate(source=Source("next.yaml", "cd"))
    total = replace(FIRST, compared=9, differences={(Kind.ACTUAL, Change.NEWLY_REFUSED): 4})
    facts = Facts(started_at=STARTED, loaded_at=STARTED, generation=1)

    def told(candidate: Candidate | None) -> Values:
        families = Families(total, facts, sha256="ab" * 32, is_ready=True, candidate=candidate)
        return {key: value for key, value in values(families.collect()).items() if "candidate" in key[0]}

    differences = "corsproxy_candidate_differences_total"
    assert told(None) == {}
    assert told(candidate) == {
        at("corsproxy_candidate_last_load_successful"): 1,
        at("corsproxy_candidate_compared_total"): 9,
        **{at(differences, kind=kind, change=change): 0 for kind in Kind for change in Change},
        at(differences, kind="actual", change="newly_refused"): 4,
    }
    refused = replace(candidate, problems=(Problem("next.yaml", 1, 1, "", "It is bad."),))
    assert told(refused)[at("corsproxy_candidate_last_load_successful")] == 0

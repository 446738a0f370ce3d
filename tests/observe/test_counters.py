"""Counts, their labels and their bounds; decisions come from real policies."""

import gc
import pickle
from dataclasses import fields, replace
from typing import Any

import pytest

from corsproxy.cors.comparison import Change
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.observe.counters import (
    ADDED_BOUNDS,
    LATENCY_BOUNDS,
    Counters,
    DecisionLabels,
    Snapshot,
    merge,
    merge_departed,
)
from corsproxy.proxy.record import Gauges
from tests.observe.conftest import API, EVIL, Head, decide, exchange, record, settings

GAUGES = Gauges(5, 4, 3, 2, 1)
NOTHING = Gauges(0, 0, 0, 0, 0)
EMPTY = Snapshot(pids=(7,))


def seen(counters: Counters) -> Snapshot:
    return counters.snapshot(NOTHING, 7, 0)


def buckets(**at: int) -> tuple[int, ...]:
    return tuple(at.get(f"b{index}", 0) for index in range(len(LATENCY_BOUNDS) + 1))


def added(**at: int) -> tuple[int, ...]:
    return tuple(at.get(f"b{index}", 0) for index in range(len(ADDED_BOUNDS) + 1))


def test_nothing_counted() -> None:
    assert Counters(settings()).snapshot(GAUGES, 7, 12) == replace(EMPTY, gauges=GAUGES, log_lines_dropped=12)


def test_one_exchange() -> None:
    counters = Counters(settings())
    counters.count_connection()
    counters.count(exchange(request_bytes=5, upstream_seconds=0.25, added_seconds=0.000125))
    assert seen(counters) == replace(
        EMPTY,
        decisions={DecisionLabels("api", Kind.ACTUAL, Reason.ORIGIN_ALLOWED, Action.FORWARD, False): 1},
        responses={200: 1},
        upstream_seconds=0.25,
        upstream_buckets=buckets(b7=1),
        added_seconds=0.000125,
        added_buckets=added(b3=1),
        request_bytes=5,
        response_bytes=120,
        connections=1,
    )


PREFLIGHT = {"method": b"OPTIONS", "request_method": b"PUT"}


@pytest.mark.parametrize(
    ("head", "labels"),
    [
        (Head(origin=None), ("api", Kind.NOT_CORS, Reason.NO_ORIGIN, Action.FORWARD, False)),
        (Head(origin=EVIL), ("api", Kind.ACTUAL, Reason.ORIGIN_NOT_ALLOWED, Action.FORWARD, False)),
        (Head(path=b"/else", origin=EVIL), ("", Kind.ACTUAL, Reason.NO_RULE_FOR_PATH, Action.FORWARD, False)),
        (
            Head(path=b"/blocked/x", origin=EVIL),
            ("blocked", Kind.ACTUAL, Reason.ORIGIN_NOT_ALLOWED, Action.REFUSE, False),
        ),
        (
            Head(path=b"/watched/x", origin=EVIL),
            ("watched", Kind.ACTUAL, Reason.ORIGIN_NOT_ALLOWED, Action.REFUSE, True),
        ),
        (
            Head(path=b"/watched/x", **PREFLIGHT),  # type: ignore[arg-type]
            ("watched", Kind.PREFLIGHT, Reason.METHOD_NOT_ALLOWED, Action.ANSWER, True),
        ),
    ],
)
def test_labels(head: Head, labels: tuple[Any, ...]) -> None:
    counters = Counters(settings())
    counters.count(exchange(head))
    assert seen(counters).decisions == {DecisionLabels(*labels): 1}


@pytest.mark.parametrize(
    ("status", "responses", "unanswered"),
    [
        (100, {100: 1}, 0),
        (204, {204: 1}, 0),
        (599, {599: 1}, 0),
        (0, {}, 1),
        (99, {0: 1}, 0),
        (600, {0: 1}, 0),
        (999, {0: 1}, 0),
        (12345, {0: 1}, 0),
        (-1, {0: 1}, 0),
    ],
)
def test_codes(status: int, responses: dict[int, int], unanswered: int) -> None:
    counters = Counters(settings())
    counters.count(exchange(status=status))
    snapshot = seen(counters)
    assert (snapshot.responses, snapshot.unanswered) == (responses, unanswered)


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (0.0025, 1), (60.0, 14), (60.1, 15), (1e9, 15)],
)
def test_a_bound_belongs_to_its_bucket(seconds: float, bucket: int) -> None:
    counters = Counters(settings())
    counters.count(exchange(upstream_seconds=seconds))
    assert seen(counters).upstream_buckets == buckets(**{f"b{bucket}": 1})
    assert seen(counters).upstream_seconds == seconds


def test_a_backend_that_was_not_asked_has_no_latency() -> None:
    counters = Counters(settings())
    counters.count(exchange(upstream_seconds=-1.0))
    assert (seen(counters).upstream_buckets, seen(counters).upstream_seconds) == (buckets(), 0.0)
    assert (seen(counters).added_buckets, seen(counters).added_seconds) == (added(), 0.0)


def test_a_head_too_broken_to_decide_on() -> None:
    counters = Counters(settings())
    counters.count(
        record(None, Head(), status=400, fault=Reason.BAD_REQUEST, upstream_seconds=-1.0, response_bytes=0)
    )
    assert seen(counters) == replace(EMPTY, responses={400: 1}, faults={Reason.BAD_REQUEST: 1})


def test_notes_are_counted_by_rule() -> None:
    counters = Counters(settings())
    both = (Reason.BACKEND_CORS_CONFLICT, Reason.BACKEND_REDIRECT)
    counters.count(exchange(notes=both))
    counters.count(exchange(notes=both[:1]))
    counters.count(exchange(Head(path=b"/else"), notes=both[:1]))
    assert seen(counters).notes == {
        ("api", Reason.BACKEND_CORS_CONFLICT): 2,
        ("api", Reason.BACKEND_REDIRECT): 1,
        ("", Reason.BACKEND_CORS_CONFLICT): 1,
    }


def test_snapshots_stay_as_they_were() -> None:
    counters = Counters(settings())
    counters.count(exchange(notes=(Reason.BACKEND_REDIRECT,), fault=Reason.UPSTREAM_CLOSED))
    before = seen(counters)
    kept = pickle.loads(pickle.dumps(before))
    assert kept == before
    counters.count(exchange(notes=(Reason.BACKEND_REDIRECT,), fault=Reason.UPSTREAM_CLOSED))
    assert before == kept != seen(counters)


def test_a_replaced_policy_is_let_go_of_and_its_counts_are_not() -> None:
    counters = Counters(settings())
    replaced = decide(Head())
    counters.count(record(replaced, Head()))
    counters.adopt(settings())
    assert not any(replaced in kept for kept in gc.get_referrers(replaced) if isinstance(kept, dict))
    counters.count(exchange())
    labels = DecisionLabels("api", Kind.ACTUAL, Reason.ORIGIN_ALLOWED, Action.FORWARD, False)
    assert seen(counters).decisions == {labels: 2}


def test_a_request_that_outlives_its_policy_is_counted_under_its_rule() -> None:
    counters = Counters(settings())
    decision = decide(Head())
    counters.adopt(settings(rules=()))
    counters.count(record(decision, Head()))
    assert {labels.rule for labels in seen(counters).decisions} == {"api"}


def rules_named(names: list[str]) -> tuple[Any, ...]:
    return tuple(replace(API, name=name, paths=(f"/{name}/**",)) for name in names)


def count_under(counters: Counters, name: str) -> None:
    head = Head(path=f"/{name}/x".encode())
    counters.count(record(decide(head, rules_named([name])), head, notes=(Reason.BACKEND_REDIRECT,)))


def test_names_that_change_at_every_reload_do_not_pile_up() -> None:
    counters = Counters(settings(rules=()))
    for n in range(300):
        counters.adopt(settings(rules=rules_named([f"r{n}"])))
        count_under(counters, f"r{n}")
    snapshot = seen(counters)
    expected = {f"r{n}" for n in range(199, 300)}  # the running one and the hundred before
    assert {labels.rule for labels in snapshot.decisions} == expected
    assert {rule for rule, _ in snapshot.notes} == expected
    assert sum(snapshot.responses.values()) == 300


def test_a_rule_that_comes_back_goes_on_counting() -> None:
    counters = Counters(settings(rules=rules_named(["a"])))
    count_under(counters, "a")
    counters.adopt(settings(rules=rules_named(["b"])))
    counters.adopt(settings(rules=rules_named(["a"])))
    for n in range(200):  # a is in force: no number of others drives it out
        counters.adopt(settings(rules=rules_named(["a", f"r{n}"])))
        count_under(counters, f"r{n}")
    count_under(counters, "a")
    assert [n for labels, n in seen(counters).decisions.items() if labels.rule == "a"] == [2]


FULL = Snapshot(
    decisions={DecisionLabels("api", Kind.ACTUAL, Reason.ORIGIN_ALLOWED, Action.FORWARD, False): 2},
    responses={200: 2, 502: 1},
    unanswered=3,
    upstream_seconds=0.5,
    upstream_buckets=buckets(b0=1, b15=2),
    added_seconds=0.25,
    added_buckets=added(b0=1, b18=2),
    faults={Reason.UPSTREAM_CLOSED: 4},
    notes={("api", Reason.BACKEND_REDIRECT): 5},
    request_bytes=6,
    response_bytes=7,
    connections=8,
    log_lines_dropped=9,
    compared=10,
    differences={(Kind.ACTUAL, Change.NEWLY_REFUSED): 11},
    gauges=GAUGES,
    pids=(1,),
)


def test_merge_adds_everything() -> None:
    other = replace(
        FULL,
        decisions={DecisionLabels("web", Kind.ACTUAL, Reason.ORIGIN_ALLOWED, Action.FORWARD, False): 1},
        responses={200: 1, 404: 1},
        faults={},
        pids=(2,),
    )
    assert merge([FULL, other]) == Snapshot(
        decisions=dict(FULL.decisions) | dict(other.decisions),
        responses={200: 3, 502: 1, 404: 1},
        unanswered=6,
        upstream_seconds=1.0,
        upstream_buckets=buckets(b0=2, b15=4),
        added_seconds=0.5,
        added_buckets=added(b0=2, b18=4),
        faults={Reason.UPSTREAM_CLOSED: 4},
        notes={("api", Reason.BACKEND_REDIRECT): 10},
        request_bytes=12,
        response_bytes=14,
        connections=16,
        log_lines_dropped=18,
        compared=20,
        differences={(Kind.ACTUAL, Change.NEWLY_REFUSED): 22},
        gauges=Gauges(10, 8, 6, 4, 2),
        pids=(1, 2),
    )


def test_merge_forgets_no_field() -> None:
    """Whatever field is added later, one snapshot merged is that snapshot."""
    assert all(getattr(FULL, field.name) for field in fields(FULL))
    assert merge([FULL]) == FULL
    assert merge([]) == Snapshot()


def test_the_departed_keep_counts_only() -> None:
    assert FULL.departed() == replace(FULL, gauges=NOTHING, pids=())


def test_workers_that_depart_between_reloads_leave_no_pile_of_names() -> None:
    departed = Snapshot()
    for n in range(300):
        in_force = settings(rules=rules_named(["a", f"r{n}"]))
        worker = Counters(in_force)
        count_under(worker, "a")
        count_under(worker, f"r{n}")
        departed = merge_departed(departed, seen(worker), in_force)
    expected = {"a", *(f"r{n}" for n in range(199, 300))}  # what is in force and the hundred before
    assert {labels.rule for labels in departed.decisions} == expected
    assert {rule for rule, _ in departed.notes} == expected
    assert [n for labels, n in departed.decisions.items() if labels.rule == "a"] == [300]
    assert (sum(departed.responses.values()), departed.pids) == (600, ())

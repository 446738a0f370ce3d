"""Counts what happens, cheaply enough to do it for every request.

Laws: plain integers, no lock, one thread. Decisions are counted by identity and folded to names when
somebody looks or the policy changes, so a replaced policy is let go of. Label values are bounded: rule
names come from configuration (names no longer in it are kept for a while, then forgotten), reasons from
the vocabulary, codes from 100 to 599. A Snapshot is picklable, and Snapshots of several workers add up.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import add
from typing import NamedTuple, Self, TypeVar

from corsproxy.config.settings import Settings
from corsproxy.cors.comparison import Change, Comparison
from corsproxy.cors.policy import Decision
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.proxy.record import Gauges, Record

__all__ = [
    "ADDED_BOUNDS",
    "LATENCY_BOUNDS",
    "Counters",
    "DecisionLabels",
    "Snapshot",
    "merge",
    "merge_departed",
]

# Upper bounds in seconds, inclusive; one more bucket takes what is slower than all.
LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# What we add ourselves is some tens of microseconds, unless a connection has to be waited for.
ADDED_BOUNDS = (0.000025, 0.00005, 0.0001, 0.00025, 0.0005, *LATENCY_BOUNDS[:-2])

# How many rule names that left the configuration keep their counts: enough for a scrape to see the last
# of them, few enough that a file whose names change at every reload cannot grow the metrics page.
_FORMER_RULES = 100

_CODES = 600  # one past the last status that has a counter of its own
_NO_GAUGES = Gauges(0, 0, 0, 0, 0)
_K = TypeVar("_K")


class DecisionLabels(NamedTuple):
    """What a decision is counted under. Under `report`, kind, reason and action are what enforce would have said."""

    rule: str  # "" where no rule matched
    kind: Kind
    reason: Reason
    action: Action
    report: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything counted since a worker began, and what it has open now; of several workers: their sums."""

    decisions: Mapping[DecisionLabels, int] = field(default_factory=dict)
    responses: Mapping[int, int] = field(default_factory=dict)  # by status; 0: a status outside 100-599
    unanswered: int = 0  # requests whose client left before there was a response
    upstream_seconds: float = 0.0
    upstream_buckets: tuple[int, ...] = (0,) * (len(LATENCY_BOUNDS) + 1)  # not cumulative
    added_seconds: float = 0.0  # of the same requests, until the backend had their heads
    added_buckets: tuple[int, ...] = (0,) * (len(ADDED_BOUNDS) + 1)  # not cumulative
    faults: Mapping[Reason, int] = field(default_factory=dict)
    notes: Mapping[tuple[str, Reason], int] = field(default_factory=dict)  # by rule name
    request_bytes: int = 0
    response_bytes: int = 0
    connections: int = 0
    log_lines_dropped: int = 0
    compared: int = 0  # requests that a candidate was asked about too
    differences: Mapping[tuple[Kind, Change], int] = field(default_factory=dict)
    gauges: Gauges = _NO_GAUGES
    pids: tuple[int, ...] = ()

    def departed(self) -> Self:
        """Return what remains of a worker that ended: its counts, so that totals never fall."""
        return replace(self, gauges=_NO_GAUGES, pids=())


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Add up the Snapshots of several workers; none give zeros."""
    total = Snapshot()
    for one in snapshots:
        total = Snapshot(
            decisions=_sum(total.decisions, one.decisions),
            responses=_sum(total.responses, one.responses),
            unanswered=total.unanswered + one.unanswered,
            upstream_seconds=total.upstream_seconds + one.upstream_seconds,
            upstream_buckets=tuple(map(add, total.upstream_buckets, one.upstream_buckets)),
            added_seconds=total.added_seconds + one.added_seconds,
            added_buckets=tuple(map(add, total.added_buckets, one.added_buckets)),
            faults=_sum(total.faults, one.faults),
            notes=_sum(total.notes, one.notes),
            request_bytes=total.request_bytes + one.request_bytes,
            response_bytes=total.response_bytes + one.response_bytes,
            connections=total.connections + one.connections,
            log_lines_dropped=total.log_lines_dropped + one.log_lines_dropped,
            compared=total.compared + one.compared,
            differences=_sum(total.differences, one.differences),
            gauges=Gauges(*map(add, total.gauges, one.gauges)),
            pids=total.pids + one.pids,
        )
    return total


def merge_departed(known: Snapshot, latest: Snapshot, settings: Settings) -> Snapshot:
    """Add the worker that ended last to those before it; names of former rules are kept as one worker keeps them."""
    total = merge([known, latest.departed()])
    current = _names(settings)
    former = [name for name in dict.fromkeys(_rules(total)) if name not in current]  # the first counted first
    forgotten = set(former[:-_FORMER_RULES])
    if not forgotten:
        return total
    return replace(
        total,
        decisions={labels: n for labels, n in total.decisions.items() if labels.rule not in forgotten},
        notes={key: n for key, n in total.notes.items() if key[0] not in forgotten},
    )


def _rules(snapshot: Snapshot) -> Iterator[str]:
    yield from (labels.rule for labels in snapshot.decisions)
    yield from (rule for rule, _ in snapshot.notes)


def _sum(first: Mapping[_K, int], second: Mapping[_K, int]) -> dict[_K, int]:
    summed = dict(first)
    for key, count in second.items():
        summed[key] = summed.get(key, 0) + count
    return summed


class Counters:
    """The counts of one worker since it began."""

    def __init__(self, settings: Settings) -> None:
        self._current = _names(settings)
        self._former: dict[str, None] = {}  # rule names that are gone, the longest gone first
        self._live: dict[Decision, int] = {}  # keyed by identity; see _fold
        self._decisions: dict[DecisionLabels, int] = {}
        self._codes = [0] * (_CODES + 1)
        self._buckets = [0] * (len(LATENCY_BOUNDS) + 1)
        self._upstream_seconds = 0.0
        self._added_buckets = [0] * (len(ADDED_BOUNDS) + 1)
        self._added_seconds = 0.0
        self._faults: dict[Reason, int] = {}
        self._notes: dict[tuple[str, Reason], int] = {}
        self._request_bytes = 0
        self._response_bytes = 0
        self._connections = 0
        self._compared = 0
        self._differences: dict[tuple[Kind, Change], int] = {}

    def count(self, record: Record) -> bool:
        """Count one finished exchange; return whether it had a fault or notes. Hot: about half a microsecond."""
        decision = record.decision
        if decision is not None:
            live = self._live
            live[decision] = live.get(decision, 0) + 1
        status = record.status
        self._codes[status if 0 <= status < _CODES else _CODES] += 1
        seconds = record.upstream_seconds
        if seconds >= 0.0:
            self._buckets[bisect_left(LATENCY_BOUNDS, seconds)] += 1
            self._upstream_seconds += seconds
            added = record.added_seconds
            self._added_buckets[bisect_left(ADDED_BOUNDS, added)] += 1
            self._added_seconds += added
        self._request_bytes += record.request_bytes
        self._response_bytes += record.response_bytes
        if record.fault is None and not record.notes:
            return False
        if record.fault is not None:
            self._faults[record.fault] = self._faults.get(record.fault, 0) + 1
        self._count_notes(record)
        return True

    def compare(self, comparison: Comparison) -> None:
        """Count one comparison with a candidate; a difference by the kind that the candidate takes the request for."""
        self._compared += 1
        decision, change = comparison
        if change is not None:
            key = (decision.would or decision).kind, change
            self._differences[key] = self._differences.get(key, 0) + 1

    def by_rule(self) -> dict[str, int]:
        """Give the requests that each rule decided since the beginning; those without a rule under ""."""
        self._fold()
        totals: dict[str, int] = {}
        for labels, count in self._decisions.items():
            totals[labels.rule] = totals.get(labels.rule, 0) + count
        return totals

    def count_connection(self) -> None:
        """Count a client's connection."""
        self._connections += 1

    def adopt(self, settings: Settings) -> None:
        """Let go of the policy that `settings` replace."""
        self._current = _names(settings)
        self._fold()

    def snapshot(self, gauges: Gauges, pid: int, log_lines_dropped: int) -> Snapshot:
        """Return everything counted so far, beside what only others know."""
        self._fold()
        codes = self._codes
        responses = {code: count for code, count in enumerate(codes[100:_CODES], start=100) if count}
        if unusual := sum(codes[1:100]) + codes[_CODES]:
            responses[0] = unusual
        return Snapshot(
            decisions=dict(self._decisions),
            responses=responses,
            unanswered=codes[0],
            upstream_seconds=self._upstream_seconds,
            upstream_buckets=tuple(self._buckets),
            added_seconds=self._added_seconds,
            added_buckets=tuple(self._added_buckets),
            faults=dict(self._faults),
            notes=dict(self._notes),
            request_bytes=self._request_bytes,
            response_bytes=self._response_bytes,
            connections=self._connections,
            compared=self._compared,
            differences=dict(self._differences),
            log_lines_dropped=log_lines_dropped,
            gauges=gauges,
            pids=(pid,),
        )

    def _count_notes(self, record: Record) -> None:
        rule = _rule_name(record.decision)
        for note in record.notes:
            self._notes[rule, note] = self._notes.get((rule, note), 0) + 1

    def _fold(self) -> None:
        """Move counts by Decision to counts by name: a request may outlive its policy, its Decision must not."""
        live, self._live = self._live, {}
        for decision, count in live.items():
            labels = _labels(decision)
            self._decisions[labels] = self._decisions.get(labels, 0) + count
        self._forget_former_rules()

    def _forget_former_rules(self) -> None:
        counted = {labels.rule for labels in self._decisions} | {rule for rule, _ in self._notes}
        for name in self._former.keys() & self._current:
            del self._former[name]
        # In the order counted, so that which is forgotten first does not depend on hashing.
        self._former.update(dict.fromkeys(sorted(counted - self._current - self._former.keys())))
        forgotten = set(list(self._former)[: max(len(self._former) - _FORMER_RULES, 0)])
        if forgotten:
            self._former = {name: None for name in self._former if name not in forgotten}
            self._decisions = {k: n for k, n in self._decisions.items() if k.rule not in forgotten}
            self._notes = {k: n for k, n in self._notes.items() if k[0] not in forgotten}


def _names(settings: Settings) -> frozenset[str]:
    return frozenset({"", *(rule.name for rule in settings.rules)})


def _rule_name(decision: Decision | None) -> str:
    return decision.rule.name if decision is not None and decision.rule is not None else ""


def _labels(decision: Decision) -> DecisionLabels:
    said = decision.would or decision
    return DecisionLabels(_rule_name(decision), said.kind, said.reason, said.action, decision.report)

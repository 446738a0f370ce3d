"""Entries of the decisions document: rows that an operator would call the same, added up.

Laws: of the present generation before former ones, then the most counted first; every count is exact for what is
in it. `requests` says of each entry what precisely was asked, so that it can be asked again: bytes are escaped
and never lost, and what had to be cut says so.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from corsproxy.cors.comparison import Change
from corsproxy.cors.vocabulary import Kind
from corsproxy.observe.escape import from_bytes
from corsproxy.observe.ledger_rows import Marks, Outcome, Row
from corsproxy.observe.tally import (
    CUT,
    LONGEST_HEADERS,
    LONGEST_METHOD,
    LONGEST_ORIGIN,
    MOST_CLIENTS,
    MOST_SAMPLES,
)

__all__ = ["allowed", "differences", "outcome", "refusals", "same_origin", "text"]

_LONGEST = 2048  # four times the longest value that a tally holds

Entry = dict[str, Any]
Rows = Mapping[Marks, Row]


def text(value: bytes | None) -> str | None:
    """Write what a stranger sent."""
    return None if value is None else from_bytes(value, _LONGEST)


def outcome(told: Outcome) -> dict[str, object]:
    """Write a decision."""
    return {
        "rule": told.rule,
        "place": told.place,
        "kind": told.kind,
        "reason": told.reason,
        "action": told.action,
        "report": told.report,
    }


def refusals(rows: Rows) -> list[Entry]:
    """Write what was refused, or would have been, by origin, rule and reason."""
    entries = _grouped(
        ((marks, row) for marks, row in rows.items() if marks.outcome.is_refusal),
        lambda marks: (marks.generation, marks.origin, marks.outcome),
    )
    return _ordered(_refusal(group) for group in entries)


def allowed(rows: Rows) -> list[Entry]:
    """Write what was served across origins, by origin, rule and method."""
    return _served(rows, lambda kind: kind is not Kind.SAME_ORIGIN)


def same_origin(rows: Rows) -> list[Entry]:
    """Write what named our own origin."""
    return _served(rows, lambda kind: kind is Kind.SAME_ORIGIN)


def differences(rows: Rows) -> list[Entry]:
    """Write what the candidate would change: what it would refuse first."""
    order = list(Change)
    entries = _ordered(_difference(marks, row) for marks, row in rows.items())
    return sorted(entries, key=lambda one: order.index(one["change"] or Change.OTHER))


Group = list[tuple[Marks, Row]]


def _grouped(rows: Iterable[tuple[Marks, Row]], same: Callable[[Marks], object]) -> Iterable[Group]:
    groups: dict[object, Group] = {}
    for marks, row in rows:
        groups.setdefault(same(marks), []).append((marks, row))
    return groups.values()


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda one: (-one["generation"], -one["count"], -one["last"]))


def _refusal(group: Group) -> Entry:
    methods: dict[str, int] = {}
    headers: dict[str, int] = {}
    for marks, row in group:
        if marks.lacks_method:
            _add(methods, marks.method if marks.request_method is None else marks.request_method, row.total)
        for name in marks.lacks_headers:
            _add(headers, name, row.total)
    first = group[0][0]
    return {
        "origin": text(first.origin),
        **outcome(first.outcome),
        **_counted(group),
        "methods": methods,
        "headers": headers,
    }


def _served(rows: Rows, is_wanted: Callable[[Kind], bool]) -> list[Entry]:
    wanted = (
        (marks, row)
        for marks, row in rows.items()
        if not marks.outcome.is_refusal and is_wanted(marks.outcome.kind)
    )
    groups = _grouped(wanted, lambda marks: (marks.generation, marks.origin, marks.outcome, _method(marks)))
    return _ordered(_grant(group) for group in groups)


def _method(marks: Marks) -> bytes:
    """Return the method that the page uses: of a preflight the one it asks for."""
    is_preflight = marks.outcome.kind is Kind.PREFLIGHT and marks.request_method is not None
    return marks.request_method or b"" if is_preflight else marks.method


def _grant(group: Group) -> Entry:
    headers: dict[str, int] = {}
    for marks, row in group:
        for name in (marks.request_headers or b"").lower().split(b","):
            if name.strip():
                _add(headers, name.strip(), row.total)
    first = group[0][0]
    return {
        "origin": text(first.origin),
        **outcome(first.outcome),
        "credentials": first.outcome.credentials,
        "method": text(_method(first)),
        **_counted(group),
        "headers": headers,
    }


def _difference(marks: Marks, row: Row) -> Entry:
    counted = _counted([(marks, row)])
    return {
        "origin": text(marks.origin),
        "method": text(marks.method),
        "path": counted["paths"][0] if counted["paths"] else None,
        "kind": marks.outcome.kind,
        "change": marks.change,
        "live": outcome(marks.outcome),
        "candidate": None if marks.other is None else outcome(marks.other),
        "requested_method": text(marks.request_method),
        "requested_headers": [
            text(name.strip()) for name in (marks.request_headers or b"").lower().split(b",") if name.strip()
        ],
        **counted,
    }


def _counted(group: Group) -> Entry:
    rows = [row for _, row in group]
    clients = {client for row in rows for client in row.clients}
    paths = dict.fromkeys(sample.path for row in rows for sample in row.samples)
    return {
        "count": sum(row.total for row in rows),
        "first": min(row.first for row in rows),
        "last": max(row.last for row in rows),
        "clients": min(len(clients), MOST_CLIENTS),
        "clients_capped": any(row.is_capped for row in rows) or len(clients) > MOST_CLIENTS,
        "paths": [text(path) for path in paths][:MOST_SAMPLES],
        "generation": group[0][0].generation,
        "requests": [_request(marks, row) for marks, row in group],
    }


def _request(marks: Marks, row: Row) -> Entry:
    request: Entry = {
        "method": text(marks.method),
        "requested_method": text(marks.request_method),
        "requested_headers": text(marks.request_headers),
        "count": row.total,
        "at": [
            {"host": text(sample.host), "path": text(sample.path)}
            | ({"sec_fetch_site": "same-origin"} if sample.by_browser else {})
            for sample in row.samples
        ],
    }
    bounds = (
        (marks.origin, LONGEST_ORIGIN),
        (marks.method, LONGEST_METHOD),
        (marks.request_method, LONGEST_METHOD),
        (marks.request_headers, LONGEST_HEADERS),
    )
    if any(value is not None and len(value) == most and value.endswith(CUT) for value, most in bounds):
        request["cut"] = True
    return request


def _add(counts: dict[str, int], name: bytes, count: int) -> None:
    key = from_bytes(name, _LONGEST)
    if key in counts or len(counts) < 64:
        counts[key] = counts.get(key, 0) + count

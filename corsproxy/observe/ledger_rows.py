"""What a ledger tells: rows of plain values that travel from worker to supervisor, and add up.

Laws: picklable, and no part of a policy: a row outlives the rules it was decided by, and says in `generation`
which configuration that was. Rows of several workers with the same marks are one; what does not fit any more
is counted as forgotten. Bytes are as sent; they are escaped where they are shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self, TypeVar

from corsproxy.cors.comparison import Change
from corsproxy.cors.cookies import CookieFault
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.observe.tally import MOST_CLIENTS, MOST_SAMPLES, Sample

__all__ = [
    "BackendRow",
    "Comparing",
    "CookieRow",
    "LedgerSnapshot",
    "Marks",
    "Outcome",
    "Recent",
    "Row",
    "added",
    "merge_ledgers",
    "newest_of",
    "strongest",
]

MOST_RECENT = 100
MOST_ROWS = 1000  # of refusals, and of all else
MOST_NOTES = 200
MOST_FORGOTTEN = 500  # outcomes of former generations that are counted without entries

_K = TypeVar("_K")


class Outcome(NamedTuple):
    """A decision as it is told. Under `report`, kind, reason and action are what enforcing would have said."""

    rule: str  # "" where no rule matched, and `place` too
    place: str
    kind: Kind
    reason: Reason
    action: Action
    report: bool
    is_refusal: bool
    credentials: bool  # the rule grants them


class Marks(NamedTuple):
    """What a row is about."""

    generation: int
    outcome: Outcome
    other: Outcome | None  # the candidate's, where it differs, and then `change` is how
    change: Change | None
    origin: bytes | None
    method: bytes
    request_method: bytes | None
    request_headers: bytes | None
    lacks_method: bool  # the rule does not grant it to this origin
    lacks_headers: tuple[bytes, ...]  # lower-case names that the rule does not grant to this origin


class Row(NamedTuple):
    """How often, since when, by whom and where."""

    total: int
    first: float
    last: float
    clients: tuple[int, ...]
    is_capped: bool
    samples: tuple[Sample, ...]


class Recent(NamedTuple):
    """One refusal or fault, by itself."""

    at: float
    generation: int
    outcome: Outcome | None
    fault: Reason | None
    detail: str
    status: int
    origin: bytes | None
    method: bytes
    path: bytes
    host: bytes
    client: str
    request_id: str
    request_method: bytes | None
    request_headers: bytes | None


class BackendRow(NamedTuple):
    """CORS fields that the backend sent, by the names of the fields."""

    generation: int
    rule: str
    place: str
    report: bool
    fields: tuple[bytes, ...]


class CookieRow(NamedTuple):
    """A cookie that browsers drop."""

    generation: int
    rule: str
    place: str
    name: bytes
    why: CookieFault


class Noted(NamedTuple):
    """How often a BackendRow or a CookieRow happened, when last, and for which path."""

    total: int
    last: float
    path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """What came of comparing with a candidate. `pair` are the SHA-256 of the two files."""

    pair: tuple[str, str] = ("", "")
    compared: int = 0
    differs: int = 0
    forgotten: int = 0
    rows: Mapping[Marks, Row] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSnapshot:
    """A worker's ledger, or the sum of several. `since` is when counting under `generation` began."""

    generation: int = 0
    since: float = 0.0
    rows: Mapping[Marks, Row] = field(default_factory=dict)
    forgotten: Mapping[tuple[int, Outcome], int] = field(default_factory=dict)  # not in `rows` any more
    recent: Sequence[Recent] = ()  # newest first
    matched: Mapping[str, int] = field(default_factory=dict)  # requests by rule, under `generation`
    backend: Mapping[BackendRow, Noted] = field(default_factory=dict)
    cookies: Mapping[CookieRow, Noted] = field(default_factory=dict)
    comparing: Comparing = field(default_factory=Comparing)

    def carried(self, before: int, now: int) -> Self:
        """Count what was decided under generation `before` as the next one's, whose rules are the same."""

        def generation(one: int) -> int:
            return now if one == before else one

        return replace(
            self,
            generation=generation(self.generation),
            rows={
                marks._replace(generation=generation(marks.generation)): r for marks, r in self.rows.items()
            },
            forgotten={(generation(at), outcome): n for (at, outcome), n in self.forgotten.items()},
            recent=tuple(one._replace(generation=generation(one.generation)) for one in self.recent),
            backend={
                key._replace(generation=generation(key.generation)): n for key, n in self.backend.items()
            },
            cookies={
                key._replace(generation=generation(key.generation)): n for key, n in self.cookies.items()
            },
            comparing=replace(
                self.comparing,
                rows={
                    marks._replace(generation=generation(marks.generation)): row
                    for marks, row in self.comparing.rows.items()
                },
            ),
        )


def merge_ledgers(ledgers: Iterable[LedgerSnapshot], pair: tuple[str, str] = ("", "")) -> LedgerSnapshot:
    """Add up several workers' ledgers; of comparisons only those of this `pair` of files."""
    present = [one for one in ledgers if one.generation]
    if not present:
        return LedgerSnapshot()
    generation = max(one.generation for one in present)
    current = [one for one in present if one.generation == generation]
    rows, forgotten = _merge_rows([one.rows for one in present], [one.forgotten for one in present])
    compared = [one.comparing for one in present if one.comparing.pair == pair]
    differences, lost = _merge_rows([one.rows for one in compared], [])
    return LedgerSnapshot(
        generation=generation,
        since=min(one.since for one in current),
        rows=rows,
        # The present rules bound their own; names of former ones come anew with every reload.
        forgotten={key: count for key, count in forgotten.items() if key[0] == generation}
        | newest_of({key: count for key, count in forgotten.items() if key[0] != generation}),
        recent=sorted((row for one in present for row in one.recent), key=_newest)[:MOST_RECENT],
        matched=_sum([one.matched for one in current]),
        backend=_merge_notes([one.backend for one in present]),
        cookies=_merge_notes([one.cookies for one in present]),
        comparing=Comparing(
            pair=pair,
            compared=sum(one.compared for one in compared),
            differs=sum(one.differs for one in compared),
            forgotten=sum(one.forgotten for one in compared) + sum(lost.values()),
            rows=differences,
        ),
    )


def strongest(
    rows: Mapping[Marks, Row], most: int
) -> tuple[dict[Marks, Row], dict[tuple[int, Outcome], int]]:
    """Keep `most` refusals, and as many others: the present generation's, then by count; and say what is lost."""
    if len(rows) <= most:
        return dict(rows), {}
    kept: dict[Marks, Row] = {}
    lost: dict[tuple[int, Outcome], int] = {}
    room = {True: most, False: most}
    for marks, row in sorted(rows.items(), key=lambda one: (-one[0].generation, -one[1].total, -one[1].last)):
        is_refusal = marks.outcome.is_refusal
        if room[is_refusal]:
            room[is_refusal] -= 1
            kept[marks] = row
        else:
            key = marks.generation, marks.outcome
            lost[key] = lost.get(key, 0) + row.total
    return kept, lost


def newest_of(forgotten: Mapping[tuple[int, Outcome], int]) -> dict[tuple[int, Outcome], int]:
    """Keep the counts of the newest generations: names of rules may change with every reload."""
    if len(forgotten) <= MOST_FORGOTTEN:
        return dict(forgotten)
    newest = sorted(forgotten.items(), key=lambda one: (-one[0][0], -one[1]))
    return dict(newest[:MOST_FORGOTTEN])


def _merge_rows(
    many: Sequence[Mapping[Marks, Row]], forgotten: Sequence[Mapping[tuple[int, Outcome], int]]
) -> tuple[dict[Marks, Row], dict[tuple[int, Outcome], int]]:
    rows: dict[Marks, Row] = {}
    for one in many:
        for marks, row in one.items():
            known = rows.get(marks)
            rows[marks] = row if known is None else added(known, row)
    kept, lost = strongest(rows, MOST_ROWS)
    return kept, _sum([*forgotten, lost])


def added(one: Row, two: Row) -> Row:
    """Add up two rows of the same marks; clients and samples of the first come first."""
    clients = tuple(dict.fromkeys((*one.clients, *two.clients)))
    return Row(
        one.total + two.total,
        min(one.first, two.first),
        max(one.last, two.last),
        clients[:MOST_CLIENTS],
        one.is_capped or two.is_capped or len(clients) > MOST_CLIENTS,
        tuple(dict.fromkeys((*one.samples, *two.samples)))[:MOST_SAMPLES],
    )


def _merge_notes(many: Sequence[Mapping[_K, Noted]]) -> dict[_K, Noted]:
    merged: dict[_K, Noted] = {}
    for one in many:
        for key, noted in one.items():
            known = merged.get(key, Noted(0, 0.0, b""))
            newest = max(known, noted, key=lambda two: two.last)
            merged[key] = newest._replace(total=known.total + noted.total)
    return dict(sorted(merged.items(), key=lambda one: -one[1].total)[:MOST_NOTES])


def _sum(many: Sequence[Mapping[_K, int]]) -> dict[_K, int]:
    total: dict[_K, int] = {}
    for one in many:
        for key, count in one.items():
            total[key] = total.get(key, 0) + count
    return total


def _newest(recent: Recent) -> float:
    return -recent.at

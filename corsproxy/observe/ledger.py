"""The ledger of one worker: who asked for what across origins, and what was decided, in a bounded space.

Laws: requests without Origin cost nothing here; what is decided as before costs a look-up and two assignments.
Refusals, what was served and what is our own origin's have Rooms of their own, so that none pushes another out; what
loses its place is counted by outcome. When the rules change, what was decided by the former ones is kept
under their generation; when they stay the same, it counts as the new generation's.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import chain

from corsproxy.config.settings import Settings
from corsproxy.cors.comparison import Change, Comparison
from corsproxy.cors.policy import Decision
from corsproxy.cors.vocabulary import Kind, Reason
from corsproxy.observe.ledger_notes import LedgerNotes
from corsproxy.observe.ledger_rows import (
    MOST_RECENT,
    Comparing,
    LedgerSnapshot,
    Marks,
    Outcome,
    Recent,
    Row,
    newest_of,
    strongest,
)
from corsproxy.observe.ledger_told import marks_of, outcome_of, recent_of, row_of
from corsproxy.observe.tally import About, Room, Tally, about_of
from corsproxy.proxy.record import Record

__all__ = ["Ledger", "is_same_policy"]

REFUSED, SERVED, OWN = 1000, 600, 200
# Each change has its own, so that a change of mode, which every request shows, hides nobody who would be refused.
DIFFERENT = {Change.NEWLY_REFUSED: 200, Change.NEWLY_ALLOWED: 100, Change.OTHER: 100}
FORMER = 300  # of refusals, and of all else


class Ledger:
    """Takes Records; `clock` gives Unix time."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._settings = settings
        self._since = clock()
        self._former: dict[Marks, Row] = {}
        self._former_forgotten: dict[tuple[int, Outcome], int] = {}
        self._recent: deque[Recent] = deque(maxlen=MOST_RECENT)
        self._notes = LedgerNotes(settings.generation)
        self._baseline: Mapping[str, int] = {}
        self._former_differences: dict[Marks, Row] = {}
        self._compared = self._differs = self._different_forgotten = 0
        self._begin()

    def _begin(self) -> None:
        # As asked -> tally; as many as the three Rooms have places.
        self._tallies: dict[tuple[object, ...], Tally] = {}
        self._refused, self._served, self._own = Room(REFUSED), Room(SERVED), Room(OWN)
        self._forgotten: dict[Decision, int] = {}
        self._different = {change: Room(size) for change, size in DIFFERENT.items()}
        self._outcomes: dict[Decision, Outcome] = {}
        self._rules = {id(rule) for rule in self._settings.rules}

    # --- each request ----------------------------------------------------------------------------

    def count(self, record: Record, decision: Decision, origin: bytes) -> None:
        """Count one exchange whose request named an origin. HOT: measured by `bench` GET."""
        asked = record.request_method
        tally = self._tallies.get(
            (decision, origin, record.method)
            if asked is None
            else (decision, origin, record.method, asked, record.request_headers)
        )
        if tally is None:
            tally = self._admit(record, decision)
            if tally is None:
                return
        tally.last = record.started
        tally.count = count = tally.count + 1
        if not count & tally.mask:
            tally.look(record)

    def _admit(self, record: Record, decision: Decision) -> Tally | None:
        if record.fault is Reason.BAD_REQUEST or record.fault is Reason.HEAD_TOO_LARGE:
            return None  # what could not be read cannot be asked again
        about = about_of(record, decision)
        if not self._is_present(decision):
            self._count_former(record, about)
            return None
        tally = self._tallies.get(_asked(about))
        if tally is None:
            tally = self._tallies[_asked(about)] = Tally(about, record.started)
            gone = self._room(decision).admit(tally)
            if gone is not None:
                del self._tallies[_asked(gone.about)]
                lost = gone.about.decision
                self._forgotten[lost] = self._forgotten.get(lost, 0) + gone.count
        return tally

    def _is_present(self, decision: Decision) -> bool:
        """Whether the rules in force decided: a request may end long after a reload, and not look current."""
        rule = decision.rule
        return rule is None or id(rule) in self._rules or rule in self._settings.rules

    def _count_former(self, record: Record, about: About) -> None:
        marks = marks_of(about, self._settings.generation - 1, self._tell)
        known = self._former.get(marks)
        if known is None and len(self._former) >= 4 * FORMER:
            return
        tally = Tally(about, record.started)
        tally.count = 1
        tally.look(record)
        self._former[marks] = row_of(tally, known)

    def _room(self, decision: Decision) -> Room:
        if decision.is_refusal:
            return self._refused
        kind = (decision.would or decision).kind
        return self._own if kind is Kind.SAME_ORIGIN else self._served

    def compare(self, record: Record, comparison: Comparison) -> None:
        """Count what the candidate says beside it."""
        self._compared += 1
        decision = record.decision
        if comparison.change is None or decision is None:
            return
        self._differs += 1
        about = about_of(record, decision, comparison)
        room = self._different[comparison.change]
        tally = room.get(about)
        if tally is None:
            tally = Tally(about, record.started)
            gone = room.admit(tally)
            if gone is not None:
                self._different_forgotten += gone.count
        tally.count += 1
        tally.last = record.started
        tally.look(record)

    def remark(self, record: Record) -> None:
        """Keep what is remarkable about one exchange: a refusal, a fault, CORS fields of the backend's."""
        decision = record.decision
        if record.fault is not None or (decision is not None and decision.is_refusal):
            is_former = decision is not None and not self._is_present(decision)
            generation = self._settings.generation - is_former
            self._recent.appendleft(recent_of(record, generation, self._tell))
        if decision is not None and Reason.BACKEND_CORS_CONFLICT in record.notes:
            self._notes.note_backend(record, decision)

    def remark_cookies(self, record: Record, decision: Decision) -> None:
        """Keep the names of cookies that browsers drop."""
        self._notes.note_cookies(record, decision)

    def _tell(self, decision: Decision) -> Outcome:
        known = self._outcomes.get(decision)
        if known is None:
            known = self._outcomes[decision] = outcome_of(decision)
        return known

    # --- now and then ----------------------------------------------------------------------------

    def adopt(self, settings: Settings, matched: Mapping[str, int]) -> None:
        """Go on under new settings; `matched` are requests by rule so far."""
        before, self._settings = self._settings, settings
        folded = self._folded(before.generation)
        is_same = is_same_policy(before, settings)
        if is_same:
            folded = folded.carried(before.generation, settings.generation)
        else:
            self._since = self._clock()
            self._baseline = dict(matched)
        self._former, lost = strongest(folded.rows, FORMER)
        self._former_forgotten = newest_of(
            {
                key: folded.forgotten.get(key, 0) + lost.get(key, 0)
                for key in folded.forgotten.keys() | lost.keys()
            }
        )
        self._recent = deque(folded.recent, maxlen=MOST_RECENT)
        self._notes = LedgerNotes(settings.generation, folded.backend, folded.cookies)
        if is_same and _candidate_policy(before) == _candidate_policy(settings):
            self._former_differences, lost = strongest(folded.comparing.rows, FORMER)
            self._different_forgotten += sum(lost.values())
        else:
            self._former_differences = {}
            self._compared = self._differs = self._different_forgotten = 0
        self._begin()

    def snapshot(self, matched: Mapping[str, int]) -> LedgerSnapshot:
        """Tell everything; `matched` are requests by rule so far."""
        return self._folded(self._settings.generation, matched)

    def _folded(self, generation: int, matched: Mapping[str, int] | None = None) -> LedgerSnapshot:
        rows = dict(self._former)
        for tally in self._tallies.values():
            marks = marks_of(tally.about, generation, self._tell)
            rows[marks] = row_of(tally, rows.get(marks))
        forgotten = dict(self._former_forgotten)
        for decision, count in self._forgotten.items():
            at = generation, self._tell(decision)
            forgotten[at] = forgotten.get(at, 0) + count
        return LedgerSnapshot(
            generation=generation,
            since=self._since,
            rows=rows,
            forgotten=forgotten,
            recent=tuple(self._recent),
            matched={name: count - self._baseline.get(name, 0) for name, count in (matched or {}).items()},
            backend=self._notes.backend,
            cookies=self._notes.cookies,
            comparing=self._comparing(generation),
        )

    def _comparing(self, generation: int) -> Comparing:
        candidate = self._settings.candidate
        rows = dict(self._former_differences)
        for tally in chain.from_iterable(self._different.values()):
            marks = marks_of(tally.about, generation, self._tell)
            rows[marks] = row_of(tally, rows.get(marks))
        return Comparing(
            pair=(self._settings.source.sha256, candidate.source.sha256 if candidate is not None else ""),
            compared=self._compared,
            differs=self._differs,
            forgotten=self._different_forgotten,
            rows=rows,
        )


def is_same_policy(before: Settings, now: Settings) -> bool:
    """Tell whether two configurations decide alike by the same lines of the same file."""
    return (before.rules, before.public_origins) == (now.rules, now.public_origins)


def _candidate_policy(settings: Settings) -> tuple[object, ...]:
    candidate = settings.candidate
    return () if candidate is None else (candidate.rules, candidate.public_origins, candidate.problems)


def _asked(about: About) -> tuple[object, ...]:
    """Return what a request is looked up by."""
    decision, _, origin, method, request_method, request_headers = about
    if request_method is None:
        return decision, origin, method
    return decision, origin, method, request_method, request_headers

"""The ledger of one worker: real policies' decisions in, rows out; bounded whatever comes."""

import gc
import pickle
import sys
from dataclasses import replace
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any

import pytest

from corsproxy.config.settings import Candidate, Settings, Source
from corsproxy.cors.comparison import Change, Comparison
from corsproxy.cors.cookies import CookieFault
from corsproxy.cors.policy import Decision, Policy
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.observe import ledger as module
from corsproxy.observe.ledger import Ledger
from corsproxy.observe.ledger_rows import (
    MOST_RECENT,
    BackendRow,
    CookieRow,
    LedgerSnapshot,
    Noted,
    Outcome,
    Row,
    merge_ledgers,
)
from corsproxy.observe.tally import Sample
from corsproxy.proxy.record import Record
from tests.observe.conftest import API, APP, BLOCKED, EVIL, FINISHED, RULES, Head, decide, record, settings

AT = FINISHED - 0.0125
SOMEWHERE = Sample(b"api.example.com", b"/api/users", False)
PREFLIGHT = Head(method=b"OPTIONS", request_method=b"PUT", request_headers=b"content-type,x-token")


class Worker:
    """A ledger, and a policy whose decisions it is told, as a worker has them."""

    def __init__(self, **changes: Any) -> None:
        self.settings: Settings = replace(settings(), **changes)
        self.policy = Policy.compile(self.settings.rules, ())
        self.now = AT
        self.ledger = Ledger(self.settings, lambda: self.now)
        self.matched: dict[str, int] = {}

    def serve(self, head: Head, times: int = 1, *, other: Comparison | None = None, **fields: Any) -> None:
        told = self.record(head, compared=other, **fields)
        decision = told.decision
        assert decision is not None
        name = decision.rule.name if decision.rule else ""
        for _ in range(times):
            self.matched[name] = self.matched.get(name, 0) + 1
            if told.origin is not None:
                self.ledger.count(told, decision, told.origin)
            if told.fault is not None or told.notes or decision.is_refusal:
                self.ledger.remark(told)
            if told.dropped_cookies:
                self.ledger.remark_cookies(told, decision)
            if other is not None:
                self.ledger.compare(told, other)

    def record(self, head: Head, **fields: Any) -> Record:
        decision = self.policy.decide(head, b"http", b"api.example.com")
        asked = {"request_method": head.request_method, "request_headers": head.request_headers}
        site = {"sec_fetch_site": head.sec_fetch_site}
        return record(decision, head, **(asked | site | fields))

    def adopt(self, **changes: Any) -> None:
        self.settings = replace(self.settings, generation=self.settings.generation + 1, **changes)
        self.policy = Policy.compile(self.settings.rules, ())
        self.ledger.adopt(self.settings, self.matched)

    def snapshot(self) -> LedgerSnapshot:
        """What the supervisor gets."""
        told = self.ledger.snapshot(self.matched)
        arrived = pickle.loads(pickle.dumps(told))
        assert arrived == told
        return told


def outcome(**changes: Any) -> Outcome:
    whole = Outcome(
        rule="api",
        place="config/corsproxy.yaml:5",
        kind=Kind.ACTUAL,
        reason=Reason.ORIGIN_ALLOWED,
        action=Action.FORWARD,
        report=False,
        is_refusal=False,
        credentials=False,
    )
    return whole._replace(**changes)


def totals(told: LedgerSnapshot) -> dict[tuple[object, ...], int]:
    return {
        (marks.generation, marks.outcome.rule, marks.outcome.reason, marks.origin): row.total
        for marks, row in told.rows.items()
    }


def test_what_was_served() -> None:
    worker = Worker()
    worker.serve(Head())
    worker.serve(Head(), started=AT + 5, client="192.0.2.2", path=b"/api/cars")
    ((marks, row),) = worker.snapshot().rows.items()
    assert marks._asdict() == {
        "generation": 1,
        "outcome": outcome(),
        "other": None,
        "change": None,
        "origin": APP,
        "method": b"GET",
        "request_method": None,
        "request_headers": None,
        "lacks_method": False,
        "lacks_headers": (),
    }
    assert row._replace(clients=()) == Row(
        2, AT, AT + 5, (), False, (SOMEWHERE, SOMEWHERE._replace(path=b"/api/cars"))
    )
    assert len(row.clients) == 2


def test_a_refused_preflight_says_what_the_rule_lacks() -> None:
    worker = Worker(rules=(replace(API, allow_methods=("PUT",), allow_headers=("Content-Type",)),))
    worker.serve(PREFLIGHT)
    worker.serve(replace(PREFLIGHT, request_method=b"DELETE"))
    worker.serve(replace(PREFLIGHT, origin=EVIL))
    rows = {marks.outcome.reason: marks for marks in worker.snapshot().rows}
    assert {reason: (marks.lacks_method, marks.lacks_headers) for reason, marks in rows.items()} == {
        Reason.HEADER_NOT_ALLOWED: (False, (b"x-token",)),
        Reason.METHOD_NOT_ALLOWED: (True, (b"x-token",)),
        Reason.ORIGIN_NOT_ALLOWED: (True, (b"content-type", b"x-token")),
    }


def test_report_mode_is_told_as_what_enforcing_would_do() -> None:
    worker = Worker()
    worker.serve(Head(path=b"/watched/a", origin=EVIL))
    ((marks, _),) = worker.snapshot().rows.items()
    assert marks.outcome == outcome(
        rule="watched",
        place="config/corsproxy.yaml:14",
        reason=Reason.ORIGIN_NOT_ALLOWED,
        action=Action.REFUSE,
        report=True,
        is_refusal=True,
    )


def test_own_origins_and_no_rule() -> None:
    worker = Worker()
    worker.serve(Head(origin=b"http://api.example.com"))
    worker.serve(Head(origin=EVIL, sec_fetch_site=b"same-origin"))
    worker.serve(Head(path=b"/else"))
    told = worker.snapshot()
    assert totals(told) == {
        (1, "api", Reason.SAME_ORIGIN, b"http://api.example.com"): 1,
        (1, "api", Reason.SAME_ORIGIN, EVIL): 1,
        (1, "", Reason.NO_RULE_FOR_PATH, APP): 1,
    }
    by_browser = {marks.origin: row.samples[0].by_browser for marks, row in told.rows.items()}
    assert by_browser == {b"http://api.example.com": False, EVIL: True, APP: False}
    assert told.matched == {"api": 2, "": 1}


def test_recent_ones_are_refusals_and_faults_the_newest_first() -> None:
    worker = Worker()
    worker.serve(Head())
    worker.serve(PREFLIGHT, request_id="one", status=204)
    worker.serve(Head(), fault=Reason.UPSTREAM_REFUSED, status=502, detail="no", origin=None)
    worker.serve(Head(path=b"/blocked/" + b"x" * 5000, origin=EVIL), times=MOST_RECENT - 1)
    recent = worker.snapshot().recent
    assert len(recent) == MOST_RECENT
    assert len(recent[0].path) < 1100
    assert recent[-1]._asdict() == {
        "at": FINISHED,
        "generation": 1,
        "outcome": outcome(),
        "fault": Reason.UPSTREAM_REFUSED,
        "detail": "no",
        "status": 502,
        "origin": None,
        "method": b"GET",
        "path": b"/api/users",
        "host": b"api.example.com",
        "client": "192.0.2.1",
        "request_id": "",
        "request_method": None,
        "request_headers": None,
    }


@pytest.mark.parametrize("fault", [Reason.BAD_REQUEST, Reason.HEAD_TOO_LARGE])
def test_what_could_not_be_read_is_recent_and_nothing_else(fault: Reason) -> None:
    worker = Worker()
    worker.serve(Head(), fault=fault, status=400)
    told = worker.snapshot()
    assert (len(told.recent), told.rows) == (1, {})


def test_what_the_backend_sends() -> None:
    worker = Worker(rules=(API, replace(BLOCKED, report=True)))
    conflict: dict[str, Any] = {"notes": (Reason.BACKEND_CORS_CONFLICT,), "removed_fields": (b"b", b"a")}
    worker.serve(Head(), 2, **conflict)
    worker.serve(Head(path=b"/blocked/a", origin=None), **conflict)
    worker.serve(Head(), notes=(Reason.BACKEND_REDIRECT,))
    worker.serve(Head(), dropped_cookies=((b"session" * 50, CookieFault.NOT_SECURE),))
    told = worker.snapshot()
    assert told.backend == {
        BackendRow(1, "api", API.place, False, (b"a", b"b")): Noted(2, AT, b"/api/users"),
        BackendRow(1, "blocked", BLOCKED.place, True, (b"a", b"b")): Noted(1, AT, b"/blocked/a"),
    }
    cookie = CookieRow(1, "api", API.place, (b"session" * 50)[:64], CookieFault.NOT_SECURE)
    assert told.cookies == {cookie: Noted(1, AT, b"/api/users")}


def test_names_of_cookies_are_bounded() -> None:
    worker = Worker()
    for number in range(300):
        worker.serve(Head(), dropped_cookies=((b"c%d" % number, CookieFault.NOT_SECURE),))
    assert len(worker.snapshot().cookies) == 200
    worker.adopt(rules=(API,))
    worker.serve(Head(), dropped_cookies=((b"new", CookieFault.NOT_SECURE),))
    told = worker.snapshot().cookies
    assert len(told) == 200
    assert [row.generation for row in told].count(2) == 1


class TestReload:
    def test_what_former_rules_decided_is_of_a_former_generation(self) -> None:
        worker = Worker()
        worker.serve(Head(origin=EVIL), 3)
        worker.serve(Head(), 2)
        worker.now = AT + 60
        worker.adopt(rules=(replace(API, origins=replace(API.origins, exact=(EVIL.decode(),))),))
        worker.serve(Head(origin=EVIL))
        told = worker.snapshot()
        assert totals(told) == {
            (1, "api", Reason.ORIGIN_NOT_ALLOWED, EVIL): 3,
            (1, "api", Reason.ORIGIN_ALLOWED, APP): 2,
            (2, "api", Reason.ORIGIN_ALLOWED, EVIL): 1,
        }
        assert (told.generation, told.since, told.matched) == (2, AT + 60, {"api": 1})
        assert {recent.generation for recent in told.recent} == {1}

    def test_the_same_rules_go_on(self) -> None:
        worker = Worker()
        worker.serve(Head(origin=EVIL), 3)
        worker.now = AT + 60
        worker.adopt(limits=replace(worker.settings.limits, connections=5))
        worker.serve(Head(origin=EVIL))
        told = worker.snapshot()
        assert totals(told) == {(2, "api", Reason.ORIGIN_NOT_ALLOWED, EVIL): 4}
        assert (told.since, told.matched) == (AT, {"api": 4})
        assert {recent.generation for recent in told.recent} == {2}

    def test_what_began_under_former_rules_and_ends_later_is_of_their_generation(self) -> None:
        worker = Worker()
        slow, quick = worker.record(Head(origin=EVIL)), worker.record(Head(path=b"/else"))
        worker.adopt(rules=(replace(API, block=True),))
        for one in (slow, slow, quick):
            assert one.decision is not None
            worker.ledger.count(one, one.decision, one.origin or b"")
            worker.ledger.remark(one)
        told = worker.snapshot()
        assert totals(told) == {
            (1, "api", Reason.ORIGIN_NOT_ALLOWED, EVIL): 2,
            (2, "", Reason.NO_RULE_FOR_PATH, APP): 1,
        }
        assert [recent.generation for recent in told.recent] == [2, 1, 1]

    def test_equal_rules_that_were_read_again_are_the_present_ones(self) -> None:
        worker = Worker()
        slow = worker.record(Head(origin=EVIL))
        worker.adopt(rules=tuple(replace(rule) for rule in worker.settings.rules))
        assert slow.decision is not None
        worker.ledger.count(slow, slow.decision, EVIL)
        assert totals(worker.snapshot()) == {(2, "api", Reason.ORIGIN_NOT_ALLOWED, EVIL): 1}

    def test_many_reloads_keep_what_was_counted_most(self) -> None:
        worker = Worker()
        for number in range(5):
            for each in range(200):
                worker.serve(Head(origin=b"https://a%d.example" % each), 1 + each % 7)
            worker.adopt(rules=(replace(API, place=f"x:{number}"),))
        told = worker.snapshot()
        assert len(told.rows) == module.FORMER
        assert (
            sum(row.total for row in told.rows.values()) + sum(told.forgotten.values())
            == worker.matched["api"]
        )


def weight(root: object) -> int:
    """Add up the bytes of everything that hangs on an object, but for the policy's."""
    seen: set[int] = set()
    waiting, total = [root], 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType | Decision | Settings | Enum):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        waiting += gc.get_referents(one)
    return total


def candidate(**changes: Any) -> Candidate:
    return Candidate(source=Source("new.yaml", "11"), rules=(replace(API, name="new", **changes),))


class TestComparing:
    def test_differences(self) -> None:
        worker = Worker(candidate=candidate())
        refused = decide(Head(origin=EVIL))
        worker.serve(Head(), other=Comparison(decide(Head()), None))
        worker.serve(Head(), 2, other=Comparison(refused, Change.NEWLY_REFUSED))
        worker.serve(Head(origin=None), other=Comparison(refused, Change.OTHER))
        told = worker.snapshot().comparing
        assert (told.pair, told.compared, told.differs, told.forgotten) == (("00", "11"), 4, 3, 0)
        assert {(m.origin, m.change, m.other): row.total for m, row in told.rows.items()} == {
            (APP, Change.NEWLY_REFUSED, outcome(reason=Reason.ORIGIN_NOT_ALLOWED, is_refusal=True)): 2,
            (None, Change.OTHER, outcome(reason=Reason.ORIGIN_NOT_ALLOWED, is_refusal=True)): 1,
        }

    def test_go_on_while_both_policies_stay(self) -> None:
        worker = Worker(candidate=candidate())
        other = Comparison(decide(Head(origin=EVIL)), Change.NEWLY_REFUSED)
        worker.serve(Head(), other=other)
        worker.adopt(limits=replace(worker.settings.limits, connections=5))
        worker.serve(Head(), other=other)
        told = worker.snapshot().comparing
        assert (told.compared, told.differs, [row.total for row in told.rows.values()]) == (2, 2, [2])
        worker.adopt(candidate=candidate(block=True))
        assert worker.snapshot().comparing == replace(told, compared=0, differs=0, rows={})

    def test_are_bounded(self) -> None:
        worker = Worker(candidate=candidate())
        other = Comparison(decide(Head(origin=EVIL)), Change.NEWLY_REFUSED)
        size = module.DIFFERENT[Change.NEWLY_REFUSED]
        for number in range(3 * size):
            worker.serve(Head(origin=b"https://a%d.example" % number), other=other)
        told = worker.snapshot().comparing
        assert len(told.rows) == size
        assert told.forgotten == 2 * size

    def test_a_change_that_every_request_shows_hides_nobody_who_would_be_refused(self) -> None:
        worker = Worker(candidate=candidate())
        for number in range(3 * sum(module.DIFFERENT.values())):
            head = Head(origin=b"https://a%d.example" % number)
            worker.serve(head, 2, other=Comparison(decide(head), Change.OTHER))
            if number == 5:
                worker.serve(Head(), other=Comparison(decide(Head()), Change.NEWLY_REFUSED))
        told = worker.snapshot().comparing
        assert [marks.origin for marks in told.rows if marks.change is Change.NEWLY_REFUSED] == [APP]


class TestFlood:
    def test_what_matters_stays(self) -> None:
        """A hundred thousand origins that come once, from as many addresses."""
        worker = Worker()
        worker.serve(Head(), 5)
        worker.serve(Head(origin=b"https://partner.example"), 2)
        refused = worker.record(Head(origin=EVIL))
        assert refused.decision is not None
        for number in range(100_000):
            origin = b"https://x%d.evil.example" % number
            one = refused._replace(origin=origin, client=f"2001:db8::{number:x}")
            worker.ledger.count(one, refused.decision, origin)
            worker.ledger.remark(one)
            if number % 200 == 0:  # a page that begins to fail in the middle of it
                worker.serve(Head(origin=b"https://late.example"))
        told = worker.snapshot()
        kept = totals(told)
        assert kept[1, "api", Reason.ORIGIN_ALLOWED, APP] == 5
        assert kept[1, "api", Reason.ORIGIN_NOT_ALLOWED, b"https://partner.example"] == 2
        assert kept[1, "api", Reason.ORIGIN_NOT_ALLOWED, b"https://late.example"] == 500
        assert len(told.rows) == module.REFUSED + 1
        assert sum(kept.values()) + sum(told.forgotten.values()) == 5 + 2 + 500 + 100_000
        ((generation, forgotten),) = told.forgotten
        assert (generation, forgotten.reason) == (1, Reason.ORIGIN_NOT_ALLOWED)

    @pytest.mark.parametrize(("size", "mebibytes"), [(20, 4), (30_000, 8)], ids=["as pages do", "at worst"])
    def test_a_full_ledger_is_small(self, size: int, mebibytes: int) -> None:
        worker = Worker(candidate=candidate())
        other = Comparison(decide(Head(origin=EVIL)), Change.NEWLY_REFUSED)
        padding = b"x" * (size if size > 20 else 0)
        for number in range(module.REFUSED + 1):
            for origin in (APP, b"https://x%d.example" % number + padding):
                told = worker.record(
                    replace(
                        PREFLIGHT,
                        origin=origin,
                        request_method=b"M%d" % number + padding,
                        request_headers=b"x-%d," % number + b"h" * size,
                    ),
                    host=b"api%d." % number + padding[:100] + b".example.com",
                    removed_fields=(b"a%d" % number,),
                    notes=(Reason.BACKEND_CORS_CONFLICT,),
                    dropped_cookies=((b"c%d" % number + padding, CookieFault.NOT_SECURE),),
                )
                assert told.decision is not None
                one = told
                for turn in range(17):
                    path = b"/api/%d/%d/" % (number, turn) + b"p" * min(size, 230)
                    one = told._replace(path=path, client=f"2001:db8::{number:x}:{turn:x}", started=AT + turn)
                    worker.ledger.count(one, told.decision, origin)
                    worker.ledger.compare(one, other)
                worker.ledger.remark(one)
                worker.ledger.remark_cookies(one, told.decision)
        told_all = worker.snapshot()
        assert (
            len(told_all.rows) + len(told_all.comparing.rows)
            >= module.REFUSED + module.DIFFERENT[Change.NEWLY_REFUSED]
        )
        assert weight(worker.ledger) < mebibytes * 1024 * 1024


def test_several_workers_add_up() -> None:
    one, two = Worker(), Worker()
    one.serve(Head(origin=EVIL), 2, client="192.0.2.1")
    two.now = AT + 30
    two.serve(Head(origin=EVIL), client="192.0.2.1", path=b"/api/cars")
    two.serve(Head(origin=EVIL), client="192.0.2.2", started=AT + 9)
    two.serve(Head())
    told = merge_ledgers([one.snapshot(), two.snapshot(), LedgerSnapshot()])
    assert totals(told) == {
        (1, "api", Reason.ORIGIN_NOT_ALLOWED, EVIL): 4,
        (1, "api", Reason.ORIGIN_ALLOWED, APP): 1,
    }
    row = next(row for marks, row in told.rows.items() if marks.origin == EVIL)
    assert (row.first, row.last, len(row.clients)) == (AT, AT + 9, 2)
    assert row.samples == (SOMEWHERE, SOMEWHERE._replace(path=b"/api/cars"))
    assert (told.matched, told.since, len(told.recent)) == ({"api": 5}, AT, 4)
    assert [recent.at for recent in told.recent] == sorted(
        (recent.at for recent in told.recent), reverse=True
    )


def test_nobody_adds_up_to_nothing() -> None:
    assert merge_ledgers([]) == LedgerSnapshot()


def test_a_worker_alone_adds_up_to_itself() -> None:
    worker = Worker(candidate=candidate())
    worker.serve(Head(origin=EVIL), other=Comparison(decide(Head()), Change.NEWLY_ALLOWED))
    worker.serve(Head(), dropped_cookies=((b"a", CookieFault.NOT_SECURE),))
    told = worker.snapshot()
    assert merge_ledgers([told], ("00", "11")) == replace(told, recent=list(told.recent))
    assert merge_ledgers([told], ("00", "22")).comparing.rows == {}


def test_the_carried_are_of_the_next_generation() -> None:
    worker = Worker(rules=RULES)
    worker.serve(Head(origin=EVIL))
    told = worker.snapshot().carried(1, 2)
    assert (told.generation, {marks.generation for marks in told.rows}) == (2, {2})


def test_reloads_that_rename_rules_leave_a_bounded_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFUSED", 8)
    monkeypatch.setattr(module, "FORMER", 4)
    monkeypatch.setattr("corsproxy.observe.ledger_rows.MOST_FORGOTTEN", 10)
    worker = Worker()
    for turn in range(50):
        for number in range(20):
            worker.serve(Head(origin=b"https://e%d.example" % number))
        worker.adopt(rules=tuple(replace(rule, name=f"{rule.name}{turn}") for rule in RULES))
    told = worker.snapshot()
    assert len(told.rows) <= 2 * 4
    assert len(told.forgotten) == 10
    assert min(generation for generation, _ in told.forgotten) > 35


def test_workers_that_depart_between_such_reloads_leave_a_bounded_trace_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REFUSED", 8)
    monkeypatch.setattr("corsproxy.observe.ledger_rows.MOST_FORGOTTEN", 10)
    departed = LedgerSnapshot()
    for turn in range(1, 31):
        worker = Worker(generation=turn)
        for number in range(20):
            worker.serve(Head(origin=b"https://e%d.example" % number))
        departed = merge_ledgers([departed, worker.snapshot()])
    generations = [generation for generation, _ in departed.forgotten]
    assert (len(generations), min(generations), max(generations)) == (11, 20, 30)


def test_names_of_fields_that_the_backend_makes_up_are_bounded() -> None:
    worker = Worker()
    for number in range(300):
        names = tuple(b"access-control-%d-%d-" % (number, at) + b"x" * 50_000 for at in range(40))
        worker.serve(Head(), notes=(Reason.BACKEND_CORS_CONFLICT,), removed_fields=names)
    told = worker.snapshot()
    assert len(told.backend) == 200
    assert len(pickle.dumps(told)) < 400_000

"""The decisions document: whole, in order, escaped, bounded."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from corsproxy import __version__
from corsproxy.admin.app import build
from corsproxy.admin.decisions import decisions
from corsproxy.admin.fleet import Facts
from corsproxy.config.problem import Problem
from corsproxy.config.settings import Candidate, Endpoint, Settings, Source, Upstream
from corsproxy.cors.comparison import Change
from corsproxy.cors.cookies import CookieFault
from corsproxy.cors.rule import Rule
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.observe.ledger_rows import (
    BackendRow,
    Comparing,
    CookieRow,
    LedgerSnapshot,
    Marks,
    Noted,
    Outcome,
    Recent,
    Row,
)
from corsproxy.observe.tally import Sample
from tests.admin.conftest import ADMIN, STARTED, FakeFleet, KeptEvents

APP, EVIL = b"https://app.example.com", b"https://evil.example"
SETTINGS = Settings(
    source=Source("c.yaml", "ab"),
    upstream=Upstream(endpoint=Endpoint("127.0.0.1", 1), authority="127.0.0.1"),
    rules=(
        Rule(name="api", place="c.yaml:3", paths=("/**",)),
        Rule(name="old", place="c.yaml:9", paths=("/old/**",), report=True, block=True),
    ),
    generation=2,
)
FACTS = Facts(started_at=STARTED, loaded_at=STARTED + 5, generation=2)
OUTCOME = Outcome("api", "c.yaml:3", Kind.ACTUAL, Reason.ORIGIN_ALLOWED, Action.FORWARD, False, False, True)
REFUSED = OUTCOME._replace(reason=Reason.ORIGIN_NOT_ALLOWED, is_refusal=True, credentials=False)
LACKING = OUTCOME._replace(
    kind=Kind.PREFLIGHT, reason=Reason.HEADER_NOT_ALLOWED, action=Action.ANSWER, is_refusal=True, credentials=False
)  # fmt: skip
SAMPLE = Sample(b"api.example.com", b"/api", False)
SAID = {
    "rule": "api",
    "place": "c.yaml:3",
    "kind": "actual",
    "reason": "origin_allowed",
    "action": "forward",
    "report": False,
}


def marks(outcome: Outcome = OUTCOME, **changes: Any) -> Marks:
    whole = Marks(
        generation=2,
        outcome=outcome,
        other=None,
        change=None,
        origin=APP,
        method=b"GET",
        request_method=None,
        request_headers=None,
        lacks_method=False,
        lacks_headers=(),
    )
    return whole._replace(**changes)


def row(total: int = 1, **changes: Any) -> Row:
    whole = Row(total, STARTED + 6, STARTED + 7, (1,), False, (SAMPLE,))
    return whole._replace(**changes)


def document(settings: Settings = SETTINGS, **parts: Any) -> dict[str, Any]:
    ledger = LedgerSnapshot(**{"generation": 2, "since": STARTED + 5, **parts})
    return decisions([ledger], FACTS, settings, now=STARTED + 60)


def test_nothing_yet() -> None:
    assert decisions([], FACTS, SETTINGS, now=STARTED + 60) == {
        "version": __version__,
        "generation": 2,
        "sha256": "ab",
        "source": "c.yaml",
        "started": STARTED,
        "since": STARTED + 5,
        "now": STARTED + 60,
        "recent": [],
        "refusals": [],
        "allowed": [],
        "same_origin": [],
        "forgotten": 0,
        "others": [],
        "rules": [
            {"name": "api", "place": "c.yaml:3", "mode": "enforce", "on_disallowed": "strip", "matched": 0},
            {"name": "old", "place": "c.yaml:9", "mode": "report", "on_disallowed": "block", "matched": 0},
        ],
        "without_rule": 0,
        "backend_cors": [],
        "cookies": [],
        "candidate": None,
    }


def test_refusals_of_one_origin_rule_and_reason_are_one_entry() -> None:
    asked = {"method": b"OPTIONS", "request_method": b"PUT"}
    one = marks(LACKING, **asked, request_headers=b"x-a,x-b", lacks_headers=(b"x-b",))
    two = marks(LACKING, **asked, request_headers=b"x-c", lacks_headers=(b"x-c",), lacks_method=True)
    rows = {one: row(3, clients=(1, 2)), two: row(4, clients=(2, 3), last=STARTED + 9)}
    (entry,) = document(rows=rows)["refusals"]
    at = [{"host": "api.example.com", "path": "/api"}]
    request = {"method": "OPTIONS", "requested_method": "PUT", "at": at}
    assert entry == {
        "origin": "https://app.example.com",
        **SAID,
        "kind": "preflight",
        "reason": "header_not_allowed",
        "action": "answer",
        "count": 7,
        "first": STARTED + 6,
        "last": STARTED + 9,
        "clients": 3,
        "clients_capped": False,
        "paths": ["/api"],
        "generation": 2,
        "requests": [
            {**request, "requested_headers": "x-a,x-b", "count": 3},
            {**request, "requested_headers": "x-c", "count": 4},
        ],
        "methods": {"PUT": 4},
        "headers": {"x-b": 3, "x-c": 4},
    }


def test_what_was_served_is_by_method() -> None:
    preflight = OUTCOME._replace(kind=Kind.PREFLIGHT, action=Action.ANSWER)
    own = OUTCOME._replace(kind=Kind.SAME_ORIGIN, reason=Reason.SAME_ORIGIN)
    rows = {
        marks(): row(5),
        marks(method=b"PUT"): row(2),
        marks(preflight, method=b"OPTIONS", request_method=b"PUT", request_headers=b"X-A, x-b"): row(3),
        marks(own): row(9, samples=(SAMPLE._replace(by_browser=True),)),
    }
    told = document(rows=rows)
    assert [(entry["kind"], entry["method"], entry["count"]) for entry in told["allowed"]] == [
        ("actual", "GET", 5),
        ("preflight", "PUT", 3),
        ("actual", "PUT", 2),
    ]
    assert told["allowed"][1]["headers"] == {"x-a": 3, "x-b": 3}
    assert told["allowed"][0] == {
        "origin": "https://app.example.com",
        **SAID,
        "credentials": True,
        "method": "GET",
        "count": 5,
        "first": STARTED + 6,
        "last": STARTED + 7,
        "clients": 1,
        "clients_capped": False,
        "paths": ["/api"],
        "generation": 2,
        "requests": [
            {
                "method": "GET",
                "requested_method": None,
                "requested_headers": None,
                "count": 5,
                "at": [{"host": "api.example.com", "path": "/api"}],
            }
        ],
        "headers": {},
    }
    (entry,) = told["same_origin"]
    assert entry["requests"][0]["at"] == [
        {"host": "api.example.com", "path": "/api", "sec_fetch_site": "same-origin"}
    ]


def test_the_present_generation_comes_first_and_then_what_is_counted_most() -> None:
    rows = {
        marks(REFUSED, origin=b"https://few.example"): row(1),
        marks(REFUSED, origin=b"https://former.example", generation=1): row(900),
        marks(REFUSED, origin=b"https://many.example"): row(5),
        marks(REFUSED, origin=b"https://later.example"): row(1, last=STARTED + 50),
    }
    told = document(rows=rows)
    assert [(entry["origin"], entry["generation"]) for entry in told["refusals"]] == [
        ("https://many.example", 2),
        ("https://later.example", 2),
        ("https://few.example", 2),
        ("https://former.example", 1),
    ]


def test_clients_are_counted_up_to_a_bound_and_never_listed() -> None:
    rows = {
        marks(REFUSED, method=method): row(clients=tuple(range(at, at + 16)))
        for at, method in enumerate((b"GET", b"PUT"))
    }
    (entry,) = document(rows=rows)["refusals"]
    assert (entry["clients"], entry["clients_capped"]) == (16, True)


def test_everything_of_strangers_is_escaped_and_what_was_cut_says_so() -> None:
    long = b"https://" + b"x" * 244 + b"..."
    rows = {
        marks(REFUSED, origin=b'\x1b"\xff\\'): row(samples=(SAMPLE._replace(path=b"/\n<script>"),)),
        marks(REFUSED, origin=long): row(2),
    }
    told = document(rows=rows)["refusals"]
    assert [entry["origin"] for entry in told] == [long.decode(), '\\x1b"\\xff\\x5c']
    assert [entry["requests"][0].get("cut") for entry in told] == [True, None]
    assert told[1]["paths"] == ["/\\x0a<script>"]


RECENT = Recent(
    at=STARTED + 7,
    generation=2,
    outcome=LACKING,
    fault=None,
    detail="",
    status=204,
    origin=APP,
    method=b"OPTIONS",
    path=b"/api",
    host=b"api.example.com",
    client="192.0.2.1",
    request_id="one",
    request_method=b"PUT",
    request_headers=b"X-A, x-b,",
)


def test_recent_ones() -> None:
    fault = RECENT._replace(at=STARTED + 8, fault=Reason.UPSTREAM_REFUSED, detail="no", status=502)
    unread = RECENT._replace(at=STARTED, outcome=None, fault=Reason.BAD_REQUEST, origin=None)
    told = document(recent=[RECENT, fault, unread])["recent"]
    assert [entry["reason"] for entry in told] == ["upstream_refused", "header_not_allowed", "bad_request"]
    assert told[1] == {
        "time": STARTED + 7,
        "origin": "https://app.example.com",
        "method": "OPTIONS",
        "path": "/api",
        "host": "api.example.com",
        "kind": "preflight",
        "action": "answer",
        "reason": "header_not_allowed",
        "rule": "api",
        "place": "c.yaml:3",
        "status": 204,
        "report": False,
        "client": "192.0.2.1",
        "request_id": "one",
        "requested_method": "PUT",
        "requested_headers": ["x-a", "x-b"],
        "fault": None,
        "detail": "",
        "generation": 2,
    }
    assert (told[2]["kind"], told[2]["rule"], told[2]["origin"]) == (None, "", None)


def test_what_lost_its_place_is_counted_by_outcome() -> None:
    told = document(forgotten={(2, REFUSED): 7, (1, LACKING): 5})
    assert told["forgotten"] == 12
    assert told["others"][0] == {**SAID, "reason": "origin_not_allowed", "generation": 2, "count": 7}


def test_rules_and_what_the_backend_sends() -> None:
    told = document(
        matched={"api": 4, "": 2},
        backend={BackendRow(2, "api", "c.yaml:3", True, (b"vary", b"\xff")): Noted(3, STARTED, b"/\xff")},
        cookies={CookieRow(1, "api", "c.yaml:3", b"a\xff", CookieFault.NOT_SECURE): Noted(2, STARTED, b"/")},
    )
    assert [rule["matched"] for rule in told["rules"]] == [4, 0]
    assert told["without_rule"] == 2
    assert told["backend_cors"] == [
        {
            "rule": "api",
            "place": "c.yaml:3",
            "fields": ["vary", "\\xff"],
            "count": 3,
            "last": STARTED,
            "path": "/\\xff",
            "report": True,
            "generation": 2,
        }
    ]
    assert told["cookies"] == [
        {
            "rule": "api",
            "place": "c.yaml:3",
            "name": "a\\xff",
            "why": "not_secure",
            "count": 2,
            "last": STARTED,
            "path": "/",
            "generation": 1,
        }
    ]


def test_a_candidate() -> None:
    problem = Problem("next.yaml", 1, 1, "alow", "There is no key alow.")
    candidate = Candidate(source=Source("next.yaml", "cd"), differs=("listen",))
    other = REFUSED._replace(rule="new", place="next.yaml:3", report=True)
    differs = {marks(other=other, change=Change.NEWLY_REFUSED): row(3), marks(origin=None): row(1)}
    comparing = Comparing(pair=("ab", "cd"), compared=9, differs=4, forgotten=1, rows=differs)
    told = document(replace(SETTINGS, candidate=candidate), comparing=comparing)["candidate"]
    first, second = told.pop("differences")
    assert told == {
        "file": "next.yaml",
        "sha256": "cd",
        "generation": 2,
        "problems": [],
        "differs_in": ["listen"],
        "compared": 9,
        "differs": 4,
        "forgotten": 1,
    }
    assert {name: first[name] for name in ("origin", "method", "path", "kind", "change", "count")} == {
        "origin": "https://app.example.com",
        "method": "GET",
        "path": "/api",
        "kind": "actual",
        "change": "newly_refused",
        "count": 3,
    }
    assert first["live"] == SAID
    assert first["candidate"] == {
        **SAID, "rule": "new", "place": "next.yaml:3", "reason": "origin_not_allowed", "report": True,
    }  # fmt: skip
    assert (first["requested_method"], first["requested_headers"]) == (None, [])
    assert second["origin"] is None
    refused = replace(SETTINGS, candidate=replace(candidate, problems=(problem,)))
    assert document(refused, comparing=comparing)["candidate"]["problems"] == [asdict(problem)]
    # Another pair of files was compared when that was counted.
    other_file = replace(SETTINGS, candidate=replace(candidate, source=Source("next.yaml", "ef")))
    assert document(other_file, comparing=comparing)["candidate"]["compared"] == 0


@pytest.mark.parametrize("count", [0, 2])
async def test_the_page(aiohttp_client: Any, fleet: FakeFleet, observer: KeptEvents, count: int) -> None:
    client: TestClient[web.Request, web.Application] = await aiohttp_client(
        build(fleet, ADMIN, observer, lambda: STARTED + 60)
    )
    fleet.told = [LedgerSnapshot(generation=1, since=STARTED, rows={marks(generation=1): row(3)})] * count
    response = await client.get("/decisions")
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    told = await response.json()
    assert [entry["count"] for entry in told["allowed"]] == ([3 * count] if count else [])
    assert (told["source"], told["now"]) == ("config/corsproxy.yaml", STARTED + 60)

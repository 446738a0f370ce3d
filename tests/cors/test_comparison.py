"""What anybody outside would notice of another policy: every row one request under two rules."""

from dataclasses import replace
from typing import Any

import pytest

from corsproxy.cors.comparison import Change, compare
from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Cookies, Origins, Rule
from tests.cors.asking import Head

APP = b"https://app.example.com"
EVIL = b"https://evil.example"
RULE = Rule(
    name="api",
    place="live.yaml:4",
    paths=("/**",),
    origins=Origins(exact=(APP.decode(),)),
    allow_methods=("GET", "PUT"),
    allow_headers=("X-Token",),
    allow_credentials=True,
    max_age=600,
)
GET = {"origin": APP}
PREFLIGHT = {"method": b"OPTIONS", "origin": APP, "request_method": b"PUT", "request_headers": b"x-token"}
SOCKET = {"origin": APP, "is_websocket": True}
NOBODY = Origins(exact=("https://other.example",))


def other(**changes: Any) -> Rule:
    return replace(RULE, **changes)


# rule of the other policy, request, change
ROWS: dict[str, tuple[Rule, dict[str, Any], Change | None]] = {
    "the same": (RULE, GET, None),
    "the same under another name": (other(name="all", place="new.yaml:9"), GET, None),
    "the same preflight under another name": (other(name="all", place="new.yaml:9"), PREFLIGHT, None),
    "origin gone": (other(origins=NOBODY), GET, Change.NEWLY_REFUSED),
    "origin gone, preflight": (other(origins=NOBODY), PREFLIGHT, Change.NEWLY_REFUSED),
    "origin gone, WebSocket": (other(origins=NOBODY), SOCKET, Change.NEWLY_REFUSED),
    "origin gone, no Origin": (other(origins=NOBODY), {"origin": None}, None),
    "origin gone, report": (other(origins=NOBODY, report=True), GET, Change.OTHER),
    "origin new": (
        other(origins=Origins(exact=(APP.decode(), EVIL.decode()))),
        {"origin": EVIL},
        Change.NEWLY_ALLOWED,
    ),
    "refused by both": (other(origins=NOBODY), {"origin": EVIL}, None),
    "refused in another way": (other(block=True), {"origin": EVIL}, Change.OTHER),
    "rule gone": (other(paths=("/else",)), GET, Change.NEWLY_REFUSED),
    "rule gone, refused by both": (other(paths=("/else",)), {"origin": EVIL}, Change.OTHER),
    "method gone": (other(allow_methods=("GET",)), PREFLIGHT, Change.NEWLY_REFUSED),
    "header gone": (other(allow_headers=()), PREFLIGHT, Change.NEWLY_REFUSED),
    "method more": (other(allow_methods=("GET", "PUT", "DELETE")), PREFLIGHT, Change.OTHER),
    "method more, not said": (other(allow_methods=("GET", "PUT", "DELETE")), GET, None),
    "credentials gone": (other(allow_credentials=False), GET, Change.OTHER),
    "exposed": (other(expose_headers=("X-Total",)), GET, Change.OTHER),
    "exposed, not said": (other(expose_headers=("X-Total",)), PREFLIGHT, None),
    "max_age": (other(max_age=5), PREFLIGHT, Change.OTHER),
    "status": (other(preflight_status=200), PREFLIGHT, Change.OTHER),
    "everybody": (other(origins=Origins(any=True), allow_credentials=False), GET, Change.OTHER),
    "cookies": (other(cookies=Cookies(same_site="None")), GET, Change.OTHER),
    "cookies, not told to preflights": (other(cookies=Cookies(same_site="None")), PREFLIGHT, None),
    "cookies, refused by both": (
        other(block=True, cookies=Cookies(same_site="None")),
        {"origin": EVIL},
        Change.OTHER,
    ),
    "fields set": (other(set_fields=(("X-Frame-Options", "DENY"),)), {"origin": None}, Change.OTHER),
    "fields removed": (other(remove_fields=("Server",)), {"origin": None}, Change.OTHER),
    "report": (other(report=True), GET, Change.OTHER),
    "report, refused by enforce": (other(report=True), {"origin": EVIL}, Change.NEWLY_ALLOWED),
    "report, no Origin": (other(report=True), {"origin": None}, Change.OTHER),
}


def decided(rule: Rule, live: Rule, request: dict[str, Any]) -> Change | None:
    asked = Head(**request)
    before, after = (
        Policy.compile((one,), ()).decide(asked, b"https", b"api.example.com") for one in (live, rule)
    )
    comparison = compare(before, after, asked)
    assert comparison.decision is after
    return comparison.change


@pytest.mark.parametrize(("rule", "request_", "change"), ROWS.values(), ids=ROWS)
def test_changes(rule: Rule, request_: dict[str, Any], change: Change | None) -> None:
    assert decided(rule, RULE, request_) is change


@pytest.mark.parametrize(("rule", "request_", "change"), ROWS.values(), ids=ROWS)
def test_the_way_back_is_the_opposite(rule: Rule, request_: dict[str, Any], change: Change | None) -> None:
    opposite = {Change.NEWLY_REFUSED: Change.NEWLY_ALLOWED, Change.NEWLY_ALLOWED: Change.NEWLY_REFUSED}
    assert decided(RULE, rule, request_) is (opposite.get(change, change) if change else None)


def test_two_in_report_mode_are_compared_by_what_they_would_do() -> None:
    reported = replace(RULE, report=True)
    assert decided(reported, reported, GET) is None
    assert decided(replace(reported, origins=NOBODY), reported, GET) is Change.OTHER

"""What counts as a wish: by tables; and that what is suggested passes `check` and does what it says."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from corsproxy.admin.desk import IDLE, PATIENCE
from corsproxy.admin.page.applied import Applied
from corsproxy.admin.page.sections import Suggested, suggested
from corsproxy.admin.page.seen import Group, Ledger
from corsproxy.admin.page.suggestions import ENOUGH, ENOUGH_CLIENTS, ENOUGH_SECONDS, Wish, wishes
from corsproxy.cli.check import check
from corsproxy.config.load import load
from corsproxy.cors.browser import judge
from corsproxy.cors.policy import Policy
from tests.admin.page.ledgers import NOW, QUIET, RULES, group
from tests.processes import ROOT

APP, NEW = "https://app.example.com", "https://new.example"


def wish(*groups: dict[str, Any]) -> Wish:
    (one,) = wishes(map(Group.of, groups), {})
    return one


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, ""),
        ({"count": ENOUGH}, ""),
        ({"count": ENOUGH - 1}, "asked 4 of 5 times"),
        ({"count": 1, "clients": 1}, "asked 1 of 5 times"),
        ({"clients": 1}, ""),
        ({"clients": 1, "first": NOW - 71}, "one client, within a minute"),
        ({"clients": 1, "first": NOW - 72}, ""),
        ({"clients": 2, "first": NOW - 12}, ""),
        ({"rule": "", "paths": ["/a", "/b", "/c"]}, ""),
        (
            {"rule": "", "paths": ["/a", "/b", "/c", "/d"]},
            "4 paths without a rule: write one whose path covers them",
        ),
        ({"paths": ["/a", "/b", "/c", "/d"]}, ""),
    ],
)
def test_how_much_is_enough(changes: dict[str, Any], missing: str) -> None:
    one = wish(group(NEW, "origin_not_allowed", **changes))
    assert (one.missing, bool(one.questions)) == (missing, not missing)


@pytest.mark.parametrize(
    ("reason", "changes", "missing"),
    [
        ("header_not_allowed", {"headers": {"x-trace": ENOUGH}}, ""),
        (
            "header_not_allowed",
            {"headers": {"x-a": 4, "x-b": 4}},
            "no method and no header was asked for 5 times",
        ),
        ("method_not_allowed", {"methods": {"PUT": ENOUGH, "PATCH": 1}}, ""),
        ("method_not_allowed", {"methods": {"PUT": 1}}, "no method and no header was asked for 5 times"),
        ("authorization_not_listed", {"headers": {"authorization": 9}}, ""),
    ],
)
def test_a_method_or_header_has_to_be_asked_for_often_too(
    reason: str, changes: dict[str, Any], missing: str
) -> None:
    one = wish(group(APP, reason, **changes))
    assert (one.missing, one.is_new_origin) == (missing, False)


def test_what_an_origin_asks_of_a_rule_is_one_wish() -> None:
    one = wish(
        group(NEW, "origin_not_allowed", count=3, methods={"PUT": 3}, first=NOW - 500, last=NOW - 400),
        group(NEW, "websocket_origin_not_allowed", kind="websocket", count=3, clients=7, paths=["/api/live"]),
        group(NEW, "header_not_allowed", count=4, methods={"PUT": 4}, headers={"x-a": 1, "x-b": 6}),
    )
    assert (one.count, one.clients, one.methods, one.headers) == (10, 7, {"PUT": 7}, {"x-a": 1, "x-b": 6})
    assert (one.first, one.last, one.paths) == (NOW - 3600, NOW - 12, ("/api/users", "/api/live"))
    assert [(question.method, question.headers, question.path) for question in one.questions] == [
        ("PUT", ("x-b",), "/api/users")
    ]


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("null", "origin_not_allowed"),
        ("null", "origin_null"),
        ("https://cut.exam...", "origin_not_allowed"),
        ("not an origin", "origin_not_allowed"),
        ("https://new.example/path", "origin_not_allowed"),
        ("", "no_rule_for_path"),
        (NEW, "origin_malformed"),
        (NEW, "method_case"),
        (NEW, "client_sends_response_header"),
        (NEW, "ambiguous_path"),
        (NEW, "upstream_refused"),
        (NEW, "a_reason_of_tomorrow"),
    ],
)
def test_what_no_rule_should_grant_is_no_wish(origin: str, reason: str) -> None:
    assert wishes([Group.of(group(origin, reason, count=10_000))], {}) == ()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "corsproxy.yaml"
    path.write_text(RULES)
    return path


WISHES: dict[str, list[dict[str, Any]]] = {
    "an origin": [group(NEW, "origin_not_allowed", kind="actual")],
    "an origin with methods and headers": [
        group(
            NEW,
            "origin_not_allowed",
            methods={"PUT": 9, "DELETE": 9, "PROPFIND": 5, "BREW": 1},
            headers={"authorization": 9, "x-once": 1},
        )
    ],
    "a header of a listed origin": [group(APP, "header_not_allowed", headers={"x-trace-id": 12})],
    "a method of a listed origin": [group(APP, "method_not_allowed", methods={"PATCH": 12})],
    "a WebSocket": [group(NEW, "websocket_origin_not_allowed", kind="websocket")],
    "paths without a rule": [
        group(APP, "no_rule_for_path", rule="", kind="actual", paths=["/health", "/v2/x y"])
    ],
    "a rule in report mode": [
        group(NEW, "origin_not_allowed", rule="partners", report=True, paths=["/partners/feed"])
    ],
    "look-alikes, one by one": [
        group(f"https://pr-{number}.preview.github.io", "origin_not_allowed") for number in range(3)
    ],
}


@pytest.mark.parametrize("name", WISHES)
def test_a_suggested_edit_passes_check_and_grants_what_was_asked(file: Path, name: str) -> None:
    all_ = suggested(
        Ledger.of({**QUIET, "refusals": WISHES[name]}), Applied(load(file, {}), {}), lambda: False
    )
    assert (len(all_.found), all_.rare, all_.waiting) == (len(WISHES[name]), [], 0)
    for one in all_.found:
        assert one.edit is not None, one.mending
        lines = RULES.splitlines()
        assert lines[one.edit.line - 1 : one.edit.line - 1 + len(one.edit.removed)] == [*one.edit.removed]
        lines[one.edit.line - 1 : one.edit.line - 1 + len(one.edit.removed)] = one.edit.added
        file.write_text("\n".join(lines) + "\n")
        assert CliRunner().invoke(check, [str(file)]).exit_code == 0
        after = load(file, {})
        policy = Policy.compile(after.rules, after.public_origins)
        for question in one.wish.questions:
            assert judge(policy, question).allowed, question
        before = set(itertools.chain(*(rule.origins.wildcards for rule in load_text(file, RULES).rules)))
        assert set(itertools.chain(*(rule.origins.wildcards for rule in after.rules))) == before
        assert "dangerously" not in "".join(one.edit.added)


def load_text(file: Path, text: str) -> Any:
    file.write_text(text)
    return load(file, {})


def test_an_edit_that_check_would_refuse_is_not_given(file: Path) -> None:
    ledger = Ledger.of(
        {
            **QUIET,
            "refusals": [
                group("https://evil.example", "origin_not_allowed"),
                group("http://plain.example", "origin_not_allowed"),
            ],
        }
    )
    found = suggested(ledger, Applied(load(file, {}), {}), lambda: False).found
    assert [one.edit for one in found] == [None, None]
    assert [problem.code for problem in found[0].mending.refused] == ["origin_insecure"]
    assert "expected denied: origin_not_allowed, got allowed" in str(found[1].mending.refused[0])


def test_what_is_allowed_by_now_is_not_suggested(file: Path) -> None:
    ledger = Ledger.of({**QUIET, "refusals": [group(APP, "origin_not_allowed", methods={"POST": 42})]})
    assert suggested(ledger, Applied(load(file, {}), {}), lambda: False) == Suggested([], [], 0)


def test_what_takes_too_long_is_found_by_later_looks(file: Path) -> None:
    ledger = Ledger.of(
        {**QUIET, "refusals": [group(f"https://o{n}.example", "origin_not_allowed") for n in range(3)]}
    )
    applied = Applied(load(file, {}), {})
    for known in range(4):
        late = iter([False, *(True for _ in range(9))])
        now = suggested(ledger, applied, lambda late=late: next(late))  # type: ignore[misc]
        assert (len(now.found), now.waiting) == (min(known + 1, 3), max(2 - known, 0))


def test_the_documentation_says_the_same() -> None:
    said = " ".join((ROOT / "docs" / "page.md").read_text().split())
    assert (ENOUGH, ENOUGH_CLIENTS, ENOUGH_SECONDS) == (5, 2, 60.0)
    assert (
        "after 5 requests in vain, from two clients or over a minute; a method or a header after 5 of its own"
        in said
    )
    assert (PATIENCE, IDLE) == (15.0, 60.0)
    assert (
        "ends a minute after the last and with the service, and is killed if it does not answer within 15 seconds"
        in said
    )

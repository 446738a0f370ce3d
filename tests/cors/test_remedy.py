"""What would have to change: the least that helps, or a sentence for the page."""

from dataclasses import replace

import pytest

from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.policy import Policy
from corsproxy.cors.remedy import Remedy, remedy
from corsproxy.cors.rule import Origins, Rule

APP = "https://app.example.com"
NEW = "https://new.example"
RULE = Rule(name="api", place="c.yaml:3", paths=("/api/**",), origins=Origins(exact=(APP,)))


def ask(rule: Rule, request: BrowserRequest) -> Remedy:
    return remedy((rule,), (), replace(request, path=request.path if request.path != "/" else "/api/x"))


@pytest.mark.parametrize(
    ("rule", "request_", "keys", "mended"),
    [
        (
            RULE,
            BrowserRequest(origin=NEW),
            ("allow_origins",),
            replace(RULE, origins=Origins(exact=(APP, NEW))),
        ),
        (
            RULE,
            BrowserRequest(origin=NEW, websocket=True),
            ("allow_origins",),
            replace(RULE, origins=Origins(exact=(APP, NEW))),
        ),
        (
            RULE,
            BrowserRequest(origin=NEW, method="PUT", headers=("authorization", "X-Foo"), credentials=True),
            ("allow_origins", "allow_methods", "allow_headers", "allow_credentials"),
            replace(
                RULE,
                origins=Origins(exact=(APP, NEW)),
                allow_methods=("PUT",),
                allow_headers=("Authorization", "X-Foo"),
                allow_credentials=True,
            ),
        ),
        (
            replace(RULE, allow_headers=("*",)),
            BrowserRequest(origin=APP, headers=("Authorization", "X-Foo")),
            ("allow_headers",),
            replace(RULE, allow_headers=("*", "Authorization")),
        ),
        (
            replace(RULE, origins=Origins(any=True)),
            BrowserRequest(origin=NEW, credentials=True),
            ("allow_origins", "allow_credentials"),
            replace(RULE, origins=Origins(exact=(NEW,)), allow_credentials=True),
        ),
    ],
)
def test_the_least_that_helps(
    rule: Rule, request_: BrowserRequest, keys: tuple[str, ...], mended: Rule
) -> None:
    found = ask(rule, request_)
    assert (found.position, found.rule, found.keys) == (0, mended, keys)
    assert judge(Policy.compile((mended,), ()), replace(request_, path="/api/x")).allowed


def test_a_path_without_a_rule_gets_one_of_its_own() -> None:
    found = remedy((RULE,), (), BrowserRequest(origin=NEW, path="/other/a%20b?x=1", method="PUT"))
    rule = Rule(
        name="", place="", paths=("/other/a b",), origins=Origins(exact=(NEW,)), allow_methods=("PUT",)
    )
    assert found == Remedy(position=1, rule=rule)


def test_a_new_rule_is_for_its_host_where_hosts_are_told_apart() -> None:
    here = replace(RULE, host="api.example.com")
    found = remedy((here,), (), BrowserRequest(origin=NEW, path="/api/x", host="Other.example:8443"))
    assert found.rule == Rule(
        name="", place="", paths=("/api/x",), host="other.example", origins=Origins(exact=(NEW,))
    )


@pytest.mark.parametrize(
    ("rule", "request_", "words"),
    [
        (RULE, BrowserRequest(origin="null"), "Serve it from an address of its own"),
        (RULE, BrowserRequest(origin="null", websocket=True), "Serve it from an address of its own"),
        (RULE, BrowserRequest(origin="https://New.example/"), "It sends https://new.example: ask again"),
        (RULE, BrowserRequest(origin=f"{APP}, {NEW}"), "No browser sends the origin"),
        (RULE, BrowserRequest(origin=APP, method="TRACE"), "No browser sends the method TRACE"),
        (RULE, BrowserRequest(origin=APP, method="patch"), 'Write "PATCH" in the page'),
        (
            replace(RULE, allow_methods=("PATCH",)),
            BrowserRequest(origin=APP, method="patch"),
            'method: "PATCH"',
        ),
        (RULE, BrowserRequest(origin=APP, headers=("x y",)), "x y is no name for a header"),
        (
            RULE,
            BrowserRequest(origin=APP, headers=("Access-Control-Allow-Origin",)),
            "access-control-allow-origin is a field of answers",
        ),
        (RULE, BrowserRequest(origin=APP, path="/api/../x"), "Servers read this path in different ways"),
        (
            replace(RULE, origins=Origins(exact=(APP,), null=True)),
            BrowserRequest(origin=APP, credentials=True),
            "The rule lists null",
        ),
        (RULE, BrowserRequest(origin=APP, path="/a*b"), "Write one with a pattern"),
    ],
)
def test_what_the_page_has_to_change(rule: Rule, request_: BrowserRequest, words: str) -> None:
    found = ask(rule, request_)
    assert found.rule is None
    assert words in found.page


def test_many_headers_are_listed_one_by_one() -> None:
    names = tuple(f"X-{number:03}" for number in range(300))
    found = ask(RULE, BrowserRequest(origin=APP, headers=names))
    assert found.rule == replace(RULE, allow_headers=names)


def test_nothing_is_to_change_where_all_is_well() -> None:
    assert ask(RULE, BrowserRequest(origin=APP)) == Remedy()


INSTEAD = 'If the page needs no cookies, leave credentials: "include" out of it instead'


@pytest.mark.parametrize(
    ("rule", "request_", "page"),
    [
        (RULE, BrowserRequest(origin=APP, credentials=True), f"{INSTEAD}."),
        (
            replace(RULE, origins=Origins(any=True)),
            BrowserRequest(origin=NEW, credentials=True),
            (
                f"{INSTEAD}: the edit ends the access of all other origins, because * counts for nothing with "
                "credentials."
            ),
        ),
        (RULE, BrowserRequest(origin=NEW, method="PUT", credentials=True), f"{INSTEAD}."),
        (RULE, BrowserRequest(origin=NEW, method="PUT", headers=("X-A",)), ""),
    ],
)
def test_what_to_know_beside_an_edit(rule: Rule, request_: BrowserRequest, page: str) -> None:
    found = ask(rule, request_)
    assert (found.page, found.rule is not None) == (page, True)


@pytest.mark.parametrize(
    ("request_", "page"),
    [
        (BrowserRequest(origin=""), "No browser sends the origin (empty)."),
        (
            BrowserRequest(origin=APP, method=""),
            "No browser sends the method (empty): use another in the page.",
        ),
        (BrowserRequest(origin=APP, headers=("",)), "(empty) is no name for a header: mend it in the page."),
    ],
)
def test_what_is_empty_is_said_to_be(request_: BrowserRequest, page: str) -> None:
    assert ask(RULE, request_) == Remedy(page=page)


@pytest.mark.parametrize(
    ("host", "named"), [("Other.example", "other.example"), ("other.example:80", "other.example"), ("", None)]
)
def test_the_host_of_a_new_rule_has_no_port(host: str, named: str | None) -> None:
    here = replace(RULE, host="api.example.com")
    found = remedy((here,), (), BrowserRequest(origin=NEW, path="/api/x", host=host))
    assert found.rule == Rule(name="", place="", paths=("/api/x",), host=named, origins=Origins(exact=(NEW,)))


def test_a_header_is_spelled_as_the_page_does_or_else_as_is_usual() -> None:
    found = ask(RULE, BrowserRequest(origin=APP, headers=("x-b3-traceid", "X-CSRFToken")))
    assert found.rule == replace(RULE, allow_headers=("X-B3-Traceid", "X-CSRFToken"))

"""The policy says what the oracle says, and browsers read of an answer what its reason says."""

import re
from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.cors.policy import Decision, Policy
from corsproxy.cors.rule import Origins, Rule
from corsproxy.cors.vocabulary import Action, Kind, Reason
from tests.cors.browser import preflight_check
from tests.cors.drawn import PATHS, PATHS_SENT, public_origins, requests, rule_sets
from tests.cors.meaning import meant, parsed, simplified
from tests.cors.oracle import PREFLIGHT_VARY, Request, Verdict, judge


def seen(decision: Decision, request: Request) -> dict[str, object]:
    """Everything observable about a decision, in the oracle's terms."""
    answered = decision.action is Action.ANSWER
    refused = decision.action is Action.REFUSE
    fields: Mapping[str, str | frozenset[str]] = {}
    if answered:
        fields = meant(decision.answer_lines(request), preflight=True)
    elif refused:
        fields = meant(decision.error_lines(request.origin))
    else:
        fields = meant(decision.lines(request.origin))
    return {
        "kind": decision.kind,
        "reason": decision.reason,
        "action": decision.action,
        "rule": decision.rule,
        "status": decision.status,
        "refused": decision.is_refusal,
        "report": decision.report,
        "strips": decision.strips or answered or refused,
        "varies": decision.varies,
        "fields": fields,
        "error_fields": None if answered else meant(decision.error_lines(request.origin)),
        "set": decision.set_lines if decision.action is Action.FORWARD else None,
        "remove": decision.remove if decision.action is Action.FORWARD else None,
        "rewrites cookies": decision.cookies is not None if decision.action is Action.FORWARD else None,
    }


def expected(verdict: Verdict) -> dict[str, object]:
    answered = verdict.action is Action.ANSWER
    forwarded = verdict.action is Action.FORWARD
    rule = verdict.rule if forwarded and verdict.would is None else None
    tokens = PREFLIGHT_VARY if verdict.kind is Kind.PREFLIGHT else frozenset({"origin"})
    vary: Mapping[str, str | frozenset[str]] = {"vary": tokens} if verdict.varies else {}
    error = {**verdict.error_fields, **({"vary": tokens} if (verdict.would or verdict).varies else {})}
    set_fields = rule.set_fields if rule else ()
    removed = [*(rule.remove_fields if rule else ()), *(name for name, _ in set_fields)]
    return {
        "kind": verdict.kind,
        "reason": verdict.reason,
        "action": verdict.action,
        "rule": verdict.rule,
        "status": verdict.status,
        "refused": verdict.refused,
        "report": verdict.would is not None,
        "strips": verdict.strips,
        "varies": verdict.varies,
        "fields": simplified(verdict.fields if forwarded else {**verdict.fields, **vary}),
        "error_fields": None if answered else simplified(error),
        "set": "".join(f"{name}: {value}\r\n" for name, value in set_fields).encode() if forwarded else None,
        "remove": frozenset(name.lower().encode() for name in removed) if forwarded else None,
        "rewrites cookies": (rule is not None and rule.cookies is not None) if forwarded else None,
    }


@given(rule_set=rule_sets(), own=public_origins(), request_set=st.lists(requests(), min_size=1, max_size=12))
@settings(deadline=None, max_examples=200)
def test_the_policy_agrees_with_the_oracle(
    rule_set: tuple[Rule, ...], own: tuple[str, ...], request_set: list[Request]
) -> None:
    policy = Policy.compile(rule_set, own)
    for request in request_set:
        decision = policy.decide(request, request.scheme, request.host)
        verdict = judge(rule_set, own, request)
        assert differences(seen(decision, request), expected(verdict)) == {}, request
        assert (decision.would is None) == (verdict.would is None), request
        if decision.would is not None and verdict.would is not None:
            assert differences(seen(decision.would, request), expected(verdict.would)) == {}, request


@pytest.mark.parametrize("first", PATHS)
def test_every_path_meets_the_rule_that_comes_first(first: str) -> None:
    for second, path in product(PATHS, PATHS_SENT):
        pair = (
            Rule(name="one", place="f:1", paths=(first,), origins=Origins(exact=("https://a.example",))),
            Rule(name="two", place="f:2", paths=(second,), origins=Origins(any=True)),
        )
        request = Request(path=path, origin=b"https://a.example")
        decision = Policy.compile(pair, ()).decide(request, b"https", b"proxy.example")
        assert differences(seen(decision, request), expected(judge(pair, (), request))) == {}, (second, path)


PATTERNS = {
    "exact": Origins(exact=("https://app.example.com",)),
    "any sub-domain": Origins(wildcards=("https://*.example.com",)),
    "inside a label": Origins(wildcards=("https://a*p.example.com",)),
    "any port": Origins(wildcards=("https://app.example.com:*",)),
    "a regular expression": Origins(regexes=(r"https://[a-z]+\.example\.com",)),
    "two that share a suffix": Origins(wildcards=("https://*.p.example.com", "https://*.example.com")),
    "null": Origins(null=True),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_hostile_byte_gets_in_anywhere(pattern: str) -> None:
    """Every byte, put into every place of an allowed origin or in place of what is there, is judged as the oracle does."""
    rule = Rule(
        name="r", place="f:1", paths=("/**",), origins=PATTERNS[pattern], allow_credentials=pattern != "null"
    )
    policy = Policy.compile((rule,), ())
    allowed = b"null" if pattern == "null" else b"https://app.example.com"
    let_in = set()
    for at, byte in product(range(len(allowed) + 1), range(1, 256)):
        for origin in (
            allowed[:at] + bytes([byte]) + allowed[at:],
            allowed[:at] + bytes([byte]) + allowed[at + 1 :],
        ):
            request = Request(origin=origin)
            decision = policy.decide(request, b"https", b"proxy.example")
            assert differences(seen(decision, request), expected(judge((rule,), (), request))) == {}, origin
            if decision.reason is Reason.ORIGIN_ALLOWED:
                let_in.add(origin)
    assert all(re.fullmatch(rb"null|https://[a-z0-9_.-]+\.example\.com", origin) for origin in let_in)


def differences(one: dict[str, object], other: dict[str, object]) -> dict[str, tuple[object, object]]:
    """Return what the policy and the oracle say, where they differ."""
    return {key: (one[key], other[key]) for key in other if one[key] != other[key]}


@given(rule_set=rule_sets(), request_set=st.lists(requests(), min_size=1, max_size=12), include=st.booleans())
@settings(deadline=None, max_examples=200)
def test_a_browser_reads_of_an_answer_what_the_reason_says(
    rule_set: tuple[Rule, ...], request_set: list[Request], *, include: bool
) -> None:
    policy = Policy.compile(rule_set, ())
    for request in request_set:
        decision = policy.decide(request, request.scheme, request.host)
        if decision.action is not Action.ANSWER or request.origin is None or decision.rule is None:
            continue
        method, names = request.request_method or b"", request.request_headers or b""
        if not is_sent_by_browsers(method, names):
            continue
        unsafe = frozenset(name.decode().lower() for name in re.findall(rb"[^ \t,]+", names))
        fields = parsed(decision.answer_lines(request))
        passes = preflight_check(
            request.origin.decode("latin-1"),
            method.decode(),
            unsafe,
            decision.status,
            fields,
            include=include,
        )
        due = decision.reason is Reason.ORIGIN_ALLOWED and (decision.rule.allow_credentials or not include)
        assert (request, fields, passes) == (request, fields, due)


def is_sent_by_browsers(method: bytes, names: bytes) -> bool:
    """Whether method and names are tokens, and not so many that they are refused unread."""
    token = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    if len(names) > 4096 or names.count(b",") > 256:
        return False
    sent = [name for name in re.split(rb"[ \t]*,[ \t]*", names) if name]
    return all(re.fullmatch(token, name) for name in [method, *sent])

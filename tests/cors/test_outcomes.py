"""What a rule leads to beside its grants: our own errors, report mode, fields and cookies (16, 31, 32)."""

from dataclasses import replace

import pytest

from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Cookies, Origins
from corsproxy.cors.vocabulary import Action
from tests.cors.asking import APP, Head, Outcome, RuleParts, ask, outcome_of, policy_of, rule

EVIL = b"https://evil.example"
ACAO = b"Access-Control-Allow-Origin: https://app.example.com\r\n"
STAR = b"Access-Control-Allow-Origin: *\r\n"
ACAC = b"Access-Control-Allow-Credentials: true\r\n"
EXPOSE_STATUS = b"Access-Control-Expose-Headers: Proxy-Status\r\n"
VARY = b"Vary: Origin\r\n"
VARY_PREFLIGHT = b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"

PLAIN = RuleParts()
ANY = RuleParts(origins=Origins(any=True))
NULL = RuleParts(origins=Origins(null=True))
CREDENTIALS = RuleParts(allow_credentials=True, expose_headers=("X-Total-Count",))


def preflight(origin: bytes = APP, request_method: bytes = b"GET") -> Head:
    return Head(method=b"OPTIONS", origin=origin, request_method=request_method)


def websocket(origin: bytes = APP) -> Head:
    return Head(origin=origin, is_websocket=True)


# -- our own errors (16, 17)


@pytest.mark.parametrize(
    ("parts", "head", "lines"),
    [
        (PLAIN, Head(), ACAO + EXPOSE_STATUS + VARY),
        (
            CREDENTIALS,
            Head(),
            ACAO + ACAC + b"Access-Control-Expose-Headers: X-Total-Count, Proxy-Status\r\n" + VARY,
        ),
        (
            RuleParts(expose_headers=("proxy-status",)),
            Head(),
            ACAO + b"Access-Control-Expose-Headers: proxy-status\r\n" + VARY,
        ),
        (RuleParts(expose_headers=("*",)), Head(), ACAO + b"Access-Control-Expose-Headers: *\r\n" + VARY),
        (
            RuleParts(expose_headers=("*",), allow_credentials=True),
            Head(),
            ACAO + ACAC + EXPOSE_STATUS + VARY,
        ),
        (PLAIN, Head(origin=EVIL), VARY),
        (PLAIN, Head(origin=None), VARY),
        (PLAIN, Head(origin=b"https://api.example.com"), VARY),
        (ANY, Head(), STAR + EXPOSE_STATUS),
        (ANY, Head(origin=None), STAR + EXPOSE_STATUS),
        (NULL, Head(origin=b"null"), b"Access-Control-Allow-Origin: null\r\n" + EXPOSE_STATUS + VARY),
        (PLAIN, preflight(EVIL), VARY_PREFLIGHT),
        (RuleParts(paths=("/other",)), Head(), b""),
        # The backend of a rule in report mode speaks for itself, but our errors are ours.
        (RuleParts(report=True), Head(), ACAO + EXPOSE_STATUS + VARY),
        (RuleParts(report=True), Head(origin=EVIL), VARY),
    ],
)
def test_our_own_errors_carry_what_the_origin_is_due(parts: RuleParts, head: Head, lines: bytes) -> None:
    decision = policy_of(rule(**parts)).decide(head, b"https", b"api.example.com")
    assert decision.error_lines(head.origin) == lines


def test_a_refused_preflight_has_the_same_lines_whichever_way_it_is_asked() -> None:
    head = preflight(EVIL)
    decision = policy_of(rule()).decide(head, b"https", b"api.example.com")
    assert decision.answer_lines(head) == decision.error_lines(EVIL) == VARY_PREFLIGHT


# -- report mode


@pytest.mark.parametrize(
    "head",
    [
        Head(),
        Head(origin=None),
        Head(origin=EVIL),
        Head(origin=b"null"),
        Head(origin=b"https://api.example.com"),
        Head(method=b"DELETE"),
        preflight(),
        preflight(EVIL),
        preflight(request_method=b"DELETE"),
        websocket(),
        websocket(EVIL),
    ],
)
def test_report_changes_nothing_and_tells_what_had_been(head: Head) -> None:
    parts = RuleParts(
        block=True,
        allow_methods=("PUT",),
        cookies=Cookies(same_site="None"),
        set_fields=(("X-One", "1"),),
        remove_fields=("Server",),
    )
    enforced = ask(policy_of(rule(**parts)), head)
    decision = policy_of(replace(rule(**parts), report=True)).decide(head, b"https", b"api.example.com")
    untouched = Outcome(
        enforced.kind, enforced.reason, Action.FORWARD, 0, False, False, enforced.is_refusal, b""
    )
    assert outcome_of(decision, head) == untouched
    assert (decision.report, decision.remove, decision.set_lines, decision.cookies) == (
        True,
        frozenset(),
        b"",
        None,
    )
    assert decision.would is not None
    assert outcome_of(decision.would, head) == enforced


# -- what else a rule does to responses (31, 32)


@pytest.mark.parametrize(
    "head", [Head(), Head(origin=None), Head(origin=EVIL), Head(origin=b"https://api.example.com")]
)
def test_fields_and_cookies_of_the_rule_are_for_every_forwarded_response(head: Head) -> None:
    policy = policy_of(
        rule(
            cookies=Cookies(same_site="None", secure=True),
            set_fields=(("Cross-Origin-Resource-Policy", "cross-origin"), ("X-One", "1")),
            remove_fields=("Server",),
        )
    )
    decision = policy.decide(head, b"https", b"api.example.com")
    assert decision.remove == {b"server", b"cross-origin-resource-policy", b"x-one"}
    assert decision.set_lines == b"Cross-Origin-Resource-Policy: cross-origin\r\nX-One: 1\r\n"
    assert decision.cookies is not None
    assert decision.cookies.rewrite(b"a=1") == b"a=1; SameSite=None; Secure"


# -- what a policy never is


@pytest.mark.parametrize("origins", [Origins(any=True), Origins(null=True)])
def test_credentials_for_anybody_or_null_are_never_compiled(origins: Origins) -> None:
    with pytest.raises(ValueError, match=r"corsproxy\.yaml:5: credentials are for named origins"):
        Policy.compile((rule(origins=origins, allow_credentials=True),), ())

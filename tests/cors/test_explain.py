"""The story of a question: whole ones of every form, and a sentence for every reason that rules decide by."""

import pytest

from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.explain import Answer, tell
from corsproxy.cors.rule import Origins
from corsproxy.cors.vocabulary import Kind, Reason
from tests.cors.asking import RuleParts, policy_of, rule

APP, EVIL = "https://app.example.com", "https://evil.example"
VARY = ("Vary", "Origin")
SENT = [(True, "browsers send the method GET")]
PASSED_ON = [*SENT, (True, "GET is passed on to the backend")]
NOTHING_FITS = [*PASSED_ON, (False, "response: no Access-Control-Allow-Origin that fits")]
PREFLIGHT = Answer(
    204,
    (
        ("Access-Control-Allow-Origin", APP),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "PUT"),
        ("Access-Control-Allow-Headers", "X-A"),
        ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    ),
)
WRITES: RuleParts = {"allow_methods": ("PUT",), "allow_headers": ("X-A",), "allow_credentials": True}
ASKED = [
    (True, "browsers send the method PUT"),
    (True, "browsers send the header x-a"),
]
PREFLIGHTED = [
    (True, f"preflight: Access-Control-Allow-Origin is {APP}"),
    (True, "preflight: Access-Control-Allow-Credentials is true"),
    (True, "preflight: status 204"),
    (True, "preflight: the method PUT is granted"),
    (True, "preflight: the header x-a is granted"),
]

# name: the rule, the question; the reason and why, the checks, the preflight's answer and the actual one
STORIES: dict[
    str,
    tuple[RuleParts, BrowserRequest, Reason, str, list[tuple[bool, str]], Answer | None, Answer | None],
] = {
    "a simple request": (
        {},
        BrowserRequest(origin=APP),
        Reason.ORIGIN_ALLOWED,
        "The rule api grants all that the page asks for.",
        [*PASSED_ON, (True, f"response: Access-Control-Allow-Origin is {APP}")],
        None,
        Answer(None, (("Access-Control-Allow-Origin", APP), VARY)),
    ),
    "a preflighted one": (
        WRITES,
        BrowserRequest(origin=APP, method="PUT", headers=("X-A",), credentials=True),
        Reason.ORIGIN_ALLOWED,
        "The rule api grants all that the page asks for.",
        [
            *ASKED,
            *PREFLIGHTED,
            (True, "PUT is passed on to the backend"),
            (True, f"response: Access-Control-Allow-Origin is {APP}"),
            (True, "response: Access-Control-Allow-Credentials is true"),
        ],
        PREFLIGHT,
        Answer(
            None,
            (("Access-Control-Allow-Origin", APP), ("Access-Control-Allow-Credentials", "true"), VARY),
        ),
    ),
    "one that is never sent": (
        WRITES,
        BrowserRequest(origin=APP, method="PUT", headers=("X-A", "X-B"), credentials=True),
        Reason.HEADER_NOT_ALLOWED,
        "The header x-b is not granted.",
        [
            *ASKED,
            (True, "browsers send the header x-b"),
            *PREFLIGHTED,
            (False, "preflight: the header x-b is not granted"),
        ],
        PREFLIGHT,
        None,
    ),
    "a stranger": (
        {},
        BrowserRequest(origin=EVIL),
        Reason.ORIGIN_NOT_ALLOWED,
        f"The rule api does not list {EVIL}.",
        NOTHING_FITS,
        None,
        Answer(None, (VARY,)),
    ),
    "a stranger, blocked": (
        {"block": True},
        BrowserRequest(origin=EVIL),
        Reason.ORIGIN_NOT_ALLOWED,
        f"The rule api does not list {EVIL}.",
        [*SENT, (False, "the proxy answers 403 itself, for the rule blocks; the backend is not asked")],
        None,
        Answer(403, (VARY,)),
    ),
    "a WebSocket": (
        {},
        BrowserRequest(origin=EVIL, websocket=True),
        Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED,
        f"The rule api does not list {EVIL}, so it may open no WebSocket.",
        [*SENT, (False, "the proxy answers 403: browsers leave the origin of a WebSocket to the server")],
        None,
        Answer(403, (VARY,)),
    ),
    "no origin": (
        {},
        BrowserRequest(origin=None),
        Reason.NO_ORIGIN,
        "The request has no Origin, so CORS has no part in it.",
        SENT,
        None,
        Answer(None, (VARY,)),
    ),
    "an empty origin": (
        {},
        BrowserRequest(origin=""),
        Reason.ORIGIN_MALFORMED,
        "(empty) is not an origin as browsers send it.",
        NOTHING_FITS,
        None,
        Answer(None, (VARY,)),
    ),
    "an empty method": (
        {},
        BrowserRequest(origin=APP, method=""),
        Reason.METHOD_NOT_ALLOWED,
        "The method (empty) is not granted.",
        [(False, "browsers refuse to send the method (empty)")],
        None,
        None,
    ),
    "credentials and a star": (
        {"origins": Origins(any=True)},
        BrowserRequest(origin=APP, credentials=True),
        Reason.CREDENTIALS_NOT_ALLOWED,
        "The page asks with credentials, and the rule api does not allow them.",
        [
            *PASSED_ON,
            (True, "response: Access-Control-Allow-Origin is *"),
            (False, "response: credentials need the very origin, and Access-Control-Allow-Credentials: true"),
        ],
        None,
        Answer(None, (("Access-Control-Allow-Origin", "*"),)),
    ),
    "a path without a rule": (
        {"paths": ("/other",)},
        BrowserRequest(origin=APP, path="/api?token=t"),
        Reason.NO_RULE_FOR_PATH,
        "No rule has the path /api and this host.",
        NOTHING_FITS,
        None,
        Answer(None, ()),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_whole_story(name: str) -> None:
    parts, request, reason, why, lines, preflight, actual = STORIES[name]
    story = tell(policy_of(rule(**parts)), request, "https://api.example.com/")
    assert (story.request, story.url, story.reason, story.why) == (
        request,
        "https://api.example.com/",
        reason,
        why,
    )
    assert [(line.check.passed, line.text) for line in story.lines] == lines
    assert (story.preflight, story.actual) == (preflight, actual)
    assert story.is_preflighted is (preflight is not None)
    assert story.allowed is all(passed for passed, _ in lines)
    assert (story.console is None) is story.allowed
    assert (story.rule is None) is (reason is Reason.NO_RULE_FOR_PATH)
    assert story.kind is {"a WebSocket": Kind.WEBSOCKET, "no origin": Kind.NOT_CORS}.get(name, Kind.ACTUAL)


@pytest.mark.parametrize("report", [True, False])
def test_a_rule_that_only_reports_says_so(report: bool) -> None:
    story = tell(policy_of(rule(report=report)), BrowserRequest(origin=EVIL), "https://api.example.com/")
    assert (story.is_report, story.allowed, story.reason) == (report, False, Reason.ORIGIN_NOT_ALLOWED)

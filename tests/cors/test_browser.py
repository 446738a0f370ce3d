"""The browser's side: each check in its order, up to the one that fails."""

from dataclasses import replace

import pytest

from corsproxy.cors.browser import BrowserRequest, Check, Step, judge
from corsproxy.cors.rule import Origins
from corsproxy.cors.vocabulary import Reason
from tests.cors.asking import RuleParts, policy_of, rule

APP = "https://app.example.com"
EVIL = "https://evil.example"
OK = Reason.ORIGIN_ALLOWED
TOKEN = RuleParts(allow_methods=("PUT", "PATCH"), allow_headers=("Authorization", "Content-Type"))
CREDENTIALS = RuleParts(allow_credentials=True, **TOKEN)
ANY = RuleParts(origins=Origins(any=True), allow_methods=("*",), allow_headers=("*",))


def verdict(parts: RuleParts, request: BrowserRequest) -> tuple[bool, Reason, list[str]]:
    """Allowed or not, why, and the checks as short lines: step, subject, and what failed."""
    told = judge(policy_of(rule(**parts)), request)
    lines = [f"{c.step} {c.subject}" + ("" if c.passed else f": {c.reason}") for c in told.checks]
    return told.allowed, told.reason, lines


@pytest.mark.parametrize(
    ("parts", "request_", "allowed", "reason", "checks"),
    [
        (TOKEN, BrowserRequest(origin=APP), True, OK, ["sendable GET", "forwarded GET", f"origin {APP}"]),
        (
            CREDENTIALS,
            BrowserRequest(origin=APP, credentials=True),
            True,
            OK,
            ["sendable GET", "forwarded GET", f"origin {APP}", "credentials true"],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, credentials=True),
            False,
            Reason.CREDENTIALS_NOT_ALLOWED,
            ["sendable GET", "forwarded GET", f"origin {APP}", "credentials : credentials_not_allowed"],
        ),
        (
            ANY,
            BrowserRequest(origin=EVIL, credentials=True),
            False,
            Reason.CREDENTIALS_NOT_ALLOWED,
            ["sendable GET", "forwarded GET", "origin *", "credentials *: credentials_not_allowed"],
        ),
        (ANY, BrowserRequest(origin="null"), True, OK, ["sendable GET", "forwarded GET", "origin *"]),
        (
            TOKEN,
            BrowserRequest(origin=EVIL),
            False,
            Reason.ORIGIN_NOT_ALLOWED,
            ["sendable GET", "forwarded GET", "origin : origin_not_allowed"],
        ),
        (
            CREDENTIALS,
            BrowserRequest(origin=APP, method="put", headers=("X-Id", "Content-Type"), credentials=True),
            False,
            Reason.HEADER_NOT_ALLOWED,
            [
                "sendable PUT",
                "sendable content-type",
                "sendable x-id",
                f"preflight_origin {APP}",
                "preflight_credentials true",
                "preflight_status 204",
                "preflight_method PUT",
                "preflight_header content-type",
                "preflight_header x-id: header_not_allowed",
            ],
        ),
        (
            CREDENTIALS,
            BrowserRequest(origin=APP, method="PUT", headers=("Authorization",), credentials=True),
            True,
            OK,
            [
                "sendable PUT",
                "sendable authorization",
                f"preflight_origin {APP}",
                "preflight_credentials true",
                "preflight_status 204",
                "preflight_method PUT",
                "preflight_header authorization",
                "forwarded PUT",
                f"origin {APP}",
                "credentials true",
            ],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, method="PUT", credentials=True),
            False,
            Reason.CREDENTIALS_NOT_ALLOWED,
            ["sendable PUT", f"preflight_origin {APP}", "preflight_credentials : credentials_not_allowed"],
        ),
        (
            TOKEN,
            BrowserRequest(origin=EVIL, method="PUT"),
            False,
            Reason.ORIGIN_NOT_ALLOWED,
            ["sendable PUT", "preflight_origin : origin_not_allowed"],
        ),
        (
            RuleParts(paths=("/other",)),
            BrowserRequest(origin=APP, method="PUT"),
            False,
            Reason.NO_RULE_FOR_PATH,
            ["sendable PUT", "preflight_origin : no_rule_for_path"],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, method="patch"),
            False,
            Reason.METHOD_CASE,
            [
                "sendable patch",
                f"preflight_origin {APP}",
                "preflight_status 204",
                "preflight_method patch: method_case",
            ],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, method="delete"),
            False,
            Reason.METHOD_NOT_ALLOWED,
            [
                "sendable DELETE",
                f"preflight_origin {APP}",
                "preflight_status 204",
                "preflight_method DELETE: method_not_allowed",
            ],
        ),
        (
            ANY,
            BrowserRequest(origin=EVIL, method="PURGE", headers=("X-A", "Authorization")),
            False,
            Reason.AUTHORIZATION_NOT_LISTED,
            [
                "sendable PURGE",
                "sendable authorization",
                "sendable x-a",
                "preflight_origin *",
                "preflight_status 204",
                "preflight_method PURGE",
                "preflight_header authorization: authorization_not_listed",
            ],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, headers=("Access-Control-Allow-Origin",)),
            False,
            Reason.CLIENT_SENDS_RESPONSE_HEADER,
            [
                "sendable GET",
                "sendable access-control-allow-origin",
                f"preflight_origin {APP}",
                "preflight_status 204",
                "preflight_method GET",
                "preflight_header access-control-allow-origin: client_sends_response_header",
            ],
        ),
        # Safelisted and forbidden names do not make a preflight; the latter are never sent.
        (
            TOKEN,
            BrowserRequest(origin=APP, headers=("Accept", "Range", "Cookie", "Sec-Fetch-Site", "Proxy-X")),
            True,
            OK,
            ["sendable GET", "forwarded GET", f"origin {APP}"],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, method="trace"),
            False,
            Reason.METHOD_NOT_ALLOWED,
            ["sendable trace: method_not_allowed"],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, headers=("X A",)),
            False,
            Reason.HEADER_NOT_ALLOWED,
            ["sendable GET", "sendable x a: header_not_allowed"],
        ),
        (
            RuleParts(block=True),
            BrowserRequest(origin=EVIL, method="POST"),
            False,
            Reason.ORIGIN_NOT_ALLOWED,
            ["sendable POST", "forwarded POST: origin_not_allowed"],
        ),
        # Not CORS at all.
        (TOKEN, BrowserRequest(origin=None, method="PUT"), True, Reason.NO_ORIGIN, ["sendable PUT"]),
        (
            TOKEN,
            BrowserRequest(origin="https://api.example.com", host="api.example.com", method="PUT"),
            True,
            Reason.SAME_ORIGIN,
            ["sendable PUT"],
        ),
        # A path is what is in front of the query.
        (
            RuleParts(paths=("/api",)),
            BrowserRequest(origin=APP, path="/api?x=/y#z"),
            True,
            OK,
            ["sendable GET", "forwarded GET", f"origin {APP}"],
        ),
        (
            TOKEN,
            BrowserRequest(origin=APP, websocket=True),
            True,
            OK,
            ["sendable GET", f"handshake {APP}"],
        ),
        (
            TOKEN,
            BrowserRequest(origin=EVIL, websocket=True, method="PUT", headers=("X-A",), credentials=True),
            False,
            Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED,
            ["sendable GET", f"handshake {EVIL}: websocket_origin_not_allowed"],
        ),
    ],
)
def test_checks(
    parts: RuleParts, request_: BrowserRequest, *, allowed: bool, reason: Reason, checks: list[str]
) -> None:
    assert verdict(parts, request_) == (allowed, reason, checks)
    # What a rule in report mode would do is what it is judged by.
    assert verdict(RuleParts(**{**parts, "report": True}), request_) == (allowed, reason, checks)


def test_a_verdict_has_the_lines_that_were_read_and_the_rule() -> None:
    decisive = rule(**CREDENTIALS)
    told = judge(policy_of(decisive), BrowserRequest(origin=APP, method="PUT", credentials=True))
    assert told.rule is decisive
    assert told.preflight is not None
    assert told.preflight_lines == (
        b"Access-Control-Allow-Origin: https://app.example.com\r\n"
        b"Access-Control-Allow-Credentials: true\r\n"
        b"Access-Control-Allow-Methods: PUT, PATCH\r\n"
        b"Access-Control-Allow-Headers: Authorization, Content-Type\r\n"
        b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
    )
    assert told.actual_lines == (
        b"Access-Control-Allow-Origin: https://app.example.com\r\nAccess-Control-Allow-Credentials: true\r\n"
    )
    assert told.checks[0] == Check(Step.SENDABLE, True, OK, "PUT")


def test_a_simple_request_has_no_preflight() -> None:
    told = judge(policy_of(rule()), BrowserRequest(origin=APP, method="post"))
    assert (told.preflight, told.preflight_lines) == (None, b"")


def test_the_address_called_says_whose_own_origin_it_is() -> None:
    policy = policy_of(rule())
    asked = BrowserRequest(origin="http://localhost:8080", host="localhost:8080")
    told = [judge(policy, replace(asked, scheme=scheme)).reason for scheme in ("http", "https")]
    assert told == [Reason.SAME_ORIGIN, Reason.ORIGIN_NOT_ALLOWED]

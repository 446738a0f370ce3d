"""What the answer to a preflight says, line by line, and what the browser will miss in it."""

import pytest

from corsproxy.cors.preflight import PreflightAnswer, is_token
from corsproxy.cors.rule import Origins
from corsproxy.cors.vocabulary import Action, Kind, Reason
from tests.cors.asking import Head, RuleParts, ask, policy_of, rule

ACAO = b"Access-Control-Allow-Origin: https://app.example.com\r\n"
STAR = b"Access-Control-Allow-Origin: *\r\n"
ACAC = b"Access-Control-Allow-Credentials: true\r\n"
DEFAULT = b"Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
VARY = b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
LISTED = RuleParts(allow_methods=("PUT", "PATCH"), allow_headers=("Authorization", "X-Trace"), max_age=600)
LISTED_LINES = (
    b"Access-Control-Allow-Methods: PUT, PATCH\r\nAccess-Control-Allow-Headers: Authorization, X-Trace\r\n"
)
MAX_AGE = b"Access-Control-Max-Age: 600\r\n"
ANY_HEADER = RuleParts(allow_headers=("*",))
ANY_ECHOED = RuleParts(allow_methods=("*",), allow_headers=("*",), allow_credentials=True)


def preflight(method: bytes = b"PUT", headers: bytes | None = None, *, private_network: bool = False) -> Head:
    return Head(
        method=b"OPTIONS",
        request_method=method,
        request_headers=headers,
        request_private_network=private_network,
    )


@pytest.mark.parametrize(
    ("parts", "head", "reason"),
    [
        (LISTED, preflight(b"PUT"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(b"GET"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(b"HEAD"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(b"POST"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(b"patch"), Reason.METHOD_CASE),
        (LISTED, preflight(b"get"), Reason.METHOD_CASE),
        (LISTED, preflight(b"DELETE"), Reason.METHOD_NOT_ALLOWED),
        (LISTED, preflight(b""), Reason.METHOD_NOT_ALLOWED),
        (LISTED, preflight(b"PUT,PATCH"), Reason.METHOD_NOT_ALLOWED),
        (LISTED, preflight(b"*"), Reason.METHOD_NOT_ALLOWED),
        (LISTED, preflight(b"DELETE", b"x-unknown"), Reason.METHOD_NOT_ALLOWED),  # as browsers, methods first
        (LISTED, preflight(headers=b"authorization,x-trace"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b"Authorization , X-TRACE"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b",,authorization,, ,\t,x-trace,"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b""), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b"accept,accept-language,content-language,range"), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b"content-type"), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"x-unknown"), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"x-trac"), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"x-trace:"), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"x-trace authorization"), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"x-trace;authorization"), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"*"), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"access-control-allow-origin"), Reason.CLIENT_SENDS_RESPONSE_HEADER),
        (LISTED, preflight(headers=b"Access-Control-Max-Age"), Reason.CLIENT_SENDS_RESPONSE_HEADER),
        (LISTED, preflight(headers=b"access-control-expose-headers"), Reason.CLIENT_SENDS_RESPONSE_HEADER),
        (LISTED, preflight(headers=b"\xe2\x84\xaa"), Reason.HEADER_NOT_ALLOWED),
        (RuleParts(), preflight(b"GET", b"authorization"), Reason.HEADER_NOT_ALLOWED),
        (ANY_HEADER, preflight(b"GET", b"x-anything,content-type"), Reason.ORIGIN_ALLOWED),
        (ANY_HEADER, preflight(b"GET", b"access-control-allow-origin"), Reason.ORIGIN_ALLOWED),
        (ANY_HEADER, preflight(b"GET", b"Authorization,x-a"), Reason.AUTHORIZATION_NOT_LISTED),
        (ANY_HEADER, preflight(b"GET", b"x a"), Reason.HEADER_NOT_ALLOWED),
        (
            RuleParts(allow_headers=("*", "Authorization")),
            preflight(b"GET", b"authorization"),
            Reason.ORIGIN_ALLOWED,
        ),
        (RuleParts(allow_methods=("*",)), preflight(b"PURGE"), Reason.ORIGIN_ALLOWED),
        (RuleParts(allow_methods=("*",)), preflight(b"PU RGE"), Reason.METHOD_NOT_ALLOWED),
        (RuleParts(allow_methods=("*",)), preflight(b"X" * 65), Reason.METHOD_NOT_ALLOWED),
        (ANY_ECHOED, preflight(b"PURGE", b"x-anything"), Reason.ORIGIN_ALLOWED),
        (ANY_ECHOED, preflight(b"PURGE", b"authorization"), Reason.AUTHORIZATION_NOT_LISTED),
        (LISTED, preflight(headers=b"x-trace," * 256), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b"x-trace," * 257), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"," * 256), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b"," * 257), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"," * 8192), Reason.HEADER_NOT_ALLOWED),
        (LISTED, preflight(headers=b"x-trace" + b" " * 4089), Reason.ORIGIN_ALLOWED),
        (LISTED, preflight(headers=b"x-trace" + b" " * 4090), Reason.HEADER_NOT_ALLOWED),
    ],
)
def test_reasons(parts: RuleParts, head: Head, reason: Reason) -> None:
    told = ask(policy_of(rule(**parts)), head)
    assert told._replace(lines=b"") == (
        Kind.PREFLIGHT,
        reason,
        Action.ANSWER,
        204,
        True,
        True,
        reason is not Reason.ORIGIN_ALLOWED,
        b"",
    )


@pytest.mark.parametrize(
    ("parts", "head", "lines"),
    [
        (RuleParts(), preflight(b"GET"), ACAO + DEFAULT + VARY),
        (LISTED, preflight(), ACAO + LISTED_LINES + MAX_AGE + VARY),
        # What is missing is never said otherwise: the browser reads the same list and names it.
        (LISTED, preflight(b"DELETE"), ACAO + LISTED_LINES + MAX_AGE + VARY),
        (LISTED, preflight(b"patch"), ACAO + LISTED_LINES + MAX_AGE + VARY),
        (LISTED, preflight(headers=b"x-unknown"), ACAO + LISTED_LINES + MAX_AGE + VARY),
        (LISTED, preflight(headers=b"," * 8192), ACAO + LISTED_LINES + MAX_AGE + VARY),
        (LISTED, preflight(headers=b"X-Trace\r\nSet-Cookie: a=b"), ACAO + LISTED_LINES + MAX_AGE + VARY),
        (RuleParts(allow_credentials=True), preflight(b"GET"), ACAO + ACAC + DEFAULT + VARY),
        (RuleParts(max_age=0), preflight(b"GET"), ACAO + DEFAULT + b"Access-Control-Max-Age: 0\r\n" + VARY),
        (RuleParts(max_age=-1), preflight(b"GET"), ACAO + DEFAULT + b"Access-Control-Max-Age: -1\r\n" + VARY),
        # Safelisted names are granted when they are asked for, beside what is listed.
        (
            RuleParts(),
            preflight(b"GET", b"Range, accept"),
            ACAO + DEFAULT + b"Access-Control-Allow-Headers: accept, range\r\n" + VARY,
        ),
        (
            RuleParts(allow_headers=("X-A", "Accept")),
            preflight(b"GET", b"accept,content-language,x-a"),
            ACAO + DEFAULT + b"Access-Control-Allow-Headers: X-A, Accept, content-language\r\n" + VARY,
        ),
        (
            ANY_HEADER,
            preflight(b"GET", b"range,x-a"),
            ACAO + DEFAULT + b"Access-Control-Allow-Headers: *\r\n" + VARY,
        ),
        (
            RuleParts(allow_methods=("*",), allow_headers=("*", "Authorization")),
            preflight(b"PURGE", b"x-a"),
            ACAO
            + b"Access-Control-Allow-Methods: *\r\n"
            + b"Access-Control-Allow-Headers: *, Authorization\r\n"
            + VARY,
        ),
        # With credentials `*` is what was asked for, if it can be that at all.
        (
            ANY_ECHOED,
            preflight(b"PURGE", b"X-B, x-a,,x-b"),
            ACAO
            + ACAC
            + b"Access-Control-Allow-Methods: PURGE\r\n"
            + b"Access-Control-Allow-Headers: x-b, x-a\r\n"
            + VARY,
        ),
        (ANY_ECHOED, preflight(b"GET"), ACAO + ACAC + DEFAULT + VARY),
        (ANY_ECHOED, preflight(b"PU RGE", b"x a"), ACAO + ACAC + DEFAULT + VARY),
        (ANY_ECHOED, preflight(b"X" * 65, b"," * 8192), ACAO + ACAC + DEFAULT + VARY),
        (
            ANY_ECHOED,
            preflight(b"GET", b"authorization,x-a,x\xff"),
            ACAO + ACAC + DEFAULT + b"Access-Control-Allow-Headers: x-a\r\n" + VARY,
        ),
        (
            RuleParts(
                allow_methods=("PUT", "*"), allow_headers=("*", "Authorization"), allow_credentials=True
            ),
            preflight(b"PURGE", b"authorization,x-a"),
            ACAO
            + ACAC
            + b"Access-Control-Allow-Methods: PUT, PURGE\r\n"
            + b"Access-Control-Allow-Headers: Authorization, x-a\r\n"
            + VARY,
        ),
        # A rule that is plain `*` answers all alike; nothing varies.
        (RuleParts(origins=Origins(any=True)), preflight(b"GET"), STAR + DEFAULT),
        (
            RuleParts(origins=Origins(any=True), max_age=5),
            preflight(),
            STAR + DEFAULT + b"Access-Control-Max-Age: 5\r\n",
        ),
        # Private Network Access is said only where the rule says so, to those that ask.
        (RuleParts(), preflight(b"GET", private_network=True), ACAO + DEFAULT + VARY),
        (RuleParts(allow_private_network=True), preflight(b"GET"), ACAO + DEFAULT + VARY),
        (
            RuleParts(allow_private_network=True),
            preflight(b"GET", private_network=True),
            ACAO + DEFAULT + b"Access-Control-Allow-Private-Network: true\r\n" + VARY,
        ),
        # Nothing is exposed on preflights.
        (RuleParts(expose_headers=("X-Total-Count",)), preflight(b"GET"), ACAO + DEFAULT + VARY),
    ],
)
def test_lines(parts: RuleParts, head: Head, lines: bytes) -> None:
    assert ask(policy_of(rule(**parts)), head).lines == lines


def test_the_status_is_the_rules() -> None:
    assert ask(policy_of(rule(preflight_status=200)), preflight(b"GET")).status == 200


def test_the_size_of_an_answer_is_bounded_whatever_is_asked() -> None:
    names = b",".join(b"x-%d" % number for number in range(256))
    head = preflight(b"X" * 64, names[:4096])
    lines = ask(policy_of(rule(**ANY_ECHOED)), head).lines
    assert len(lines) < 4096 + 256 + 64 + len(ACAO + ACAC + VARY) + 80


TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_a_token_has_letters_digits_and_fifteen_marks() -> None:
    assert bytes(byte for byte in range(256) if is_token(b"a%c" % byte)) == bytes(sorted(TOKEN))
    assert not is_token(b"")


def test_what_is_lacking_is_named_once_in_lower_case() -> None:
    answer = PreflightAnswer(rule(**LISTED))
    assert answer.lacking(b"X-B, authorization,,x-a ,x-b,accept") == (b"x-b", b"x-a")
    assert answer.lacking(b"x-trace") == answer.lacking(None) == ()

"""The browser's checks over fields as they may come from anybody; the slow oracle of tests/cors/browser.py agrees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.cors.checks import Cause, Step, cors_check, joined, preflight_checks, up_to_failure
from corsproxy.cors.vocabulary import Reason
from tests.cors import browser

APP = b"https://app.example.com"
ACAO, ACAC = b"Access-Control-Allow-Origin", b"access-control-allow-credentials"
ACAM, ACAH = b"Access-Control-Allow-Methods", b"Access-Control-Allow-Headers"


def test_lines_of_one_name_are_joined_as_browsers_do() -> None:
    fields = [(b"Vary", b" a "), (b"vary", b"b"), (b"X", b"\tc")]
    assert joined(fields) == {b"vary": b"a, b", b"x": b"c"}


@pytest.mark.parametrize(
    ("fields", "include", "cause", "reason"),
    [
        ([], False, Cause.ORIGIN_MISSING, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"")], False, Cause.ORIGIN_INVALID, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"*.example.com")], False, Cause.ORIGIN_INVALID, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"true")], False, Cause.ORIGIN_INVALID, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"capacitor://localhost")], False, Cause.ORIGIN_DIFFERS, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"Az09+.-x://a")], False, Cause.ORIGIN_DIFFERS, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"-x://a")], False, Cause.ORIGIN_INVALID, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"null")], False, Cause.ORIGIN_DIFFERS, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, APP + b"/")], False, Cause.ORIGIN_DIFFERS, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, APP), (ACAO, APP)], False, Cause.ORIGIN_SEVERAL, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"*"), (ACAO, APP)], False, Cause.ORIGIN_SEVERAL, Reason.ORIGIN_NOT_ALLOWED),
        ([(ACAO, b"*")], True, Cause.WILDCARD_WITH_CREDENTIALS, Reason.CREDENTIALS_NOT_ALLOWED),
        ([(ACAO, APP)], True, Cause.CREDENTIALS_MISSING, Reason.CREDENTIALS_NOT_ALLOWED),
        ([(ACAO, APP), (ACAC, b"True")], True, Cause.CREDENTIALS_MISSING, Reason.CREDENTIALS_NOT_ALLOWED),
        (
            [(ACAO, APP), (ACAC, b"true"), (ACAC, b"true")],
            True,
            Cause.CREDENTIALS_MISSING,
            Reason.CREDENTIALS_NOT_ALLOWED,
        ),
        ([(ACAO, APP), (ACAC, b"true")], True, None, Reason.ORIGIN_ALLOWED),
        ([(ACAO, b"*")], False, None, Reason.ORIGIN_ALLOWED),
    ],
)
def test_who_may_read(
    fields: list[tuple[bytes, bytes]], include: bool, cause: Cause | None, reason: Reason
) -> None:
    last = up_to_failure(cors_check(joined(fields), APP, include=include))[-1]
    assert (last.passed, last.cause, last.reason) == (cause is None, cause, reason)


def test_null_is_named_and_a_known_reason_goes_before() -> None:
    assert [c.reason for c in cors_check({}, b"null", include=False)] == [Reason.ORIGIN_NULL]
    told = cors_check({}, APP, include=False, why=Reason.NO_RULE_FOR_PATH)
    assert [c.reason for c in told] == [Reason.NO_RULE_FOR_PATH]


GRANTED = {b"access-control-allow-origin": APP}


@pytest.mark.parametrize(
    ("status", "fields", "method", "names", "step", "cause", "reason"),
    [
        (
            302,
            {b"location": b"/"},
            "PUT",
            (),
            Step.PREFLIGHT_REDIRECT,
            Cause.PREFLIGHT_REDIRECT,
            Reason.BACKEND_REDIRECT,
        ),
        (404, {}, "PUT", (), Step.PREFLIGHT_ORIGIN, Cause.ORIGIN_MISSING, Reason.ORIGIN_NOT_ALLOWED),
        (404, GRANTED, "PUT", (), Step.PREFLIGHT_STATUS, Cause.PREFLIGHT_STATUS, Reason.ORIGIN_NOT_ALLOWED),
        (204, GRANTED, "PUT", (), Step.PREFLIGHT_METHOD, Cause.METHOD, Reason.METHOD_NOT_ALLOWED),
        (
            204,
            {**GRANTED, ACAM.lower(): b"PATCH"},
            "patch",
            (),
            Step.PREFLIGHT_METHOD,
            Cause.METHOD,
            Reason.METHOD_CASE,
        ),
        (
            204,
            {**GRANTED, ACAM.lower(): b"PUT; GET"},
            "PUT",
            (),
            Step.PREFLIGHT_METHOD,
            Cause.METHODS_UNREADABLE,
            Reason.METHOD_NOT_ALLOWED,
        ),
        (
            204,
            {**GRANTED, ACAH.lower(): b"x a"},
            "GET",
            ("x",),
            Step.PREFLIGHT_HEADER,
            Cause.HEADERS_UNREADABLE,
            Reason.HEADER_NOT_ALLOWED,
        ),
        (204, GRANTED, "GET", ("x-a",), Step.PREFLIGHT_HEADER, Cause.HEADER, Reason.HEADER_NOT_ALLOWED),
        (
            204,
            {**GRANTED, ACAH.lower(): b"*"},
            "GET",
            ("authorization", "x-a"),
            Step.PREFLIGHT_HEADER,
            Cause.HEADER,
            Reason.AUTHORIZATION_NOT_LISTED,
        ),
        (
            204,
            GRANTED,
            "GET",
            ("access-control-allow-origin",),
            Step.PREFLIGHT_HEADER,
            Cause.HEADER,
            Reason.CLIENT_SENDS_RESPONSE_HEADER,
        ),
        (
            200,
            {**GRANTED, ACAM.lower(): b" PUT ,", ACAH.lower(): b"X-A"},
            "PUT",
            ("x-a",),
            Step.PREFLIGHT_HEADER,
            None,
            Reason.ORIGIN_ALLOWED,
        ),
    ],
)
def test_what_a_preflight_grants(
    status: int,
    fields: dict[bytes, bytes],
    method: str,
    names: tuple[str, ...],
    step: Step,
    cause: Cause | None,
    reason: Reason,
) -> None:
    asked = tuple(name.encode() for name in names)
    checks = up_to_failure(preflight_checks(status, fields, APP, method.encode(), asked, include=False))
    last = checks[-1]
    assert (last.step, last.cause, last.reason, last.passed) == (step, cause, reason, cause is None)
    assert all(check.passed for check in checks[:-1])


VALUES = {
    "access-control-allow-origin": st.sampled_from([None, "*", APP.decode(), f"*, {APP.decode()}", "null"]),
    "access-control-allow-credentials": st.sampled_from([None, "true", "True", "false"]),
    "access-control-allow-methods": st.sampled_from([None, "*", "PUT", "GET, PUT", "put", ",PUT,"]),
    "access-control-allow-headers": st.sampled_from(
        [None, "*", "X-A", "x-a, authorization", "*, Authorization"]
    ),
}


@given(
    st.fixed_dictionaries(VALUES),
    st.sampled_from([200, 204, 301, 404]),
    st.sampled_from(["GET", "PUT", "PATCH"]),
    st.frozensets(st.sampled_from(["x-a", "authorization", "x-b"])),
    st.booleans(),
)
def test_the_oracle_agrees(
    drawn: dict[str, str | None], status: int, method: str, names: frozenset[str], include: bool
) -> None:
    fields = {name: value for name, value in drawn.items() if value is not None}
    read = joined((name.encode(), value.encode()) for name, value in fields.items())
    asked = [name.encode() for name in sorted(names)]
    ours = up_to_failure(preflight_checks(status, read, APP, method.encode(), asked, include=include))
    due = browser.preflight_check(APP.decode(), method, names, status, fields, include=include)
    assert ours[-1].passed is due
    read_by_page = up_to_failure(cors_check(read, APP, include=include))[-1].passed
    assert read_by_page is browser.cors_check(APP.decode(), fields, include=include)

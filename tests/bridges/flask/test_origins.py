"""What origins become: a table, and the law that nothing is ever let in that was not.

Laws: the old side is Flask-CORS itself, imported: its own resolving and matching of patterns. The new side is the policy's matcher.
"""

import re
from collections.abc import Sequence

import pytest
from flask_cors.core import _resolve_patterns as resolve_patterns
from flask_cors.core import sanitize_regex_param, try_match_any_pattern
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.bridges.flask.asking import problems_with
from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.objects import Option
from corsproxy.bridges.flask.origins import Entry, carry_origins, matcher_of

PLACE = Place("app.py", 1)


def carried(value: object, *, credentials: bool = False) -> tuple[list[Entry], Findings]:
    findings = Findings()
    option = Option(value, PLACE, "origins")
    found = carry_origins(option, credentials=credentials, judge=problems_with, findings=findings)
    return found.entries, findings


def texts(value: object, *, credentials: bool = False) -> list[str]:
    entries, _ = carried(value, credentials=credentials)
    return [f"regex:{entry.text}" if entry.is_regex else entry.text for entry in entries]


def lets_in_before(value: object, origin: str) -> bool:
    """Ask Flask-CORS."""
    return bool(
        try_match_any_pattern(origin, resolve_patterns(sanitize_regex_param(value), ignore_case=True), False)
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("*", ["*"]),
        (".*", ["*"]),
        (["*", "https://app.example.com"], ["*"]),
        (r"^.*$", ["*"]),
        ("https://app.example.com", ["https://app.example.com"]),
        ("HTTPS://App.Example.com", ["https://app.example.com"]),
        (("https://a.example", "https://b.example"), ["https://a.example", "https://b.example"]),
        ("chrome-extension://abcdef", ["chrome-extension://abcdef"]),
        (r"https://.*\.example\.com", ["https://*.example.com"]),
        (r"https://.*.example.com", ["https://*.example.com"]),
        (r"https://.+\.example\.com$", ["https://*.example.com"]),
        (r"https://.*?\.example\.com$", ["https://*.example.com"]),
        (r".*\.example\.com$", ["https://*.example.com", "http://*.example.com"]),
        (r"https://(.*\.)?example\.com", ["https://example.com", "https://*.example.com"]),
        (r"https://.*example\.com", ["https://example.com", "https://*.example.com"]),
        (r"https?://(www\.)?example\.com$", [
            "http://example.com", "http://www.example.com", "https://example.com", "https://www.example.com",
        ]),
        (r"^https://(a|b)\.example\.com$", ["https://a.example.com", "https://b.example.com"]),
        (r"^https://a\.example\.com$|^https://b\.example\.com$", ["https://a.example.com", "https://b.example.com"]),
        (r"^https://[a-z0-9-]+\.example\.com$", [r"regex:https://[a-z0-9\-]+\.example\.com"]),
        (r"^https://[A-Z]+\.Example\.com$", [r"regex:https://[a-z]+\.example\.com"]),
        (r"^https://pr-\d+\.example\.com", [r"regex:https://pr-\d+\.example\.com"]),
        (r"^https://[a-z]+.example.com$", [r"regex:https://[a-z]+\.example\.com"]),
        (r"^https://x((ab|cd)(ef|gh)){2}\.example\.com$", [r"regex:https://x(?:(?:ab|cd)(?:ef|gh)){2}\.example\.com"]),
        ("http://localhost:*", ["http://localhost:*"]),
        (r"http://localhost:\d+", [r"regex:http://localhost:\d+"]),
        (r"^http://(localhost|127\.0\.0\.1)", ["http://localhost:*", "http://127.0.0.1:*"]),
        (r"https://example.com/*", ["https://example.com"]),
        (r"^https://my-app-.*\.vercel\.app$", [r"regex:https://my-app-[a-z0-9-]+\.vercel\.app"]),
        (re.compile(r"https://x\.example"), ["https://x.example"]),
        # Nothing is left of these.
        ("null", []),
        ("", []),
        ("https://*.example.com", []),
        ("https://example.com/", []),
        ("https://a.example,https://b.example", []),
        ("example.com", []),
        ("https://example.com:443", []),
        (r"https?://.*", []),
        (r".*example.*", []),
        (r"https://.*\.herokuapp\.com", []),
        (r"^(?!https://evil).*$", []),
        (r"(a+)+$", []),
        ("https://[unclosed", []),
        ('["https://a.example"]', []),
        (None, []),
        (7, []),
        (re.compile(b"https://x"), []),
        (re.compile(r"https://X\.example"), []),
    ],
)  # fmt: skip
def test_what_is_written(value: object, written: list[str]) -> None:
    assert texts(value) == written


@pytest.mark.parametrize(
    ("value", "written", "code"),
    [
        ("*", [], Code.ANY_WITH_CREDENTIALS),
        (["*", "https://a.example"], ["https://a.example"], Code.ANY_WITH_CREDENTIALS),
        ("http://a.example", [], Code.ORIGIN_REFUSED),
        ("http://localhost:3000", ["http://localhost:3000"], None),
        (r"https?://a\.example$", ["https://a.example"], Code.ORIGIN_REFUSED),
        (r".*\.example\.com$", ["https://*.example.com"], Code.ORIGIN_REFUSED),
        ("null", [], Code.ORIGIN_NULL),
    ],
)
def test_what_is_written_with_credentials(value: object, written: list[str], code: Code | None) -> None:
    entries, findings = carried(value, credentials=True)
    assert [entry.text for entry in entries] == written
    assert {finding.code for finding in findings} >= ({code} if code else set())
    assert bool(list(findings)) is (code is not None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (r"https://.*\.example\.com", "https://app.example.com.evil.example"),
        (r"https://.*example\.com$", "https://xexample.com"),
        (r"https://app.example.com.*", "https://app.example.com.evil.example"),
        ("https://*.example.com", "https://xexample.com"),
        (r"http://localhost:*", "http://localhost.evil.example"),
        ('["https://a.example"]', "https://evil.example"),
        (r"https?://.*", "https://evil.example"),
    ],
)
def test_a_loss_names_who_was_let_in(value: str, shown: str) -> None:
    entries, findings = carried(value)
    let_in = [origin for finding in findings for origin in finding.let_in]
    assert shown in let_in
    assert all(lets_in_before(value, origin) for origin in let_in)
    assert not any(matcher_of(entries).allows(origin.encode()) for origin in let_in)


HOSTS = ("example.com", "app.example.com", "a.b.example.com", "evilexample.com", "example.com.evil.example", "xexample.com",
         "localhost", "localhost.evil.example", "examplexcom", "app-1.example.com", "api.example.org")  # fmt: skip
CANDIDATES = [
    f"{scheme}://{host}{port}"
    for scheme in ("https", "http")
    for host in HOSTS
    for port in ("", ":3000", ":8080")
]
PIECES = st.sampled_from(
    ["https://", "http://", "https?://", "^", "$", ".*", ".+", ".", r"\.", "example", "com", "app", "(app|www)", "[a-z]+",
     r"\d+", "localhost", ":", r"(:\d+)?", "*", "?", "evil", "-", r"(.*\.)?", "[^.]+", "/", "|", "x", "A", "{1,3}", r"\w+"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, min_size=2, max_size=9).map("".join))
def test_nothing_is_let_in_that_was_not(pattern: str) -> None:
    assert_no_broader([pattern], CANDIDATES)


@pytest.mark.parametrize(
    "pattern",
    [
        r"https://.*\.example\.com",
        r"https?://.*example.com",
        "http://localhost:*",
        r"^https://(app|www)\.example\.com",
        "*",
    ],
)
@settings(deadline=None)
@given(st.text("htps:/.examplcovil-0123*A", max_size=30).map("https://{}".format))
def test_nothing_is_let_in_that_was_not_whoever_asks(pattern: str, origin: str) -> None:
    assert_no_broader([pattern], [origin])


def assert_no_broader(value: Sequence[str], candidates: Sequence[str]) -> None:
    entries, findings = carried(value)
    matcher = matcher_of(entries)
    allowed = [origin for origin in candidates if matcher.allows(origin.encode())]
    try:
        assert all(lets_in_before(value, origin) for origin in allowed), (entries, allowed)
    except ValueError:  # Flask-CORS does not start with such a pattern
        assert not entries
    if not entries:
        assert any(finding.is_loss for finding in findings)


@pytest.mark.parametrize(
    ("value", "suggested", "with_credentials"),
    [
        ("https://*.vercel.app", [], []),
        ("http://a.example/", ["http://a.example"], []),
        ("a.example/", ["https://a.example"], ["https://a.example"]),
        ("https://*.example.com", ["https://*.example.com"], ["https://*.example.com"]),
        ("x", ["https://x"], ["https://x"]),
    ],
)
def test_nothing_is_suggested_that_would_be_refused(
    value: str, suggested: list[str], with_credentials: list[str]
) -> None:
    for credentials, expected in ((False, suggested), (True, with_credentials)):
        _, (finding,) = carried(value, credentials=credentials)
        assert re.findall(r"(?:write|add|and) (https?://\S+)", finding.fix) == expected
        assert not any(problems_with(Entry(text, ""), credentials) for text in expected)

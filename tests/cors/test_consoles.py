"""What consoles print: each cause once, told apart, and only where something failed."""

import re

import pytest

from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.checks import Check, Step
from corsproxy.cors.consoles import CAUSES, Cause, Console, mixed_content, predict, printed, unsendable
from corsproxy.cors.rule import Origins
from corsproxy.cors.vocabulary import Reason
from tests.cors.asking import RuleParts, policy_of, rule

# Firefox does not say whether a value could be an origin at all.
ALIKE_IN_FIREFOX = [Cause.ORIGIN_INVALID, Cause.ORIGIN_DIFFERS]
URL = "https://api.example.com/api/x"


def predicted(parts: RuleParts, request: BrowserRequest) -> Console | None:
    return predict(judge(policy_of(rule(**parts)), request), request, URL)


def test_every_cause_has_texts_that_tell_it_from_the_others() -> None:
    assert set(CAUSES) == set(Cause)
    for side in ("chrome", "firefox"):
        texts = {cause: getattr(CAUSES[cause], side).format(value="x") for cause in Cause}
        for cause, told in CAUSES.items():
            if not getattr(told, side):
                continue  # it says nothing
            pattern = re.escape(getattr(told, side)).replace(re.escape("{value}"), ".*")
            alike = [other for other, text in texts.items() if re.search(pattern, text)]
            assert alike == (ALIKE_IN_FIREFOX if side == "firefox" and cause in ALIKE_IN_FIREFOX else [cause])


@pytest.mark.parametrize(
    "request_",
    [
        BrowserRequest(origin="https://app.example.com"),
        BrowserRequest(origin=None),
        BrowserRequest(origin="https://app.example.com", websocket=True),
    ],
)
def test_nothing_is_printed_where_nothing_failed(request_: BrowserRequest) -> None:
    assert predicted({}, request_) is None


def test_the_status_in_firefox_is_that_of_the_response_that_failed() -> None:
    evil = "https://evil.example"
    ends = {
        "forwarded": predicted({}, BrowserRequest(origin=evil)),
        "preflight": predicted({}, BrowserRequest(origin=evil, method="PUT")),
        "blocked": predicted({"block": True}, BrowserRequest(origin=evil)),
    }
    assert {name: console and console.firefox[-17:] for name, console in ends.items()} == {
        "forwarded": "Status code: 200.",
        "preflight": "Status code: 403.",
        "blocked": "Status code: 403.",
    }


def test_chrome_alone_lets_a_star_cover_authorization() -> None:
    star: RuleParts = {"origins": Origins(any=True), "allow_headers": ("*",)}
    console = predicted(star, BrowserRequest(origin="https://a.example", headers=("Authorization",)))
    assert console is not None
    assert console.chrome is None
    assert "header ‘authorization’ is not allowed" in console.firefox


def test_firefox_tells_several_lines_from_a_list_in_one() -> None:
    several = Check(Step.ORIGIN, False, Reason.ORIGIN_NOT_ALLOWED, "*, https://b", Cause.ORIGIN_SEVERAL)
    for lines, words in ((2, "Multiple CORS header"), (1, "does not match ‘*, https://b’")):
        console = printed(several, URL, "https://a", status=200, include=False, lines=lines)
        assert console is not None
        assert console.chrome is not None
        assert "contains multiple values '*, https://b', but only one is allowed" in console.chrome
        assert words in console.firefox


def test_a_line_names_where_a_redirect_began() -> None:
    missing = Check(Step.ORIGIN, False, Reason.ORIGIN_NULL, "", Cause.ORIGIN_MISSING)
    console = printed(missing, URL, "https://a", status=404, include=False, first_url="https://b/")
    assert console is not None
    assert console.chrome is not None
    assert console.chrome.startswith(
        f"Access to fetch at '{URL}' (redirected from 'https://b/') from origin 'https://a' has"
    )
    assert console.firefox.endswith("Status code: 404.")


FAILED_FETCH = "Uncaught (in promise) TypeError: Failed to execute 'fetch' on 'Window': "
FIREFOX_FETCH = "Uncaught (in promise) TypeError: Window.fetch: "


@pytest.mark.parametrize(
    ("request_", "chrome", "firefox"),
    [
        (
            BrowserRequest(origin="https://app.example.com", headers=("Bad Name",)),
            "Invalid name",
            "bad name is an invalid header name.",
        ),
        *[
            (
                BrowserRequest(origin="https://app.example.com", method=method),
                f"'{method}' HTTP method is unsupported.",
                f"Invalid request method {method}.",
            )
            for method in ("CONNECT", "TRACE", "TRACK", "Track")
        ],
        (
            BrowserRequest(origin="https://app.example.com", method="GE T"),
            "'GE T' is not a valid HTTP method.",
            "Invalid request method GE T.",
        ),
    ],
)
def test_what_fetch_throws_before_anything_is_sent(
    request_: BrowserRequest, chrome: str, firefox: str
) -> None:
    assert predicted({}, request_) == Console(f"{FAILED_FETCH}{chrome}", f"{FIREFOX_FETCH}{firefox}")


def test_a_method_and_a_header_are_told_apart() -> None:
    assert unsendable("x", is_method=True) != unsendable("x", is_method=False)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.example.com/live", "wss://api.example.com/live"),
        ("http://localhost:8080/live?http=1", "ws://localhost:8080/live?http=1"),
        ("wss://api.example.com/live", "wss://api.example.com/live"),
    ],
)
def test_a_refused_handshake(url: str, address: str) -> None:
    request = BrowserRequest(origin="https://evil.example", websocket=True)
    assert predict(judge(policy_of(rule()), request), request, url) == Console(
        f"WebSocket connection to '{address}' failed: Error during WebSocket handshake: Unexpected response code: 403",
        f"Firefox can’t establish a connection to the server at {address}.",
    )


def test_of_what_was_no_response_nothing_is_printed() -> None:
    redirected = Check(Step.REDIRECT, False, Reason.BACKEND_REDIRECT, "too many redirects")
    assert printed(redirected, URL, "https://a", status=302, include=False) is None


def test_what_is_printed_whole() -> None:
    """One cause of each form: with a status, without, of a preflight, beside credentials."""
    missing = Check(Step.PREFLIGHT_STATUS, False, Reason.ORIGIN_NOT_ALLOWED, "405", Cause.PREFLIGHT_STATUS)
    assert printed(missing, URL, "https://a", status=405, include=False) == Console(
        f"Access to fetch at '{URL}' from origin 'https://a' has been blocked by CORS policy: Response to preflight request "
        "doesn't pass access control check: It does not have HTTP ok status.",
        f"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at {URL}. "
        "(Reason: CORS preflight response did not succeed). Status code: 405.",
    )
    several = Check(Step.ORIGIN, False, Reason.ORIGIN_NOT_ALLOWED, "*, *", Cause.ORIGIN_SEVERAL)
    console = printed(several, URL, "https://a", status=200, include=False)
    assert console is not None
    assert console.firefox == (
        f"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at {URL}. "
        "(Reason: Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed)."
    )
    header = Check(
        Step.PREFLIGHT_HEADER, False, Reason.AUTHORIZATION_NOT_LISTED, "authorization", Cause.HEADER
    )
    console = printed(header, URL, "https://a", status=204, include=True)
    assert console is not None
    assert console.chrome == (
        f"Access to fetch at '{URL}' from origin 'https://a' has been blocked by CORS policy: Request header field "
        "authorization is not allowed by Access-Control-Allow-Headers in preflight response."
    )
    assert mixed_content("http://api.example/", "https://a").firefox == (
        "Blocked loading mixed active content “http://api.example/”"
    )

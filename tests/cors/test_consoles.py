"""What consoles print: each cause once, told apart, and only where something failed."""

import re

import pytest

from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.checks import Check, Step
from corsproxy.cors.consoles import CAUSES, Cause, Console, predict, printed
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

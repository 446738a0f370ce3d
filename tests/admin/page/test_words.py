"""How numbers, times and reasons are said."""

from pathlib import Path

import pytest

from corsproxy.admin.page.words import (
    TITLES,
    ago,
    change,
    change_tone,
    clock,
    cookie_fix,
    cookie_why,
    counted,
    iso,
    moment,
    span,
    title,
)
from corsproxy.config.load import load
from corsproxy.cors.comparison import Change
from corsproxy.cors.cookies import CookieFault, CookieRewrite, cookie_fault
from corsproxy.cors.vocabulary import Reason
from tests.admin.page.ledgers import NOW, RULES


def test_every_reason_has_a_title() -> None:
    assert set(TITLES) == set(Reason)
    assert title("a_reason_of_tomorrow") == "a reason of tomorrow"


@pytest.mark.parametrize("name", ["session", "__Host-id", "null", "1e3", "a: b", "]", ""])
@pytest.mark.parametrize("fault", CookieFault)
def test_every_cookie_fault_has_its_words_and_a_key_that_mends_it(
    fault: CookieFault, name: str, tmp_path: Path
) -> None:
    assert cookie_why(fault).endswith(".")
    file = tmp_path / "c.yaml"
    file.write_text(RULES.replace("  - name: api\n", f"  - name: api\n    {cookie_fix(fault, name)}\n"))
    cookies = load(file, {}).rules[0].cookies
    assert cookies is not None
    assert cookies.names == (("session",) if name == "session" else ())
    dropped = {
        CookieFault.NOT_SECURE: b"session=1; SameSite=None",
        CookieFault.SAME_SITE_NOT_NONE: b"session=1; Path=/",
    }[fault]
    assert cookie_fault(dropped) is fault
    assert cookie_fault(CookieRewrite(cookies).rewrite(dropped)) is None


def test_a_cookie_fault_of_tomorrow() -> None:
    assert (cookie_why("too_large"), cookie_fix("too_large", "a")) == ("too large", "")


def test_every_change_has_its_words() -> None:
    assert [(change(one), change_tone(one)) for one in Change] == [
        ("newly refused", "refused"),
        ("newly allowed", "report"),
        ("other fields", "plain"),
    ]
    assert (change("of_tomorrow"), change_tone("of_tomorrow")) == ("of tomorrow", "plain")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (1.9, "just now"),
        (2, "2 seconds ago"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (86400 * 400, "400 days ago"),
    ],
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert ago(NOW - seconds, NOW) == said
    assert ago(0, NOW) == "never"


def test_numbers_and_times() -> None:
    assert (counted(1, "request"), counted(12345, "request")) == ("1 request", "12,345 requests")
    assert (span(0.4), span(59.9)) == ("less than a second", "59 seconds")
    assert (iso(NOW), clock(NOW)) == ("2026-01-02T04:04:05Z", "2026-01-02 04:04:05 UTC")
    assert (iso(1e300), iso(float("nan"))) == ("1970-01-01T00:00:00Z",) * 2
    assert (moment("2026-01-02T04:04:05.000Z"), moment("yesterday")) == (NOW, 0.0)

"""Set-Cookie rewritten by name; what is not named stays as it came."""

import pytest

from corsproxy.cors.cookies import CookieFault, CookieRewrite, cookie_fault, cookie_name, is_cross_site
from corsproxy.cors.rule import Cookies

CROSS_SITE = Cookies(same_site="None", secure=True)


@pytest.mark.parametrize(
    ("cookies", "value", "rewritten"),
    [
        (CROSS_SITE, b"session=abc", b"session=abc; SameSite=None; Secure"),
        (
            CROSS_SITE,
            b"session=abc; Path=/; HttpOnly",
            b"session=abc; Path=/; HttpOnly; SameSite=None; Secure",
        ),
        (CROSS_SITE, b"session=abc; SameSite=Lax; Path=/", b"session=abc; SameSite=None; Path=/; Secure"),
        (CROSS_SITE, b"session=abc;samesite = strict;secure", b"session=abc; SameSite=None;secure"),
        (CROSS_SITE, b"session=abc; SameSite=none; SECURE", b"session=abc; SameSite=none; SECURE"),
        (CROSS_SITE, b"a=1; SameSite=Lax; SameSite=Strict", b"a=1; SameSite=None; Secure"),
        (CROSS_SITE, b"a=1; SameSite", b"a=1; SameSite=None; Secure"),
        (CROSS_SITE, b"a=1; secure=yes", b"a=1; Secure; SameSite=None"),
        (
            CROSS_SITE,
            b'a="x, y"; expires=Thu, 01 Jan 1970 00:00:00 GMT',
            b'a="x, y"; expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=None; Secure',
        ),
        (CROSS_SITE, b"samesite=1", b"samesite=1; SameSite=None; Secure"),  # a cookie of that name
        (CROSS_SITE, b"a=\xff\x80;  Priority=High ;", b"a=\xff\x80;  Priority=High ;; SameSite=None; Secure"),
        (Cookies(partitioned=True), b"a=1; Secure", b"a=1; Secure; Partitioned"),
        (Cookies(partitioned=True), b"a=1; partitioned", b"a=1; partitioned"),
        (Cookies(partitioned=False), b"a=1; Partitioned; Secure", b"a=1; Secure"),
        (Cookies(secure=False), b"a=1; Secure; Path=/", b"a=1; Path=/"),
        (Cookies(secure=False), b"a=1; Path=/", b"a=1; Path=/"),
        (Cookies(same_site="Lax"), b"a=1; Secure; SameSite=None", b"a=1; Secure; SameSite=Lax"),
        (Cookies(), b"a=1; SameSite=Lax", b"a=1; SameSite=Lax"),
        (Cookies(same_site="None", names=("session",)), b"session=1", b"session=1; SameSite=None"),
        (Cookies(same_site="None", names=("session",)), b" session =1", b" session =1; SameSite=None"),
        (
            Cookies(same_site="None", names=("session",)),
            b"Session=1; SameSite=Lax",
            b"Session=1; SameSite=Lax",
        ),
        (Cookies(same_site="None", names=("session",)), b"mysession=1", b"mysession=1"),
        (Cookies(same_site="None", names=("session",)), b"session", b"session"),  # a value without a name
        (Cookies(same_site="None", names=("a", "b")), b"b=1", b"b=1; SameSite=None"),
    ],
)
def test_one_value(cookies: Cookies, value: bytes, rewritten: bytes) -> None:
    assert CookieRewrite(cookies).rewrite(value) == rewritten


def test_rewriting_twice_is_rewriting_once() -> None:
    rewrite = CookieRewrite(Cookies(same_site="None", secure=True, partitioned=True)).rewrite
    once = rewrite(b"a=1; samesite=lax; Path=/")
    assert rewrite(once) == once


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"a=1; SameSite=None; Secure", None),
        (b"a=1;samesite = none ;SECURE", None),
        (b"a=1; SameSite=Lax; SameSite=None; Secure=yes", None),  # the last one counts
        (b"a=1; SameSite=None", CookieFault.NOT_SECURE),
        (b"a=1", CookieFault.SAME_SITE_NOT_NONE),
        (b"a=1; Secure", CookieFault.SAME_SITE_NOT_NONE),
        (b"a=1; SameSite=None; SameSite=Lax; Secure", CookieFault.SAME_SITE_NOT_NONE),
        (b"a=1; SameSite=strict; Secure", CookieFault.SAME_SITE_NOT_NONE),
        (b"a=1; SameSite; Secure", CookieFault.SAME_SITE_NOT_NONE),
        (b"SameSite=None", CookieFault.SAME_SITE_NOT_NONE),  # a cookie of that name
        (b"", CookieFault.SAME_SITE_NOT_NONE),
    ],
)
def test_what_browsers_drop_from_cross_site_answers(value: bytes, fault: CookieFault | None) -> None:
    assert cookie_fault(value) is fault


@pytest.mark.parametrize(
    ("value", "name"), [(b"session=a=b; Path=/", b"session"), (b" a =1", b"a"), (b"nameless; Secure", b"")]
)
def test_names(value: bytes, name: bytes) -> None:
    assert cookie_name(value) == name


@pytest.mark.parametrize(
    ("origin", "host", "site", "expected"),
    [
        (b"https://app.example", b"api.other", None, True),
        (b"https://app.example.com", b"api.example.com:8443", None, False),
        (b"https://a.github.io", b"b.github.io", None, False),  # who could tell
        (b"https://a.github.io", b"b.github.io", b"cross-site", True),
        (b"https://app.example.com", b"api.example.com", b"same-site", False),
        (b"https://app.example", b"api.other", b"none", False),
        (b"http://localhost:3000", b"localhost:8080", None, False),
        (b"http://localhost:3000", b"127.0.0.1:8080", None, True),
        (b"http://[::1]:3000", b"[::1]:8080", None, False),
        (b"http://[::1]", b"[::1]", None, False),
        (b"null", b"api.example.com", None, True),
    ],
)
def test_sites(origin: bytes, host: bytes, site: bytes | None, expected: bool) -> None:
    assert is_cross_site(origin, host, site) is expected

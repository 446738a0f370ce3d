"""What browsers do with a Set-Cookie, attribute by attribute."""

import pytest

from corsproxy.bridges.probe.cookies import Cookie, cookies_of
from tests.bridges.probe.dialogue import API, APP, answer

PAGE_ELSEWHERE = "https://shop.example.org"
THIRD = "it is a third party's"


def judged(value: str, *, page: str = APP, origin: str = API, include: bool = True) -> Cookie:
    (cookie,) = cookies_of(answer(200, f"Set-Cookie: {value}"), page=page, origin=origin, include=include)
    return cookie


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("s=1", ""),
        ("s=1; SameSite=Lax", ""),
        ("s=1; SameSite=None", "SameSite=None needs Secure beside it"),
        ("s=1; samesite=none; SECURE", ""),
        ("s=1; Partitioned", "Partitioned needs Secure beside it"),
        ("s=1; Domain=example.com", ""),
        ("s=1; Domain=.Example.com", ""),
        ("s=1; Domain=api.example.com", ""),
        ("s=1; Domain=other.example.com", "Domain=other.example.com does not cover the host api.example.com"),
        ("s=1; Domain=pi.example.com", "Domain=pi.example.com does not cover the host api.example.com"),
        ("s=1; Domain=com", "Domain=com is a public suffix, under which anybody can have a site"),
        ("__Host-s=1; Secure; Path=/", ""),
        ("__Host-s=1; Secure; Path=/x", "the prefix __Host- needs Path=/"),
        ("__HOST-s=1; Secure; Path=/; Domain=example.com", "the prefix __HOST- allows no Domain"),
        ("__Secure-s=1", "the prefix __Secure- needs Secure"),
        ("__Http-s=1; Secure", "the prefix __Http- needs HttpOnly, in Chrome"),
        ("__Host-Http-s=1; Secure; Path=/; HttpOnly", ""),
        ("=", "it has neither a name nor a value"),
        ("s=" + "x" * 4096, "name and value together are longer than 4096 bytes"),
        ("s=\x01", "it holds control characters"),
        ("only-a-value", ""),
    ],
)
def test_within_a_site(value: str, fault: str) -> None:
    assert judged(value).faults == ((fault,) if fault else ())
    assert judged(value).cautions == ()


@pytest.mark.parametrize(
    ("value", "faults", "caution"),
    [
        (
            "s=1",
            [
                "no SameSite, which Chrome takes for Lax, and the page is on another site: it needs SameSite=None; Secure"
            ],
            "",
        ),
        (
            "s=1; SameSite=Strict",
            ["SameSite=Strict, and the page is on another site: it needs SameSite=None; Secure"],
            "",
        ),
        ("s=1; SameSite=None; Secure", [], THIRD),
        ("s=1; SameSite=None; Secure; Partitioned", [], ""),
    ],
)
def test_across_sites(value: str, faults: list[str], caution: str) -> None:
    cookie = judged(value, page=PAGE_ELSEWHERE)
    assert list(cookie.faults) == faults
    assert [each[: len(THIRD)] for each in cookie.cautions] == ([caution] if caution else [])


@pytest.mark.parametrize(
    ("origin", "faults"),
    [
        ("http://api.example.com", ("Secure, but http://api.example.com is not https",)),
        ("http://localhost:8080", ()),
    ],
)
def test_secure_is_for_https_and_the_loopback(origin: str, faults: tuple[str, ...]) -> None:
    assert judged("s=1; Secure", page=origin, origin=origin).faults == faults


def test_without_credentials_none_counts_but_those_of_the_pages_own_origin() -> None:
    assert judged("s=1", include=False).faults == (
        'the page asks without credentials: "include", so no Set-Cookie counts',
    )
    assert judged("s=1", page=API, include=False).faults == ()


def test_http_and_https_are_two_sites_and_addresses_are_their_own() -> None:
    assert judged("s=1", page="http://app.example.com").faults != ()
    assert judged("s=1", page="http://127.0.0.1:1", origin="http://127.0.0.1:2").faults == ()
    (domain,) = judged("s=1; Domain=0.0.1", page="http://127.0.0.1", origin="http://127.0.0.1").faults
    assert domain == "Domain=0.0.1 does not cover the host 127.0.0.1"


def test_names_and_known_attributes_are_told_and_no_value() -> None:
    cookie = judged("sid=secret; Path=/a; Max-Age=60; HttpOnly; Odd=secret; Expires=secret")
    assert (cookie.name, cookie.attributes) == (
        "sid",
        ("Path=/a", "Max-Age=60", "HttpOnly", "Odd", "Expires"),
    )
    assert judged("secret; Path=/").name == ""


def test_every_line_is_a_cookie() -> None:
    both = answer(200, "Set-Cookie: a=1", "set-cookie: b=2")
    assert [each.name for each in cookies_of(both, page=APP, origin=API, include=True)] == ["a", "b"]

"""The way through preflights and redirects, rule by rule of the Fetch standard."""

from collections.abc import Mapping

import pytest

from corsproxy.bridges.probe.exchange import Answer, Asked, Failure, FailureKind, Sent
from corsproxy.bridges.probe.report import Outcome
from corsproxy.bridges.probe.requests import USER_AGENT
from corsproxy.cors.checks import Cause, Step
from tests.bridges.probe.dialogue import API, APP, answer, ask, field, of_the_walk

OTHER = "https://other.example.net"


def echoing(sent: Sent) -> Answer:
    """A server that allows whatever it is asked."""
    return answer(
        204 if sent.method == "OPTIONS" else 200,
        f"Access-Control-Allow-Origin: {field(sent, 'origin') or '*'}",
        "Access-Control-Allow-Credentials: true",
        f"Access-Control-Allow-Methods: {field(sent, 'access-control-request-method') or ''}",
        f"Access-Control-Allow-Headers: {field(sent, 'access-control-request-headers') or ''}",
        "Vary: Origin",
    )


class Redirecting:
    """Allows everything, and sends on: {URL: (status, Location)}. Preflights are not sent on."""

    def __init__(self, ways: Mapping[str, tuple[int, str]]) -> None:
        self._ways = ways

    def __call__(self, sent: Sent) -> Answer:
        granted = echoing(sent)
        if sent.method == "OPTIONS" or sent.url not in self._ways:
            return granted
        status, location = self._ways[sent.url]
        return Answer(status=status, fields=(*granted.fields, (b"Location", location.encode())))


def asking(url: str = f"{API}/a", **more: object) -> Asked:
    return Asked(origin=APP, url=url, **more)  # type: ignore[arg-type]


def test_a_simple_request_is_sent_as_browsers_do() -> None:
    report, sent = ask(asking(), echoing)
    assert report.outcome is Outcome.READABLE
    assert sent[0] == Sent(
        method="GET",
        url=f"{API}/a",
        fields=(
            ("Accept", "*/*"),
            ("Origin", APP),
            ("User-Agent", USER_AGENT),
            ("Accept-Language", "en"),
            ("Accept-Encoding", "gzip, deflate, br"),
            ("Referer", f"{APP}/"),
            ("Sec-Fetch-Dest", "empty"),
            ("Sec-Fetch-Mode", "cors"),
            ("Sec-Fetch-Site", "same-site"),
        ),
    )


def test_a_preflight_asks_in_the_browsers_way_and_has_nothing_of_the_request() -> None:
    fields = (("X-B", "secret"), ("x-a", "1"), ("Accept", "text/html"), ("Authorization", "Bearer secret"))
    asked = asking(method="put", fields=fields, include=True, cookie="s=secret", body=b"{}", sends=True)
    report, sent = ask(asked, echoing)
    assert report.outcome is Outcome.READABLE
    preflight, actual = sent
    assert (preflight.method, preflight.body) == ("OPTIONS", None)
    assert preflight.fields[:4] == (
        ("Accept", "*/*"),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "authorization,x-a,x-b"),
        ("Origin", APP),
    )
    assert "secret" not in str(preflight)
    assert (actual.method, actual.body) == ("PUT", b"{}")
    told = {name: field(actual, name) for name in ("cookie", "authorization", "content-type", "accept")}
    assert told == {
        "cookie": "s=secret",
        "authorization": "Bearer secret",
        "content-type": "text/plain;charset=UTF-8",
        "accept": "text/html",
    }


def test_a_preflight_that_asks_for_no_header_has_no_such_field() -> None:
    _, sent = ask(asking(method="DELETE"), echoing)
    assert field(sent[0], "access-control-request-headers") is None


@pytest.mark.parametrize(
    "name", ["Cookie", "Host", "Sec-Fetch-Site", "Proxy-Authorization", "Content-Length"]
)
def test_what_pages_may_not_set_is_not_sent(name: str) -> None:
    _, sent = ask(asking(fields=((name, "mine"),)), echoing)
    assert all("mine" not in str(each) for each in sent)


def test_the_way_from_https_to_http_tells_no_referer_and_no_metadata() -> None:
    _, sent = ask(Asked(origin="http://app.example.com", url="http://api.example.com/"), echoing)
    assert field(sent[0], "referer") == "http://app.example.com/"
    assert field(sent[0], "sec-fetch-mode") is None


@pytest.mark.parametrize(
    ("asked", "outcome", "walk"),
    [
        (asking(method="PUT"), Outcome.PREFLIGHT_PASSED, [f"OPTIONS {API}/a"]),
        (asking(method="POST"), Outcome.NOT_SENT, []),
        (asking(method="POST", sends=True), Outcome.READABLE, [f"POST {API}/a"]),
        (asking(url=f"{APP}/own", method="PUT"), Outcome.NOT_SENT, []),
        (asking(url=f"{APP}/own", method="PUT", sends=True), Outcome.READABLE, [f"PUT {APP}/own"]),
        (asking(is_preflight_only=True), Outcome.NOT_SENT, []),
        (
            asking(fields=(("X-A", "1"),), is_preflight_only=True),
            Outcome.PREFLIGHT_PASSED,
            [f"OPTIONS {API}/a"],
        ),
        (asking(method="OPTIONS"), Outcome.READABLE, [f"OPTIONS {API}/a", f"OPTIONS {API}/a"]),
    ],
)
def test_what_may_change_something_is_only_sent_when_asked_to(
    asked: Asked, outcome: Outcome, walk: list[str]
) -> None:
    report, sent = ask(asked, echoing)
    assert (report.outcome, of_the_walk(sent)) == (outcome, walk)


@pytest.mark.parametrize(
    ("method", "fields", "checks"),
    [
        ("TRACE", (), ["sendable TRACE"]),
        ("A B", (), ["sendable A B"]),
        ("GET", (("X Y", "1"),), ["sendable GET", "sendable x y"]),
    ],
)
def test_what_fetch_refuses_is_not_sent(
    method: str, fields: tuple[tuple[str, str], ...], checks: list[str]
) -> None:
    report, sent = ask(asking(method=method, fields=fields), echoing)
    assert (report.outcome, sent) == (Outcome.BLOCKED, [])
    assert [f"{check.step} {check.subject}" for check in report.hops[0].checks] == checks
    assert report.console is not None
    assert report.console.chrome is not None
    assert "TypeError" in report.console.chrome


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://api.example.com/", False),
        ("http://192.168.0.1/", False),
        ("http://localhost:8080/", True),
        ("http://a.localhost/", True),
        ("http://127.0.0.1:5000/", True),
        ("http://[::1]/", True),
    ],
)
def test_a_page_on_https_calls_http_on_the_loopback_only(url: str, allowed: bool) -> None:
    report, sent = ask(asking(url=url), echoing)
    assert (report.outcome is Outcome.READABLE) is allowed
    assert bool(sent) is allowed
    assert report.reason == ("origin_allowed" if allowed else "mixed_content")


def test_a_failure_ends_the_way_and_is_no_matter_of_cors() -> None:
    down = Failure(FailureKind.REFUSED, "Nobody listens.", "Start it.")
    report, sent = ask(asking(method="PUT"), lambda _: down)
    assert (report.outcome, report.reason, report.failure) == (Outcome.UNREACHABLE, "refused", down)
    assert (len(sent), report.failed_at, report.advice) == (1, sent[0], ("Start it.",))
    report, _ = ask(asking(), lambda _: Failure(FailureKind.TLS, "Expired."))
    assert report.outcome is Outcome.UNTRUSTED


def origins(sent: list[Sent], walk: list[str]) -> list[str | None]:
    return [field(each, "origin") for each in sent[: len(walk)]]


# name: page's request, ways, what a browser sends, with which Origin
REDIRECTS = {
    "within the server": (
        asking(),
        {f"{API}/a": (302, "/b")},
        [f"GET {API}/a", f"GET {API}/b"],
        [APP, APP],
    ),
    "to a third origin taints": (
        asking(),
        {f"{API}/a": (302, f"{OTHER}/b")},
        [f"GET {API}/a", f"GET {OTHER}/b"],
        [APP, "null"],
    ),
    "from the page's own does not taint": (
        asking(url=f"{APP}/a"),
        {f"{APP}/a": (302, f"{API}/b")},
        [f"GET {APP}/a", f"GET {API}/b"],
        [None, APP],
    ),
    "back to the page's own taints, and is checked": (
        asking(),
        {f"{API}/a": (302, f"{APP}/b")},
        [f"GET {API}/a", f"GET {APP}/b"],
        [APP, "null"],
    ),
    "301 makes a POST a GET": (
        asking(method="POST", body=b"x", sends=True),
        {f"{API}/a": (301, "/b")},
        [f"POST {API}/a", f"GET {API}/b"],
        [APP, APP],
    ),
    "301 leaves a PUT": (
        asking(method="PUT", body=b"x", sends=True),
        {f"{API}/a": (301, "/b")},
        [f"OPTIONS {API}/a", f"PUT {API}/a", f"OPTIONS {API}/b", f"PUT {API}/b"],
        [APP] * 4,
    ),
    "303 makes a PUT a GET, without preflight": (
        asking(method="PUT", body=b"x", sends=True),
        {f"{API}/a": (303, "/b")},
        [f"OPTIONS {API}/a", f"PUT {API}/a", f"GET {API}/b"],
        [APP] * 3,
    ),
    "303 leaves a HEAD": (
        asking(method="HEAD"),
        {f"{API}/a": (303, "/b")},
        [f"HEAD {API}/a", f"HEAD {API}/b"],
        [APP, APP],
    ),
    "307 leaves a POST": (
        asking(method="POST", body=b"x", sends=True),
        {f"{API}/a": (307, "/b")},
        [f"POST {API}/a", f"POST {API}/b"],
        [APP, APP],
    ),
    "308 with a header asks again": (
        asking(fields=(("X-A", "1"),)),
        {f"{API}/a": (308, f"{OTHER}/b")},
        [f"OPTIONS {API}/a", f"GET {API}/a", f"OPTIONS {OTHER}/b", f"GET {OTHER}/b"],
        [APP, APP, "null", "null"],
    ),
    "304 is an answer": (asking(), {f"{API}/a": (304, "/b")}, [f"GET {API}/a"], [APP]),
    "relative, with dots": (
        asking(url=f"{API}/x/y/z?q"),
        {f"{API}/x/y/z?q": (302, "../b?c#d")},
        [f"GET {API}/x/y/z?q", f"GET {API}/x/b?c"],
        [APP, APP],
    ),
}


@pytest.mark.parametrize("name", REDIRECTS)
def test_redirects_that_are_followed(name: str) -> None:
    asked, ways, walk, with_origins = REDIRECTS[name]
    report, sent = ask(asked, Redirecting(ways))
    assert report.outcome is Outcome.READABLE
    assert of_the_walk(sent) == walk
    assert origins(sent, walk) == with_origins


def test_a_redirect_without_a_location_is_an_answer() -> None:
    report, sent = ask(asking(), lambda _: answer(302, f"Access-Control-Allow-Origin: {APP}"))
    assert (report.outcome, of_the_walk(sent)) == (Outcome.READABLE, [f"GET {API}/a"])
    assert report.readable is not None
    assert report.readable.status == 302


def test_a_redirect_across_origins_takes_authorization_and_cookies_away() -> None:
    asked = asking(
        fields=(("Authorization", "t"), ("X-A", "1")),
        include=True,
        cookie="s=1",
        body=b"b",
        sends=True,
        method="PUT",
    )
    _, sent = ask(asked, Redirecting({f"{API}/a": (307, f"{OTHER}/b")}))
    there = [each for each in sent if each.url == f"{OTHER}/b"]
    assert [each.method for each in there] == ["OPTIONS", "PUT"]
    assert field(there[0], "access-control-request-headers") == "x-a"
    actual = there[1]
    assert (field(actual, "authorization"), field(actual, "cookie")) == (None, None)
    assert (field(actual, "x-a"), actual.body, field(actual, "sec-fetch-site")) == ("1", b"b", "cross-site")


def test_a_method_that_changes_loses_the_fields_of_its_body() -> None:
    fields = (("Content-Type", "text/plain"), ("Content-Language", "en"))
    asked = asking(method="POST", body=b"x", fields=fields, sends=True)
    _, sent = ask(asked, Redirecting({f"{API}/a": (302, "/b")}))
    assert (field(sent[1], "content-type"), field(sent[1], "content-language"), sent[1].body) == (
        None,
        None,
        None,
    )


def test_a_method_that_stays_keeps_the_fields_of_its_body() -> None:
    asked = asking(fields=(("Content-Language", "en"),))
    _, sent = ask(asked, Redirecting({f"{API}/a": (303, "/b")}))
    assert (of_the_walk(sent)[1], field(sent[1], "content-language")) == (f"GET {API}/b", "en")


FAILING_REDIRECTS = {
    "user name, to another origin": ("https://u:p@other.example.net/", "comes with a user name or password"),
    "user name, same server": ("https://u:p@api.example.com/b", "comes with a user name or password"),
    "another scheme": ("ftp://api.example.com/", "is not an address that begins with http:// or https://"),
    "no address": ("https://", "has no host"),
}


@pytest.mark.parametrize("name", FAILING_REDIRECTS)
def test_redirects_that_fail(name: str) -> None:
    location, why = FAILING_REDIRECTS[name]
    report, sent = ask(asking(), Redirecting({f"{API}/a": (302, location)}))
    failed = report.hops[-1].checks[-1]
    assert (report.outcome, failed.step, report.reason) == (
        Outcome.BLOCKED,
        Step.REDIRECT,
        "backend_redirect",
    )
    assert why in failed.subject
    assert "u:p" not in failed.subject
    assert of_the_walk(sent) == [f"GET {API}/a"]


def test_a_user_name_within_the_pages_own_origin_is_followed() -> None:
    ways = {f"{APP}/a": (302, "https://u:p@app.example.com/b")}
    report, sent = ask(asking(url=f"{APP}/a"), Redirecting(ways))
    assert (report.outcome, of_the_walk(sent)) == (Outcome.READABLE, [f"GET {APP}/a", f"GET {APP}/b"])


def test_a_user_name_across_origins_has_a_cause_of_its_own_and_is_not_shown() -> None:
    ways = {f"{API}/a": (302, "https://u:p@other.example/b")}
    failed = ask(asking(), Redirecting(ways))[0].hops[-1].checks[-1]
    assert (failed.cause, failed.subject) == (
        Cause.REDIRECT_CREDENTIALS,
        "https://other.example/b comes with a user name or password, which is not allowed across origins.",
    )


def test_a_redirect_from_https_to_http_is_mixed_content() -> None:
    report, _ = ask(asking(), Redirecting({f"{API}/a": (302, "http://api.example.com/")}))
    assert (report.outcome, report.reason, len(report.hops)) == (Outcome.BLOCKED, "mixed_content", 2)


def test_twenty_redirects_and_no_more() -> None:
    ways = {f"{API}/{at}": (302, f"/{at + 1}") for at in range(30)}
    report, sent = ask(asking(url=f"{API}/0"), Redirecting(ways))
    assert (report.outcome, report.hops[-1].checks[-1].subject) == (
        Outcome.BLOCKED,
        "this is redirect 21; browsers follow 20.",
    )
    assert len(of_the_walk(sent)) == 21
    report, _ = ask(asking(url=f"{API}/10"), Redirecting(ways))
    assert report.outcome is Outcome.READABLE


def test_a_redirect_without_the_grant_is_not_followed() -> None:
    report, sent = ask(asking(), lambda _: answer(302, "Location: /b"))
    assert (report.outcome, report.reason) == (Outcome.BLOCKED, "origin_not_allowed")
    assert f"GET {API}/b" not in of_the_walk(sent)


def test_a_preflight_is_not_redirected() -> None:
    report, sent = ask(asking(method="PUT"), lambda _: answer(307, f"Location: {API}/a/"))
    assert (report.outcome, report.reason, of_the_walk(sent)) == (
        Outcome.BLOCKED,
        "backend_redirect",
        [f"OPTIONS {API}/a"],
    )
    assert "call /a/ in the page" in report.advice[0]


def test_a_tainted_origin_needs_null_or_a_star() -> None:
    def server(sent: Sent) -> Answer:
        if sent.url == f"{API}/a":
            return answer(302, f"Access-Control-Allow-Origin: {APP}", f"Location: {OTHER}/")
        return answer(200, f"Access-Control-Allow-Origin: {APP}")

    report, _ = ask(asking(), server)
    assert (report.outcome, report.reason) == (Outcome.BLOCKED, "origin_null")
    assert report.console is not None
    assert report.console.chrome is not None
    assert f"at '{OTHER}/' (redirected from '{API}/a') from origin '{APP}'" in report.console.chrome

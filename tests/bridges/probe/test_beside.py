"""What is told beside the verdict: what a page can read, how long a preflight is kept, caches, networks, addresses."""

import pytest

from corsproxy.bridges.probe.address import Address, Space, read_address, site_relation, space_of
from corsproxy.bridges.probe.cache import STRANGER, CacheFinding, CachePair
from corsproxy.bridges.probe.exchange import Answer, Asked, Failure, FailureKind, Sent
from corsproxy.bridges.probe.network import local_network_note, mixed_content_notes
from corsproxy.bridges.probe.readable import lifetime_of, readable_of
from corsproxy.bridges.probe.report import Outcome
from corsproxy.bridges.probe.words import about_caches
from tests.bridges.probe.dialogue import API, APP, answer, ask, field

CAME = ("Content-Type: a/b", "ETag: x", "X-Total: 3", "Set-Cookie: s=1", "Date: now", "Last-Modified: then")


@pytest.mark.parametrize(
    ("exposed", "include", "is_cors", "fields", "hidden"),
    [
        (None, False, True, ("Content-Type", "Last-Modified"), ("ETag", "X-Total")),
        ("etag, X-Other", False, True, ("Content-Type", "ETag", "Last-Modified"), ("X-Total",)),
        ("*", False, True, ("Content-Type", "ETag", "X-Total", "Date", "Last-Modified"), ()),
        ("*", True, True, ("Content-Type", "Last-Modified"), ("ETag", "X-Total")),
        ("Set-Cookie", False, True, ("Content-Type", "Last-Modified"), ("ETag", "X-Total")),
        (None, False, False, ("Content-Type", "ETag", "X-Total", "Date", "Last-Modified"), ()),
    ],
)
def test_what_a_page_can_read(
    exposed: str | None, include: bool, is_cors: bool, fields: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    came = answer(200, *CAME, *([f"Access-Control-Expose-Headers: {exposed}"] if exposed else []))
    told = readable_of(came, "GET", include=include, is_cors=is_cors)
    shown = tuple(name for name in told.fields if not name.startswith("Access"))
    assert (told.status, shown, told.hidden, told.has_body) == (200, fields, hidden, True)


def test_what_every_page_may_read_and_what_nobody_misses() -> None:
    """https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name."""
    readable = (
        "Cache-Control",
        "Content-Language",
        "Content-Length",
        "Content-Type",
        "Expires",
        "Last-Modified",
        "Pragma",
    )
    never = ("Set-Cookie", "Set-Cookie2")
    of_no_interest = ("Connection", "Date", "Keep-Alive", "Server", "Transfer-Encoding", "Vary", "Via")
    came = answer(200, *(f"{name}: 1" for name in (*readable, *never, *of_no_interest, "Access-Control-X")))
    told = readable_of(came, "GET", include=False, is_cors=True)
    assert (told.fields, told.hidden) == (readable, ())
    own = readable_of(came, "GET", include=True, is_cors=False)
    assert (own.fields, own.hidden) == ((*readable, *of_no_interest, "Access-Control-X"), ())


@pytest.mark.parametrize(
    ("method", "came"),
    [
        ("HEAD", answer(200)),
        ("GET", answer(204)),
        ("GET", answer(304)),
        ("GET", answer(200, "Content-Length: 0")),
    ],
)
def test_some_answers_have_no_body(method: str, came: Answer) -> None:
    assert not readable_of(came, method, include=False, is_cors=True).has_body


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (None, (5, 5, 5)),
        ("soon", (5, 5, 5)),
        ("10, 20", (5, 5, 5)),
        ("-1", (0, 0, 0)),
        ("0", (0, 0, 0)),
        ("300", (300, 300, 300)),
        ("86400", (7200, 86400, 600)),
        ("999999999", (7200, 86400, 600)),
    ],
)
def test_how_long_a_preflight_is_kept(written: str | None, seconds: tuple[int, int, int]) -> None:
    lifetime = lifetime_of(answer(204, *([f"Access-Control-Max-Age: {written}"] if written else [])))
    assert lifetime.written == written
    assert tuple(lifetime.seconds[engine] for engine in ("chromium", "firefox", "webkit")) == seconds


def pair(server: dict[str, list[str]], status: int = 200) -> CachePair:
    """Ask a server whose fields depend on whether Origin is missing (none), the page's (own) or a stranger's."""
    seen: list[Sent] = []

    def answers(sent: Sent) -> Answer:
        seen.append(sent)
        who = {None: "none", APP: "own", STRANGER: "stranger"}.get(field(sent, "origin"), "nobody")
        return answer(status if who == "stranger" else 200, *server.get(who, []))

    report, _ = ask(Asked(origin=APP, url=f"{API}/a?b", cookie="s=1", include=True), answers)
    assert report.cache is not None
    stranger = next(sent for sent in seen if field(sent, "origin") == STRANGER)
    assert (stranger.url, field(stranger, "cookie")) == (f"{API}/a?b&corsproxy-probe=marker0", None)
    return report.cache


OWN = [f"Access-Control-Allow-Origin: {APP}", "Access-Control-Allow-Credentials: true"]
ALSO = [f"Access-Control-Allow-Origin: {STRANGER}"]
VARY = ["Vary: Accept, origin"]
STAR = ["Access-Control-Allow-Origin: *"]


@pytest.mark.parametrize(
    ("server", "finding", "lacking"),
    [
        ({"none": STAR, "own": STAR, "stranger": STAR}, CacheFinding.SAME_FOR_ALL, 3),
        ({}, CacheFinding.NONE_FOR_ALL, 3),
        ({"none": OWN, "own": OWN, "stranger": OWN}, CacheFinding.ONE_CONSTANT, 3),
        ({"none": VARY, "own": OWN + VARY, "stranger": VARY}, CacheFinding.VARIES, 0),
        ({"none": ["Vary: *"], "own": OWN + VARY, "stranger": VARY}, CacheFinding.VARIES, 0),
        ({"none": [], "own": OWN + VARY, "stranger": VARY}, CacheFinding.MISSING_VARY, 1),
        ({"own": OWN}, CacheFinding.MISSING_VARY, 3),
        (
            {
                who: [*fields, "Cache-Control: private, no-store"]
                for who, fields in {"none": [], "own": OWN}.items()
            },
            CacheFinding.NOT_STORED,
            3,
        ),
    ],
)
def test_what_caches_would_do(server: dict[str, list[str]], finding: CacheFinding, lacking: int) -> None:
    told = pair(server)
    assert (told.finding, len(told.lacking), told.reflects, told.trusts) == (finding, lacking, False, False)


def test_a_stranger_that_is_let_in_is_told() -> None:
    told = pair({"none": VARY, "own": OWN + VARY, "stranger": ALSO + VARY})
    assert (told.finding, told.reflects, told.trusts) == (CacheFinding.VARIES, True, False)
    assert (
        False,
        "Any origin is let in: an unknown one was. If that is meant, * says so, and needs no Vary.",
    ) in [*about_caches(told)]
    told = pair({"own": OWN, "stranger": [*ALSO, "Access-Control-Allow-Credentials: true", "Age: 3"]})
    assert (told.finding, told.reflects, told.trusts) == (CacheFinding.MISSING_VARY, True, True)


def test_a_stranger_who_gets_another_status_says_nothing() -> None:
    told = pair({"none": VARY, "own": OWN + VARY, "stranger": []}, status=400)
    assert (told.finding, told.stranger) == (CacheFinding.VARIES, None)


def test_caches_are_no_matter_where_they_cannot_be_asked() -> None:
    def server(sent: Sent) -> Answer | Failure:
        return answer(200, *STAR) if field(sent, "origin") else Failure(FailureKind.CLOSED, "Gone.")

    report, _ = ask(Asked(origin=APP, url=f"{API}/"), server)
    assert (report.outcome, report.cache) == (Outcome.READABLE, None)
    own, _ = ask(Asked(origin=API, url=f"{API}/"), server)
    assert own.cache is None


@pytest.mark.parametrize(
    ("page", "origin", "address", "begins"),
    [
        ("https://a.example", "https://b.example", "203.0.113.1", ""),
        (
            "https://a.example",
            "https://b.example",
            "10.0.0.1",
            "b.example (10.0.0.1) is on a private network: for",
        ),
        ("https://a.example", "http://127.0.0.1:80", "127.0.0.1", "127.0.0.1 is this machine itself: for"),
        ("https://a.example", "http://localhost", "::1", "localhost (::1) is this machine itself: for"),
        (
            "http://a.example",
            "http://192.168.1.1",
            "",
            "192.168.1.1 is on a private network: to a page on http",
        ),
        ("http://localhost:3000", "http://localhost:5000", "127.0.0.1", ""),
        ("http://10.0.0.2", "http://10.0.0.1", "", ""),
        ("https://nas.local", "http://localhost", "", "localhost is this machine itself: for"),
        ("http://nas.local", "http://localhost", "", "localhost is this machine itself: to a page on http"),
        ("null", "http://localhost", "", "localhost is this machine itself: for"),
    ],
)
def test_local_network_access(page: str, origin: str, address: str, begins: str) -> None:
    note = local_network_note(page, origin, address)
    assert note.startswith(begins)
    assert bool(note) is bool(begins)


def test_mixed_content_has_its_exceptions_told() -> None:
    assert "Safari does not" in mixed_content_notes("https://a.example", "http://localhost")
    assert "once its visitor has allowed" in mixed_content_notes("https://a.example", "http://10.0.0.1")
    assert mixed_content_notes("https://a.example", "http://b.example") == ""
    assert mixed_content_notes("http://a.example", "http://localhost") == ""
    assert mixed_content_notes("https://a.example", "https://localhost") == ""
    assert mixed_content_notes("https://a.example", "https://10.0.0.1") == ""


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("HTTP://LocalHost:80", "http://localhost/"),
        ("https://bücher.example/ä b?q='#f", "https://xn--bcher-kva.example/%C3%A4%20b?q=%27"),
        ("https://h.example/a/./b/%2E%2e/c/..", "https://h.example/a/"),
        ("https://h.example/a\\b\n", "https://h.example/a/b"),
        ("https://h.example/%41%zz?%41", "https://h.example/%41%zz?%41"),
        ("https://[0:0::1]:8443", "https://[::1]:8443/"),
    ],
)
def test_addresses_are_read_as_browsers_read_them(text: str, url: str) -> None:
    assert read_address(text) == Address(url.partition("//")[0] + "//" + url.split("/")[2], url)


@pytest.mark.parametrize(
    "text", ["", "h.example", "ftp://h/", "http://", "http://[", "https://h:port/", "http://a b/"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        read_address(text)


def test_sites_and_spaces() -> None:
    assert site_relation("https://a.example.com", "https://b.example.com:1") == "same-site"
    assert site_relation("https://a.github.io", "https://b.github.io") == "cross-site"
    assert site_relation("null", "https://b.github.io") == "cross-site"
    spaces = [
        space_of(host) for host in ("169.254.0.1", "::ffff:10.0.0.1", "8.8.8.8", "x.local", "x.example")
    ]
    assert spaces == [Space.LOCAL, Space.LOCAL, Space.PUBLIC, Space.LOCAL, Space.UNKNOWN]


@pytest.mark.parametrize("grant", [OWN[0], *STAR])
def test_an_answer_that_is_granted_past_all_caches_is_stale(grant: str) -> None:
    def cached(sent: Sent) -> Answer:
        is_past = "corsproxy-probe" in sent.url and field(sent, "origin") == APP
        return answer(200, grant) if is_past else answer(200, "Age: 5")

    report, sent = ask(Asked(origin=APP, url=f"{API}/a"), cached)
    assert report.cache is not None
    assert (report.outcome, report.cache.finding) == (Outcome.BLOCKED, CacheFinding.STALE)
    assert (sent[-1].url, field(sent[-1], "origin")) == (f"{API}/a?corsproxy-probe=marker", APP)
    assert report.advice[0] == (
        "Empty the cache before the server, and send Vary: Origin on every answer of this path, also without Origin."
    )


def test_an_answer_that_is_another_past_all_caches_is_not_stale() -> None:
    report, _ = ask(Asked(origin=APP, url=f"{API}/a"), lambda _: answer(200, *ALSO))
    assert report.cache is not None
    assert report.cache.finding is not CacheFinding.STALE


def test_the_pages_own_origin_needs_no_grant() -> None:
    report, sent = ask(Asked(origin=APP, url=f"{APP}/a", method="POST", sends=True), lambda _: answer(200))
    assert (report.outcome, report.reason, report.cache) == (Outcome.READABLE, "same_origin", None)
    assert [(each.method, field(each, "origin")) for each in sent] == [("POST", APP)]
    report, sent = ask(Asked(origin=APP, url=f"{APP}/a"), lambda _: answer(200))
    assert (report.outcome, [field(each, "origin") for each in sent]) == (Outcome.READABLE, [None])


def test_mixed_content_is_printed_but_where_chrome_may_let_it_pass() -> None:
    far, sent = ask(Asked(origin=APP, url="http://b.example/a"), lambda _: answer(200))
    assert (far.outcome, far.reason, sent, far.notes) == (Outcome.BLOCKED, "mixed_content", [], ())
    assert far.console is not None
    assert far.console.chrome is not None
    assert far.console.chrome.startswith(f"Mixed Content: The page at '{APP}/' was loaded over HTTPS")
    near, sent = ask(Asked(origin=APP, url="http://10.0.0.1/a"), lambda _: answer(200))
    assert (near.outcome, near.console, sent) == (Outcome.BLOCKED, None, [])
    assert [note[:33] for note in near.notes] == [
        "10.0.0.1 is on a private network:",
        "Chrome 142 and later lets an http",
    ]


def test_notes_are_of_every_address_on_the_way_and_each_once() -> None:
    def server(sent: Sent) -> Answer:
        granted = f"Access-Control-Allow-Origin: {field(sent, 'origin') or APP}"
        if sent.url.startswith(API):
            return answer(302, granted, "Location: https://other.example/b", address="10.0.0.1")
        return answer(200, granted, address="10.0.0.2")

    report, _ = ask(Asked(origin=APP, url=f"{API}/a"), server)
    assert report.outcome is Outcome.READABLE
    assert [note.partition(":")[0] for note in report.notes] == [
        "api.example.com (10.0.0.1) is on a private network",
        "other.example (10.0.0.2) is on a private network",
        "A redirect led from one foreign origin to other.example",
    ]


def test_a_fault_that_a_corsproxy_answers_for_is_noted() -> None:
    fault = answer(
        502,
        f"Access-Control-Allow-Origin: {APP}",
        'Proxy-Status: corsproxy; error=connection_refused; details="upstream_refused"',
        body=b'{"code": "upstream_refused", "detail": "the backend cannot be connected to"}',
    )
    report, _ = ask(Asked(origin=APP, url=f"{API}/a"), lambda _: fault)
    assert (report.outcome, report.server, report.told) == (Outcome.READABLE, "corsproxy", None)
    assert report.notes == (
        "A corsproxy answers 502 itself, upstream_refused: the backend cannot be connected to.",
    )

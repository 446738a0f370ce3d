"""What is advised, by symptom: the whole text for each, and what is never advised."""

import pytest

from corsproxy.bridges.probe.exchange import Answer, Asked, Sent
from tests.bridges.probe.dialogue import API, APP, answer, ask, field

MINE = f"Access-Control-Allow-Origin: {APP}"
AROUND = (
    "No corsproxy answered, and nothing here speaks CORS. If one stands in front of this server, the page goes around it: "
    "call the proxy's own address (port 8080, unless `listen` says otherwise)."
)
GRANT = f"let the response say {MINE}."


def asking(
    method: str = "GET", *, include: bool = False, origin: str = APP, names: tuple[str, ...] = ()
) -> Asked:
    fields = tuple((name, "1") for name in names)
    return Asked(origin=origin, url=f"{API}/a", method=method, include=include, fields=fields, sends=True)


# name: the page's request, the answer to its preflight, the answer to it, what is advised
SITUATIONS: dict[str, tuple[Asked, Answer, Answer, list[str]]] = {
    "nothing at all": (asking(), answer(200), answer(200), [AROUND, f"If {APP} is to read it, {GRANT}"]),
    "a Flask app alone": (
        asking(),
        answer(200, "Server: gunicorn"),
        answer(200, "Server: gunicorn"),
        [
            AROUND,
            f"If {APP} is to read it, {GRANT}",
            f'Flask-CORS: CORS(app, origins=["{APP}"]); a path outside resources= gets nothing.',
        ],
    ),
    "a Flask app that speaks CORS in its preflights": (
        asking(),
        answer(200, "Server: gunicorn", "Access-Control-Allow-Methods: GET"),
        answer(200, "Server: gunicorn"),
        [
            f"If {APP} is to read it, {GRANT}",
            f'Flask-CORS: CORS(app, origins=["{APP}"]); a path outside resources= gets nothing.',
        ],
    ),
    "a gateway alone": (
        asking("PUT"),
        answer(200, "Server: Caddy"),
        answer(200),
        [
            f"Let the answer to the preflight say {MINE}.",
            f"Caddy: a matcher on the header Origin, and `header Access-Control-Allow-Origin {APP}`.",
        ],
    ),
    "an error of which nothing is known": (
        asking(),
        answer(200),
        answer(502),
        [
            AROUND,
            (
                "The answer is a 502, and errors often lack the fields that successes have: look at the error itself first, "
                "and put the fields on errors too (nginx: `always`)."
            ),
            f"If {APP} is to read it: {MINE}.",
        ],
    ),
    "only successes have the fields": (
        asking(),
        answer(204, MINE),
        answer(500),
        [
            (
                "The preflight is granted and the 500 is not: the fields are put on successes only, so the page cannot see what "
                "went wrong. Put them on errors too (nginx: `always`), and look at the error itself."
            )
        ],
    ),
    "only preflights have the fields": (
        asking("PUT"),
        answer(204, MINE, "Access-Control-Allow-Methods: PUT"),
        answer(200),
        ["The preflight is granted and the response is not: put the fields on both."],
    ),
    "no route for OPTIONS": (
        asking("PUT"),
        answer(405),
        answer(200, MINE),
        [
            AROUND,
            "The route does not take OPTIONS: answer preflights with 204 before they reach it.",
            f"Let the answer to the preflight say {MINE}.",
        ],
    ),
    "a crash at preflights": (
        asking("PUT"),
        answer(500, MINE),
        answer(200, MINE),
        ["The server fails at preflights (500): its log says why. Answer them before the application."],
    ),
    "an odd status": (asking("PUT"), answer(418, MINE), answer(200, MINE), ["Answer preflights with 204."]),
    "a login": (
        asking("PUT"),
        answer(401, MINE),
        answer(200, MINE),
        [
            (
                "Something that asks for a login answers the preflight first. Preflights carry no cookies and no token: answer "
                "them before it."
            )
        ],
    ),
    "to https": (
        asking("PUT"),
        answer(301, "Location: https://api.example.com/a"),
        answer(200),
        [
            (
                "No redirect answers a preflight. Call the final address in the page; if it is a login that redirects, let "
                "OPTIONS pass it, for preflights carry no cookies."
            )
        ],
    ),
    "a slash too many": (
        Asked(origin=APP, url=f"{API}/a/", method="PUT"),
        answer(308, "Location: /a"),
        answer(200),
        [
            (
                "The preflight is sent on for a slash at the end: call /a in the page, or let the route take both "
                "(Flask: strict_slashes=False)."
            )
        ],
    ),
    "a pattern": (
        asking(),
        answer(204),
        answer(200, "Access-Control-Allow-Origin: https://*.example.com"),
        [
            "The field takes one origin or a lone *, no pattern: compare on the server, and answer with the page's own."
        ],
    ),
    "another page, out of a cache": (
        asking(),
        answer(204),
        answer(200, "Access-Control-Allow-Origin: https://b.example", "Age: 9"),
        [
            (
                "It names another page. One field holds one origin: compare on the server, answer with the page's own, and add "
                "Vary: Origin."
            ),
            "A cache has kept this answer, perhaps from another page: without Vary: Origin it cannot tell them apart.",
        ],
    ),
    "a slash in the origin": (
        asking("PUT"),
        answer(204, f"{MINE}/"),
        answer(200),
        [f"Browsers compare letter by letter: it is to be {APP}, as the page sends it."],
    ),
    "null": (
        asking(origin="null"),
        answer(204),
        answer(200, "Server: nginx"),
        [
            (
                "Origin is null here: the page is a sandboxed frame or a file, or a redirect led from one foreign origin to another. "
                "Serve it from an address of its own, or call the final address at once. Allowing null allows everybody."
            )
        ],
    ),
    "credentials": (
        asking(include=True),
        answer(204),
        answer(200, MINE, "Server: envoy"),
        [
            (
                "Answer with Access-Control-Allow-Credentials: true, in just these letters, on the preflight and on the response; or "
                'leave credentials: "include" out of the page.'
            ),
            "Envoy: allow_credentials: true.",
        ],
    ),
    "the case of a method": (
        asking("patch"),
        answer(204, MINE, "Access-Control-Allow-Methods: PATCH"),
        answer(200),
        ["Methods compare with case: write the page's patch as the server lists it."],
    ),
    "a field of answers": (
        asking(names=("Access-Control-Allow-Origin",)),
        answer(204, MINE),
        answer(200),
        ["access-control-allow-origin is a field of answers: take it out of what the page sends."],
    ),
    "a header, in nginx's words": (
        asking(names=("X-A",)),
        answer(204, MINE, "Server: openresty/1.2"),
        answer(200),
        [
            (
                "Add x-a to Access-Control-Allow-Headers in the answer to preflights. Beside credentials a * there counts for "
                "nothing."
            ),
            "nginx: x-a in the Access-Control-Allow-Headers of the OPTIONS block.",
        ],
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_advised(name: str) -> None:
    asked, preflight, actual, advised = SITUATIONS[name]
    report, _ = ask(asked, lambda sent: preflight if sent.method == "OPTIONS" else actual)
    assert list(report.advice) == advised


@pytest.mark.parametrize(
    ("status", "alike"),
    [(403, "a login"), (407, "a login"), (404, "no route for OPTIONS"), (501, "no route for OPTIONS"),
     (199, "an odd status"), (402, "an odd status"), (406, "an odd status")],
)  # fmt: skip
def test_what_is_advised_for_statuses_that_are_alike(status: int, alike: str) -> None:
    asked, _, actual, advised = SITUATIONS[alike]
    preflight = answer(status, MINE)
    report, _ = ask(asked, lambda sent: preflight if sent.method == "OPTIONS" else actual)
    assert report.advice[0] == next(line for line in advised if line != AROUND)


def test_to_https_on_the_same_host() -> None:
    asked = Asked(origin="http://app.example.com", url="http://api.example.com/a", method="PUT")
    report, _ = ask(asked, lambda _: answer(301, "Location: https://api.example.com/a"))
    assert report.advice == (
        "The preflight is sent on to https: call https://api.example.com/a in the page at once.",
    )


def by_corsproxy(sent: Sent) -> Answer:
    """A corsproxy with a rule that is plain *: it refuses nobody but two origins in one."""
    if " " not in (field(sent, "origin") or ""):
        return answer(200, "Access-Control-Allow-Origin: *")
    problem = b'{"code": "origin_malformed", "detail": "refused by rule my api: origin_malformed"}'
    status = 'Proxy-Status: corsproxy; error=http_request_denied; details="origin_malformed"'
    return answer(400, status, "Content-Type: application/problem+json", body=problem)


def test_a_corsproxy_is_asked_by_explain_in_words_that_can_be_pasted() -> None:
    asked = Asked(origin=APP, url=f"{API}/it's?a=$b", method="GET", include=True)
    report, _ = ask(asked, by_corsproxy)
    assert (report.server, report.rule, report.told) == ("corsproxy", "my api", None)
    assert report.advice == (
        (
            "This is a corsproxy. Where its configuration is, this says which line to change: corsproxy explain --origin "
            f"{APP} --path '{API}/it'\"'\"'s?a=$b' --credentials"
        ),
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("Proxy-Status: squid; error=http_request_denied", b'{"code": "origin_null"}'),
        ('Proxy-Status: corsproxy; error=http_request_denied; details="origin_null"', b"{}"),
        ('Proxy-Status: corsproxy; error=http_request_denied; details="origin_null"', b"not JSON"),
        ('Proxy-Status: corsproxy; error=http_request_denied; details="origin_null"', b"[1]"),
        (
            'Proxy-Status: corsproxy; error=http_request_denied; details="no_such_code"',
            b'{"code": "no_such_code"}',
        ),
    ],
)
def test_a_reason_is_only_believed_with_both_marks(status: str, body: bytes) -> None:
    report, _ = ask(asking("PUT"), lambda _: answer(403, status, body=body))
    assert (report.reason, report.told) == ("origin_not_allowed", None)


ELSEWHERE = (
    "No redirect answers a preflight. Call the final address in the page; if it is a login that redirects, let OPTIONS pass "
    "it, for preflights carry no cookies."
)


@pytest.mark.parametrize(
    ("location", "advised"),
    [
        (
            "https://api.example.com:8443/a",
            "The preflight is sent on to https: call https://api.example.com:8443/a in the page at once.",
        ),
        ("https://login.example.com/a", ELSEWHERE),
        ("http://api.example.com/b", ELSEWHERE),
        (
            "http://api.example.com/a/",
            (
                "The preflight is sent on for a slash at the end: call /a/ in the page, or let the route take both (Flask: "
                "strict_slashes=False)."
            ),
        ),
        ("http://other.example.com/a/", ELSEWHERE),
        ("http://[", ELSEWHERE),
        ("/a", ELSEWHERE),
    ],
)
def test_where_a_preflight_is_sent_on_to(location: str, advised: str) -> None:
    asked = Asked(origin="http://app.example.com", url="http://api.example.com/a", method="PUT")
    report, _ = ask(asked, lambda _: answer(302, f"Location: {location}"))
    assert report.advice == (advised,)


@pytest.mark.parametrize(
    "field_", ["Age: 1", "X-Cache: HIT", "X-Cache-Status: HIT", "CF-Cache-Status: HIT", "X-Varnish: 1"]
)
def test_what_a_cache_says_of_itself(field_: str) -> None:
    report, _ = ask(asking(), lambda _: answer(200, "Access-Control-Allow-Origin: https://b.example", field_))
    assert report.advice[-1].startswith("A cache has kept this answer, perhaps from another page")


METHOD_AND_HEADER = {
    "Server: gunicorn": ('Flask-CORS: methods=[…, "PUT"].', 'Flask-CORS: allow_headers=[…, "x-a"].'),
    "Server: nginx": (
        "nginx: PUT in the Access-Control-Allow-Methods of the OPTIONS block.",
        "nginx: x-a in the Access-Control-Allow-Headers of the OPTIONS block.",
    ),
    "Server: envoy": ("Envoy: PUT in allow_methods.", "Envoy: x-a in allow_headers."),
    "Via: 2 Caddy": (
        "Caddy: PUT in the Access-Control-Allow-Methods of the preflight's handle.",
        "Caddy: x-a in the Access-Control-Allow-Headers of the preflight's handle.",
    ),
}


@pytest.mark.parametrize("server", METHOD_AND_HEADER)
def test_a_method_and_a_header_in_the_words_of_each_server(server: str) -> None:
    method, _ = ask(asking("PUT"), lambda _: answer(204, MINE, server))
    header, _ = ask(asking(names=("X-A",)), lambda _: answer(204, MINE, server))
    assert (method.advice[-1], header.advice[-1]) == METHOD_AND_HEADER[server]


def test_a_corsproxy_is_asked_with_all_that_the_page_asks() -> None:
    asked = asking("PUT", names=("X-A", "X-B"), include=True)

    def server(sent: Sent) -> Answer:
        answered = by_corsproxy(sent)
        return answered if answered.status == 400 else answer(204, MINE)

    report, _ = ask(asked, server)
    assert report.advice == (
        (
            "This is a corsproxy. Where its configuration is, this says which line to change: corsproxy explain --origin "
            f"{APP} --path {API}/a --method PUT --header x-a --header x-b --credentials"
        ),
    )


def test_what_is_wrong_in_the_page_is_said_before_a_corsproxy_is_asked() -> None:
    def server(sent: Sent) -> Answer:
        return by_corsproxy(sent) if " " in (field(sent, "origin") or "") else answer(200)

    report, _ = ask(asking(origin="null"), server)
    assert [line.partition(":")[0] for line in report.advice] == [
        "Origin is null here",
        "This is a corsproxy. Where its configuration is, this says which line to change",
    ]

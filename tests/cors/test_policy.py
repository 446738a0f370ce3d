"""Decisions: each statement about the policy as a case, its whole outcome told.

The numbers are those of the statements that the standard comes to:
 1 what a preflight is                     12 one value: `*` or the request's own
 2 same-origin is never refused            13 credentials: true, or nothing
 3 no Origin is never refused              14 with credentials no `*`
 4 null, and null of the site itself       15 a refused origin gets no field
 5 Sec-Fetch-Site only recognises          18 a plain `*` is on everything
 6 origins compare byte for byte           29 block stops what is not preflighted
 7 several origins in one are refused      30 WebSockets are checked here

17, Vary on every response, and 19, no field of the backend's, stand in every outcome. Patterns (8 to 11)
are in test_pattern, preflights (20 to 27) in test_preflight, the rest (16, 31, 32) in test_outcomes.
"""

import pytest

from corsproxy.cors.rule import Origins
from corsproxy.cors.vocabulary import Action, Kind, Reason
from tests.cors.asking import APP, Head, Outcome, RuleParts, ask, policy_of, rule

EVIL = b"https://evil.example"
ACAO = b"Access-Control-Allow-Origin: https://app.example.com\r\n"
STAR = b"Access-Control-Allow-Origin: *\r\n"
ACAC = b"Access-Control-Allow-Credentials: true\r\n"
METHODS = b"Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
EXPOSE_STATUS = b"Access-Control-Expose-Headers: Proxy-Status\r\n"
VARY = b"Vary: Origin\r\n"
VARY_PREFLIGHT = b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"

PLAIN = RuleParts()
ANY = RuleParts(origins=Origins(any=True))
NULL = RuleParts(origins=Origins(null=True))
BLOCK = RuleParts(block=True, allow_methods=("PUT",))
CREDENTIALS = RuleParts(allow_credentials=True, expose_headers=("X-Total-Count",))


def forwarded(kind: Kind, reason: Reason, lines: bytes = b"", *, varies: bool = True) -> Outcome:
    fine = reason in {Reason.NO_ORIGIN, Reason.SAME_ORIGIN, Reason.ORIGIN_ALLOWED}
    return Outcome(kind, reason, Action.FORWARD, 0, True, varies, not fine, lines)


def answered(lines: bytes, *, varies: bool = True) -> Outcome:
    return Outcome(Kind.PREFLIGHT, Reason.ORIGIN_ALLOWED, Action.ANSWER, 204, True, varies, False, lines)


def refused(kind: Kind, reason: Reason, lines: bytes, *, status: int = 403, varies: bool = True) -> Outcome:
    return Outcome(kind, reason, Action.REFUSE, status, True, varies, True, lines)


def preflight(origin: bytes | None = APP) -> Head:
    return Head(method=b"OPTIONS", origin=origin, request_method=b"GET")


def websocket(origin: bytes | None = APP) -> Head:
    return Head(origin=origin, is_websocket=True)


ALLOWED = forwarded(Kind.ACTUAL, Reason.ORIGIN_ALLOWED, ACAO)
NOT_CORS = forwarded(Kind.NOT_CORS, Reason.NO_ORIGIN)
SAME = forwarded(Kind.SAME_ORIGIN, Reason.SAME_ORIGIN)
NOT_ALLOWED = forwarded(Kind.ACTUAL, Reason.ORIGIN_NOT_ALLOWED)
SEVERAL = refused(Kind.ACTUAL, Reason.ORIGIN_MALFORMED, VARY, status=400)

CASES: list[tuple[str, RuleParts, Head, Outcome]] = [
    (
        "1 OPTIONS, Origin and Access-Control-Request-Method",
        PLAIN,
        preflight(),
        answered(ACAO + METHODS + VARY_PREFLIGHT),
    ),
    ("1 OPTIONS alone is not a preflight", PLAIN, Head(method=b"OPTIONS"), ALLOWED),
    ("1 OPTIONS without Origin is not a preflight", PLAIN, preflight(None), NOT_CORS),
    ("1 Access-Control-Request-Method on a GET is nothing", PLAIN, Head(request_method=b"GET"), ALLOWED),
    ("1 methods are case-sensitive", PLAIN, Head(method=b"options", request_method=b"GET"), ALLOWED),
    (
        "1 an empty method was still asked for",
        PLAIN,
        Head(method=b"OPTIONS", request_method=b""),
        answered(ACAO + METHODS + VARY_PREFLIGHT)._replace(reason=Reason.METHOD_NOT_ALLOWED, is_refusal=True),
    ),
    ("2 a POST to its own origin", PLAIN, Head(method=b"POST", origin=b"https://api.example.com"), SAME),
    ("2 a preflight to its own origin", PLAIN, preflight(b"https://api.example.com"), SAME),
    ("2 a WebSocket to its own origin", PLAIN, websocket(b"https://api.example.com"), SAME),
    (
        "2 blocked rules let their own origin in",
        BLOCK,
        Head(method=b"DELETE", origin=b"https://api.example.com"),
        SAME,
    ),
    ("2 another scheme is another origin", PLAIN, Head(origin=b"http://api.example.com"), NOT_ALLOWED),
    ("2 another port is another origin", PLAIN, Head(origin=b"https://api.example.com:8443"), NOT_ALLOWED),
    ("3 no Origin", PLAIN, Head(origin=None), NOT_CORS),
    ("3 no Origin where all others are blocked", BLOCK, Head(method=b"DELETE", origin=None), NOT_CORS),
    ("3 a WebSocket without Origin", PLAIN, websocket(None), NOT_CORS),
    ("4 null", PLAIN, Head(origin=b"null"), forwarded(Kind.ACTUAL, Reason.ORIGIN_NULL)),
    ("4 null, blocked", BLOCK, Head(origin=b"null"), refused(Kind.ACTUAL, Reason.ORIGIN_NULL, VARY)),
    (
        "4 a preflight of null",
        PLAIN,
        preflight(b"null"),
        refused(Kind.PREFLIGHT, Reason.ORIGIN_NULL, VARY_PREFLIGHT),
    ),
    (
        "4 null from the site itself",
        PLAIN,
        Head(method=b"POST", origin=b"null", sec_fetch_site=b"same-origin"),
        SAME,
    ),
    (
        "4 null where the rule allows it",
        NULL,
        Head(origin=b"null"),
        forwarded(Kind.ACTUAL, Reason.ORIGIN_ALLOWED, b"Access-Control-Allow-Origin: null\r\n"),
    ),
    ("4 null allowed lets nobody else in", NULL, Head(origin=EVIL), NOT_ALLOWED),
    (
        "4 null is covered by a plain *",
        ANY,
        Head(origin=b"null"),
        forwarded(Kind.ACTUAL, Reason.ORIGIN_ALLOWED, STAR, varies=False),
    ),
    ("5 same-origin is recognised", PLAIN, Head(origin=EVIL, sec_fetch_site=b"same-origin"), SAME),
    ("5 same-site allows nothing", PLAIN, Head(origin=EVIL, sec_fetch_site=b"same-site"), NOT_ALLOWED),
    ("5 none allows nothing", PLAIN, Head(origin=EVIL, sec_fetch_site=b"none"), NOT_ALLOWED),
    ("5 cross-site takes nothing away", PLAIN, Head(sec_fetch_site=b"cross-site"), ALLOWED),
    (
        "5 it never makes several origins one",
        PLAIN,
        Head(origin=b"null, null", sec_fetch_site=b"same-origin"),
        SEVERAL,
    ),
    *(
        (
            f"6 {origin!r} is malformed",
            PLAIN,
            Head(origin=origin),
            forwarded(Kind.ACTUAL, Reason.ORIGIN_MALFORMED),
        )
        for origin in [
            b"https://APP.example.com",
            b"HTTPS://app.example.com",
            b"https://app.example.com:443",
            b"https://app.example.com/",
            b"https://user@app.example.com",
            b"https://app.example.com%00",
            b"app.example.com",
            b"//app.example.com",
            b"",
        ]
    ),
    *(
        (f"6 {origin!r} is another", PLAIN, Head(origin=origin), NOT_ALLOWED)
        for origin in [
            b"https://app.example.com.",
            b"https://app.example.com:8443",
            b"http://app.example.com",
            b"https://example.com",
            b"https://app.example.com.evil.example",
            b"https://a,b.example.com",
        ]
    ),
    *(
        (f"7 {origin!r}", parts, Head(origin=origin), SEVERAL)
        for origin in [
            b"https://app.example.com, https://app.example.com",
            b"https://app.example.com ",
            b"null\tnull",
        ]
        for parts in (PLAIN, BLOCK, RuleParts(report=True))
    ),
    (
        "7 several in a preflight",
        PLAIN,
        preflight(b"https://app.example.com,null"),
        refused(Kind.PREFLIGHT, Reason.ORIGIN_MALFORMED, VARY_PREFLIGHT, status=400),
    ),
    (
        "7 several in a WebSocket",
        PLAIN,
        websocket(b"https://app.example.com,null"),
        refused(Kind.WEBSOCKET, Reason.ORIGIN_MALFORMED, VARY, status=400),
    ),
    (
        "7 several where any is allowed",
        ANY,
        Head(origin=b"https://app.example.com,null"),
        refused(Kind.ACTUAL, Reason.ORIGIN_MALFORMED, b"", status=400, varies=False),
    ),
    (
        "12 the request's own bytes",
        RuleParts(origins=Origins(wildcards=("https://*.example.com",))),
        Head(origin=b"https://a_b.example.com"),
        forwarded(
            Kind.ACTUAL, Reason.ORIGIN_ALLOWED, b"Access-Control-Allow-Origin: https://a_b.example.com\r\n"
        ),
    ),
    (
        "12 of another scheme",
        RuleParts(origins=Origins(exact=("capacitor://localhost",))),
        Head(origin=b"capacitor://localhost"),
        forwarded(
            Kind.ACTUAL, Reason.ORIGIN_ALLOWED, b"Access-Control-Allow-Origin: capacitor://localhost\r\n"
        ),
    ),
    (
        "13 true on actual responses",
        CREDENTIALS,
        Head(),
        forwarded(
            Kind.ACTUAL,
            Reason.ORIGIN_ALLOWED,
            ACAO + ACAC + b"Access-Control-Expose-Headers: X-Total-Count\r\n",
        ),
    ),
    ("13 true on preflights", CREDENTIALS, preflight(), answered(ACAO + ACAC + METHODS + VARY_PREFLIGHT)),
    (
        "14 no * is exposed",
        RuleParts(allow_credentials=True, expose_headers=("*", "ETag")),
        Head(),
        forwarded(
            Kind.ACTUAL, Reason.ORIGIN_ALLOWED, ACAO + ACAC + b"Access-Control-Expose-Headers: ETag\r\n"
        ),
    ),
    ("15 actual", CREDENTIALS, Head(origin=EVIL), NOT_ALLOWED),
    (
        "15 preflight",
        CREDENTIALS,
        preflight(EVIL),
        refused(Kind.PREFLIGHT, Reason.ORIGIN_NOT_ALLOWED, VARY_PREFLIGHT),
    ),
    (
        "15 a malformed one's preflight",
        CREDENTIALS,
        preflight(b"x"),
        refused(Kind.PREFLIGHT, Reason.ORIGIN_MALFORMED, VARY_PREFLIGHT),
    ),
    *(
        (f"18 * for {title}", ANY, head, outcome)
        for title, head, outcome in [
            ("anybody", Head(origin=EVIL), forwarded(Kind.ACTUAL, Reason.ORIGIN_ALLOWED, STAR, varies=False)),
            ("nobody", Head(origin=None), forwarded(Kind.NOT_CORS, Reason.NO_ORIGIN, STAR, varies=False)),
            (
                "itself",
                Head(origin=b"https://api.example.com"),
                forwarded(Kind.SAME_ORIGIN, Reason.SAME_ORIGIN, STAR, varies=False),
            ),
            (
                "the malformed",
                Head(origin=b"x"),
                forwarded(Kind.ACTUAL, Reason.ORIGIN_ALLOWED, STAR, varies=False),
            ),
            ("preflights", preflight(EVIL), answered(STAR + METHODS, varies=False)),
        ]
    ),
    (
        "29 an origin that is not allowed",
        BLOCK,
        Head(method=b"POST", origin=EVIL),
        refused(Kind.ACTUAL, Reason.ORIGIN_NOT_ALLOWED, VARY),
    ),
    ("29 a malformed one", BLOCK, Head(origin=b"x"), refused(Kind.ACTUAL, Reason.ORIGIN_MALFORMED, VARY)),
    (
        "29 a method that the rule lacks",
        BLOCK,
        Head(method=b"DELETE"),
        refused(Kind.ACTUAL, Reason.METHOD_NOT_ALLOWED, ACAO + EXPOSE_STATUS + VARY),
    ),
    (
        "29 a method in the wrong case",
        BLOCK,
        Head(method=b"put"),
        refused(Kind.ACTUAL, Reason.METHOD_CASE, ACAO + EXPOSE_STATUS + VARY),
    ),
    ("29 a method of the rule", BLOCK, Head(method=b"PUT"), ALLOWED),
    ("29 a safelisted method", BLOCK, Head(method=b"POST"), ALLOWED),
    ("29 any method", RuleParts(block=True, allow_methods=("*",)), Head(method=b"PURGE"), ALLOWED),
    ("29 stripped, methods are the browser's affair", PLAIN, Head(method=b"DELETE"), ALLOWED),
    ("30 allowed", PLAIN, websocket(), forwarded(Kind.WEBSOCKET, Reason.ORIGIN_ALLOWED, ACAO)),
    *(
        (
            f"30 {origin!r}",
            PLAIN,
            websocket(origin),
            refused(Kind.WEBSOCKET, Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED, VARY),
        )
        for origin in [EVIL, b"null", b"x"]
    ),
    (
        "30 unchecked where the rule says so",
        RuleParts(websocket=False),
        websocket(EVIL),
        forwarded(Kind.WEBSOCKET, Reason.ORIGIN_ALLOWED),
    ),
]


@pytest.mark.parametrize(
    ("parts", "head", "outcome"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_statements(parts: RuleParts, head: Head, outcome: Outcome) -> None:
    assert ask(policy_of(rule(**parts)), head) == outcome


# -- whose own origin (2)


@pytest.mark.parametrize(
    ("origin", "scheme", "host", "same"),
    [
        (b"https://api.example.com", b"https", b"api.example.com", True),
        (b"https://api.example.com", b"https", b"api.example.com:443", True),
        (b"https://api.example.com", b"HTTPS", b"API.example.COM", True),
        (b"https://api.example.com", b"https", b"api.example.com:", True),
        (b"http://api.example.com", b"http", b"api.example.com:80", True),
        (b"http://localhost:8080", b"http", b"localhost:8080", True),
        (b"http://[::1]:8080", b"http", b"[::1]:8080", True),
        (b"http://[::1]", b"http", b"[::1]:80", True),
        (b"http://api.example.com", b"https", b"api.example.com", False),
        (b"http://api.example.com", b"http", b"api.example.com:443", False),
        (b"https://api.example.com:80", b"https", b"api.example.com:80", True),
        (b"http://api.example.com:80", b"http", b"api.example.com:80", False),  # no browser sends this
        (b"https://API.example.com", b"https", b"API.example.com", False),  # nor this
        (b"https://evilxxx.example", b"https", b"api.example.com", False),
        (b"https://api.example.co", b"https", b"api.example.com", False),
    ],
)
def test_our_own_origin_is_what_the_client_called(
    origin: bytes, scheme: bytes, host: bytes, *, same: bool
) -> None:
    told = ask(policy_of(rule()), Head(origin=origin), scheme=scheme, host=host)
    assert (told.kind is Kind.SAME_ORIGIN) is same


def test_public_origins_are_our_own_beside_what_the_client_called() -> None:
    policy = policy_of(rule(), public_origins=("https://public.example", "https://app.example.com"))
    origins = [
        b"https://public.example",
        APP,
        b"https://api.example.com",
        b"https://public.example:443",
        EVIL,
    ]
    kinds = [ask(policy, Head(origin=origin)).kind for origin in origins]
    assert kinds == [Kind.SAME_ORIGIN, Kind.SAME_ORIGIN, Kind.SAME_ORIGIN, Kind.ACTUAL, Kind.ACTUAL]


# -- without a rule


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (b"/other", Reason.NO_RULE_FOR_PATH),
        (b"*", Reason.NO_RULE_FOR_PATH),
        (b"/api/../admin", Reason.AMBIGUOUS_PATH),
        (b"/api/%2e%2e/admin", Reason.AMBIGUOUS_PATH),
        (b"/api\\x", Reason.AMBIGUOUS_PATH),
        (b"/api/%00", Reason.AMBIGUOUS_PATH),
        (b"//api/x", Reason.AMBIGUOUS_PATH),
    ],
)
def test_no_rule_is_nobody_allowed_and_nothing_that_varies(path: bytes, reason: Reason) -> None:
    policy = policy_of(rule(paths=("/api/**",), remove_fields=("Server",), block=True))
    heads = [
        Head(path=path),
        Head(path=path, origin=b"null"),
        Head(path=path, method=b"OPTIONS", request_method=b"GET"),
        Head(path=path, is_websocket=True),
        Head(path=path, origin=None),
        Head(path=path, origin=b"https://api.example.com"),
        Head(path=path, origin=b"null null"),
    ]
    assert [ask(policy, head) for head in heads] == [
        forwarded(Kind.ACTUAL, reason, varies=False),
        forwarded(Kind.ACTUAL, reason, varies=False),
        refused(Kind.PREFLIGHT, reason, b"", varies=False),
        refused(Kind.WEBSOCKET, reason, b"", varies=False),
        forwarded(Kind.NOT_CORS, Reason.NO_ORIGIN, varies=False),
        forwarded(Kind.SAME_ORIGIN, Reason.SAME_ORIGIN, varies=False),
        refused(Kind.ACTUAL, Reason.ORIGIN_MALFORMED, b"", status=400, varies=False),
    ]
    decision = policy.decide(heads[0], b"https", b"api.example.com")
    assert (decision.rule, decision.remove, decision.report) == (None, frozenset(), False)


@pytest.mark.parametrize("path", [b"*", b"/a/../b", b"/a%5Cb"])
def test_a_rule_for_every_path_takes_no_ambiguous_one(path: bytes) -> None:
    assert ask(policy_of(rule()), Head(path=path)).lines == b""


def test_a_policy_without_rules_forwards_and_strips() -> None:
    assert ask(policy_of(), Head()) == forwarded(Kind.ACTUAL, Reason.NO_RULE_FOR_PATH, varies=False)


def test_the_first_rule_decides_even_if_a_later_one_would_allow() -> None:
    first = rule(name="first", paths=("/api/**",), origins=Origins(exact=("https://other.example",)))
    policy = policy_of(first, rule(name="second"))
    decision = policy.decide(Head(), b"https", b"api.example.com")
    assert (decision.rule, decision.reason) == (first, Reason.ORIGIN_NOT_ALLOWED)


# -- attackers' sums (11)


def test_rules_never_lend_each_other_origins() -> None:
    a = rule(name="a", paths=("/a/**",), origins=Origins(wildcards=("https://*.foo.com",)))
    b = rule(name="b", paths=("/b/**",), origins=Origins(exact=("https://bar.com",)))
    policy = policy_of(a, b)
    asked = [
        (path, origin) for path in (b"/a/x", b"/b/x") for origin in (b"https://x.foo.com", b"https://bar.com")
    ]
    allowed = [ask(policy, Head(path=path, origin=origin)).lines != b"" for path, origin in asked]
    assert allowed == [True, False, False, True]


# -- what is ready before a request comes


def test_decisions_are_ready_and_only_as_many_as_the_rules_have_outcomes() -> None:
    policy = policy_of(rule(origins=Origins(wildcards=("https://*.example.com",))))
    origins = [b"https://a%d.example.com" % number for number in range(100)]
    heads = [Head(origin=origin, path=b"/%d" % number) for number, origin in enumerate(origins)]
    assert len({id(policy.decide(head, b"https", b"x")) for head in heads}) == 1
    assert len({policy.decide(head, b"https", b"x") for head in (*heads, Head(origin=EVIL))}) == 2

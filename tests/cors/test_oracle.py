"""The oracle on named cases, and the policy against the oracle on rule sets and requests at random."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.cors.policy import Decision, Policy
from corsproxy.cors.rule import Cookies, Origins, Rule
from corsproxy.cors.vocabulary import Action, Kind, Reason
from tests.cors.oracle import (
    ALWAYS_GRANTED,
    SAFE_METHODS,
    Request,
    Verdict,
    cors_check,
    judge,
    origin_matches,
    path_matches,
    preflight_check,
)

# -- the oracle itself


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        (b"/**", b"/", True),
        (b"/**", b"/a/b", True),
        (b"/api/**", b"/api", True),
        (b"/api/**", b"/api/", True),
        (b"/api/**", b"/apis", False),
        (b"/api/*", b"/api/users", True),
        (b"/api/*", b"/api/users/1", False),
        (b"/api/*", b"/api", False),
        (b"/a/**/z", b"/a/z", True),
        (b"/a/**/z", b"/a/b/c/z", True),
        (b"/a/**/z", b"/abz", False),
        (b"/v*/x", b"/v1/x", True),
        (b"/v*/x", b"/v1/2/x", False),
        (b"/API", b"/api", False),
    ],
)
def test_paths(pattern: bytes, path: bytes, *, matches: bool) -> None:
    assert path_matches(pattern, path) is matches


@pytest.mark.parametrize(
    ("origins", "origin", "matches"),
    [
        (Origins(exact=("https://example.com",)), "https://example.com", True),
        *(
            (Origins(exact=("https://example.com",), wildcards=("https://*.example.com",)), origin, False)
            for origin in [
                "https://EXAMPLE.com",
                "https://example.com:443",
                "https://example.com/",
                "https://example.com.",
                "https://user@example.com",
                "https://example.com%00",
                "https://a%00.example.com",
                "example.com",
                "//example.com",
                "http://example.com",
                "https://notexample.com",
                "https://.example.com",
                "https://a..example.com",
                "https://a,b.example.com",
                "",
                "null",
            ]
        ),
        (Origins(wildcards=("https://*.example.com",)), "https://example.com", False),
        (Origins(wildcards=("https://*.example.com",)), "https://a.b_c.example.com", True),
        (Origins(wildcards=("https://app-*-team.vercel.app",)), "https://app-x-team.vercel.app", True),
        (Origins(wildcards=("https://app-*-team.vercel.app",)), "https://app-x.y-team.vercel.app", False),
        (Origins(wildcards=("http://localhost:*",)), "http://localhost:5173", True),
        (Origins(wildcards=("http://localhost:*",)), "http://localhost", True),
        (Origins(wildcards=("http://localhost:*",)), "http://localhost:80", False),
        (Origins(wildcards=("http://localhost:*",)), "http://localhost:0", False),
        (Origins(wildcards=("http://localhost:*",)), "http://localhost:x", False),
        (Origins(wildcards=("https://*.foo.com", "https://*.bar.com")), "https://barfoo.com", False),
        (Origins(regexes=(r"https://pr-[0-9]+\.example\.com",)), "https://pr-12.example.com", True),
        (
            Origins(regexes=(r"https://pr-[0-9]+\.example\.com",)),
            "https://pr-12.example.com.evil.example",
            False,
        ),
        (Origins(any=True), "null", True),
        (Origins(null=True), "null", True),
        (Origins(null=True), "Null", False),
    ],
)
def test_origins(origins: Origins, origin: str, *, matches: bool) -> None:
    assert origin_matches(origins, origin) is matches


ACAO, ACAC = "access-control-allow-origin", "access-control-allow-credentials"


@pytest.mark.parametrize(
    ("fields", "include", "passes"),
    [
        ({}, False, False),
        ({ACAO: "*"}, False, True),
        ({ACAO: "*"}, True, False),
        ({ACAO: "*", ACAC: "true"}, True, False),
        ({ACAO: "https://a.example"}, False, True),
        ({ACAO: "https://a.example"}, True, False),
        ({ACAO: "https://a.example", ACAC: "true"}, True, True),
        ({ACAO: "https://a.example", ACAC: "TRUE"}, True, False),
        ({ACAO: "https://A.example"}, False, False),
    ],
)
def test_cors_check(fields: Mapping[str, str], *, include: bool, passes: bool) -> None:
    assert cors_check("https://a.example", fields, include=include) is passes


@pytest.mark.parametrize(
    ("method", "headers", "status", "methods", "allowed", "include", "passes"),
    [
        ("PUT", set(), 204, "GET, PUT", "", False, True),
        ("PUT", set(), 200, "PUT", "", False, True),
        ("PUT", set(), 301, "PUT", "", False, False),
        ("POST", set(), 204, "", "", False, True),
        ("put", set(), 204, "PUT", "", False, False),
        ("PUT", set(), 204, "*", "", False, True),
        ("PUT", set(), 204, "*", "", True, False),
        ("GET", {"x-a"}, 204, "", "X-A", False, True),
        ("GET", {"x-a"}, 204, "", "*", False, True),
        ("GET", {"x-a"}, 204, "", "*", True, False),
        ("GET", {"authorization"}, 204, "", "*", False, False),
        ("GET", {"authorization"}, 204, "", "*, Authorization", False, True),
        ("GET", {"x-a", "x-b"}, 204, "", "x-a", False, False),
    ],
)
def test_preflight_check(
    method: str, headers: set[str], status: int, methods: str, allowed: str, *, include: bool, passes: bool
) -> None:
    fields = {
        ACAO: "https://a.example",
        ACAC: "true",
        "access-control-allow-methods": methods,
        "access-control-allow-headers": allowed,
    }
    outcome = preflight_check(
        "https://a.example", method, frozenset(headers), status, fields, include=include
    )
    assert outcome is passes


# -- rule sets and requests, small alphabets so that they meet

EXACT = (
    "https://example.com",
    "https://app.example.com",
    "https://a-b.a.test",
    "https://ab.test",
    "http://localhost",
    "http://localhost:3000",
    "http://[::1]:8080",
    "https://my_app.example.com",
    "https://example.com:8443",
    "chrome-extension://abcdefghijklmnop",
    "capacitor://localhost",
    "https://xn--bcher-kva.example",
)
WILDCARDS = (
    "https://*.example.com",
    "https://*.example.com:8443",
    "https://*.example.com:*",
    "https://*.app.example.com",
    "https://app-*-team.vercel.app",
    "https://app-*.example.com",
    "https://*-app.example.com",
    "https://*.pr-*.example.com",
    "https://a*b.test",
    "https://*.a.test",
    "https://*.b.test",
    "https://*.test",
    "http://localhost:*",
    "http://[::1]:*",
    "https://example.com:*",
)
REGEXES = (
    r"https://pr-[0-9]+\.example\.com",
    r"https://(a|b|ab)\.test",
    r"https?://[a-z]+\.example\.org(:[0-9]+)?",
    r".*",
)
METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS", "GET", "PURGE", "*")
HEADERS = ("Content-Type", "X-A", "Authorization", "X-B", "accept", "*")
EXPOSED = ("X-Total-Count", "ETag", "proxy-status", "*")
PATHS = (
    "/**",
    "/api/**",
    "/api/*",
    "/api",
    "/a/**/z",
    "/*",
    "/v*/x",
    "/api/users/*/posts",
    "/caf\u00e9/**",
    "/a b",
)
HOSTS = ("api.example.com", "proxy.example", "localhost")
# https://url.spec.whatwg.org/#forbidden-host-code-point leaves these, and others try what it does not leave.
HOSTILE = (*"_`{}!$&'()*+,;=~\".-@/\\#?%:|^<>[]A\u212aé\x7f\t ", "%00", ",https://", "%2e")


def picks(*values: str, largest: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=largest).map(tuple)


@st.composite
def origin_sets(draw: st.DrawFn) -> Origins:
    if draw(st.integers(0, 5)) == 0:
        return Origins(any=True)
    origins = Origins(
        null=draw(st.booleans()),
        exact=draw(picks(*EXACT)),
        wildcards=draw(picks(*WILDCARDS)),
        regexes=draw(picks(*REGEXES[: draw(st.sampled_from([3, 3, 3, 4]))], largest=1)),
    )
    return origins if origins != Origins() else Origins(exact=EXACT[:1])


@st.composite
def rules(draw: st.DrawFn, number: int) -> Rule:
    origins = draw(origin_sets())
    credentials = not origins.any and draw(st.booleans())
    exposed = draw(picks(*EXPOSED))
    return Rule(
        name=f"rule-{number}",
        place=f"corsproxy.yaml:{number}",
        paths=draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True).map(tuple)),
        host=draw(st.sampled_from([None, None, None, *HOSTS])),
        origins=origins,
        allow_methods=draw(picks(*METHODS)),
        allow_headers=draw(picks(*HEADERS)),
        # `*` is a literal beside credentials and refused in the configuration.
        expose_headers=tuple(name for name in exposed if not (credentials and name == "*")),
        allow_credentials=credentials,
        max_age=draw(st.sampled_from([None, -1, 0, 5, 600, 86400])),
        allow_private_network=draw(st.booleans()),
        preflight_status=draw(st.sampled_from([204, 200])),
        report=draw(st.integers(0, 4)) == 0,
        block=draw(st.booleans()),
        websocket=draw(st.integers(0, 4)) != 0,
        cookies=draw(st.sampled_from([None, None, Cookies(same_site="None", secure=True)])),
        set_fields=draw(
            st.sampled_from([(), (("Cross-Origin-Resource-Policy", "cross-origin"), ("X-One", "1"))])
        ),
        remove_fields=draw(st.sampled_from([(), ("Server", "X-Powered-By")])),
    )


@st.composite
def rule_sets(draw: st.DrawFn) -> tuple[Rule, ...]:
    return tuple(draw(rules(number)) for number in range(1, draw(st.integers(1, 4)) + 1))


@st.composite
def origins_sent(draw: st.DrawFn) -> bytes | None:
    shape = draw(st.integers(0, 11))
    if shape == 0:
        return None
    if shape == 1:
        return b"null"
    template = draw(
        st.sampled_from((*EXACT, *WILDCARDS, "https://pr-7.example.com", "https://evil.example", ""))
    )
    fillings = ["a", "b", "ab", "a-b", "a.b", "app", "8443", "443", "80", "65535", "65536", "0", "08", ""]
    origin = "".join(
        draw(st.sampled_from(fillings)) if part == "*" else part for part in re.split(r"(\*)", template)
    )
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        at = draw(st.integers(0, len(origin)))
        origin = draw(
            st.sampled_from(
                [
                    origin[:at] + draw(st.sampled_from(HOSTILE)) + origin[at:],
                    origin[:at] + origin[at + 1 :],
                    origin.upper(),
                    origin
                    + draw(
                        st.sampled_from([":443", ":80", ":8443", "/", ".", " ", ".evil.example", ", null"])
                    ),
                    "https://evil.example" + origin.removeprefix("https:/"),
                ]
            )
        )
    return origin.encode()


def tokens_sent(*names: str) -> st.SearchStrategy[bytes]:
    separators = st.sampled_from([b",", b", ", b" ,\t", b",,"])
    members = st.lists(st.sampled_from(names), max_size=4)
    return st.tuples(separators, members).map(lambda drawn: drawn[0].join(name.encode() for name in drawn[1]))


HEADERS_SENT = (
    "x-a",
    "X-B",
    "authorization",
    "content-type",
    "accept",
    "range",
    "x-c",
    "access-control-allow-origin",
    "b ad",
)
HEADERS_ASKED = st.one_of(
    st.none(),
    tokens_sent(*HEADERS_SENT),
    st.sampled_from(
        [b"", b"*", b"x-a," * 256, b"x-a," * 257, b"," * 256, b"," * 257, b"x" * 4096, b"x" * 4097]
    ),
)
PATHS_SENT = (
    b"/",
    b"/api",
    b"/api/",
    b"/api/users",
    b"/api/users/1/posts",
    b"/%61pi/users",
    b"/api%2fusers",
    b"/API/users",
    b"/apis",
    b"/a/z",
    b"/a/b/z",
    b"/v1/x",
    b"/caf%C3%A9/menu",
    b"/caf\xc3\xa9",
    b"/caf%e9",
    b"/a%20b",
    b"/a+b",
    b"/api/../secret",
    b"/api/%2e%2E/secret",
    b"/api/%252e%252e/x",
    b"/api/./x",
    b"/api/..",
    b"/api/...",
    b"/api%5cusers",
    b"/api/%00",
    b"/%zz",
    b"//api",
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    request = Request(
        method=draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"patch", b"OPTIONS"])),
        path=draw(st.sampled_from(PATHS_SENT)),
        origin=draw(origins_sent()),
        sec_fetch_site=draw(
            st.sampled_from([None, None, None, b"cross-site", b"same-site", b"same-origin", b"none"])
        ),
        scheme=draw(st.sampled_from([b"http", b"https", b"HTTPS"])),
        host=draw(
            st.sampled_from(
                [
                    b"api.example.com",
                    b"proxy.example",
                    b"Proxy.Example:80",
                    b"app.example.com",
                    b"localhost:3000",
                    b"[::1]:8080",
                ]
            )
        ),
    )
    shape = draw(st.integers(0, 5))
    if shape == 0:
        return replace(request, method=b"GET", is_websocket=True)
    if shape > 3:
        return request
    return replace(
        request,
        method=b"OPTIONS",
        request_method=draw(
            st.sampled_from([b"GET", b"PUT", b"put", b"PATCH", b"patch", b"POST", b"PURGE", b"B AD", b""])
        ),
        request_headers=draw(HEADERS_ASKED),
        request_private_network=draw(st.booleans()),
    )


# -- reading what the policy says it sends

LISTS = {
    "access-control-allow-methods": SAFE_METHODS,
    "access-control-allow-headers": ALWAYS_GRANTED,
    "access-control-expose-headers": frozenset[str](),
    "vary": frozenset[str](),
}


def parsed(lines: bytes) -> dict[str, str]:
    """Header lines as a mapping; every line whole, no field twice."""
    fields: dict[str, str] = {}
    assert lines == b"" or lines.endswith(b"\r\n")
    for line in lines.decode("latin-1").split("\r\n")[:-1]:
        name, separator, value = line.partition(": ")
        assert re.fullmatch("[A-Za-z-]+", name), line
        assert separator, line
        assert name.lower() not in fields, lines
        fields[name.lower()] = value
    return fields


def meant(lines: bytes, *, preflight: bool = False) -> dict[str, str | frozenset[str]]:
    """What the lines mean: lists as sets, with what need not be said said."""
    fields = parsed(lines)
    always = LISTS if preflight else {}
    meaning: dict[str, str | frozenset[str]] = {name: members for name, members in always.items() if members}
    for name, value in fields.items():
        if name not in LISTS:
            meaning[name] = value
            continue
        members = [member.strip() for member in value.split(",")]
        exact = name == "access-control-allow-methods"
        folded = [member if exact else member.lower() for member in members]
        assert len(set(folded)) == len(folded), f"{name} repeats itself: {value}"
        assert all(folded), f"{name} has an empty member: {value}"
        meaning[name] = frozenset(folded) | (LISTS[name] if preflight else frozenset())
    return meaning


def seen(decision: Decision, request: Request) -> dict[str, object]:
    """Everything observable about a decision, in the oracle's terms."""
    answered = decision.action is Action.ANSWER
    refused = decision.action is Action.REFUSE
    fields: Mapping[str, str | frozenset[str]] = {}
    if answered:
        fields = meant(decision.answer_lines(request), preflight=True)
    elif refused:
        fields = meant(decision.error_lines(request.origin))
    else:
        fields = meant(decision.lines(request.origin))
    return {
        "kind": decision.kind,
        "reason": decision.reason,
        "action": decision.action,
        "rule": decision.rule,
        "status": decision.status,
        "refused": decision.is_refusal,
        "report": decision.report,
        "strips": decision.strips or answered or refused,
        "varies": decision.varies,
        "fields": fields,
        "error_fields": None if answered else meant(decision.error_lines(request.origin)),
        "set": decision.set_lines if decision.action is Action.FORWARD else None,
        "remove": decision.remove if decision.action is Action.FORWARD else None,
        "rewrites cookies": decision.cookies is not None if decision.action is Action.FORWARD else None,
    }


def expected(verdict: Verdict) -> dict[str, object]:
    answered = verdict.action is Action.ANSWER
    forwarded = verdict.action is Action.FORWARD
    rule = verdict.rule if forwarded and verdict.would is None else None
    preflight_vary = {"origin", "access-control-request-method", "access-control-request-headers"}
    tokens = frozenset(preflight_vary) if verdict.kind is Kind.PREFLIGHT else frozenset({"origin"})
    vary: Mapping[str, str | frozenset[str]] = {"vary": tokens} if verdict.varies else {}
    error = {**verdict.error_fields, **vary}
    set_fields = rule.set_fields if rule else ()
    removed = [*(rule.remove_fields if rule else ()), *(name for name, _ in set_fields)]
    return {
        "kind": verdict.kind,
        "reason": verdict.reason,
        "action": verdict.action,
        "rule": verdict.rule,
        "status": verdict.status,
        "refused": verdict.refused,
        "report": verdict.would is not None,
        "strips": verdict.strips,
        "varies": verdict.varies,
        "fields": verdict.fields if forwarded else {**verdict.fields, **vary},
        "error_fields": None if answered else error,
        "set": "".join(f"{name}: {value}\r\n" for name, value in set_fields).encode() if forwarded else None,
        "remove": frozenset(name.lower().encode() for name in removed) if forwarded else None,
        "rewrites cookies": (rule is not None and rule.cookies is not None) if forwarded else None,
    }


PUBLIC = st.sampled_from(
    [(), (), ("https://proxy.example",), ("https://app.example.com", "http://localhost:3000")]
)


@given(rule_set=rule_sets(), public_origins=PUBLIC, request_set=st.lists(requests(), min_size=1, max_size=12))
@settings(deadline=None, max_examples=300)
def test_the_policy_agrees_with_the_oracle(
    rule_set: tuple[Rule, ...], public_origins: tuple[str, ...], request_set: list[Request]
) -> None:
    policy = Policy.compile(rule_set, public_origins)
    for request in request_set:
        decision = policy.decide(request, request.scheme, request.host)
        verdict = judge(rule_set, public_origins, request)
        assert (request, seen(decision, request)) == (request, expected(verdict))
        assert (decision.would is None) == (verdict.would is None)
        if decision.would is not None and verdict.would is not None:
            assert (request, seen(decision.would, request)) == (request, expected(verdict.would))


@given(rule_set=rule_sets(), request_set=st.lists(requests(), min_size=1, max_size=12), include=st.booleans())
@settings(deadline=None, max_examples=300)
def test_a_browser_reads_of_an_answer_what_the_reason_says(
    rule_set: tuple[Rule, ...], request_set: list[Request], *, include: bool
) -> None:
    policy = Policy.compile(rule_set, ())
    for request in request_set:
        decision = policy.decide(request, request.scheme, request.host)
        if decision.action is not Action.ANSWER or request.origin is None or decision.rule is None:
            continue
        method, names = request.request_method or b"", request.request_headers or b""
        if not is_sent_by_browsers(method, names):
            continue
        unsafe = frozenset(name.decode().lower() for name in re.findall(rb"[^ \t,]+", names))
        fields = parsed(decision.answer_lines(request))
        passes = preflight_check(
            request.origin.decode("latin-1"),
            method.decode(),
            unsafe,
            decision.status,
            fields,
            include=include,
        )
        due = decision.reason is Reason.ORIGIN_ALLOWED and (decision.rule.allow_credentials or not include)
        assert (request, fields, passes) == (request, fields, due)


def is_sent_by_browsers(method: bytes, names: bytes) -> bool:
    """Whether method and names are tokens, and not so many that they are refused unread."""
    token = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    if len(names) > 4096 or names.count(b",") > 256:
        return False
    sent = [name for name in re.split(rb"[ \t]*,[ \t]*", names) if name]
    return all(re.fullmatch(token, name) for name in [method, *sent])

"""Rule sets and requests at random, over alphabets so small that they meet.

Laws: a rule set is one that the configuration would take; a request may be anything. Most origins are
near misses of what the rules name.
"""

import re
from dataclasses import replace

from hypothesis import strategies as st

from corsproxy.cors.rule import Cookies, Origins, Rule
from tests.cors.oracle import Request

__all__ = ["PATHS", "PATHS_SENT", "public_origins", "requests", "rule_sets"]

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
        exact=draw(picks(*EXACT, largest=8)),
        wildcards=draw(picks(*WILDCARDS, largest=5)),
        regexes=draw(picks(*REGEXES[: draw(st.sampled_from([3, 3, 3, 4]))], largest=1)),
    )
    return origins if origins != Origins() else Origins(exact=EXACT[:1])


@st.composite
def rules(draw: st.DrawFn, number: int) -> Rule:
    origins = draw(origin_sets())
    credentials = not origins.any and not origins.null and draw(st.booleans())
    exposed = draw(picks(*EXPOSED))
    return Rule(
        name=f"rule-{number}",
        place=f"corsproxy.yaml:{number}",
        paths=draw(
            st.one_of(
                st.just(("/**",)),
                st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True).map(tuple),
            )
        ),
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
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2]))):
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
    tokens_sent(*HEADERS_SENT[:4]),
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
    b"/api//users",
    b"/a//z",
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    request = Request(
        method=draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"patch", b"OPTIONS"])),
        path=draw(st.sampled_from((b"/", b"/api/users") * 12 + PATHS_SENT)),
        origin=draw(origins_sent()),
        sec_fetch_site=draw(
            st.sampled_from(
                [None, None, None, None, None, b"cross-site", b"same-site", b"none", b"same-origin"]
            )
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
            st.sampled_from(
                [*[b"GET", b"POST"] * 3, b"PUT", b"put", b"PATCH", b"patch", b"PURGE", b"B AD", b""]
            )
        ),
        request_headers=draw(HEADERS_ASKED),
        request_private_network=draw(st.booleans()),
    )


def public_origins() -> st.SearchStrategy[tuple[str, ...]]:
    """Draw our own origins, most often none."""
    return st.sampled_from(
        [(), (), ("https://proxy.example",), ("https://app.example.com", "http://localhost:3000")]
    )

"""The oracle itself, on named cases: a judge that is wrong judges nothing."""

from collections.abc import Mapping

import pytest

from corsproxy.cors.rule import Origins
from tests.cors.browser import cors_check, preflight_check
from tests.cors.oracle import origin_matches, path_matches


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

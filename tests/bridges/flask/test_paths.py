"""What resources and URL rules become: a table, and that patterns take no path that was not taken.

Laws: the old side is Flask-CORS's own matching, and werkzeug's own routing; the new side is the trie that the proxy decides with.
"""

import re

import pytest
from flask_cors.core import parse_resources, try_match_pattern
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from corsproxy.bridges.flask.findings import Place
from corsproxy.bridges.flask.objects import Option
from corsproxy.bridges.flask.options import resources_of
from corsproxy.bridges.flask.paths import glob_of_rule, join, resource, takes, urls_of

ROUTES = [
    url
    for rule in (
        "/",
        "/api/users",
        "/api/users/<int:id>",
        "/api/v1/x",
        "/health",
        "/files/<path:p>",
        "/<any(a,b):k>/z",
    )
    for url in urls_of(rule)
]


@pytest.mark.parametrize(
    ("pattern", "alone", "with_routes"),
    [
        ("/*", ["/**"], ["/**"]),
        (".*", ["/**"], ["/**"]),
        ("/.*", ["/**"], ["/**"]),
        ("^.*$", ["/**"], ["/**"]),
        ("/api/*", ["/api*/**"], ["/api/**"]),
        ("/api/.*", ["/api/*/**"], ["/api/**"]),
        ("^/api/", ["/api/*/**"], ["/api/**"]),
        ("/api", ["/api"], ["/api"]),
        ("^/api$", ["/api"], ["/api"]),
        ("/h(ealth|elp)$", ["/health", "/help"], ["/health", "/help"]),
        ("/(api|files)/.*", ["/api/*/**", "/files/*/**"], ["/api/**", "/files/**"]),
        (".*/users", ["/**/users*/**"], ["/**/users*/**"]),
        ("/api/.*/x$", ["/api/*/**/x"], ["/api/*/**/x"]),
        ("/a[bc]/*", ["/ab*/**", "/ac*/**"], ["/ab*/**", "/ac*/**"]),
        (re.compile("/api/users"), ["/api/users*/**"], ["/api/users/**"]),
        # Not without knowing the routes.
        ("/api/v[0-9]+/.*", [], ["/api/v*/*/**"]),
        ("/api/users/[^/]+$", [], ["/api/users/*"]),
        ("/api/users/\\d+", [], ["/api/users/*/**"]),
        ("/api/(?!users).*", [], ["/api/v1/x"]),
        (re.compile("/API/.*", re.IGNORECASE), [], ["/api/users", "/api/users/*", "/api/v1/x"]),
        # Never.
        ("api/*", [], []),
        ("(/a+)+$", [], []),
        ("/[", [], []),
        ("health", [], []),
    ],
)
def test_resources(pattern: object, alone: list[str], with_routes: list[str]) -> None:
    assert list(resource(pattern, []).globs) == alone
    found = resource(pattern, ROUTES)
    assert list(found.globs) == with_routes
    assert bool(found.fault) is (
        not with_routes or bool(re.search(r"\(\?!", found.shown)) or found.shown == "/API/.*"
    )


def test_a_route_beside_the_prefix_keeps_the_pattern_as_wide_as_it_was() -> None:
    found = resource("/api/*", [*ROUTES, *urls_of("/apiary")])
    assert (found.globs, found.is_rewritten) == (("/api*/**",), False)
    assert resource("/api/*", ROUTES).is_rewritten


SEGMENTS = st.lists(st.sampled_from(["api", "apiary", "a", "x", "v1", "users", "", "7"]), max_size=4)
PIECES = st.sampled_from(
    ["/", "/api", "/a", ".*", "/.*", "*", "/*", "$", "^", "(a|b)", "x", "v[12]", "[^/]*", ".+", "?", "users"]
)


@settings(deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.lists(SEGMENTS, min_size=1, max_size=8))
def test_without_routes_a_pattern_takes_just_what_the_resource_took(
    pattern: str, paths: list[list[str]]
) -> None:
    found = resource(".*" if pattern == "*" else pattern, [])
    if not found.globs:
        return
    ((old, _),) = parse_resources(pattern)
    for segments in paths:
        path = "/" + "/".join(segments)
        assert takes(found.globs, path) == try_match_pattern(path, old), (path, found.globs)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["/*", "/api/*", "/api", "/api/v1/*", "*", "/a.*", "/b", "/api/.*/x"]),
        st.just({}),
        min_size=1,
    )
)
def test_resources_are_tried_in_flask_cors_order(resources: dict[str, dict[str, object]]) -> None:
    place = Place("app.py", 1)
    ours = resources_of(Option(resources, place, "resources"))
    theirs = [getattr(pattern, "pattern", pattern) for pattern, _ in parse_resources(dict(resources))]  # type: ignore[arg-type, unused-ignore]
    assert ours is not None
    assert [pattern for pattern, _ in ours] == theirs


@pytest.mark.parametrize(
    ("rule", "glob"),
    [
        ("/", "/"),
        ("/items/", "/items/"),
        ("/items/<int:id>", "/items/*"),
        ("/items/<id>/parts/<string(length=2):part>", "/items/*/parts/*"),
        ("/files/<path:name>", "/files/**"),
        ("/files/v<int:n>-<path:name>", "/files/v*-*/**"),
        ("/<path:rest>/edit", "/**/edit"),
        ("/users/<uuid:id>.json", "/users/*.json"),
        ("/any/<any(a, 'b'):x>", "/any/*"),
    ],
)
def test_url_rules(rule: str, glob: str) -> None:
    assert glob_of_rule(rule) == glob
    assert all(takes([glob], path) for url in urls_of(rule) for path in url.samples)


@pytest.mark.parametrize(
    "rule", ["/items/<int:id>", "/f/<path:p>", "/<any(a,b):k>/z", "/u/<uuid:u>", "/x/<float:f>", "/s/<s>"]
)
def test_samples_lead_to_their_route(rule: str) -> None:
    routes = Map([Rule(rule, endpoint="it")]).bind("localhost")
    for url in urls_of(rule):
        for path in url.samples:
            try:
                assert routes.match(path)[0] == "it"
            except HTTPException as fault:
                raise AssertionError(f"{path} does not lead to {rule}") from fault


def test_any_is_a_list() -> None:
    assert [url.glob for url in urls_of("/<any(red,green):colour>/x")] == ["/red/x", "/green/x"]


@pytest.mark.parametrize(
    ("prefix", "rule", "joined"),
    [
        ("", "/x", "/x"),
        ("/api", "/x", "/api/x"),
        ("/api/", "/x", "/api/x"),
        ("/api", "/", "/api/"),
        ("/api", "", "/api"),
    ],
)
def test_prefixes_are_put_before_rules_as_flask_does(prefix: str, rule: str, joined: str) -> None:
    assert join(prefix, rule) == joined

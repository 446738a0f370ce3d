"""The first rule whose path and host match, against trying one after the other."""

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.cors.rule import Rule
from corsproxy.cors.selection import AMBIGUOUS, NO_RULE, RuleIndex, host_name
from tests.cors.asking import rule


@pytest.mark.parametrize(
    ("pattern", "taken", "not_taken"),
    [
        ("/**", [b"/", b"/api", b"/a/b/", b"//"], [b"*", b""]),
        ("/", [b"/"], [b"/a"]),
        ("/api", [b"/api", b"/%61pi"], [b"/api/", b"/API", b"/apis", b"/ap"]),
        ("/api/**", [b"/api", b"/api/", b"/api/a/b", b"/api%2Fa"], [b"/apis", b"/API", b"/", b"/x/api"]),
        ("/api/*", [b"/api/a", b"/api/"], [b"/api", b"/api/a/", b"/api/a/b", b"/api/a%2Fb"]),
        ("/api/*/logo", [b"/api/a/logo"], [b"/api/logo", b"/api/a/b/logo"]),
        ("/v*/x", [b"/v1/x", b"/v/x"], [b"/v1/2/x", b"/w1/x"]),
        ("/**/export", [b"/export", b"/a/export", b"/a/b/export"], [b"/a/export/", b"/a/exports"]),
        ("/a/**/z", [b"/a/z", b"/a/b/c/z"], [b"/a", b"/az", b"/a/b/zz"]),
        ("/café/**", [b"/caf%C3%A9", b"/caf\xc3\xa9/x"], [b"/caf%E9", b"/cafe"]),
        ("/a b", [b"/a%20b"], [b"/a+b"]),
    ],
)
def test_each_kind_of_path(pattern: str, taken: list[bytes], not_taken: list[bytes]) -> None:
    index = RuleIndex([rule(paths=(pattern,))])
    got = {path: index.find(path, b"") for path in (*taken, *not_taken)}
    assert got == {**dict.fromkeys(taken, 0), **dict.fromkeys(not_taken, NO_RULE)}


def test_the_first_rule_of_the_file_decides_however_special_a_later_one_is() -> None:
    index = RuleIndex([rule(paths=("/api/*",)), rule(paths=("/api/a",)), rule(paths=("/**",))])
    assert [index.find(path, b"") for path in (b"/api/a", b"/api/a/b", b"/")] == [0, 2, 2]


@pytest.mark.parametrize(
    "path",
    [
        b"/a/../b",
        b"/a/%2e%2E/b",
        b"/.",
        b"/a/.",
        b"/a/%2e",
        b"/a%5cb",
        b"/a\\b",
        b"/a%00",
        b"/..%2fa",
        b"/%2e%2e%2f",
    ],
)
def test_an_ambiguous_path_has_no_rule(path: bytes) -> None:
    assert RuleIndex([rule(paths=("/**",))]).find(path, b"") == AMBIGUOUS


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"//api/me", AMBIGUOUS),  # to waitress this is /api/me
        (b"/%2fapi/me", AMBIGUOUS),
        (b"/api//me", 0),
        (b"//other", 1),
        (b"//", 1),
    ],
)
def test_empty_segments_may_not_lead_to_another_rule(path: bytes, found: int) -> None:
    assert RuleIndex([rule(paths=("/api/**",)), rule(paths=("/**",))]).find(path, b"") == found


def test_a_path_of_absurdly_many_segments_is_not_walked_where_each_costs() -> None:
    index = RuleIndex([rule(paths=("/**/z",)), rule(paths=("/**",))])
    assert [index.find(b"/a" * 64, b""), index.find(b"/a" * 65, b"")] == [1, AMBIGUOUS]
    assert RuleIndex([rule(paths=("/a/**",))]).find(b"/a" * 9999, b"") == 0


@pytest.mark.parametrize(
    ("host", "found"),
    [
        (b"api.example.com", 0),
        (b"API.Example.com:8080", 0),
        (b"api.example.com.", 0),
        (b"api.example.com.:8080", 0),
        (b"www.example.com", 1),
        (b"www.example.com:80", 1),
        (b"api.example.com.evil.example", 2),
        (b"[::1]:8080", 3),
        (b"[::1]", 3),
        (b"", 2),
    ],
)
def test_hosts(host: bytes, found: int) -> None:
    rules = [
        rule(host="api.example.com"),
        rule(host="WWW.example.com"),
        rule(paths=("/x",)),
        rule(host="[::1]"),
    ]
    index = RuleIndex([*rules[:2], rule(paths=("/x",)), *rules[3:]])
    assert index.find(b"/x", host) == min(found, 2)
    assert index.find(b"/y", host) == (found if found != 2 else NO_RULE)


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        (b"Example.com:80", b"example.com"),
        (b"example.com:", b"example.com"),
        (b"example.com", b"example.com"),
        (b"[::1]:80", b"[::1]"),
        (b"[::1]", b"[::1]"),
        (b"", b""),
        (b"example.com.", b"example.com"),
        (b"Example.com.:80", b"example.com"),
        (b"example.com..", b"example.com."),
    ],
)
def test_a_host_name_has_no_port(authority: bytes, name: bytes) -> None:
    assert host_name(authority) == name


# -- random rules against trying one after the other

SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "a*b", "**", ""])
PATTERNS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda segments: "/" + "/".join(segments))
HOSTS = st.sampled_from([None, None, "api.example", "www.example"])
RULES = st.lists(
    st.builds(
        lambda paths, host: rule(paths=tuple(paths), host=host),
        st.lists(PATTERNS, min_size=1, max_size=2),
        HOSTS,
    ),
    max_size=5,
)
PATHS = st.lists(
    st.sampled_from(["a", "b", "ab", "aab", "", ".", "..", "%61", "%2e", "a%2Fb", "a.b", "%5C"]),
    min_size=1,
    max_size=5,
).map(lambda segments: ("/" + "/".join(segments)).encode())


def takes(rule: Rule, path: bytes, host: str) -> bool:
    if rule.host is not None and rule.host != host:
        return False
    return any(matches(pattern, path) for pattern in rule.paths)


def matches(pattern: str, path: bytes) -> bool:
    segments = [
        "(?:/[^/]*)*" if s == "**" else "/" + re.escape(s).replace(r"\*", "[^/]*")
        for s in pattern.split("/")[1:]
    ]
    return re.fullmatch("".join(segments).encode(), path) is not None


def naive(rules: list[Rule], raw: bytes, host: str) -> int:
    path = unquote_to_bytes(raw)
    if b"\\" in path or {b".", b".."} & set(path.split(b"/")):
        return AMBIGUOUS
    readings = {path, re.sub(b"//+", b"/", path)}
    found = {next((n for n, rule in enumerate(rules) if takes(rule, p, host)), NO_RULE) for p in readings}
    return found.pop() if len(found) == 1 else AMBIGUOUS


@given(
    rules=RULES,
    paths=st.lists(PATHS, min_size=1, max_size=8),
    host=st.sampled_from(["api.example", "x.example"]),
)
@settings(deadline=None, max_examples=400)
def test_random_rules_agree_with_trying_each(rules: list[Rule], paths: list[bytes], host: str) -> None:
    index = RuleIndex(rules)
    found = [index.find(path, host.upper().encode() + b":8080") for path in paths]
    assert found == [naive(rules, path, host) for path in paths]
    if index.takes_everything:
        assert {number for number in found if number != AMBIGUOUS} <= {0}

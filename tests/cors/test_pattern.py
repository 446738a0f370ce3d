"""Which origins each kind of pattern allows, and everything an attacker may try around them."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.cors.origin import parse_origin
from corsproxy.cors.pattern import OriginMatcher, wildcard_faults
from corsproxy.cors.rule import Origins

EXACT = Origins(exact=("https://example.com",))
SUBDOMAINS = Origins(wildcards=("https://*.example.com",))
LABEL = Origins(wildcards=("https://app-*-team.vercel.app",))
PORTS = Origins(wildcards=("http://localhost:*",))
REGEX = Origins(regexes=(r"https://pr-[0-9]+\.example\.com",))

KINDS = {"exact": EXACT, "sub-domains": SUBDOMAINS, "label": LABEL, "ports": PORTS, "regex": REGEX}
MEMBER = {
    "exact": "https://example.com",
    "sub-domains": "https://app.example.com",
    "label": "https://app-7-team.vercel.app",
    "ports": "http://localhost:5173",
    "regex": "https://pr-12.example.com",
}


@pytest.mark.parametrize(
    ("origins", "allowed", "refused"),
    [
        (
            EXACT,
            ["https://example.com"],
            [
                "http://example.com",
                "https://example.com:8443",
                "https://www.example.com",
                "https://example.co",
            ],
        ),
        (
            SUBDOMAINS,
            ["https://a.example.com", "https://a.b.c.example.com", "https://my_app-1.example.com"],
            [
                "https://example.com",
                "https://.example.com",
                "https://a..example.com",
                "https://.a.example.com",
                "https://notexample.com",
                "https://a.notexample.com",
                "https://a.example.com.evil.example",
                "https://a.example.com:8443",
                "http://a.example.com",
                "https://a.example.org",
            ],
        ),
        (
            Origins(wildcards=("https://*.example.com:8080",)),
            ["https://a.example.com:8080"],
            ["https://a.example.com", "https://a.example.com:8081", "https://a.example.com:80"],
        ),
        (
            LABEL,
            [
                "https://app-x-team.vercel.app",
                "https://app-a-b_c-team.vercel.app",
                "https://app---team.vercel.app",
            ],
            [
                "https://app--team.vercel.app",
                "https://app-team.vercel.app",
                "https://app-x-team.evil.vercel.app",
                "https://app-x.evil-team.vercel.app",
                "https://a.app-x-team.vercel.app",
                "https://app-x-teams.vercel.app",
                "https://myapp-x-team.vercel.app",
                "https://vercel.app",
            ],
        ),
        (
            PORTS,
            ["http://localhost", "http://localhost:1", "http://localhost:443", "http://localhost:65535"],
            [
                "http://localhost:80",
                "http://localhost:0",
                "http://localhost:65536",
                "http://localhost:080",
                "http://localhost:",
                "http://localhost:80x",
                "https://localhost",
                "http://localhost.evil.example:80",
                "http://localhost:5173.evil.example",
            ],
        ),
        (
            Origins(wildcards=("http://[::1]:*",)),
            ["http://[::1]", "http://[::1]:3000"],
            ["http://[::1]:80", "http://[::2]", "http://[::1].evil.example"],
        ),
        (
            Origins(wildcards=("https://*.app-*.example.com:*",)),
            ["https://a.app-1.example.com", "https://a.b.app-1.example.com:8443"],
            ["https://app-1.example.com", "https://a.app-.example.com", "https://a.app-1.b.example.com"],
        ),
        (
            Origins(wildcards=("https://api.*.example.com",)),
            ["https://api.eu.example.com"],
            ["https://api.example.com", "https://api.eu.west.example.com", "https://x.api.eu.example.com"],
        ),
        (
            Origins(wildcards=("https://a*b*c.example",)),
            ["https://a1b2c.example", "https://abbbc.example"],
            ["https://abc.example", "https://a1bc.example", "https://ab1c.example"],
        ),
        (
            REGEX,
            ["https://pr-1.example.com", "https://pr-12.example.com"],
            [
                "https://pr-.example.com",
                "https://pr-1.example.com.evil.example",
                "https://evil.example/https://pr-1.example.com",
                "https://xpr-1.example.com",
                "https://pr-1.example.com\n",
                "https://pr-1xexample.com",
            ],
        ),
        (
            Origins(regexes=("https://a\\.example", "https://b\\.example")),
            ["https://a.example", "https://b.example"],
            ["https://c.example", "https://a.examplehttps://b.example"],
        ),
        (
            Origins(regexes=(".*",)),  # even so, only what a browser could have sent
            ["https://anything.example", "chrome-extension://abcdef"],
            [
                "null",
                "",
                "https://EXAMPLE.com",
                "https://example.com/",
                "https://a.example, https://b.example",
            ],
        ),
        (Origins(null=True), ["null"], ["NULL", "null ", "", "https://null"]),
        (Origins(), [], ["https://example.com", "null", "*", ""]),
        (
            Origins(any=True),
            ["https://example.com", "null", "whatever"],
            ["https://a.example, https://b.example", "https://a.example https://b.example"],
        ),
        (
            Origins(
                exact=("https://foo.com", "https://bar.com"),
                wildcards=("https://*.foo.com", "https://*.bar.com"),
            ),
            ["https://foo.com", "https://a.foo.com", "https://bar.com", "https://a.bar.com"],
            ["https://barfoo.com", "https://foobar.com", "https://foo.combar.com", "https://afoo.com"],
        ),
        (
            Origins(wildcards=("https://*.foo.com:8443", "http://*.foo.com")),
            ["https://a.foo.com:8443", "http://a.foo.com"],
            ["https://a.foo.com", "http://a.foo.com:8443"],  # a scheme of one, a port of the other
        ),
    ],
)
def test_each_kind_of_pattern(origins: Origins, allowed: list[str], refused: list[str]) -> None:
    matcher = OriginMatcher(origins)
    got = {origin: matcher.allows(origin.encode()) for origin in (*allowed, *refused)}
    assert got == {**dict.fromkeys(allowed, True), **dict.fromkeys(refused, False)}


def bent(member: str) -> Iterator[str]:
    """Origins around an allowed one that are not it."""
    scheme, _, host = member.partition("://")
    yield from (member.upper(), member.title(), f"{scheme.upper()}://{host}", f"{scheme}://{host.upper()}")
    yield from (
        f"{member}/",
        f"{member}.",
        f"{member} ",
        f" {member}",
        f"{member}\t",
        f"{member}%00",
        f"{member}\0",
    )
    yield from (
        f"{member}:443",
        f"{member}:80",
        f"{member}?",
        f"{member}#",
        f"{member}/path",
        f"{member}\r\n",
    )
    yield from (
        f"{scheme}://user@{host}",
        f"{scheme}://user:secret@{host}",
        f"{scheme}://evil.example@{host}",
    )
    yield from (host, f"//{host}", f"{scheme}:{host}", f"{scheme}:/{host}", f"{scheme}:///{host}", "", scheme)
    yield from (f"{member}, {member}", f"{member},{member}", f"null,{member}", f"{member} null")
    yield from (
        f"{member}.evil.example",
        f"{scheme}://evil.example/{host}",
        f"{scheme}://evil.example?{member}",
    )
    yield from (
        f"{scheme}://evil.example#{host}",
        f"{scheme}://evil.example\\{host}",
        f"https://evil.example.{host}x",
    )
    yield from (f"ftp://{host}", f"javascript://{host}", f"x{member}", f"{member}x", member.replace(".", "x"))


HOSTILE = "_`{}!$&'()*+,;=~\"@/\\#?%|^<>[]A\u212aé\x7f\x00\t\r\n "


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ports"])
def test_nothing_near_an_allowed_origin_is_allowed(kind: str) -> None:
    matcher, member = OriginMatcher(KINDS[kind]), MEMBER[kind]
    assert matcher.allows(member.encode())
    assert [origin for origin in bent(member) if origin != member and matcher.allows(origin.encode())] == []


def test_nothing_near_an_allowed_origin_with_any_port_is_allowed() -> None:
    matcher = OriginMatcher(PORTS)
    members = {"http://localhost", "http://localhost:5173"}
    near = {origin for member in members for origin in bent(member)} - members
    allowed = {origin for origin in near if matcher.allows(origin.encode())}
    assert allowed == {"http://localhost:443"}  # a port like any other, for http


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("character", HOSTILE)
def test_what_browsers_leave_in_a_host_never_passes_for_an_allowed_one(kind: str, character: str) -> None:
    matcher, member = OriginMatcher(KINDS[kind]), MEMBER[kind]
    tried = [member[:at] + character + member[at:] for at in range(len(member) + 1)]
    allowed = [origin for origin in tried if matcher.allows(origin.encode())]
    # An underscore is a letter of host names, inside what a pattern leaves open.
    legal = re.compile(r"https://(_?app_?|a_?p_?p)\.example\.com|https://app-(_?7|7_?)-team\.vercel\.app")
    assert [origin for origin in allowed if character != "_" or not legal.fullmatch(origin)] == []


def test_an_origin_longer_than_a_host_name_can_be_is_not_matched() -> None:
    matcher = OriginMatcher(Origins(wildcards=SUBDOMAINS.wildcards, regexes=(".*",)))
    assert matcher.allows(b"https://" + b"a." * 100 + b"example.com")
    assert not matcher.allows(b"https://" + b"a." * 200 + b"example.com")


# -- random patterns against a naive matcher

LABELS = ["a", "b", "ab", "a-b", "*", "a*", "*b", "a*b"]


@st.composite
def wildcards(draw: st.DrawFn) -> str:
    labels = [
        *draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=3)),
        draw(st.sampled_from(["a", "b"])),
    ]
    port = draw(st.sampled_from(["", ":*", ":81"]))
    return f"{draw(st.sampled_from(['http', 'https']))}://{'.'.join(labels)}{port}"


@st.composite
def origins_sent(draw: st.DrawFn) -> str:
    labels = draw(
        st.lists(st.sampled_from(["a", "b", "ab", "aab", "a-b", "a_b", "b.a", "", "A", "é", "{"]), max_size=5)
    )
    port = draw(st.sampled_from(["", "", ":81", ":80", ":443", ":081", ":"]))
    return f"{draw(st.sampled_from(['http', 'https', 'ftp']))}://{'.'.join(labels)}{port}"


def naive(pattern: str, origin: str) -> bool:
    """One expression a pattern, and nothing that no browser would have sent."""
    if parse_origin(origin.encode()) is None:
        return False
    scheme, _, rest = pattern.partition("://")
    host, _, port = rest.partition(":")
    first, *others = host.split(".")
    label = "[a-z0-9_-]+"
    parts = [rf"{label}(?:\.{label})*" if first == "*" else re.escape(first).replace(r"\*", label)]
    parts += [re.escape(other).replace(r"\*", label) for other in others]
    ports = {"": "", "*": "(?::[0-9]+)?"}.get(port, f":{port}")
    return re.fullmatch(f"{scheme}://" + r"\.".join(parts) + ports, origin) is not None


@given(
    patterns=st.lists(wildcards(), min_size=1, max_size=5),
    sent=st.lists(origins_sent(), min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=400)
def test_random_patterns_agree_with_a_naive_matcher(patterns: list[str], sent: list[str]) -> None:
    matcher = OriginMatcher(Origins(wildcards=tuple(patterns)))
    got = [matcher.allows(origin.encode()) for origin in sent]
    assert got == [any(naive(pattern, origin) for pattern in patterns) for origin in sent]


# -- what may stand in a configuration


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("https://*.example.com", ()),
        ("https://app-*-team.vercel.app", ()),
        ("http://localhost:*", ()),
        ("http://[::1]:*", ()),
        ("https://*.app-*.example.com:*", ()),
        ("https://*.example.com:8443", ()),
        ("https://*.example.com/", ("has no trailing slash",)),
        ("https://*.Example.com", ("is in lower case",)),
        ("https://*", ("does not end its host in *; anybody can register a name there",)),
        ("https://*:8443", ("does not end its host in *; anybody can register a name there",)),
        ("https://example.*", ("does not end its host in *; anybody can register a name there",)),
        ("http://192.168.1.*", ("does not end its host in *; anybody can register a name there",)),
        ("http://*.168.1.1", ("has a full IPv4 address such as 127.0.0.1 where its host ends in a number",)),
        ("https://**.example.com", ("has no ** in it; *.example.com takes any number of labels already",)),
        ("*.example.com", ("begins with a scheme such as https://",)),
        ("http*://example.com", ("begins with a scheme such as https://",)),
        ("https://localhost:80*", ("has a port between 1 and 65535, or none",)),
    ],
)
def test_faults_of_wildcards(text: str, faults: tuple[str, ...]) -> None:
    assert wildcard_faults(text) == faults


@pytest.mark.parametrize(
    "origins", [Origins(wildcards=("https://*",)), Origins(wildcards=("*",)), Origins(regexes=("(",))]
)
def test_a_faulty_pattern_is_never_compiled(origins: Origins) -> None:
    with pytest.raises(
        ValueError, match=r"^(https://\*: an origin |\*: an origin |not an expression that RE2 takes: )"
    ):
        OriginMatcher(origins)

"""Which patterns let in somebody else's origin."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.config.lookalike import LookAlike, of_regex, of_wildcard
from corsproxy.config.regexes import Gap, UnsupportedSyntax, templates, variations
from corsproxy.config.suffixes import owner


@pytest.mark.parametrize(
    "text",
    [
        "https://*.example.com",
        "https://a.*.example.com",
        "https://*.example.com:*",
        "https://example.com:*",
        "http://localhost:*",
        "https://*.localhost",
        "https://*.internal",
        "https://app-*-team.vercel.app",
        "https://app-*.vercel.app",
        "https://*-team.vercel.app",
        "https://*.team.github.io",
        "capacitor://*.localhost",
    ],
)
def test_wildcards_of_one_owner(text: str) -> None:
    study = of_wildcard(text)
    assert (study.look_alike, study.matches) == (None, True)


@pytest.mark.parametrize(
    ("text", "look_alike"),
    [
        ("https://*example.com", LookAlike("https://aexample.com", "https://evilexample.com", "")),
        ("https://app*.com", LookAlike("https://appa.com", "https://appevil.com", "")),
        ("https://*-x.co.uk", LookAlike("https://a-x.co.uk", "https://evil-x.co.uk", "")),
        ("https://*.vercel.app", LookAlike("https://a.vercel.app", "https://evil.vercel.app", "vercel.app")),
        (
            "https://*-.vercel.app",
            LookAlike("https://a-.vercel.app", "https://evil-.vercel.app", "vercel.app"),
        ),
    ],
)
def test_wildcards_of_many_owners(text: str, look_alike: LookAlike) -> None:
    assert of_wildcard(text).look_alike == look_alike


@pytest.mark.parametrize(
    "pattern",
    [
        r"https://pr-[0-9]+\.example\.com",
        r"^https://pr-[0-9]+\.example\.com$",
        r"https://.*\.example\.com",
        r"https://[^.]+\.example\.com",
        r"https://.{3}\.example\.com",
        r"https://([a-z]+\.)*example\.com",
        r"https://(?:[a-z0-9-]+\.){1,3}example\.com",
        r"https://(www\.)?example\.com",
        r"https://[a-z]+\.(a|b)\.example\.com",
        r"https://example\.(com|org)",
        r"https://(app|eu-app)\.com",
        r"https://app[12]\.com",
        r"https://example\.com(:[0-9]+)?",
        r"http://localhost:\d+",
        r"http://192\.168\.1\.[0-9]+:3000",
        r"https://app-[a-z0-9]{9}-team\.vercel\.app",
        r"https://(?P<branch>[[:alnum:]]+)\.example\.com",
    ],
)
def test_expressions_of_one_owner(pattern: str) -> None:
    study = of_regex(pattern)
    assert (study.look_alike, study.matches) == (None, True)


@pytest.mark.parametrize(
    "pattern",
    [
        r"https://pr-[0-9]+.example.com",
        r"https://app.example.com",
        r"https://.*example\.com",
        r"https://[^/]+example\.com",
        r"https://\w+-?example\.com",
        r"https://example\.com.*",
        r"https://example\.com(\..*)?",
        r"https://example\.[a-z]+",
        r"https://app[0-9]\.com",
        r"https://[a-z]+\.vercel\.app",
        r"https://(evil)*bar\.com",
        r"https://([a-z]+\.)?[a-z]+\.com",
        r"https://(app\.example\.com|.*)",
        r".*",
        r".+\.com",
        r"https?://.+",
        r"(https://)?.*example\.com",
    ],
)
def test_expressions_of_many_owners(pattern: str) -> None:
    study = of_regex(pattern)
    assert study.look_alike is not None
    for shown in study.look_alike[:2]:
        assert re.fullmatch(pattern, shown)
    meant, other = (re.sub(r":[0-9]+$", "", text.partition("://")[2]) for text in study.look_alike[:2])
    assert owner(meant) != owner(other)


@pytest.mark.parametrize(
    "pattern", [r"https://Example\.com", r"example\.com", r"https://example\.com/", r"https://[a-z]+://x"]
)
def test_expressions_that_match_no_origin(pattern: str) -> None:
    assert not of_regex(pattern).matches


@pytest.mark.parametrize(
    ("pattern", "insecure"),
    [
        (r"https?://app\.example\.com", "http://app.example.com"),
        (r"[a-z]+://app\.example\.com", "http://app.example.com"),
        (r"http://localhost:[0-9]+", ""),
        (r"https://app\.example\.com", ""),
    ],
)
def test_expressions_that_let_in_http(pattern: str, insecure: str) -> None:
    assert of_regex(pattern).insecure == insecure


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"(?i)https://x\.example", "(?i)"),
        (r"https://\bx\.example", "\\b"),
        (r"https://\x41\.example", "\\x"),
        (r"https://[[:cntrl:]]x\.example", "[:cntrl:]"),
        (r"https://(a|b|c|d|e|f|g|h)(a|b|c|d|e|f|g|h)(a|b|c|d|e|f|g|h)(a|b)\.example", "more than 512"),
    ],
)
def test_what_cannot_be_taken_apart(pattern: str, what: str) -> None:
    with pytest.raises(UnsupportedSyntax) as refused:
        of_regex(pattern)
    assert what in str(refused.value)


@pytest.mark.parametrize("pattern", ["https://(", "[z-a]", "a**", "(?=a)", "\\", "x{1001}"])
def test_what_re2_does_not_take(pattern: str) -> None:
    with pytest.raises(ValueError, match="RE2"):
        of_regex(pattern)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ab", [("a", "b")]),
        ("a|b", [("a",), ("b",)]),
        ("(a|b)c", [("a", "c"), ("b", "c")]),
        ("a?b", [("b",), ("a", "b")]),
        ("(ab){2}", [("a", "b", "a", "b")]),
        ("[ab]", [("a",), ("b",)]),
        (r"\.", [(".",)]),
        ("^a$", [("a",)]),
        ("(ab)+", [(Gap(("ab", "abab", "ababab")),)]),
        ("", [()]),
    ],
)
def test_templates(pattern: str, found: list[tuple[str | Gap, ...]]) -> None:
    assert templates(pattern) == found


PIECES = st.recursive(
    st.sampled_from(["a", "b", "-", r"\.", ".", "[a-z]", "[^b]", r"\d", r"\w", "[0-9a]"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(PIECES)
def test_whatever_a_template_stands_for_is_matched(pattern: str) -> None:
    """The reader agrees with an independent engine about what an expression means."""
    try:
        found = templates(pattern)
    except UnsupportedSyntax:
        return
    for template in found:
        for text in variations(template):
            assert re.fullmatch(pattern, text), (pattern, text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "app", "-", "*", "team"]), min_size=1, max_size=4).map("".join))
def test_a_star_in_front_of_the_domain_never_matters(label: str) -> None:
    if "**" not in label:
        assert of_wildcard(f"https://{label}.example.com").look_alike is None

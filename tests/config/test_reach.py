"""Rules that can never decide: proved against a naive matcher that tries every short path."""

import itertools
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.config.reach import shadows
from corsproxy.cors.rule import Rule

SEGMENTS = ("", "a", "b", "ab", "aq", "qb", "q")
# Every path of up to four segments. `q` is in no pattern, so it is whatever else there may be.
PATHS = [
    "/" + "/".join(parts) for length in (1, 2, 3, 4) for parts in itertools.product(SEGMENTS, repeat=length)
]
HOSTS = (None, "one.example", "two.example")


def matches(pattern: str, path: str) -> bool:
    parts = [
        "(?:/[^/]*)*" if part == "**" else "/" + re.escape(part).replace(r"\*", "[^/]*")
        for part in pattern[1:].split("/")
    ]
    return re.fullmatch("".join(parts), path) is not None


def decides(rules: list[Rule], path: str, host: str | None) -> int | None:
    for position, rule in enumerate(rules):
        if rule.host in {None, host} and any(matches(pattern, path) for pattern in rule.paths):
            return position
    return None


def rule(*paths: str, host: str | None = None) -> Rule:
    return Rule(name="r", place="f:1", paths=paths, host=host)


PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "**", "a*", "*b", "a*b"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
RULES = st.lists(
    st.builds(
        lambda paths, host: rule(*paths, host=host),
        st.lists(PATTERNS, min_size=1, max_size=2),
        st.sampled_from(HOSTS),
    ),
    min_size=2,
    max_size=4,
)


@settings(deadline=None, max_examples=50)
@given(RULES)
def test_exactly_the_rules_that_never_decide(rules: list[Rule]) -> None:
    deciding = {decides(rules, path, host) for path in PATHS for host in HOSTS}
    shadowed = dict(shadows(rules))
    assert set(shadowed) == set(range(len(rules))) - deciding


def test_who_takes_everything_is_named() -> None:
    rules = [rule("/a/**"), rule("/b"), rule("/c"), rule("/a/x", "/b"), rule("/c", host="one.example")]
    assert list(shadows(rules)) == [(3, (0, 1)), (4, (2,))]


def test_another_host_takes_nothing() -> None:
    assert (
        list(shadows([rule("/**", host="one.example"), rule("/**", host="two.example"), rule("/**")])) == []
    )


def test_what_would_take_too_many_trials_is_let_pass() -> None:
    """Nothing is claimed where nothing is proved."""
    deep = "/" + "/".join(["**", "a"] * 6)
    assert list(shadows([rule("/" + "/".join("abcdefgh")), rule("/**"), rule(deep)])) == []


def test_a_thousand_rules_are_looked_at_once_each() -> None:
    rules = [rule(f"/a{number}/**") for number in range(1000)] + [rule("/a7/x")]
    assert list(shadows(rules)) == [(1000, (7,))]

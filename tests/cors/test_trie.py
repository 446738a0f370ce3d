"""The trie against a matcher that tries every pattern."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.cors.trie import NEVER, SegmentTrie

SEGMENTS = st.sampled_from([b"", b"a", b"b", b"ab", b"aab", b"abb", b"ba"])
PATTERN_SEGMENTS = st.sampled_from(
    [b"", b"a", b"b", b"ab", b"*", b"a*", b"*b", b"a*b", b"*a*", b"*a*b*", b"**"]
)


def expression(pattern: list[bytes], least: int) -> re.Pattern[bytes]:
    """Segments end in a slash here, so that `**` is any number of them."""
    star = b"[^/]{%d,}" % least
    parts = [
        b"(?:[^/]*/)*" if segment == b"**" else star.join(map(re.escape, segment.split(b"*"))) + b"/"
        for segment in pattern
    ]
    return re.compile(b"".join(parts))


def naive(patterns: list[list[bytes]], segments: list[bytes], least: int) -> int:
    text = b"".join(segment + b"/" for segment in segments)
    return next(
        (n for n, pattern in enumerate(patterns) if expression(pattern, least).fullmatch(text)), NEVER
    )


@given(
    patterns=st.lists(st.lists(PATTERN_SEGMENTS, min_size=1, max_size=4), max_size=6),
    asked=st.lists(st.lists(SEGMENTS, min_size=1, max_size=6), min_size=1, max_size=6),
    least=st.sampled_from([0, 1]),
)
@settings(deadline=None, max_examples=400)
def test_it_agrees_with_trying_every_pattern(
    patterns: list[list[bytes]], asked: list[list[bytes]], least: int
) -> None:
    trie = SegmentTrie(least)
    for order, pattern in enumerate(patterns):
        trie.insert(pattern, order)
    found = [trie.first(segments) for segments in asked]
    assert found == [naive(patterns, segments, least) for segments in asked]


@pytest.mark.parametrize(
    ("glob", "segment", "least", "matches"),
    [
        (b"*", b"", 0, True),
        (b"*", b"", 1, False),
        (b"a*", b"a", 0, True),
        (b"a*", b"a", 1, False),
        (b"a*a", b"a", 0, False),  # the two may not share a byte
        (b"a*a", b"aa", 0, True),
        (b"a*a", b"aa", 1, False),
        (b"a*b*a", b"aba", 0, True),
        (b"a*b*a", b"aba", 1, False),
        (b"a*b*a", b"axbxa", 1, True),
        (b"*b*b*", b"xbxbx", 1, True),
        (b"*b*b*", b"xbbx", 1, False),
        (b"*b*b*", b"xbbbx", 1, True),
    ],
)
def test_a_star_takes_what_it_has_to(glob: bytes, segment: bytes, least: int, *, matches: bool) -> None:
    trie = SegmentTrie(least)
    trie.insert([glob], 7)
    assert trie.first([segment]) == (7 if matches else NEVER)


def test_the_first_of_two_orders_wins_in_whatever_order_they_come() -> None:
    trie = SegmentTrie(least=0)
    trie.insert([b"a", b"**"], 5)
    trie.insert([b"a", b"b"], 2)
    trie.insert([b"**"], 9)
    asked = [[b"a", b"b"], [b"a", b"c"], [b"a"], [b"c"]]
    assert [trie.first(segments) for segments in asked] == [2, 5, 5, 9]

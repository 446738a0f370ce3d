"""Paths as they come, and the patterns that rules may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.cors.path import decode, is_ambiguous, may_surprise, merge_slashes, path_faults, segments_of


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        (b"/api/users", b"/api/users"),
        (b"/%61pi", b"/api"),
        (b"/api%2Fusers", b"/api/users"),
        (b"/api%2fusers", b"/api/users"),
        (b"/%2561", b"/%61"),
        (b"/%zz/%4", b"/%zz/%4"),
        (b"/a+b", b"/a+b"),
        (b"/caf%C3%A9", b"/caf\xc3\xa9"),
        (b"/%FF", b"/\xff"),
    ],
)
def test_a_path_is_decoded_once(raw: bytes, decoded: bytes) -> None:
    assert decode(raw) == decoded


@pytest.mark.parametrize(
    ("decoded", "ambiguous"),
    [
        (b"/", False),
        (b"/.well-known/x", False),
        (b"/a/...", False),
        (b"/a/..b", False),
        (b"/a/b..", False),
        (b"/a/.b/", False),
        (b"/a//b", False),
        (b"/%2e%2e/", False),
        (b"*", False),
        (b"/.", True),
        (b"/..", True),
        (b"/./a", True),
        (b"/a/../b", True),
        (b"/a/..", True),
        (b"/a\\b", True),
        (b"/a\x00", True),
    ],
)
def test_dot_segments_backslashes_and_nul_are_ambiguous(decoded: bytes, *, ambiguous: bool) -> None:
    assert is_ambiguous(decoded) is ambiguous


@given(st.text(alphabet="/.%2eE5c\\\x00a", max_size=12))
def test_what_does_not_surprise_is_neither_ambiguous_nor_encoded(text: str) -> None:
    path = text.encode()
    if not may_surprise(path):
        assert (decode(path), is_ambiguous(path)) == (path, False)


@pytest.mark.parametrize(
    ("path", "merged"), [(b"/a/b/", b"/a/b/"), (b"//a///b//", b"/a/b/"), (b"//", b"/"), (b"*", b"*")]
)
def test_empty_segments_are_merged_away(path: bytes, merged: bytes) -> None:
    assert merge_slashes(path) == merged


@pytest.mark.parametrize(
    ("pattern", "segments"),
    [
        ("/", (b"",)),
        ("/**", (b"**",)),
        ("/api/**", (b"api", b"**")),
        ("/api/", (b"api", b"")),
        ("/a*/*/b", (b"a*", b"*", b"b")),
        ("/café", (b"caf\xc3\xa9",)),
    ],
)
def test_a_pattern_is_cut_at_its_slashes(pattern: str, segments: tuple[bytes, ...]) -> None:
    assert segments_of(pattern) == segments


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("api/**", "begins with a slash"),
        ("", "begins with a slash"),
        ("/api**", "has ** only as a whole segment, as in /api/**"),
        ("/***", "has ** only as a whole segment, as in /api/**"),
        ("/api?x=1", "has no query and no fragment"),
        ("/api#x", "has no query and no fragment"),
        ("/caf%C3%A9", "is written decoded, without %"),
        ("/a/../b", "has no dot segments, which no grant is ever given for"),
        ("/a/.", "has no dot segments, which no grant is ever given for"),
        ("/a\\b", "has no backslash and no control characters"),
        ("/a\tb", "has no backslash and no control characters"),
    ],
)
def test_a_faulty_pattern_is_told_and_never_compiled(pattern: str, fault: str) -> None:
    assert path_faults(pattern) == (fault,)
    with pytest.raises(ValueError, match="a path "):
        segments_of(pattern)

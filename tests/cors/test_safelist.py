"""Which fields need no preflight, by name and by value: the lists of the Fetch standard, at their edges."""

import pytest

from corsproxy.cors.safelist import is_safelisted, unsafe_names


@pytest.mark.parametrize(
    ("name", "value", "safe"),
    [
        ("accept", "application/json, text/*;q=0.5", True),
        ("accept", "a" * 128, True),
        ("accept", "a" * 129, False),
        ("accept", 'text/html;x="1"', False),
        ("accept", "a\tb", True),
        ("accept", "a\x01b", False),
        ("accept-language", "de-DE, en;q=0.5, *", True),
        ("accept-language", "de_DE", False),
        ("content-language", "en", True),
        ("content-language", "en/us", False),
        ("content-type", "text/plain", True),
        ("content-type", "Text/Plain ; charset=UTF-8", True),
        ("content-type", "multipart/form-data; boundary=----x", True),
        ("content-type", "application/x-www-form-urlencoded", True),
        ("content-type", "application/json", False),
        ("content-type", 'text/plain; charset="utf-8"', False),
        ("content-type", "", False),
        ("range", "bytes=0-", True),
        ("range", "bytes=10-20", True),
        ("range", "bytes=20-10", False),
        ("range", "bytes=-10", False),
        ("range", "bytes=0-1,5-6", False),
        ("range", "bytes = 0-", False),
        ("range", "lines=0-", False),
        ("authorization", "x", False),
        ("x-foo", "", False),
    ],
)
def test_by_value(name: str, value: str, safe: bool) -> None:
    assert is_safelisted(name.encode(), value.encode()) is safe


def test_names_are_sorted_in_lower_case_and_once() -> None:
    fields = [(b"X-B", b"1"), (b"Accept", b"*/*"), (b"x-b", b"2"), (b"Content-Type", b"a/b"), (b"X-A", b"")]
    assert unsafe_names(fields) == (b"content-type", b"x-a", b"x-b")


def test_safe_values_are_unsafe_together_when_they_are_long() -> None:
    fields = [(b"accept", b"a" * 128)] * 8
    assert unsafe_names(fields) == ()
    assert unsafe_names([*fields, (b"range", b"bytes=0-")]) == (b"accept", b"range")


def test_bytes_that_are_not_safe_in_a_value() -> None:
    unsafe = {*range(9), *range(10, 32), *b'"():<>?@[\\]{}', 127}
    for byte in range(256):
        assert is_safelisted(b"accept", b"a%cb" % byte) is (byte not in unsafe)

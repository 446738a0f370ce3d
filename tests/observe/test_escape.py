"""What a stranger sends cannot end a line, speak to a terminal, or pass for something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.observe.escape import from_bytes, from_text
from tests.observe.conftest import unhurried


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ""),
        (b"/api/users?", "/api/users?"),
        (b'say "hi"', 'say "hi"'),
        (b"a\r\nb", r"a\x0d\x0ab"),
        (b"\x1b[31mred", r"\x1b[31mred"),
        (b"caf\xc3\xa9", r"caf\xc3\xa9"),
        (b"\x00\x7f\x9b\xff", r"\x00\x7f\x9b\xff"),
        (b"back\\slash", r"back\x5cslash"),
        (b"\\x0a", r"\x5cx0a"),
    ],
)
def test_bytes(raw: bytes, expected: str) -> None:
    assert from_bytes(raw, 100) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("bücher", "bücher"),
        ("a\nb\tc", r"a\x0ab\x09c"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\u202eevil", r"\u202eevil"),
        ("\u2028line", r"\u2028line"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
        ("C:\\x", r"C:\x5cx"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert from_text(text, 100) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"1234567890", "1234567890"),
        (b"12345678901", "1234567..."),
        (b"123456\n", r"123456\x0a"),
        (b"1234567\n", "1234567..."),  # an escape is never cut in half
        (b"\n\n\n", r"\x0a..."),
        (b"x" * 10_000_000, "xxxxxxx..."),
    ],
)
def test_bounds_count_what_comes_out(raw: bytes, expected: str) -> None:
    assert from_bytes(raw, 10) == expected
    assert from_text(raw.decode(), 10) == expected


@unhurried
@given(st.binary(max_size=60), st.integers(10, 60))
def test_bytes_always_come_out_printable_and_bounded(raw: bytes, limit: int) -> None:
    escaped = from_bytes(raw, limit)
    assert len(escaped) <= limit
    assert escaped.isascii()
    assert escaped.isprintable()


@unhurried
@given(st.binary(max_size=20), st.binary(max_size=20))
def test_two_inputs_never_look_the_same(one: bytes, other: bytes) -> None:
    assert (from_bytes(one, 100) == from_bytes(other, 100)) == (one == other)


@unhurried
@given(st.text(max_size=60), st.integers(10, 60))
def test_text_always_comes_out_printable_and_bounded(text: str, limit: int) -> None:
    escaped = from_text(text, limit)
    assert len(escaped) <= limit
    assert escaped.isprintable()

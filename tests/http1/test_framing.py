"""The chunked coding: whole, byte by byte, cut anywhere, against a slow twin; and what breaks it."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.http1.faults import BadRequest, BadResponse
from corsproxy.http1.framing import ChunkedReader, chunk, content_length


def feed_all(reader: ChunkedReader, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """Return what was passed on, and what was left over after the end."""
    out, rest = b"", b""
    for piece in pieces:
        left = piece
        while left and not reader.is_done:
            got, used = reader.feed(left)
            out += b"".join(got)
            left = left[used:]
        rest += left
    return out, rest


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """A chunked text, its content, and the same text less extensions and trailers."""
    text, content, plain = b"", b"", b""
    for piece in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6)):
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"000%x"])) % len(piece)
        extension = draw(st.sampled_from([b"", b"", b";a", b'; a="b c"', b" ;x=\xe9"]))
        text += size + extension + b"\r\n" + piece + b"\r\n"
        plain += size + b"\r\n" + piece + b"\r\n"
        content += piece
    end = draw(st.sampled_from([b"0", b"000"]))
    extension = draw(st.sampled_from([b"", b";last"]))
    trailers = draw(st.sampled_from([b"", b"A: b\r\n", b"Access-Control-Allow-Origin: *\r\nX:\r\n"]))
    return text + end + extension + b"\r\n" + trailers + b"\r\n", content, plain + end + b"\r\n\r\n"


@given(bodies(), st.lists(st.integers(0, 400), max_size=8), st.binary(max_size=10))
def test_cut_anywhere(body: tuple[bytes, bytes, bytes], cuts: list[int], junk: bytes) -> None:
    text, content, plain = body
    whole = text + junk
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(places)]
    for some in (pieces, [whole[i : i + 1] for i in range(len(whole))]):
        decoding = ChunkedReader(BadRequest, decode=True)
        assert feed_all(decoding, some) == (content, junk)
        assert decoding.is_done
        keeping = ChunkedReader(BadResponse, decode=False)
        assert feed_all(keeping, some) == (plain, junk)
        assert keeping.is_done


@given(bodies())
def test_nothing_is_whole_before_its_end(body: tuple[bytes, bytes, bytes]) -> None:
    text = body[0]
    for cut in range(len(text)):
        reader = ChunkedReader(BadRequest, decode=True)
        reader.feed(text[:cut])
        assert not reader.is_done


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("cut", [1, 3, 6, 7])
def test_very_many_small_chunks_are_read_in_several_turns(cut: int, *, decode: bool) -> None:
    """Also where a turn ends behind a line that was held back, or that is not forwarded."""
    text = b"1\r\nx\r\n1;a\r\nx\r\n" * 5_000 + b"0\r\nA: b\r\n\r\n"
    whole = b"x" * 10_000 if decode else b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"
    reader = ChunkedReader(BadRequest, decode=decode)
    out, used = reader.feed(text[:cut])
    got, text = b"".join(out), text[used:]
    turns = 0
    while text:
        assert not reader.is_done
        out, used = reader.feed(text)
        got, text = got + b"".join(out), text[used:]
        turns += 1
    assert (reader.is_done, got == whole, turns) == (True, True, 20)


@pytest.mark.parametrize("decode", [True, False])
def test_nothing_is_kept_of_what_was_read(*, decode: bool) -> None:
    """Not so much as the places of extensions: there are millions of them in an upload."""
    reader = ChunkedReader(BadRequest, decode=decode)
    feed_all(reader, [b"1;\r\nx\r\n" * 500] * 2)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    feed_all(reader, [b"1;\r\nx\r\n" * 500] * 40)
    assert tracemalloc.get_traced_memory()[0] - before < 8192
    tracemalloc.stop()


BROKEN = {
    "no digits": b"\r\n",
    "not hexadecimal": b"g\r\n",
    "sign": b"+1\r\na\r\n",
    "0x": b"0x1\r\na\r\n",
    "leading space": b" 1\r\na\r\n",
    "too many digits": b"00000000000000001\r\na\r\n",
    "over 2^63-1": b"ffffffffffffffff\r\n",
    "bare LF after the size": b"1\na\r\n",
    "bare CR in an extension": b"1;a\rb\r\na\r\n",
    "control byte in an extension": b"1;\x01\r\na\r\n",
    "chunk longer than its size": b"1\r\nab\r\n",
    "bare LF after the chunk": b"1\r\na\n",
    "folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "nameless trailer": b"0\r\n: b\r\n\r\n",
    "trailer without colon": b"0\r\nab\r\n\r\n",
    "NUL in a trailer": b"0\r\nA: \0\r\n\r\n",
    "DEL in an extension": b"1;\x7f\r\na\r\n",
    "DEL in a trailer": b"0\r\nA: \x7f\r\n\r\n",
    "endless extension": b"1;" + b"a" * 5000,
    "endless trailer": b"0\r\n" + b"A: b\r\n" * 2000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("step", [1, 10_000])
def test_broken(text: bytes, step: int) -> None:
    reader = ChunkedReader(BadRequest, decode=True)
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    with pytest.raises(BadRequest) as caught:
        feed_all(reader, pieces)
    assert caught.value.status == 400


def test_trailers_of_every_byte_that_one_may_have_are_taken() -> None:
    name = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    value = bytes([9, *range(32, 127), *range(128, 256)])
    for each in [bytes([byte]) for byte in name]:
        reader = ChunkedReader(BadRequest, decode=True)
        assert feed_all(reader, [b"0\r\n" + each + b":" + value + b"\r\n\r\nrest"]) == (b"", b"rest")
    reader = ChunkedReader(BadRequest, decode=True)
    assert feed_all(reader, [b"0 \t;" + value + b"\r\n\r\nrest"]) == (b"", b"rest")


LIMITS = {
    "a line of the greatest length": (b"0;" + b"a" * 4092 + b"\r\n\r\n", True),
    "a line that is longer": (b"0;" + b"a" * 4093 + b"\r\n\r\n", False),
    "trailers of the greatest length": (b"0\r\n" + b"A: b\r\n" * 10 + b"\r\n", True),
    "trailers that are longer": (b"0\r\n" + b"A: b\r\n" * 9 + b"A: bc\r\n\r\n", False),
    "the greatest size": (b"7fffffffffffffff\r\na", True),
    "a size that is greater": (b"8000000000000000\r\na", False),
}


@pytest.mark.parametrize(("text", "is_taken"), LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("step", [1, 10_000])
def test_limits(text: bytes, is_taken: bool, step: int) -> None:
    reader = ChunkedReader(BadRequest, decode=True, trailer_limit=60)
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    if is_taken:
        feed_all(reader, pieces)
        assert reader.is_done is text.endswith(b"\r\n\r\n")
    else:
        with pytest.raises(BadRequest):
            feed_all(reader, pieces)


def test_chunk() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", -1),
        (b"", -1),
        (b"1 2", -1),
        (b"+1", -1),
        ("٣".encode(), -1),
    ],
)
def test_content_length(value: bytes, length: int) -> None:
    assert content_length(value) == length

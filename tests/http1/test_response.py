"""Response heads: what makes a 502, how each body ends, what is forwarded of the fields."""

import pytest

from corsproxy.http1.faults import BadResponse
from corsproxy.http1.framing import CHUNKED, UNTIL_CLOSE
from corsproxy.http1.response import _KNOWN_STATUS_LINES, read_response_head

OK = b"HTTP/1.1 200 OK\r\n"

BROKEN = {
    "two lengths": OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
    "two equal lengths": OK + b"Content-Length: 3\r\ncontent-length: 3\r\n\r\n",
    "length with chunked": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked with length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    "length with chunked, where there is no body": (
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
    "no number": OK + b"Content-Length: three\r\n\r\n",
    "length of 2^64-1": OK + b"Content-Length: 18446744073709551615\r\n\r\n",
    "unknown coding": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "control byte": OK + b"X: a\x01b\r\n\r\n",
    "NUL": OK + b"X: a\0\r\n\r\n",
    "bare CR": OK + b"X: a\rb\r\n\r\n",
    "bare LF": OK + b"X: a\nSet-Cookie: b\r\n\r\n",
    "folded": OK + b"X: a\r\n b\r\n\r\n",
    "space before colon": OK + b"X : a\r\n\r\n",
    "version 2": b"HTTP/2.0 200 OK\r\n\r\n",
    "version 0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "no HTTP at all": b"SSH-2.0-OpenSSH\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status below 100": b"HTTP/1.1 099 OK\r\n\r\n",
    "fields without end": OK + b"A: b\r\n" * 1001 + b"\r\n",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_broken(raw: bytes) -> None:
    with pytest.raises(BadResponse) as caught:
        read_response_head(raw, to_head=False)
    assert caught.value.status == 502


FRAMED = {
    "counted": (OK + b"Content-Length: 3\r\n\r\n", False, 3, True),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", False, 0, True),
    "chunked": (OK + b"Transfer-Encoding: Chunked\r\n\r\n", False, CHUNKED, True),
    "until close": (OK + b"\r\n", False, UNTIL_CLOSE, True),
    "said close": (OK + b"Connection: close\r\nContent-Length: 3\r\n\r\n", False, 3, False),
    "said close among others": (OK + b"Connection: x, close\r\nContent-Length: 3\r\n\r\n", False, 3, False),
    "said close, then others": (
        OK + b"Connection: close\r\nConnection: keep-alive, x\r\nContent-Length: 3\r\n\r\n",
        False,
        3,
        False,
    ),
    "said CLOSE": (OK + b"Connection: CLOSE\r\nContent-Length: 3\r\n\r\n", False, 3, False),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", False, 3, False),
    "1.0 keep-alive": (
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\n",
        False,
        3,
        True,
    ),
    "HEAD": (OK + b"Content-Length: 3\r\n\r\n", True, 0, True),
    "HEAD chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n", True, 0, True),
    "204 that says a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", False, 0, True),
    "304 chunked": (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", False, 0, True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", False, 0, True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", False, 0, True),
    "100": (b"HTTP/1.1 100 Continue\r\n\r\n", False, 0, True),
    "no phrase": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", False, 1, True),
}


@pytest.mark.parametrize(("raw", "to_head", "length", "keep_alive"), FRAMED.values(), ids=FRAMED)
def test_framing(raw: bytes, to_head: bool, length: int, keep_alive: bool) -> None:
    head = read_response_head(raw, to_head=to_head)
    assert (head.length, head.keep_alive) == (length, keep_alive)


FORWARDED = {
    "order, spelling and repetition stay": (
        b"server: x\r\nSet-Cookie: a=1\r\nDate:y\r\nset-cookie:  b=2\r\nX: \xe9\r\n",
        [b"server: x", b"Set-Cookie: a=1", b"Date:y", b"set-cookie:  b=2", b"X: \xe9"],
    ),
    "hop-by-hop goes": (
        (
            b"Connection: X-Mine, keep-alive\r\nKeep-Alive: 1\r\nX-mine: 1\r\nTE: x\r\nTrailer: y\r\nUpgrade: h2c\r\n"
            b"Proxy-Connection: z\r\nTransfer-Encoding: chunked\r\nA: b\r\n"
        ),
        [b"A: b"],
    ),
    "a length is written plainly": (b"content-length: 00\r\n", [b"Content-Length: 0"]),
    "tabs around a length go": (b"A: b\r\ncontent-length:\t2 \t\r\n", [b"A: b", b"Content-Length: 2"]),
    "what it may not name away stays": (
        (
            b"Connection: Content-Length, Content-Type, Set-Cookie, Date, Vary, Location, X\r\nX: 1\r\n"
            b"Content-Length: 1\r\nContent-Type: a/b\r\nSet-Cookie: a=1\r\nDate: x\r\nVary: A\r\nLocation: /\r\n"
        ),
        [
            b"Content-Length: 1",
            b"Content-Type: a/b",
            b"Set-Cookie: a=1",
            b"Date: x",
            b"Vary: A",
            b"Location: /",
        ],
    ),
}


@pytest.mark.parametrize(("fields", "lines"), FORWARDED.values(), ids=FORWARDED)
def test_forwarded(fields: bytes, lines: list[bytes]) -> None:
    head = read_response_head(
        b"HTTP/1.0 200 Fine\r\n".replace(b"1.0", b"1.1") + fields + b"\r\n", to_head=False
    )
    assert head.lines == [b"HTTP/1.1 200 Fine", *lines, b"", b""]


def test_options_without_end_are_obeyed_in_one_pass() -> None:
    """A pass over the fields for each option would take minutes."""
    options = b"x-gone," + b"b," * 2_000_000 + b"date"
    fields = b"X-Gone: a\r\nDate: b\r\n" + b"a:b\r\n" * 990
    head = read_response_head(OK + fields + b"Connection: " + options + b"\r\n\r\n", to_head=False)
    assert head.lines == [b"HTTP/1.1 200 OK", b"Date: b", *[b"a:b"] * 990, b"", b""]


def test_a_reason_phrase_has_no_control_byte() -> None:
    for byte in range(256):
        raw = b"HTTP/1.1 200 O%cK\r\nContent-Length: 0\r\n\r\n" % byte
        if byte == 9 or 32 <= byte != 127:
            assert read_response_head(raw, to_head=False).lines[0] == raw.partition(b"\r\n")[0]
        else:
            with pytest.raises(BadResponse):
                read_response_head(raw, to_head=False)


LENGTH = b"Content-Length: 3"
LENGTHS_WITHOUT_BODY = {
    "HEAD": (b"HTTP/1.1 200 OK", True, [LENGTH]),
    "304": (b"HTTP/1.1 304 Not Modified", False, [LENGTH]),
    "204": (b"HTTP/1.1 204 No Content", False, []),
    "204 to HEAD": (b"HTTP/1.1 204 No Content", True, []),
    "199": (b"HTTP/1.1 199 Soon", False, []),
    "200": (b"HTTP/1.1 200 OK", False, [LENGTH]),
}


@pytest.mark.parametrize(
    ("status", "to_head", "lines"), LENGTHS_WITHOUT_BODY.values(), ids=LENGTHS_WITHOUT_BODY
)
def test_where_a_length_may_stand(status: bytes, to_head: bool, lines: list[bytes]) -> None:
    head = read_response_head(status + b"\r\n" + LENGTH + b"\r\n\r\n", to_head=to_head)
    assert head.lines == [status, *lines, b"", b""]


def test_the_version_is_ours() -> None:
    assert read_response_head(b"HTTP/1.0 200 Fine\r\n\r\n", to_head=False).lines[0] == b"HTTP/1.1 200 Fine"


def test_length_goes_where_it_must_not_be() -> None:
    lines = read_response_head(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nA: b\r\n\r\n", to_head=False
    ).lines
    assert lines == [b"HTTP/1.1 204 No Content", b"A: b", b"", b""]


def test_what_is_noted() -> None:
    head = read_response_head(
        OK
        + b"vary: A\r\nVary: B\r\nACCESS-CONTROL-ALLOW-ORIGIN: *\r\nLocation: /\r\nSet-Cookie: a=1\r\n\r\n",
        to_head=False,
    )
    assert head.vary == (b"A", b"B")
    assert head.cors == ((b"access-control-allow-origin", b"ACCESS-CONTROL-ALLOW-ORIGIN: *"),)
    assert (head.has_location, head.cookies) == (True, (b"Set-Cookie: a=1",))


def test_what_is_not_there_is_not_noted() -> None:
    head = read_response_head(OK + b"Content-Length: 0\r\n\r\n", to_head=False)
    assert (head.vary, head.cors, head.cookies, head.has_location, head.upgrade) == ((), (), (), False, b"")


def test_status_lines_are_remembered_within_bounds_and_never_instead_of_judged() -> None:
    lines = [b"HTTP/1.1 %d R%d" % (200 + number % 300, number) for number in range(500)]
    for _ in range(2):
        for line in lines:
            head = read_response_head(line + b"\r\nContent-Length: 0\r\n\r\n", to_head=False)
            assert (head.status, head.minor, head.lines[0]) == (int(line[9:12]), 1, line)
    assert len(_KNOWN_STATUS_LINES) <= 64
    for _ in range(2):  # HTTP/1.0 changes more than the status, so it is read each time
        head = read_response_head(b"HTTP/1.0 200 OK\r\n\r\n", to_head=False)
        assert (head.status, head.minor, head.keep_alive) == (200, 0, False)
    for bad in (b"HTTP/1.1 200 O\x07K", b"HTTP/1.1 099 OK", b"HTTP/1.1 20x OK"):
        for _ in range(2):
            with pytest.raises(BadResponse):
                read_response_head(bad + b"\r\nContent-Length: 0\r\n\r\n", to_head=False)

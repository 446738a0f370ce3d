"""The chunked coding against a slow twin that has the whole body before it, in both modes, cut anywhere."""

import re

import h11

from corsproxy.http1.faults import BadRequest
from corsproxy.http1.framing import ChunkedReader, content_length

__all__ = ["chunks"]

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*")


class _BadBodyError(Exception):
    """The twin refuses the body."""


def chunks(data: bytes) -> None:
    """Read `data` after its first two bytes, which say how long the reads are."""
    if len(data) < 2 or len(data) > 4000:  # beyond that lines reach their limit
        return
    body = data[2:]
    sizes = (data[0] % 16 + 1, data[1] % 64 + 1)
    content_length(body)
    try:
        wanted = _slowly(body)
    except _BadBodyError:
        wanted = None
    for decode in (True, False):
        for lengths in ((len(body) or 1,), (1,), sizes):
            got = _read(body, lengths, decode=decode)
            if wanted is None or got is None:
                assert got is wanted, (decode, lengths)
                continue
            content, used, is_done = wanted
            assert got[1:] == (used, is_done), (decode, lengths)
            assert content == (got[0] if decode else _unchunked(got[0], is_done=is_done)), (decode, lengths)


def _read(body: bytes, lengths: tuple[int, ...], *, decode: bool) -> tuple[bytes, int, bool] | None:
    """Return pieces joined, bytes used, and whether the end was seen; None where it was refused."""
    reader = ChunkedReader(BadRequest, decode=decode)
    pieces: list[bytes] = []
    at = turn = used = 0
    while at < len(body) and not reader.is_done:
        size = lengths[turn % len(lengths)]
        turn += 1
        try:
            some, taken = reader.feed(body[at : at + size])
        except BadRequest:
            return None
        pieces += some
        used += taken
        at += size
    return b"".join(pieces), used, reader.is_done


def _slowly(body: bytes) -> tuple[bytes, int, bool]:
    content, at = b"", 0
    while True:
        line, at_next = _line(body, at)
        if line is None:
            return content, len(body), False
        match = _SIZE.fullmatch(line)
        if match is None or int(match[1], 16) >= 2**63:
            raise _BadBodyError
        size = int(match[1], 16)
        if not size:
            return content, *_trailers(body, at_next)
        content += body[at_next : at_next + size]
        at = at_next + size
        end = body[at : at + 2]
        if end not in (b"", b"\r\n") and (len(end) == 2 or end == b"\n"):
            raise _BadBodyError
        if len(end) < 2:
            return content, len(body), False
        at += 2


def _trailers(body: bytes, at: int) -> tuple[int, bool]:
    while True:
        line, at = _line(body, at)
        if line is None:
            return len(body), False
        if not line:
            return at, True
        if _TRAILER.fullmatch(line) is None:
            raise _BadBodyError


def _line(body: bytes, at: int) -> tuple[bytes | None, int]:
    end = body.find(b"\n", at)
    if end < 0:
        return None, at
    if end == at or body[end - 1 : end] != b"\r":
        raise _BadBodyError
    return body[at : end - 1], end + 1


def _unchunked(text: bytes, *, is_done: bool) -> bytes:
    """Let h11 take the chunks apart that are passed on; they must have nothing but sizes and content."""
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text)
    content, is_ended = b"", False
    while (event := reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        if isinstance(event, h11.Data):
            content += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert not list(event.headers)
            is_ended = True
            break
    assert is_ended == is_done
    assert not reader.trailing_data[0] or not is_done
    return content

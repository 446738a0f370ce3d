"""Where bodies end: the chunked coding, read strictly and bounded.

Laws: a size is plain hexadecimal digits; line ends are CRLF; nothing is guessed. `ChunkedReader` sees
every byte of a chunked body exactly once and says which bytes are content. Chunk extensions are read
over and never kept; trailers are bounded, checked and never kept. (RFC 9112 §7.1)
"""

import re
from collections.abc import Callable

from corsproxy.http1.faults import BadMessage

__all__ = ["CHUNKED", "MAX_LENGTH", "UNTIL_CLOSE", "ChunkedReader", "chunk", "content_length"]

# In place of a length, where there is none.
CHUNKED = -1
UNTIL_CLOSE = -2

MAX_LENGTH = 2**63 - 1

# Stricter: 16 digits hold any size that a length can have; extensions are bounded by the line.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_LINE_LIMIT = 4096
_LINES_AT_ONCE = 1024  # of one-byte chunks that is a millisecond's work

_SIZE, _CONTENT, _CONTENT_END, _TRAILERS, _DONE = range(5)


def content_length(value: bytes) -> int:
    """Return the length that a Content-Length names, or -1 where it names none (RFC 9110 §8.6)."""
    if not value.isdigit() or len(value) > 19:
        return -1
    length = int(value)
    return length if length <= MAX_LENGTH else -1


def chunk(content: bytes) -> bytes:
    """Return `content`, which must not be empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(content), content)


class ChunkedReader:
    """Walks one chunked body, however it is cut into reads.

    With `decode` the pieces are content. Without, they are the same body still chunked, as the bytes
    that came, less extensions and trailers: what everybody reads alike. `fault` makes the exception
    that a broken grammar raises.
    """

    __slots__ = ("_cuts", "_decode", "_fault", "_left", "_line", "_state", "_trailer_limit", "is_done")

    def __init__(
        self, fault: Callable[[str], BadMessage], *, decode: bool, trailer_limit: int = 8192
    ) -> None:
        self._fault = fault
        self._decode = decode
        self._line = b""  # an unfinished size or trailer line, held back
        self._cuts: list[tuple[int, int]] = []  # what not to forward, as offsets into held line and data
        self._left = 0  # content bytes still due in this chunk, or trailer bytes seen
        self._state = _SIZE
        self._trailer_limit = trailer_limit
        self.is_done = False

    def feed(self, data: bytes) -> tuple[list[bytes], int]:
        """Read `data`; return pieces to forward and how many bytes of it belong to this body.

        Where there are very many small chunks it stops early, not done: the rest is to be fed in another turn.
        """
        content: list[bytes] = []
        held = self._line
        at, end = 0, len(data)
        lines = _LINES_AT_ONCE
        while at < end and lines and not self.is_done:
            if self._state == _CONTENT:
                take = min(self._left, end - at)
                if self._decode:
                    content.append(data[at : at + take])
                at += take
                self._left -= take
                if not self._left:
                    self._state = _CONTENT_END
            else:
                at = self._read_line(data, at, len(held))
                lines -= 1
        if self._decode:
            return content, at
        return self._still_chunked(held, data if at == end else data[:at]), at

    def _still_chunked(self, held: bytes, data: bytes) -> list[bytes]:
        """Return what came, less cuts and less the unfinished line at its end."""
        if held:
            data = held + data
        if self._line:
            data = data[: -len(self._line)]
        if not self._cuts:
            return [data]
        pieces, start = [], 0
        for cut_from, cut_to in self._cuts:
            pieces.append(data[start:cut_from])
            start = cut_to
        self._cuts.clear()
        return [*pieces, data[start:]]

    def _read_line(self, data: bytes, at: int, shift: int) -> int:
        """Read up to the next LF, or keep what there is of the line; return where reading goes on."""
        found = data.find(b"\n", at)
        if found < 0:
            self._line += data[at:]
            if len(self._line) > (1 if self._state == _CONTENT_END else _LINE_LIMIT):
                raise self._fault("a line of the chunked coding is too long")
            return len(data)
        start = shift + at - len(self._line)
        line = self._line + data[at : found + 1] if self._line else data[at : found + 1]
        self._line = b""
        if line[-2:] != b"\r\n" or len(line) > _LINE_LIMIT:
            raise self._fault("a line of the chunked coding does not end in CRLF or is too long")
        self._take_line(line[:-2], start)
        return found + 1

    def _take_line(self, line: bytes, start: int) -> None:
        if self._state == _SIZE:
            self._take_size(line, start)
        elif self._state == _CONTENT_END:
            if line:
                raise self._fault("a chunk is longer than its size")
            self._state = _SIZE
        elif not line:
            self._state = _DONE
            self.is_done = True
        else:
            if not self._decode:
                self._cuts.append((start, start + len(line) + 2))
            self._left += len(line) + 2
            if _TRAILER.fullmatch(line) is None or self._left > self._trailer_limit:
                raise self._fault("a trailer field is malformed or the trailers are too long")

    def _take_size(self, line: bytes, start: int) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise self._fault("a chunk size is not plain hexadecimal digits")
        digits = match.group(1)
        if len(digits) != len(line) and not self._decode:
            self._cuts.append((start + len(digits), start + len(line)))
        self._left = int(digits, 16)
        if self._left > MAX_LENGTH:
            raise self._fault("a chunk size is too large")
        self._state = _CONTENT if self._left else _TRAILERS

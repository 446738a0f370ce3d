"""HTTP messages as both sides of the simulation read them: piece by piece, in the forms that they themselves send.

Laws: one `Reading` reads one message and gives back what came behind it; anything odd raises ValueError. It shares no
line with the code that it judges.
"""

import re

__all__ = ["Reading", "fields"]

_LENGTH = re.compile(rb"\r\n(?i:content-length): *([0-9]+)(?=\r\n)")
_CHUNKED = re.compile(rb"\r\n(?i:transfer-encoding): *chunked\r\n")
_CODING = -1
_UNTIL_CLOSE = -2


def fields(head: bytes, name: bytes) -> list[bytes]:
    """Return the values of all lines of that name."""
    found = re.findall(rb"\r\n(?i:%b):([^\r\n]*)" % re.escape(name), head)
    return [value.strip() for value in found]


class Reading:
    """One message; `method` is what a response answers, None where a request is read."""

    def __init__(self, method: bytes | None = None) -> None:
        self._method = method
        self._held = b""
        self._left = 0  # of a counted body or a chunk
        self._framing = 0
        self._in_chunk = False
        self.interims: list[bytes] = []
        self.head = b""
        self.body = bytearray()
        self.is_whole = False

    @property
    def has_begun(self) -> bool:
        return bool(self._held or self.head or self.interims)

    @property
    def status(self) -> int:
        return int(self.head[9:12]) if self.head else 0

    @property
    def ends_with_connection(self) -> bool:
        return bool(self.head) and self._framing == _UNTIL_CLOSE

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return those that came behind the message."""
        self._held += data
        while not self.head and self._take_head():
            pass
        if self.head and not self.is_whole:
            self._take_body()
        if self.is_whole:
            rest, self._held = self._held, b""
            return rest
        return b""

    def ended(self) -> None:
        """Note the end of the connection."""
        if self.ends_with_connection:
            self.is_whole = True

    def _take_head(self) -> bool:
        head, end, rest = self._held.partition(b"\r\n\r\n")
        if self._method is not None and not head.startswith(b"HTTP/1."[: len(head)]):
            raise ValueError(f"no answer: {head!r}")
        if not end:
            return False
        head += end
        self._held = rest
        if self._method is not None and head[9:10] == b"1" and head[9:12] != b"101":
            self.interims.append(head)
            return True
        if self._method is not None and re.match(rb"HTTP/1\.[01] [1-9][0-9]{2} ", head) is None:
            raise ValueError(f"no answer: {head!r}")
        self.head = head
        lengths, is_chunked = _LENGTH.findall(head), _CHUNKED.search(head) is not None
        if len(lengths) + is_chunked > 1:
            raise ValueError(f"two framings: {head!r}")
        if self._method is not None and (self._method == b"HEAD" or self.status in (101, 204, 304)):
            self._framing = 0
        elif is_chunked:
            self._framing = _CODING
        elif lengths:
            self._framing = self._left = int(lengths[0])
        elif self._method is not None:
            self._framing = _UNTIL_CLOSE
        self.is_whole = not self._framing
        return True

    def _take_body(self) -> None:
        if self._framing == _UNTIL_CLOSE:
            self.body += self._held
            self._held = b""
        elif self._framing == _CODING:
            while not self.is_whole and self._take_chunk():
                pass
        else:
            self._take_counted()
            self.is_whole = not self._left

    def _take_counted(self) -> None:
        taken = self._held[: self._left]
        self.body += taken
        self._left -= len(taken)
        self._held = self._held[len(taken) :]

    def _take_chunk(self) -> bool:
        """Take a size line with as much of its chunk as there is; return False where more is waited for."""
        if self._left > 0:
            self._take_counted()
            return self._left == 0
        line, end, rest = self._held.partition(b"\r\n")
        if not end:
            return False
        if self._in_chunk:
            if line:
                raise ValueError("a chunk longer than its size")
            self._in_chunk = False
            self._held = rest
            return True
        size = int(line.partition(b";")[0], 16)
        if not size:
            return self._take_last_chunk()
        self._left, self._in_chunk, self._held = size, True, rest
        return True

    def _take_last_chunk(self) -> bool:
        _, _, trailers = self._held.partition(b"\r\n")
        if trailers[:2] == b"\r\n":
            self._held = trailers[2:]
        elif b"\r\n\r\n" in trailers:
            self._held = trailers.partition(b"\r\n\r\n")[2]
        else:
            return False
        self.is_whole = True
        return True

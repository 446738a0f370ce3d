"""The body of one request, as far as it cannot be sent yet or may have to be sent again (RFC 9110 §9.2.2).

Laws: a body that waits is kept whole, and its client is not read meanwhile; one that was sent is kept only
where its request may be repeated, and up to `MOST`.
"""

__all__ = ["MOST", "KeptBody"]

MOST = 64 * 1024  # bytes, framing included


class KeptBody:
    """What the backend gets behind the head, as one run of bytes: pieces of one byte would cost forty each."""

    __slots__ = ("_content", "_is_repeatable", "_size")

    def __init__(self, *, is_repeatable: bool) -> None:
        self._is_repeatable = is_repeatable
        self._content = bytearray()
        self._size = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything that was added is still here once it was sent."""
        return self._is_repeatable and self._size <= MOST

    def add(self, piece: bytes, *, is_sent: bool) -> None:
        """Keep a piece; of one that was sent already only what a repetition needs."""
        self._size += len(piece)
        if not is_sent or self.is_whole:
            self._content += piece
        else:
            self._content.clear()

    def send(self, head: bytes) -> bytes:
        """Return `head` with all that was kept behind it, and count that as sent."""
        whole = head + self._content
        if not self.is_whole:
            self._content.clear()
        return whole

"""What a proxy needs to know of a request, and which of its lines go on.

Laws: plain values; reading them is `request`'s and `request_fields`'.
"""

import re

from corsproxy.http1.fields import take_out

__all__ = ["RequestHead"]

# TE, whose name is too short for a prefix, and names with an underscore; linear in the names.
_ODD_NAME = re.compile(rb"\n(?:[Tt][Ee]:|[!#$%&'*+.^`|~0-9A-Za-z-]*_)").search


class RequestHead:
    """What a proxy needs to know of a request; `lines` is what is forwarded of it.

    `lines[0]` is the request line; the last two are empty, so that a join by CRLF ends the head.
    `length` is the body's: a count, or CHUNKED; 0 where there is none. Defaults stand on the class
    because most requests differ from few of them.
    """

    raw: bytes
    method: bytes
    target: bytes
    path: bytes
    lines: list[bytes]
    minor = 1
    host = b""
    origin: bytes | None = None
    request_method: bytes | None = None
    request_headers: bytes | None = None
    request_private_network = False
    sec_fetch_site: bytes | None = None
    is_websocket = False
    length = 0
    expects_continue = False
    keep_alive = True
    request_id = b""
    traceparent = b""
    max_forwards = b""
    # X-Forwarded-* and Forwarded lines as (lower-case name, value), in order.
    forwarded: tuple[tuple[bytes, bytes], ...] = ()
    has_plain_names = False
    # Used while reading only.
    connection: tuple[bytes, ...] = ()
    upgrade = b""
    websocket_key = b""
    websocket_version = b""
    has_length = False
    has_host = False
    has_type = False
    spends_judge = False
    says_close = False

    @property
    def is_plain(self) -> bool:
        """Whether it has no body, asks nothing of the connection, and names its target in origin form."""
        return (
            self.minor == 1
            and not self.has_length
            and self.length == 0
            and not (self.connection or self.upgrade or self.max_forwards or self.expects_continue)
            and self.keep_alive
            and self.target[:1] == b"/"
            and self.raw[len(self.method) + 1 : len(self.method) + 2] == b"/"
        )

    def again(self, target: bytes) -> "RequestHead":
        """Return the same head with another target in origin form."""
        head = RequestHead()
        vars(head).update(vars(self))
        head.target = target
        at = target.find(b"?")
        head.path = target if at < 0 else target[:at]
        head.lines = self.lines.copy()
        head.lines[0] = b"%b %b HTTP/1.1" % (self.method, target)
        return head

    def drop_odd_names(self) -> None:
        """Take out TE and names with an underscore; before forwarding, since what is answered here needs no such look."""
        if self.has_plain_names:
            return
        self.has_plain_names = True
        if _ODD_NAME(self.raw) is not None:
            take_out(self.lines, {b"te"})
            _drop_underscored(self)


def _drop_underscored(head: RequestHead) -> None:
    """Take out names with an underscore: WSGI cannot tell `X_Real` from `X-Real`, and believes it."""
    head.lines[1:-2] = [line for line in head.lines[1:-2] if b"_" not in line.partition(b":")[0]]

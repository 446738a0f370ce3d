"""One response head from the backend: bytes in, a `ResponseHead` out, or BadResponse.

llhttp judges the grammar; framing is decided here because llhttp cannot be told what was asked (RFC
9112 §6.3). `lines` is what is forwarded: hop-by-hop fields and the transfer coding are out, and so are
Vary and the CORS fields where the caller asks for it; what was taken out is kept apart.
HOT: measured by `bench` GET.
"""

import re
from collections.abc import Callable
from itertools import compress

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from corsproxy.http1.faults import BadResponse
from corsproxy.http1.fields import HOP_BY_HOP, PREFIX, RESPONSE_PREFIXES, SILENT, elements, prefixes, take_out
from corsproxy.http1.framing import CHUNKED, UNTIL_CLOSE, content_length

__all__ = ["ResponseHead", "read_response_head"]

# A backend may not have these removed by naming them in Connection.
_NOT_HOP_BY_HOP = frozenset(
    {b"content-length", b"content-type", b"set-cookie", b"date", b"vary", b"location"}
    | {b"close", b"keep-alive", b"upgrade"}  # which name no field, or one that is taken out anyway
)
# Ten times what Envoy and HAProxy take. What is done for a field may take as long as there are fields.
_MOST_FIELDS = 1000
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# A backend has few status lines; those that were accepted are looked up. Bounded, for it might make up new ones.
_KNOWN_STATUS_LINES: dict[bytes, int] = {}
_MOST_STATUS_LINES = 64


class ResponseHead:
    """What a proxy needs to know of a response; `lines[0]` is the status line, the last two are empty.

    `length` is how the body ends: a count, CHUNKED or UNTIL_CLOSE. Names in `cors` are lower case.
    """

    status: int
    lines: list[bytes]
    length = UNTIL_CLOSE
    keep_alive = True
    vary: tuple[bytes, ...] = ()
    cors: tuple[tuple[bytes, bytes], ...] = ()  # (lower-case name, the whole line)
    cookies: tuple[bytes, ...] = ()  # whole Set-Cookie lines
    has_location = False
    upgrade = b""
    # Used while reading only.
    minor = 1
    has_length = False
    says_close = False
    connection: tuple[bytes, ...] = ()


def read_response_head(raw: bytes, *, to_head: bool) -> ResponseHead:
    """Read `raw`, one whole head with its empty line; `to_head` says that HEAD was asked."""
    try:
        HttpResponseParser(SILENT).feed_data(raw)
    except HttpParserUpgrade:
        pass
    except HttpParserError as error:
        raise BadResponse(f"the response is malformed: {error}") from None
    head = ResponseHead()
    head.lines = lines = raw.split(b"\r\n")
    head.status = _KNOWN_STATUS_LINES.get(lines[0], 0) or _read_status_line(head, lines[0])
    fields = lines[1:-2]
    if len(fields) > _MOST_FIELDS:
        raise BadResponse(f"the response has more than {_MOST_FIELDS} fields")
    for line in compress(fields, map(_is_noted, map(PREFIX, fields))):
        if line[:16] in _PLAIN_LENGTHS and line[16:].isdigit():
            _note_length(head, line, line[16:])
        else:
            _NOTES_BY_PREFIX[line[:5]](head, line)
    if b"\nte:" in raw.lower():
        take_out(head.lines, {b"te"})
    if head.connection:
        _end_hop_by_hop(head)
    if head.length == CHUNKED and head.has_length:
        raise BadResponse("Content-Length stands beside Transfer-Encoding")
    status = head.status
    if to_head or status < 200 or status in (204, 304):
        _no_body(head)
    return head


def _read_status_line(head: ResponseHead, line: bytes) -> int:
    if line[:9] == b"HTTP/1.1 ":
        pass
    elif line[:9] == b"HTTP/1.0 ":
        head.minor = 0
        head.keep_alive = False
        head.lines[0] = b"HTTP/1.1 " + line[9:]
    else:
        raise BadResponse("the response is neither HTTP/1.0 nor HTTP/1.1")
    code = line[9:12]
    if not code.isdigit() or line[12:13] not in (b" ", b""):
        raise BadResponse("the status is not three digits")
    if _CONTROL.search(line) is not None:
        raise BadResponse("the reason phrase has a control byte")  # llhttp lets it pass
    status = int(code)
    if status < 100:
        raise BadResponse("the status is below 100")
    if head.minor and len(line) < 64 and len(_KNOWN_STATUS_LINES) < _MOST_STATUS_LINES:
        _KNOWN_STATUS_LINES[line] = status
    return status


def _no_body(head: ResponseHead) -> None:
    """Settle a response that has none whatever it says (RFC 9112 §6.3, first rule)."""
    head.length = 0
    if head.status < 200 or head.status == 204:
        take_out(head.lines, {b"content-length"})


def _note(head: ResponseHead, line: bytes) -> None:
    name, _, value = line.partition(b":")
    name = name.lower()
    value = value.strip(b" \t")
    if name == b"connection":
        head.lines.remove(line)
        value = value.lower()
        if value == b"close":
            head.says_close = True
            head.keep_alive = False
        else:
            head.connection += tuple(elements(value))
    elif name == b"vary":
        head.vary += (value,)
    elif name == b"transfer-encoding":
        _note_coding(head, line, value)
    elif name[:15] == b"access-control-":
        head.cors += ((name, line),)
    elif name == b"set-cookie":
        head.cookies += (line,)
    elif name == b"location":
        head.has_location = True
    elif name in HOP_BY_HOP:
        head.lines.remove(line)
        if name == b"upgrade":
            head.upgrade = value.lower()


def _note_content(head: ResponseHead, line: bytes) -> None:
    """Pick Content-Length out of the fields about content; every response has others."""
    if line[:15].lower() == b"content-length:":
        _note_length(head, line, line[15:].strip(b" \t"))


def _note_connection(head: ResponseHead, line: bytes) -> None:
    if line in _KEEPS_ALIVE and head.minor:
        head.lines.remove(line)
    else:
        _note(head, line)


def _note_length(head: ResponseHead, line: bytes, value: bytes) -> None:
    length = content_length(value)
    if length < 0 or head.has_length:
        raise BadResponse("Content-Length is not one plain number")
    head.has_length = True
    if head.length == UNTIL_CLOSE:
        head.length = length
    if (value[0] == 48 and len(value) > 1) or b"\t" in line:  # nginx, as our client, takes no tab here
        head.lines[head.lines.index(line)] = b"Content-Length: %d" % length


def _note_coding(head: ResponseHead, line: bytes, value: bytes) -> None:
    if value.lower() != b"chunked" or not head.minor or head.length == CHUNKED:
        raise BadResponse("Transfer-Encoding is not chunked, once, in HTTP/1.1")
    head.lines.remove(line)
    head.length = CHUNKED


_NOTES_BY_PREFIX: dict[bytes, Callable[[ResponseHead, bytes], None]] = {
    **dict.fromkeys(RESPONSE_PREFIXES, _note),
    **dict.fromkeys(prefixes("content-length"), _note_content),
    **dict.fromkeys(prefixes("connection"), _note_connection),
}
_is_noted = _NOTES_BY_PREFIX.__contains__
_PLAIN_LENGTHS = frozenset({b"Content-Length: ", b"content-length: "})
_KEEPS_ALIVE = frozenset({b"Connection: keep-alive", b"connection: keep-alive"})


def _end_hop_by_hop(head: ResponseHead) -> None:
    named = frozenset(head.connection)
    head.says_close = head.says_close or b"close" in named
    head.keep_alive = (head.keep_alive or b"keep-alive" in named) and not head.says_close
    take_out(head.lines, named - _NOT_HOP_BY_HOP)

"""One request head: bytes in, a `RequestHead` that is safe to forward out, or BadRequest.

llhttp judges the grammar in its strict mode; what it lets through and a proxy must not (a second Host,
`gzip, chunked`, HTTP/0.9, a `#` in a target …) is refused here. Lines that do not concern a proxy are
kept as the bytes that came, in order; those that end at this hop are taken out of `lines`.
HOT: measured by `bench` GET. The slow twin in tests/http1 judges it.
"""

import re
from collections.abc import Callable
from itertools import compress

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from corsproxy.http1.faults import BadRequest
from corsproxy.http1.fields import HOP_BY_HOP, PREFIX, REQUEST_PREFIXES, SILENT, TOKEN, elements, prefixes
from corsproxy.http1.framing import CHUNKED, content_length
from corsproxy.http1.target import check_host, split_absolute

__all__ = ["RequestHead", "RequestReader"]

# What a client cannot have removed by naming it in Connection: the backend relies on each.
_NOT_HOP_BY_HOP = frozenset(
    {b"host", b"origin", b"cookie", b"authorization", b"content-length", b"content-type", b"via", b"expect"}
)
_WEBSOCKET_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_START_LINE = re.compile(rb"([!-~]+) [!-~\x80-\xff]+ HTTP/([0-9.]+)")
# TE, whose name is too short for a prefix, and names with an underscore; linear in the names.
_ODD_NAME = re.compile(rb"\n(?:[Tt][Ee]:|[!#$%&'*+.^`|~0-9A-Za-z-]*_)").search
_HASH = 35  # "#"; a number is found faster in bytes than bytes are
_CODING = re.compile(rb"\r\n(?i:transfer-encoding):[ \t]*([0-9A-Za-z_-]+)[ \t]*(?=\r\n)")


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
    max_forwards = b""
    # X-Forwarded-* and Forwarded lines as (lower-case name, value), in order.
    forwarded: tuple[tuple[bytes, bytes], ...] = ()
    # Used while reading only.
    connection: tuple[bytes, ...] = ()
    upgrade = b""
    websocket_key = b""
    websocket_version = b""
    has_length = False
    has_host = False
    says_close = False

    def drop_odd_names(self) -> None:
        """Take out TE and names with an underscore; before forwarding, since what is answered here needs no such look."""
        if _ODD_NAME(self.raw) is not None:
            _drop(self, b"te")
            _drop_underscored(self)


class RequestReader:
    """Reads the heads of one connection, in order; keeps llhttp's parser between them."""

    __slots__ = ("_count_limit", "_judge")

    def __init__(self, count_limit: int) -> None:
        self._count_limit = count_limit
        self._judge = HttpRequestParser(SILENT)

    def read(self, raw: bytes) -> RequestHead:
        """Read `raw`, one whole head with its empty line; raise BadRequest where it must be refused."""
        try:
            self._judge.feed_data(raw)
        except HttpParserUpgrade:
            self._judge = HttpRequestParser(SILENT)
        except HttpParserError as error:
            raise _refused(raw, error) from None
        lines = raw.split(b"\r\n")
        if self._count_limit and len(lines) - 3 > self._count_limit:
            raise BadRequest("the request has too many fields", 431)
        head = RequestHead()
        head.raw = raw
        head.lines = lines
        _read_start_line(head, lines[0])
        fields = lines[1:-2]
        for line in compress(fields, map(_is_noted, map(PREFIX, fields))):
            _NOTES_BY_PREFIX[line[:5]](head, line)
        if head.connection:
            _end_hop_by_hop(head)
        if head.minor and not head.host:
            raise BadRequest("there is no Host field")
        if head.length or head.upgrade:
            # This parser now waits for a body that it will never be shown.
            self._judge = HttpRequestParser(SILENT)
        if head.length == CHUNKED and head.has_length:
            raise BadRequest("Content-Length stands beside Transfer-Encoding")
        return head


def _refused(raw: bytes, error: HttpParserError) -> BadRequest:
    """Say with which status a head is refused that llhttp refused."""
    if isinstance(error, HttpParserInvalidMethodError):
        return _refused_start_line(raw, "the method is not known here", 501)
    coding = _CODING.findall(raw)
    if len(coding) == 1 and b" HTTP/1.1\r\n" in raw and coding[0].lower() != b"chunked":
        return BadRequest("no transfer coding but chunked is known here", 501)
    return _refused_start_line(raw, f"the request is malformed: {error}", 400)


def _refused_start_line(raw: bytes, detail: str, status: int) -> BadRequest:
    """Say of a head that llhttp refused whether its version was the reason (505) or its method (405, 501)."""
    match = _START_LINE.fullmatch(raw[: raw.find(b"\r\n")])
    if match is not None:
        if match.group(2) not in (b"1.1", b"1.0"):
            return BadRequest("only HTTP/1.0 and HTTP/1.1 are spoken here", 505)
        if match.group(1) in (b"CONNECT", b"TRACE"):
            return BadRequest("CONNECT and TRACE are not served", 405)
        if status == 501 and TOKEN.fullmatch(match.group(1)):
            return BadRequest(detail, 501)
    return BadRequest(detail if status == 400 else "the request line is malformed")


def _read_start_line(head: RequestHead, line: bytes) -> None:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise BadRequest("the request line is not method, target and version, parted by single spaces")
    head.method, target, version = parts
    if version != b"HTTP/1.1":
        if version != b"HTTP/1.0":
            raise BadRequest("only HTTP/1.0 and HTTP/1.1 are spoken here", 505)
        head.minor = 0
        head.keep_alive = False
        head.lines[0] = line[:-1] + b"1"
    if head.method in (b"CONNECT", b"TRACE"):
        raise BadRequest("CONNECT and TRACE are not served", 405)
    if not target.isascii() or _HASH in target:
        raise BadRequest("the request target has a '#' or a byte outside ASCII")
    if target[:1] != b"/":
        target = _odd_target(head, target)
    head.target = target
    at = target.find(b"?")
    head.path = target if at < 0 else target[:at]


def _odd_target(head: RequestHead, target: bytes) -> bytes:
    """Bring a target in absolute form into origin form; admit `*` with OPTIONS only."""
    if target == b"*":
        if head.method != b"OPTIONS":
            raise BadRequest("the target * goes with OPTIONS only")
        return target
    head.host, target = split_absolute(target)
    head.lines[0] = b"%b %b HTTP/1.1" % (head.method, target)
    return target


def _note(head: RequestHead, line: bytes) -> None:
    """Take in one line whose first bytes looked as if it mattered."""
    name, _, value = line.partition(b":")
    name = name.lower()
    note = _NOTES.get(name)
    if note is not None:
        note(head, line, value.strip(b" \t"))
    elif name[:12] == b"x-forwarded-":
        head.lines.remove(line)
        head.forwarded = (*head.forwarded, (name, value.strip(b" \t")))
    elif name in HOP_BY_HOP:
        head.lines.remove(line)


def _note_host_line(head: RequestHead, line: bytes) -> None:
    _note_host(head, line, line[5:].strip(b" \t"))


def _note_origin_line(head: RequestHead, line: bytes) -> None:
    if line[:7].lower() == b"origin:":
        if head.origin is not None:
            raise BadRequest("there are two Origin fields")
        head.origin = line[7:].strip(b" \t")


def _note_site_line(head: RequestHead, line: bytes) -> None:
    """Pick Sec-Fetch-Site out of the four that every browser sends."""
    if line[10:11] in _S and line[:15].lower() == b"sec-fetch-site:":
        # Two lines are no browser's; then neither is believed.
        head.sec_fetch_site = line[15:].strip(b" \t") if head.sec_fetch_site is None else b""


def _note_connection_line(head: RequestHead, line: bytes) -> None:
    if line in _KEEPS_ALIVE and head.minor:
        head.lines.remove(line)
    else:
        _note(head, line)


def _note_host(head: RequestHead, line: bytes, value: bytes) -> None:
    check_host(value)
    if head.host:
        # RFC 9112 §3.2.2 lets an absolute target win. Stricter: a different Host is a contradiction.
        if head.has_host or head.host.lower() != value.lower():
            raise BadRequest("there are two hosts")
        head.lines[head.lines.index(line)] = b"Host: " + head.host
    head.host = value
    head.has_host = True


def _note_connection(head: RequestHead, line: bytes, value: bytes) -> None:
    head.lines.remove(line)
    value = value.lower()
    if value == b"close":
        head.keep_alive = False
        head.says_close = True
    elif value != b"keep-alive" or not head.minor:
        head.connection += tuple(elements(value))


def _note_length(head: RequestHead, line: bytes, value: bytes) -> None:
    length = content_length(value)
    if length < 0 or head.has_length:
        raise BadRequest("Content-Length is not one plain number")
    head.has_length = True
    if head.length == 0:
        head.length = length
    at = head.lines.index(line)
    head.lines[at] = b"Content-Length: %d" % length


def _note_coding(head: RequestHead, line: bytes, value: bytes) -> None:
    """Admit `chunked`, once, in HTTP/1.1 (RFC 9112 §6.1)."""
    value = value.lower()
    if not head.minor or head.length == CHUNKED or b"," in value:
        raise BadRequest("Transfer-Encoding must be chunked, once, in HTTP/1.1")
    if value != b"chunked":
        if TOKEN.fullmatch(value):
            raise BadRequest("no transfer coding but chunked is known here", 501)
        raise BadRequest("Transfer-Encoding is malformed")
    head.lines.remove(line)
    head.length = CHUNKED


def _note_expect(head: RequestHead, line: bytes, value: bytes) -> None:
    if value.lower() != b"100-continue":
        raise BadRequest("no expectation but 100-continue can be met", 417)
    if head.minor:
        head.expects_continue = True
    else:
        head.lines.remove(line)


def _note_upgrade(head: RequestHead, line: bytes, value: bytes) -> None:
    head.lines.remove(line)
    head.upgrade = value.lower() if not head.upgrade else b","


def _note_key(head: RequestHead, _line: bytes, value: bytes) -> None:
    head.websocket_key = value if not head.websocket_key else b","


def _note_version(head: RequestHead, _line: bytes, value: bytes) -> None:
    head.websocket_version = value if not head.websocket_version else b","


def _note_request_method(head: RequestHead, _line: bytes, value: bytes) -> None:
    if head.request_method is not None:
        raise BadRequest("there are two Access-Control-Request-Method fields")
    head.request_method = value


def _note_request_headers(head: RequestHead, _line: bytes, value: bytes) -> None:
    head.request_headers = value if head.request_headers is None else head.request_headers + b"," + value


def _note_private_network(head: RequestHead, _line: bytes, value: bytes) -> None:
    head.request_private_network = value == b"true"


def _note_request_id(head: RequestHead, _line: bytes, value: bytes) -> None:
    if _REQUEST_ID.fullmatch(value):
        head.request_id = value


def _note_max_forwards(head: RequestHead, line: bytes, value: bytes) -> None:
    """Count one hop down where it means something (RFC 9110 §7.6.2)."""
    if head.method != b"OPTIONS":
        return
    if head.max_forwards or not value.isdigit() or len(value) > 9:
        raise BadRequest("Max-Forwards is not one plain number")
    head.max_forwards = value
    head.lines[head.lines.index(line)] = b"Max-Forwards: %d" % max(0, int(value) - 1)


def _note_via(_head: RequestHead, _line: bytes, value: bytes) -> None:
    if any(part.split()[1:2] == [b"corsproxy"] for part in elements(value)):
        raise BadRequest("the request has come through corsproxy before: a loop", 508)


def _note_forwarded(head: RequestHead, line: bytes, value: bytes) -> None:
    head.lines.remove(line)
    head.forwarded = (*head.forwarded, (b"forwarded", value))


_NOTES = {
    b"connection": _note_connection,
    b"content-length": _note_length,
    b"transfer-encoding": _note_coding,
    b"expect": _note_expect,
    b"upgrade": _note_upgrade,
    b"sec-websocket-key": _note_key,
    b"sec-websocket-version": _note_version,
    b"access-control-request-method": _note_request_method,
    b"access-control-request-headers": _note_request_headers,
    b"access-control-request-private-network": _note_private_network,
    b"x-request-id": _note_request_id,
    b"max-forwards": _note_max_forwards,
    b"forwarded": _note_forwarded,
    b"via": _note_via,
}


_NOTES_BY_PREFIX: dict[bytes, Callable[[RequestHead, bytes], None]] = {
    **dict.fromkeys(REQUEST_PREFIXES, _note),
    **dict.fromkeys(prefixes("host:"), _note_host_line),
    **dict.fromkeys(prefixes("origin"), _note_origin_line),
    **dict.fromkeys(prefixes("connection"), _note_connection_line),
    **dict.fromkeys(prefixes("sec-fetch-site"), _note_site_line),
}
_is_noted = _NOTES_BY_PREFIX.__contains__
_S = (b"S", b"s")
_KEEPS_ALIVE = frozenset({b"Connection: keep-alive", b"connection: keep-alive", b"Connection: Keep-Alive"})


def _drop(head: RequestHead, name: bytes) -> None:
    """Take out every line of that (lower-case) name."""
    prefix = name + b":"
    size = len(prefix)
    head.lines[1:-2] = [line for line in head.lines[1:-2] if line[:size].lower() != prefix]


def _drop_underscored(head: RequestHead) -> None:
    """Take out names with an underscore: WSGI cannot tell `X_Real` from `X-Real`, and believes it."""
    head.lines[1:-2] = [line for line in head.lines[1:-2] if b"_" not in line.partition(b":")[0]]


def _end_hop_by_hop(head: RequestHead) -> None:
    """Obey a Connection field that says more than close or keep-alive (RFC 9110 §7.6.1)."""
    for option in head.connection:
        if option == b"close":
            head.says_close = True
        elif option == b"keep-alive":
            head.keep_alive = True
        elif option in _NOT_HOP_BY_HOP or option[:12] in (b"x-forwarded-", b"forwarded"):
            raise BadRequest("Connection names a field that is not the client's to remove")
        elif option != b"upgrade":
            _drop(head, option)
    if head.says_close:
        head.keep_alive = False
    if head.upgrade == b"websocket" and b"upgrade" in head.connection:
        head.is_websocket = _is_handshake(head)


def _is_handshake(head: RequestHead) -> bool:
    """Tell a well-formed websocket handshake (RFC 6455 §4.1); anything less is an ordinary request."""
    return (
        head.method == b"GET"
        and head.minor == 1
        and head.length == 0
        and not head.has_length
        and head.websocket_version == b"13"
        and _WEBSOCKET_KEY.fullmatch(head.websocket_key) is not None
    )

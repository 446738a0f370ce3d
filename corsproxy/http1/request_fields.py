"""The fields of a request that concern a proxy, line by line: what each says, and what must be refused.

Laws: only lines whose first five bytes begin a name that matters are looked at, and then by their whole
name; what ends at this hop is taken out of `lines`, everything else stays as it came.
HOT: measured by `bench` GET and preflight.
"""

import re
from collections.abc import Callable
from itertools import compress

from corsproxy.http1.faults import BadRequest
from corsproxy.http1.fields import HOP_BY_HOP, PREFIX, REQUEST_PREFIXES, TOKEN, elements, prefixes, take_out
from corsproxy.http1.framing import CHUNKED, content_length
from corsproxy.http1.request_head import RequestHead
from corsproxy.http1.target import check_host

__all__ = ["end_hop_by_hop", "note_fields"]

# What a client cannot have removed by naming it in Connection: the backend relies on it, we decided by it, or a
# proxy in front has set it and passes on what its client says of a connection.
_NOT_HOP_BY_HOP = frozenset(
    {b"host", b"origin", b"cookie", b"authorization", b"content-length", b"content-type", b"via", b"expect"}
    | {b"max-forwards", b"forwarded", b"x-real-ip", b"x-request-id", b"traceparent", b"tracestate"}
)
_NOT_HOP_BY_HOP_BEGIN = (b"x-forwarded-", b"access-control-request-", b"sec-")
# Options that name no field, or one that is taken out anyway.
_OF_THE_CONNECTION = frozenset({b"close", b"keep-alive", b"upgrade"})
_WEBSOCKET_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_BLANKS = b" \t"


def note_fields(head: RequestHead, fields: list[bytes]) -> None:
    """Take in every line of `fields` that matters; raise BadRequest for one that must be refused."""
    for line in compress(fields, map(_is_noted, map(PREFIX, fields))):
        _NOTES_BY_PREFIX[line[:5]](head, line)


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
        if line[-1] in _BLANKS:
            _trim_end(head, line)


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
    else:
        head.host = value
        if line[-1] in _BLANKS:
            _trim_end(head, line)
    head.has_host = True


def _trim_end(head: RequestHead, line: bytes) -> None:
    """Take blanks off the end of what is decided by: Werkzeug takes them for a part of the value."""
    head.lines[head.lines.index(line)] = line.rstrip(_BLANKS)


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
    # A second one makes a list of it, which some servers obey and some do not.
    if value.lower() != b"100-continue" or head.expects_continue:
        raise BadRequest("no expectation but 100-continue can be met", 417)
    if head.minor:
        head.expects_continue = True
    else:
        head.lines.remove(line)


def _note_type(head: RequestHead, _line: bytes, _value: bytes) -> None:
    """Admit one Content-Type. Stricter than RFC 9110 §5.3: WSGI servers take the first, the last, or both."""
    if head.has_type:
        raise BadRequest("there are two Content-Type fields")
    head.has_type = True


def _note_proxy_connection(head: RequestHead, line: bytes, _value: bytes) -> None:
    """Ignore it; llhttp does not, and reads nothing after `close`."""
    head.lines.remove(line)
    head.spends_judge = True


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


def _note_traceparent(head: RequestHead, _line: bytes, value: bytes) -> None:
    """Keep it for the log; two are no trace's."""
    head.traceparent = value if not head.traceparent else b","


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
    b"proxy-connection": _note_proxy_connection,
    b"content-length": _note_length,
    b"content-type": _note_type,
    b"transfer-encoding": _note_coding,
    b"expect": _note_expect,
    b"upgrade": _note_upgrade,
    b"sec-websocket-key": _note_key,
    b"sec-websocket-version": _note_version,
    b"access-control-request-method": _note_request_method,
    b"access-control-request-headers": _note_request_headers,
    b"access-control-request-private-network": _note_private_network,
    b"x-request-id": _note_request_id,
    b"traceparent": _note_traceparent,
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


def end_hop_by_hop(head: RequestHead) -> None:
    """Obey a Connection field that says more than close or keep-alive (RFC 9110 §7.6.1)."""
    named = frozenset(head.connection)
    if any(option in _NOT_HOP_BY_HOP or option.startswith(_NOT_HOP_BY_HOP_BEGIN) for option in named):
        raise BadRequest("Connection names a field that is not the client's to remove")
    head.says_close = head.says_close or b"close" in named
    head.keep_alive = (head.keep_alive or b"keep-alive" in named) and not head.says_close
    take_out(head.lines, named - _OF_THE_CONNECTION)
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

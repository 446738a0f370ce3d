"""One request head: bytes in, a `RequestHead` that is safe to forward out, or BadRequest.

llhttp judges the grammar in its strict mode; what it lets through and a proxy must not (a second Host,
`gzip, chunked`, HTTP/0.9, a `#` in a target …) is refused here and in `request_fields`.

A page sends the same fields with every request over a connection. So the last head is kept, one for
each connection: if method, version and fields are the same bytes again, only the target is read anew.
It is compared whole, so this cannot be seen but in time; tests/http1 holds it against a fresh reader.
HOT: measured by `bench` GET and preflight, and GET with ever new fields.
"""

import re

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from corsproxy.http1.faults import BadRequest
from corsproxy.http1.fields import SILENT, TOKEN, take_out
from corsproxy.http1.framing import CHUNKED
from corsproxy.http1.request_fields import end_hop_by_hop, note_fields
from corsproxy.http1.request_head import RequestHead
from corsproxy.http1.target import split_absolute

__all__ = ["RequestHead", "RequestReader"]

_START_LINE = re.compile(rb"([!-~]+) [!-~\x80-\xff]+ HTTP/([0-9.]+)")
# A number is found faster in bytes than bytes are.
_LF, _CR, _HASH = b"\n\r#"
_CODING = re.compile(rb"\r\n(?i:transfer-encoding):[ \t]*([0-9A-Za-z_-]+)[ \t]*(?=\r\n)")
# A target in origin form that needs no second look.
_PLAIN = re.compile(rb"/[!\"$-~]*").fullmatch
_LONGEST_KEPT = 4096


class RequestReader:
    """Reads the heads of one connection, in order; keeps llhttp's parser, and the last head, between them."""

    __slots__ = ("_count_limit", "_judge", "_last", "_last_rest")

    def __init__(self, count_limit: int) -> None:
        self._count_limit = count_limit
        self._judge = HttpRequestParser(SILENT)
        self._last: RequestHead | None = None
        self._last_rest = b""

    def read(self, raw: bytes) -> RequestHead:
        """Read `raw`, one whole head with its empty line; raise BadRequest where it must be refused."""
        method, _, rest = raw.partition(b" ")
        target, _, rest = rest.partition(b" ")
        last = self._last
        if last is not None and rest == self._last_rest and method == last.method and _PLAIN(target):
            last.drop_odd_names()
            return last.again(target)
        self._last = None
        head = self._read(raw)
        if head.is_plain and len(raw) <= _LONGEST_KEPT:
            # Kept before forwarding changes it.
            self._last, self._last_rest = head.again(head.target), rest
        return head

    def forget(self) -> None:
        """Let go of the last head; for connections that idle."""
        self._last, self._last_rest = None, b""

    def _read(self, raw: bytes) -> RequestHead:
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
        note_fields(head, lines[1:-2])
        if head.connection:
            end_hop_by_hop(head)
        if head.minor and not head.has_host:
            raise BadRequest("there is no Host field")
        if head.length or head.upgrade or head.spends_judge:
            # This parser now waits for a body that it will never be shown, or for the end.
            self._judge = HttpRequestParser(SILENT)
        if head.expects_continue and not head.length:
            # RFC 9110 §10.1.1: no content, no expectation. waitress would wait for both.
            head.expects_continue = False
            take_out(head.lines, {b"expect"})
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
    if _LF in line or _CR in line:
        # llhttp passes over those in front, and takes "GET /a" before one for a line of HTTP/0.9 and the rest for a field.
        raise BadRequest("a bare line end stands in or before the request line")
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

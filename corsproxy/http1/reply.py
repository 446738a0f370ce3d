"""The answers that are the proxy's own, as bytes: problems (RFC 9457) and bare heads.

Laws: every answer says its length or has none to say; nothing that a client sent is repeated in a
field. Proxy-Status (RFC 9209) tells machines what the problem's body tells people.
"""

import json
from http import HTTPStatus

__all__ = ["answer", "phrase", "problem"]

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, text.encode()) for status, text in _PHRASES.items()}


def phrase(status: int) -> str:
    """Return the reason phrase of a status code."""
    return _PHRASES.get(status, "Error")


def answer(status: int, lines: bytes, *, date: bytes, close: bool) -> bytes:
    """Return a whole response without content; `lines` are ready field lines, each with its CRLF."""
    end = b"\r\n\r\n" if status == 204 else b"\r\nContent-Length: 0\r\n\r\n"
    return b"".join(
        (_STATUS_LINES[status], lines, b"Connection: close\r\nDate: " if close else b"Date: ", date, end)
    )


def problem(
    status: int,
    *,
    code: str,
    detail: str,
    request_id: str,
    proxy_error: str,
    lines: bytes,
    date: bytes,
    close: bool,
    to_head: bool = False,
) -> bytes:
    """Return a whole problem response.

    `code` is our reason code, `proxy_error` the RFC 9209 error type, `lines` the CORS and other fields
    that are due, each with its CRLF. `to_head` leaves the content out and keeps its length.
    """
    body = json.dumps(
        {
            "type": "about:blank",
            "title": phrase(status),
            "status": status,
            "code": code,
            "detail": detail,
            "request_id": request_id,
        }
    ).encode()
    head = (
        b"%b"
        b"Content-Type: application/problem+json\r\n"
        b"Content-Length: %d\r\n"
        b"Cache-Control: no-store\r\n"
        b'Proxy-Status: corsproxy; error=%b; details="%b"\r\n'
        b"Date: %b\r\n"
        b"%b%b\r\n"
    ) % (
        _STATUS_LINES[status],
        len(body),
        proxy_error.encode(),
        code.encode(),
        date,
        lines,
        b"Connection: close\r\n" if close else b"",
    )
    return head if to_head else head + body

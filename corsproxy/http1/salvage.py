"""What can still be told of a request head that must be refused: enough to answer it as its origin is due.

Laws: nothing that stands twice or is not plain is believed. The head may be cut anywhere, and is as hostile and as
long as a head can be: what is done here is linear in it.
"""

import re

from corsproxy.http1.fields import TOKEN
from corsproxy.http1.request import RequestHead

__all__ = ["salvage"]

# Possessive: a run of blanks that is tried again from each of them takes minutes.
_LINE = re.compile(rb"\r\n(?i:(origin|host|x-request-id)):([^\r\n]*+)(?=\r\n)")
_PLAIN = re.compile(rb"[!-~]{0,255}")
_HOST = re.compile(rb"[A-Za-z0-9._\[\]:-]+")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")


def salvage(raw: bytes) -> RequestHead:
    """Make a head of `raw` that has a method, a path and what origin, host and request id were plainly given."""
    head = RequestHead()
    head.lines = []
    head.method, head.target, head.path = b"-", b"/", b"/"
    parts = raw[: raw.find(b"\r\n")].split(b" ") if b"\r\n" in raw else raw.split(b" ", 2)
    if TOKEN.fullmatch(parts[0][:32]):
        head.method = parts[0][:32]
        if len(parts) > 1 and parts[1][:1] == b"/" and parts[1].isascii():
            head.target = head.path = parts[1].partition(b"?")[0]
    found: dict[bytes, list[bytes]] = {}
    for name, value in _LINE.findall(raw):
        found.setdefault(name.lower(), []).append(value.strip(b" \t"))
    head.origin = _only(found, b"origin") or None
    host, request_id = _only(found, b"host"), _only(found, b"x-request-id")
    head.host = host if _HOST.fullmatch(host) else b""
    head.request_id = request_id if _REQUEST_ID.fullmatch(request_id) else b""
    return head


def _only(found: dict[bytes, list[bytes]], name: bytes) -> bytes:
    values = found.get(name, ())
    return values[0] if len(values) == 1 and _PLAIN.fullmatch(values[0]) else b""

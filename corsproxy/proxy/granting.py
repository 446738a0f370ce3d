"""Puts a decision's fields on the head of the backend's response, and takes the backend's own CORS fields out.

Laws: `head.lines` is edited in place, never its framing; what was removed is returned by name, never by
value. Whether and what is granted is `cors`'s to decide. HOT: measured by `bench` GET.
"""

from corsproxy.cors.decision import Decision
from corsproxy.cors.vary import merge_vary
from corsproxy.cors.vocabulary import CORS_RESPONSE_FIELDS
from corsproxy.http1.response import ResponseHead

__all__ = ["granted_lines", "remove_cors"]


def remove_cors(head: ResponseHead) -> tuple[bytes, ...]:
    """Take every CORS field out of `head`; return their names in lower case, empty where there was none."""
    removed = tuple(dict.fromkeys(name for name, _ in head.cors if name in CORS_RESPONSE_FIELDS))
    if removed:
        _remove(head, CORS_RESPONSE_FIELDS)
    return removed


def granted_lines(head: ResponseHead, decision: Decision, origin: bytes | None) -> bytes:
    """Return the lines that the decision adds, each with CRLF, and take out of `head` what they replace."""
    block = decision.lines(origin)
    if decision.varies:
        block += _merged_vary(head) if head.vary else b"Vary: Origin\r\n"
    if head.cookies and decision.cookies is not None:
        for line in head.cookies:
            name, _, value = line.partition(b":")
            rewritten = decision.cookies.rewrite(value.strip(b" \t"))
            head.lines[head.lines.index(line)] = b"%b: %b" % (name, rewritten)
    if decision.remove or decision.set_lines:
        _remove(head, decision.remove)
        block += decision.set_lines
    return block


def _merged_vary(head: ResponseHead) -> bytes:
    merged = merge_vary(list(head.vary))
    if merged is None:
        return b""
    _remove(head, frozenset({b"vary"}))
    return b"Vary: %b\r\n" % merged


def _remove(head: ResponseHead, names: frozenset[bytes]) -> None:
    head.lines[1:-2] = [line for line in head.lines[1:-2] if line.partition(b":")[0].lower() not in names]

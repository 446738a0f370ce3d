"""Puts a decision's fields on the head of the backend's response, and takes the backend's own CORS fields out.

Laws: `head.lines` is edited in place, never its framing; what was removed is returned by name, never by
value. Whether and what is granted is `cors`'s to decide. HOT: measured by `bench` GET.
"""

from corsproxy.cors.cookies import CookieFault, cookie_fault, cookie_name, is_cross_site
from corsproxy.cors.decision import Decision
from corsproxy.cors.vary import merge_vary
from corsproxy.cors.vocabulary import CORS_RESPONSE_FIELDS
from corsproxy.http1.request import RequestHead
from corsproxy.http1.response import ResponseHead

__all__ = ["cors_names", "dropped_cookies", "granted_lines", "remove_cors"]

_MOST_COOKIES = 16


def cors_names(head: ResponseHead) -> tuple[bytes, ...]:
    """Name the backend's CORS fields, in lower case, each once."""
    return tuple(dict.fromkeys(name for name, _ in head.cors if name in CORS_RESPONSE_FIELDS))


def remove_cors(head: ResponseHead) -> tuple[bytes, ...]:
    """Take every CORS field out of `head`; return their names in lower case, empty where there was none."""
    removed = cors_names(head)
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


def dropped_cookies(
    head: ResponseHead, decision: Decision, asked: RequestHead, host: bytes
) -> tuple[tuple[bytes, CookieFault], ...]:
    """Name the cookies that a page with credentials is sent and its browser will not keep, with the reason for each."""
    rule = decision.rule
    if rule is None or not rule.allow_credentials or decision.is_refusal or b"set-cookie" in decision.remove:
        return ()
    if not is_cross_site(asked.origin or b"", host, asked.sec_fetch_site):
        return ()
    found: list[tuple[bytes, CookieFault]] = []
    for line in head.cookies[:_MOST_COOKIES]:
        value = line.partition(b":")[2].strip(b" \t")
        if decision.cookies is not None:
            value = decision.cookies.rewrite(value)
        fault = cookie_fault(value)
        if fault is not None:
            found.append((cookie_name(value), fault))
    return tuple(found)


def _merged_vary(head: ResponseHead) -> bytes:
    merged = merge_vary(list(head.vary))
    if merged is None:
        return b""
    _remove(head, frozenset({b"vary"}))
    return b"Vary: %b\r\n" % merged


def _remove(head: ResponseHead, names: frozenset[bytes]) -> None:
    head.lines[1:-2] = [line for line in head.lines[1:-2] if line.partition(b":")[0].lower() not in names]

"""What the proxy says where it answers itself: a refusal or a fault as a problem, with the fields its status asks for.

Laws: a detail repeats nothing that a client sent; where it is not sure where the next request would begin,
the connection ends with the answer. What is due to the origin comes from the decision.
"""

from corsproxy.cors.policy import Decision
from corsproxy.http1.reply import problem
from corsproxy.proxy.faults import Fault

__all__ = ["ALLOW", "ends_connection", "problem_text", "refusal"]

ALLOW = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
_FIELDS = {503: b"Retry-After: 1\r\n", 405: ALLOW}
_ENDING = frozenset({400, 408, 413, 414, 431, 501, 505})


def refusal(decision: Decision) -> Fault:
    """Return what a refusal by policy comes to, as the fault that it is answered like."""
    where = "no rule" if decision.rule is None else f"rule {decision.rule.name}"
    detail = f"refused by {where}: {decision.reason.value}"
    return Fault(decision.reason, decision.status, detail)


def ends_connection(why: Fault) -> bool:
    """Tell whether nothing that comes after this fault can be read as a request."""
    return why.status in _ENDING


def problem_text(
    why: Fault,
    decision: Decision,
    origin: bytes | None,
    *,
    request_id: str,
    date: bytes,
    close: bool,
    to_head: bool,
) -> bytes:
    """Return the whole answer, with the fields that the request's origin is due."""
    return problem(
        why.status,
        code=why.reason.value,
        detail=why.detail,
        request_id=request_id,
        proxy_error=why.proxy_error,
        lines=decision.error_lines(origin) + _FIELDS.get(why.status, b""),
        date=date,
        close=close,
        to_head=to_head,
    )

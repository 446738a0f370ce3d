"""Who is at fault when an exchange goes wrong, and what the client gets for it.

Laws: a fault has a reason from the one vocabulary, a status and an RFC 9209 error type; the tables
below are the only place that joins them.
"""

from typing import NamedTuple

from corsproxy.cors.vocabulary import Reason
from corsproxy.http1.faults import BadMessage

__all__ = ["Fault", "fault", "fault_of_message", "proxy_error"]


class Fault(NamedTuple):
    """Why the proxy answers itself. `detail` is for people and repeats nothing a client sent."""

    reason: Reason
    status: int
    detail: str


# RFC 9209 §2.3; what a refusal by policy is called there is http_request_denied.
_PROXY_ERRORS = {
    Reason.UPSTREAM_REFUSED: "connection_refused",
    Reason.UPSTREAM_TIMEOUT: "http_response_timeout",
    Reason.UPSTREAM_CLOSED: "connection_terminated",
    Reason.UPSTREAM_INVALID: "http_protocol_error",
    Reason.QUEUE_FULL: "connection_limit_reached",
    Reason.BODY_TOO_LARGE: "http_request_error",
    Reason.HEAD_TOO_LARGE: "http_request_error",
    Reason.BAD_REQUEST: "http_request_error",
    Reason.CLIENT_TIMEOUT: "http_request_error",
}

_STATUS = {
    Reason.UPSTREAM_REFUSED: 502,
    Reason.UPSTREAM_TIMEOUT: 504,
    Reason.UPSTREAM_CLOSED: 502,
    Reason.UPSTREAM_INVALID: 502,
    Reason.QUEUE_FULL: 503,
    Reason.BODY_TOO_LARGE: 413,
    Reason.HEAD_TOO_LARGE: 431,
    Reason.BAD_REQUEST: 400,
    Reason.CLIENT_TIMEOUT: 408,
}

_REASON_BY_STATUS = {
    413: Reason.BODY_TOO_LARGE,
    414: Reason.HEAD_TOO_LARGE,
    431: Reason.HEAD_TOO_LARGE,
    502: Reason.UPSTREAM_INVALID,
}


def fault(reason: Reason, detail: str) -> Fault:
    """Return the fault for a reason, with the status that goes with it."""
    return Fault(reason, _STATUS[reason], detail)


def fault_of_message(bad: BadMessage) -> Fault:
    """Return the fault that a broken message comes to."""
    return Fault(_REASON_BY_STATUS.get(bad.status, Reason.BAD_REQUEST), bad.status, bad.detail)


def proxy_error(reason: Reason) -> str:
    """Return the RFC 9209 error type of a reason."""
    return _PROXY_ERRORS.get(reason, "http_request_denied")

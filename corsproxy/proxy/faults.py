"""Who is at fault when an exchange goes wrong, and what the client gets for it.

Laws: a fault has a reason from the one vocabulary, a status and an RFC 9209 error type; the tables
below are the only place that joins them. Where that type can say more than the reason does, the fault
carries its own. What asyncio and OpenSSL say of a connection that failed is translated here.
"""

import errno
import os
import socket
import ssl
from typing import NamedTuple

from corsproxy.cors.vocabulary import Reason
from corsproxy.http1.faults import BadMessage

__all__ = ["NOT_ACCEPTED", "Fault", "fault", "fault_of_dialling", "fault_of_message", "proxy_error"]


class Fault(NamedTuple):
    """Why the proxy answers itself. `detail` is for people and repeats nothing a client sent."""

    reason: Reason
    status: int
    detail: str
    error: str = ""  # an RFC 9209 error type that is closer than the reason's

    @property
    def proxy_error(self) -> str:
        """The RFC 9209 error type."""
        return self.error or proxy_error(self.reason)


NOT_ACCEPTED = Fault(
    Reason.UPSTREAM_TIMEOUT, 504, "the backend did not accept a connection in time", "connection_timeout"
)

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

# Of errors that the system gives to connect(); all others are refusals.
_CONNECT_ERRORS = {
    errno.ENETUNREACH: "destination_ip_unroutable",
    errno.EHOSTUNREACH: "destination_ip_unroutable",
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
    reason = _REASON_BY_STATUS.get(bad.status, Reason.BAD_REQUEST)
    return Fault(reason, bad.status, bad.detail, "proxy_loop_detected" if bad.status == 508 else "")


def fault_of_dialling(failure: OSError | UnicodeError, *, is_tls: bool) -> Fault:
    """Return the fault that a failed connection to the backend comes to, without its address."""
    if isinstance(failure, UnicodeError):
        detail = "the backend's name cannot be resolved: a part of it is empty or too long"
        return Fault(Reason.UPSTREAM_REFUSED, 502, detail, "dns_error")
    if isinstance(failure, TimeoutError):
        return NOT_ACCEPTED
    error = ""
    if isinstance(failure, ssl.SSLCertVerificationError):
        detail = f"the backend's certificate was not accepted: {failure.verify_message}"
        error = "tls_certificate_error"
    elif isinstance(failure, ssl.SSLError):
        why = failure.reason or "no reason given"
        detail = f"the TLS handshake with the backend failed: {why}"
        error = "tls_alert_received" if "_ALERT_" in why else "tls_protocol_error"
    elif isinstance(failure, socket.gaierror):
        detail = f"the backend's name cannot be resolved: {failure.strerror}"
        error = "dns_error"
    elif is_tls and isinstance(failure, ConnectionError) and failure.errno != errno.ECONNREFUSED:
        detail = "the backend closed the connection in the TLS handshake"
        error = "tls_protocol_error"
    else:
        why = os.strerror(failure.errno) if failure.errno else "no address of it answers"
        detail = f"the backend cannot be connected to: {why}"
        error = _CONNECT_ERRORS.get(failure.errno or 0, "")
    return Fault(Reason.UPSTREAM_REFUSED, 502, detail, error)


def proxy_error(reason: Reason) -> str:
    """Return the RFC 9209 error type of a reason."""
    return _PROXY_ERRORS.get(reason, "http_request_denied")

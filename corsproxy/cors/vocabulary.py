"""The words of a decision: kinds of request, actions, reasons, and the Fetch standard's lists.

Laws: values only; nothing here decides. The same `Reason` labels logs, metrics, problem bodies,
policy tests and explanations, so a name that is printed anywhere is a name that stands here.
"""

from enum import StrEnum

__all__ = [
    "CORS_RESPONSE_FIELDS",
    "FORBIDDEN_METHODS",
    "FORBIDDEN_REQUEST_FIELDS",
    "NORMALISED_METHODS",
    "SAFELISTED_METHODS",
    "SAFELISTED_REQUEST_FIELDS",
    "Action",
    "Kind",
    "Reason",
]


class Kind(StrEnum):
    """What a request is to CORS."""

    NOT_CORS = "not_cors"
    SAME_ORIGIN = "same_origin"
    PREFLIGHT = "preflight"
    ACTUAL = "actual"
    WEBSOCKET = "websocket"


class Action(StrEnum):
    """What the proxy does with a request."""

    FORWARD = "forward"
    ANSWER = "answer"  # a preflight that got its answer from us
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why: one vocabulary for everything that can happen to a request."""

    NO_ORIGIN = "no_origin"
    SAME_ORIGIN = "same_origin"
    ORIGIN_ALLOWED = "origin_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    ORIGIN_NULL = "origin_null"
    ORIGIN_MALFORMED = "origin_malformed"
    NO_RULE_FOR_PATH = "no_rule_for_path"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    METHOD_CASE = "method_case"
    HEADER_NOT_ALLOWED = "header_not_allowed"
    AUTHORIZATION_NOT_LISTED = "authorization_not_listed"
    CLIENT_SENDS_RESPONSE_HEADER = "client_sends_response_header"
    CREDENTIALS_NOT_ALLOWED = "credentials_not_allowed"
    WEBSOCKET_ORIGIN_NOT_ALLOWED = "websocket_origin_not_allowed"
    AMBIGUOUS_PATH = "ambiguous_path"
    BACKEND_CORS_CONFLICT = "backend_cors_conflict"
    BACKEND_REDIRECT = "backend_redirect"
    UPSTREAM_REFUSED = "upstream_refused"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_CLOSED = "upstream_closed"
    UPSTREAM_INVALID = "upstream_invalid"
    QUEUE_FULL = "queue_full"
    BODY_TOO_LARGE = "body_too_large"
    HEAD_TOO_LARGE = "head_too_large"
    BAD_REQUEST = "bad_request"
    CLIENT_TIMEOUT = "client_timeout"


# https://fetch.spec.whatwg.org/#cors-safelisted-method
SAFELISTED_METHODS = frozenset({b"GET", b"HEAD", b"POST"})
# https://fetch.spec.whatwg.org/#forbidden-method
FORBIDDEN_METHODS = frozenset({b"CONNECT", b"TRACE", b"TRACK"})
# https://fetch.spec.whatwg.org/#concept-method-normalize
NORMALISED_METHODS = frozenset({b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT"})
# Browsers drop these from what a page sets, and all that begin with `proxy-` or `sec-`.
# https://fetch.spec.whatwg.org/#forbidden-request-header
FORBIDDEN_REQUEST_FIELDS = frozenset(
    {
        b"accept-charset",
        b"accept-encoding",
        b"access-control-request-headers",
        b"access-control-request-method",
        b"connection",
        b"content-length",
        b"cookie",
        b"cookie2",
        b"date",
        b"dnt",
        b"expect",
        b"host",
        b"keep-alive",
        b"origin",
        b"referer",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
    }
)
# Granted without being listed. Stricter: Content-Type is safelisted by value only, so it needs listing.
SAFELISTED_REQUEST_FIELDS = frozenset({b"accept", b"accept-language", b"content-language", b"range"})

# Everything a backend may say about CORS; ours alone to send.
CORS_RESPONSE_FIELDS = frozenset(
    {
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-allow-methods",
        b"access-control-allow-headers",
        b"access-control-allow-private-network",
        b"access-control-expose-headers",
        b"access-control-max-age",
    }
)

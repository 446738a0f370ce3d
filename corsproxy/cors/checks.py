"""The browser's checks of one response, as functions of its fields: who may read it, what a preflight grants.

Laws: pure functions of what came, whoever sent it. `judge` gives them what a policy would send, `probe` what
a live server did send, so that both are read by the same eyes. `why` is the reason that the server's own
policy has, where that is known; else the reason is what the fields show.
https://fetch.spec.whatwg.org/#concept-cors-check
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from corsproxy.cors.preflight import is_token
from corsproxy.cors.spelling import canonical_origin
from corsproxy.cors.vocabulary import CORS_RESPONSE_FIELDS, SAFELISTED_METHODS, Reason

__all__ = [
    "Cause",
    "Check",
    "Step",
    "check",
    "cors_check",
    "joined",
    "members",
    "preflight_checks",
    "up_to_failure",
]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


class Step(StrEnum):
    """The checks, in the browser's order; the proxy's own refusal of an actual request stands among them."""

    SENDABLE = "sendable"
    MIXED_CONTENT = "mixed_content"
    HANDSHAKE = "handshake"
    PREFLIGHT_REDIRECT = "preflight_redirect"
    PREFLIGHT_ORIGIN = "preflight_origin"
    PREFLIGHT_CREDENTIALS = "preflight_credentials"
    PREFLIGHT_STATUS = "preflight_status"
    PREFLIGHT_METHOD = "preflight_method"
    PREFLIGHT_HEADER = "preflight_header"
    FORWARDED = "forwarded"
    ORIGIN = "origin"
    CREDENTIALS = "credentials"
    REDIRECT = "redirect"


class Cause(StrEnum):
    """What a browser found wrong with a response, in the order of the check."""

    ORIGIN_MISSING = "origin_missing"
    ORIGIN_SEVERAL = "origin_several"
    ORIGIN_INVALID = "origin_invalid"
    ORIGIN_DIFFERS = "origin_differs"
    WILDCARD_WITH_CREDENTIALS = "wildcard_with_credentials"
    CREDENTIALS_MISSING = "credentials_missing"
    PREFLIGHT_STATUS = "preflight_status"
    PREFLIGHT_REDIRECT = "preflight_redirect"
    METHODS_UNREADABLE = "methods_unreadable"
    HEADERS_UNREADABLE = "headers_unreadable"
    METHOD = "method"
    HEADER = "header"
    REDIRECT_CREDENTIALS = "redirect_credentials"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `subject` is the value looked at, `reason` why it failed, or ORIGIN_ALLOWED.

    `cause` is what the browser found in the response; None where it passed or no response was looked at.
    """

    step: Step
    passed: bool
    reason: Reason
    subject: str
    cause: Cause | None = None


def check(step: Step, passed: bool, reason: Reason, subject: bytes, cause: Cause | None = None) -> Check:
    """Write down a check; `reason` and `cause` are those of its failure."""
    text = subject.decode("utf-8", "replace")
    return Check(step, passed, Reason.ORIGIN_ALLOWED if passed else reason, text, None if passed else cause)


def up_to_failure(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks that a browser makes: none after the first that fails."""
    made: list[Check] = []
    for each in checks:
        made.append(each)
        if not each.passed:
            break
    return tuple(made)


def joined(fields: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Read fields as browsers get them: names in lower case, several lines joined with a comma and a space."""
    read: dict[bytes, bytes] = {}
    for name, value in fields:
        lower, bare = name.lower(), value.strip(b" \t")
        read[lower] = read[lower] + b", " + bare if lower in read else bare
    return read


def members(value: bytes) -> frozenset[bytes]:
    """Cut a list at its commas."""
    return frozenset(member.strip() for member in value.split(b",")) - {b""}


def cors_check(
    fields: Mapping[bytes, bytes],
    origin: bytes | None,
    *,
    include: bool,
    why: Reason | None = None,
    is_preflight: bool = False,
) -> Iterator[Check]:
    """Check who may read a response: https://fetch.spec.whatwg.org/#concept-cors-check."""
    first = Step.PREFLIGHT_ORIGIN if is_preflight else Step.ORIGIN
    second = Step.PREFLIGHT_CREDENTIALS if is_preflight else Step.CREDENTIALS
    sent = fields.get(b"access-control-allow-origin")
    allowed = sent or b""
    if allowed == b"*":
        yield check(first, True, Reason.ORIGIN_ALLOWED, allowed)
        if include:  # a `*` is a literal here, and no origin
            cause = Cause.WILDCARD_WITH_CREDENTIALS
            yield check(second, False, Reason.CREDENTIALS_NOT_ALLOWED, allowed, cause)
        return
    reason = why or (Reason.ORIGIN_NULL if origin == b"null" else Reason.ORIGIN_NOT_ALLOWED)
    yield check(first, sent is not None and allowed == origin, reason, allowed, _fault_of_origin(sent))
    if include:
        value = fields.get(b"access-control-allow-credentials", b"")
        cause = Cause.CREDENTIALS_MISSING
        yield check(second, value == b"true", Reason.CREDENTIALS_NOT_ALLOWED, value, cause)


def preflight_checks(
    status: int,
    fields: Mapping[bytes, bytes],
    origin: bytes | None,
    method: bytes,
    unsafe: Iterable[bytes],
    *,
    include: bool,
    why: Reason | None = None,
) -> Iterator[Check]:
    """Check the answer to a preflight: https://fetch.spec.whatwg.org/#cors-preflight-fetch.

    `unsafe` are the names, in lower case, that it asked for.
    """
    if status in {301, 302, 303, 307, 308} and b"location" in fields:
        cause = Cause.PREFLIGHT_REDIRECT
        yield check(Step.PREFLIGHT_REDIRECT, False, why or Reason.BACKEND_REDIRECT, b"%d" % status, cause)
    yield from cors_check(fields, origin, include=include, why=why, is_preflight=True)
    is_ok = 200 <= status <= 299
    refusal = why or Reason.ORIGIN_NOT_ALLOWED
    yield check(Step.PREFLIGHT_STATUS, is_ok, refusal, b"%d" % status, Cause.PREFLIGHT_STATUS)
    methods = members(fields.get(b"access-control-allow-methods", b""))
    written = members(fields.get(b"access-control-allow-headers", b""))
    yield from _unreadable(methods, Step.PREFLIGHT_METHOD, Cause.METHODS_UNREADABLE)
    yield from _unreadable(written, Step.PREFLIGHT_HEADER, Cause.HEADERS_UNREADABLE)
    is_listed = method in methods | SAFELISTED_METHODS or (not include and b"*" in methods)
    yield check(
        Step.PREFLIGHT_METHOD, is_listed, _fault_of_method(method, methods, why), method, Cause.METHOD
    )
    names = frozenset(name.lower() for name in written)
    covers = not include and b"*" in names
    for name in unsafe:
        is_listed = name in names or (covers and name != b"authorization")
        yield check(Step.PREFLIGHT_HEADER, is_listed, _fault_of_header(name, covers, why), name, Cause.HEADER)


def _unreadable(listed: frozenset[bytes], step: Step, cause: Cause) -> Iterator[Check]:
    """Fail for a list that is none: https://fetch.spec.whatwg.org/#extract-header-list-values."""
    reason = Reason.METHOD_NOT_ALLOWED if step is Step.PREFLIGHT_METHOD else Reason.HEADER_NOT_ALLOWED
    yield from (check(step, False, reason, name, cause) for name in sorted(listed) if not is_token(name))


def _fault_of_origin(sent: bytes | None) -> Cause:
    """Tell as Chrome does why a value is not the origin."""
    if sent is None:
        return Cause.ORIGIN_MISSING
    if b"," in sent or b" " in sent:
        return Cause.ORIGIN_SEVERAL
    return Cause.ORIGIN_DIFFERS if sent == b"null" or _is_address(sent) else Cause.ORIGIN_INVALID


def _is_address(value: bytes) -> bool:
    """Tell whether an address could be read from a value, of whatever scheme."""
    text = value.decode("latin-1")
    scheme, colon, _ = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return False
    return scheme.lower() not in {"http", "https"} or canonical_origin(text, wildcards=True) is not None


def _fault_of_method(method: bytes, listed: frozenset[bytes], why: Reason | None) -> Reason:
    if why is None:
        is_listed_otherwise = method.upper() in {name.upper() for name in listed | SAFELISTED_METHODS}
        return Reason.METHOD_CASE if is_listed_otherwise else Reason.METHOD_NOT_ALLOWED
    return Reason.METHOD_CASE if why is Reason.METHOD_CASE else Reason.METHOD_NOT_ALLOWED


def _fault_of_header(name: bytes, covers: bool, why: Reason | None) -> Reason:
    if why is not None:
        return Reason.HEADER_NOT_ALLOWED if why is Reason.ORIGIN_ALLOWED else why
    if covers:
        return Reason.AUTHORIZATION_NOT_LISTED
    return Reason.CLIENT_SENDS_RESPONSE_HEADER if name in CORS_RESPONSE_FIELDS else Reason.HEADER_NOT_ALLOWED

"""The way of one fetch() through preflights, checks and redirects, as the Fetch standard walks it.

Laws: a generator that yields what is to be sent and is given what came; the checks are those of `cors.checks`. It
ends at the first check that fails, at a failure that is none of CORS, at the answer that the page gets, or
before a request that may change something and was not allowed to. https://fetch.spec.whatwg.org/#http-fetch
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from corsproxy.bridges.probe.address import is_trustworthy, read_address
from corsproxy.bridges.probe.exchange import Answer, Asked, Exchange, Failure, Sent
from corsproxy.bridges.probe.requests import Request, first_request
from corsproxy.bridges.probe.server import reason_of
from corsproxy.cors.browser import is_preflighted, sendable_checks
from corsproxy.cors.checks import (
    Cause,
    Check,
    Step,
    check,
    cors_check,
    joined,
    preflight_checks,
    up_to_failure,
)
from corsproxy.cors.vocabulary import Reason

__all__ = ["MOST_REDIRECTS", "SAFE_METHODS", "Hop", "Walk", "Wire", "browse"]

MOST_REDIRECTS = 20
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Wire = Generator[Sent, Answer | Failure, None]


@dataclass(slots=True)
class Hop:
    """One address on the way: what was sent there, what came, and the checks in the browser's order."""

    request: Request
    checks: list[Check] = field(default_factory=list)
    preflight: Exchange | None = None
    actual: Exchange | None = None

    def passes(self, checks: Iterator[Check]) -> bool:
        """Make checks up to the first that fails; tell whether none did."""
        self.checks += up_to_failure(checks)
        return not self.checks or self.checks[-1].passed


@dataclass(slots=True)
class Walk:
    """The whole way so far. `failure` came instead of an answer to `unanswered`."""

    hops: list[Hop] = field(default_factory=list)
    failure: Failure | None = None
    unanswered: Sent | None = None
    is_withheld: bool = False  # the actual request was due, and was not sent

    @property
    def last(self) -> Hop:
        """Return where the way ended."""
        return self.hops[-1]

    @property
    def failed(self) -> Check | None:
        """Return the check that failed."""
        checks = self.last.checks
        return checks[-1] if checks and not checks[-1].passed else None

    def send(self, sent: Sent) -> Generator[Sent, Answer | Failure, Exchange | None]:
        """Send one request; None where no answer came."""
        came = yield sent
        if isinstance(came, Failure):
            self.failure, self.unanswered = came, sent
            return None
        return Exchange(sent, came)


def browse(asked: Asked, walk: Walk) -> Wire:
    """Walk, and note it in `walk`."""
    request: Request | None = first_request(asked, read_address(asked.url).origin)
    while request is not None:
        hop = Hop(request)
        walk.hops.append(hop)
        first = sendable_checks(request.method.encode(), request.unsafe) if len(walk.hops) == 1 else ()
        if not hop.passes(_before(request, iter(first))):
            return
        if request.is_cors and is_preflighted(request.method.encode(), request.unsafe):
            hop.preflight = yield from walk.send(request.preflight())
            if hop.preflight is None or not hop.passes(_of_preflight(request, hop.preflight.answer)):
                return
        if asked.is_preflight_only or (request.method not in SAFE_METHODS and not asked.sends):
            walk.is_withheld = True
            return
        hop.actual = yield from walk.send(request.actual())
        if hop.actual is None or not hop.passes(_of_answer(request, hop.actual.answer)):
            return
        request = _onward(hop, hop.actual.answer, len(walk.hops))


def _before(request: Request, first: Iterator[Check]) -> Iterator[Check]:
    yield from first
    if request.page.startswith("https://") and not is_trustworthy(request.origin):
        yield check(Step.MIXED_CONTENT, False, Reason.BAD_REQUEST, request.url.encode())


def _of_preflight(request: Request, answer: Answer) -> Iterator[Check]:
    return preflight_checks(
        answer.status,
        joined(answer.fields),
        request.sent_origin.encode(),
        request.method.encode(),
        request.unsafe,
        include=request.include,
        why=reason_of(answer),
    )


def _of_answer(request: Request, answer: Answer) -> Iterator[Check]:
    if not request.is_cors:
        return iter(())
    fields, origin = joined(answer.fields), request.sent_origin.encode()
    return cors_check(fields, origin, include=request.include, why=reason_of(answer))


def _onward(hop: Hop, answer: Answer, hops: int) -> Request | None:
    """Follow a redirect: https://fetch.spec.whatwg.org/#http-redirect-fetch. None where the way ends."""
    location = answer.values("location")
    if answer.status not in REDIRECTS or not location:
        return None
    try:
        target = read_address(location[0], hop.request.url)
    except ValueError as wrong:
        hop.checks.append(check(Step.REDIRECT, False, Reason.BACKEND_REDIRECT, str(wrong).encode()))
        return None
    wrong_with, cause = "", None
    if hops > MOST_REDIRECTS:
        wrong_with = f"this is redirect {hops}; browsers follow {MOST_REDIRECTS}."
    elif target.has_credentials and (hop.request.is_cors or target.origin != hop.request.page):
        wrong_with = f"{target.url} comes with a user name or password, which is not allowed across origins."
        cause = Cause.REDIRECT_CREDENTIALS
    subject = wrong_with or target.url
    why = Reason.BACKEND_REDIRECT
    hop.checks.append(check(Step.REDIRECT, not wrong_with, why, subject.encode(), cause))
    return None if wrong_with else hop.request.redirected(answer.status, target.origin, target.url)

"""The browser's side: what a page may do under a policy, check by check, as the Fetch standard has it.

Laws: the policy is asked what it would send, and those lines are read as a browser reads them; nothing
is taken from the policy's own opinion but the reason for what the lines lack. A rule in report mode is
judged by what it would do. The policy's own tests and explanations live on this.
https://fetch.spec.whatwg.org/#cors-protocol
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

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
from corsproxy.cors.policy import Decision, Policy
from corsproxy.cors.preflight import is_token
from corsproxy.cors.rule import Rule
from corsproxy.cors.vocabulary import (
    FORBIDDEN_METHODS,
    FORBIDDEN_REQUEST_FIELDS,
    NORMALISED_METHODS,
    SAFELISTED_METHODS,
    SAFELISTED_REQUEST_FIELDS,
    Action,
    Kind,
    Reason,
)

__all__ = [
    "BrowserRequest",
    "Check",
    "Step",
    "Verdict",
    "is_forbidden",
    "is_preflighted",
    "judge",
    "normalise",
    "sendable_checks",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserRequest:
    """What a page does: fetch() or, with `websocket`, new WebSocket(). `headers` are names the page sets.

    `credentials` is the mode `include`. `scheme` and `host`, with its port, are those of the called
    server; without a host no origin is the server's own, save the public ones of the policy.
    """

    origin: str | None
    method: str = "GET"
    path: str = "/"
    scheme: str = "https"
    host: str = ""
    headers: tuple[str, ...] = ()
    credentials: bool = False
    websocket: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the page gets the response, why, and every check up to the first that failed.

    `preflight` is None where the browser sends none. The lines are those of the policy, with Vary for
    the preflight's.
    """

    allowed: bool
    reason: Reason
    checks: tuple[Check, ...]
    rule: Rule | None
    preflight: Decision | None
    preflight_lines: bytes
    actual: Decision
    actual_lines: bytes


def judge(policy: Policy, request: BrowserRequest) -> Verdict:
    """Do what a browser does with `request`, and say whether the page may read the response."""
    return _Browser(policy, request).verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A request as the browser sends it."""

    method: bytes
    path: bytes
    origin: bytes | None
    request_method: bytes | None = None
    request_headers: bytes | None = None
    request_private_network: bool = False
    sec_fetch_site: bytes | None = None
    is_websocket: bool = False


class _Browser:
    def __init__(self, policy: Policy, request: BrowserRequest) -> None:
        self._policy = policy
        self._include = request.credentials
        self._is_websocket = request.websocket
        self._address = request.scheme.encode(), request.host.encode()
        self._path = request.path.partition("#")[0].partition("?")[0].encode()
        self._origin = None if request.origin is None else request.origin.encode()
        self._method = b"GET" if request.websocket else normalise(request.method.encode())
        self._fields = () if request.websocket else _unsafe(request.headers)
        self._actual, self._actual_sent = self._ask(self._method, is_websocket=request.websocket)
        self._preflight: Decision | None = None
        self._preflight_lines = b""

    def verdict(self) -> Verdict:
        checks = up_to_failure(self._checks())
        failed = bool(checks) and not checks[-1].passed
        lines = self._actual.lines if self._actual.action is Action.FORWARD else self._actual.error_lines
        return Verdict(
            allowed=not failed,
            reason=checks[-1].reason if failed else self._actual.reason,
            checks=checks,
            rule=self._actual.rule,
            preflight=self._preflight,
            preflight_lines=self._preflight_lines,
            actual=self._actual,
            actual_lines=lines(self._origin),
        )

    def _ask(
        self, method: bytes, *, asks: bool = False, is_websocket: bool = False
    ) -> tuple[Decision, _Sent]:
        sent = _Sent(
            method=method,
            path=self._path,
            origin=self._origin,
            request_method=self._method if asks else None,
            request_headers=b",".join(self._fields) if asks and self._fields else None,
            is_websocket=is_websocket,
        )
        decision = self._policy.decide(sent, *self._address)
        return decision.would or decision, sent

    def _checks(self) -> Iterator[Check]:
        yield from sendable_checks(self._method, self._fields)
        if self._actual.kind is Kind.WEBSOCKET:
            is_open = self._actual.action is Action.FORWARD
            yield check(Step.HANDSHAKE, is_open, self._actual.reason, self._origin or b"")
        elif self._actual.kind is Kind.ACTUAL:
            if is_preflighted(self._method, self._fields):
                yield from self._preflight_checks()
            is_forwarded, why = self._actual.action is Action.FORWARD, self._actual.reason
            yield check(Step.FORWARDED, is_forwarded, why, self._method, Cause.ORIGIN_MISSING)
            fields = joined(_pairs(self._actual.lines(self._origin)))
            yield from cors_check(fields, self._origin, include=self._include, why=why)

    def _preflight_checks(self) -> Iterator[Check]:
        decision, sent = self._ask(b"OPTIONS", asks=True)
        self._preflight, self._preflight_lines = decision, decision.answer_lines(sent)
        fields = joined(_pairs(self._preflight_lines))
        yield from preflight_checks(
            decision.status,
            fields,
            self._origin,
            self._method,
            self._fields,
            include=self._include,
            why=decision.reason,
        )


def sendable_checks(method: bytes, names: Iterable[bytes]) -> Iterator[Check]:
    """Check what fetch() refuses before anything is sent; `method` as normalised."""
    is_method = is_token(method) and method.upper() not in FORBIDDEN_METHODS
    yield check(Step.SENDABLE, is_method, Reason.METHOD_NOT_ALLOWED, method)
    for name in names:
        yield check(Step.SENDABLE, is_token(name), Reason.HEADER_NOT_ALLOWED, name)


def is_preflighted(method: bytes, unsafe: Collection[bytes]) -> bool:
    """Tell whether a request is asked about first: https://fetch.spec.whatwg.org/#main-fetch."""
    return method not in SAFELISTED_METHODS or bool(unsafe)


def normalise(method: bytes) -> bytes:
    """Spell a method as browsers do: https://fetch.spec.whatwg.org/#concept-method-normalize."""
    upper = method.upper()
    return upper if upper in NORMALISED_METHODS else method


def _unsafe(names: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return the names that a preflight asks for, as browsers sort them; forbidden ones are never sent.

    Stricter: safelisted names are taken to have safe values, and Content-Type an unsafe one.
    """
    lower = {name.encode().lower() for name in names} - SAFELISTED_REQUEST_FIELDS
    return tuple(sorted(name for name in lower if not is_forbidden(name)))


def is_forbidden(name: bytes) -> bool:
    """Tell whether browsers drop a field, its name in lower case, that a page sets."""
    return name in FORBIDDEN_REQUEST_FIELDS or name.startswith((b"proxy-", b"sec-"))


def _pairs(lines: bytes) -> list[tuple[bytes, bytes]]:
    fields = (line.partition(b": ") for line in lines.split(b"\r\n") if line)
    return [(name, value) for name, _, value in fields]

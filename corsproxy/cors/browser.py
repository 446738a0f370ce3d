"""The browser's side: what a page may do under a policy, check by check, as the Fetch standard has it.

Laws: the policy is asked what it would send, and those lines are read as a browser reads them; nothing
is taken from the policy's own opinion but the reason for what the lines lack. A rule in report mode is
judged by what it would do. The policy's own tests and explanations live on this.
https://fetch.spec.whatwg.org/#cors-protocol
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

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

__all__ = ["BrowserRequest", "Check", "Step", "Verdict", "judge"]


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


class Step(StrEnum):
    """The checks, in the browser's order; the proxy's own refusal of an actual request stands among them."""

    SENDABLE = "sendable"
    HANDSHAKE = "handshake"
    PREFLIGHT_ORIGIN = "preflight_origin"
    PREFLIGHT_CREDENTIALS = "preflight_credentials"
    PREFLIGHT_STATUS = "preflight_status"
    PREFLIGHT_METHOD = "preflight_method"
    PREFLIGHT_HEADER = "preflight_header"
    FORWARDED = "forwarded"
    ORIGIN = "origin"
    CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `subject` is the value looked at, `reason` why it failed, or ORIGIN_ALLOWED."""

    step: Step
    passed: bool
    reason: Reason
    subject: str


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
        self._method = b"GET" if request.websocket else _normalise(request.method.encode())
        self._fields = () if request.websocket else _unsafe(request.headers)
        self._actual, self._actual_sent = self._ask(self._method, is_websocket=request.websocket)
        self._preflight: Decision | None = None
        self._preflight_lines = b""

    def verdict(self) -> Verdict:
        checks = []
        for check in self._checks():
            checks.append(check)
            if not check.passed:
                break
        failed = bool(checks) and not checks[-1].passed
        lines = self._actual.lines if self._actual.action is Action.FORWARD else self._actual.error_lines
        return Verdict(
            allowed=not failed,
            reason=checks[-1].reason if failed else self._actual.reason,
            checks=tuple(checks),
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
        sendable = is_token(self._method) and self._method.upper() not in FORBIDDEN_METHODS
        yield _check(Step.SENDABLE, sendable, Reason.METHOD_NOT_ALLOWED, self._method)
        for name in self._fields:
            yield _check(Step.SENDABLE, is_token(name), Reason.HEADER_NOT_ALLOWED, name)
        if self._actual.kind is Kind.WEBSOCKET:
            is_open = self._actual.action is Action.FORWARD
            yield _check(Step.HANDSHAKE, is_open, self._actual.reason, self._origin or b"")
        elif self._actual.kind is Kind.ACTUAL:
            if self._method not in SAFELISTED_METHODS or self._fields:
                yield from self._preflight_checks()
            is_forwarded = self._actual.action is Action.FORWARD
            yield _check(Step.FORWARDED, is_forwarded, self._actual.reason, self._method)
            fields = _read(self._actual.lines(self._origin))
            yield from self._cors_check(Step.ORIGIN, Step.CREDENTIALS, self._actual, fields)

    def _preflight_checks(self) -> Iterator[Check]:
        """https://fetch.spec.whatwg.org/#cors-preflight-fetch."""
        decision, sent = self._ask(b"OPTIONS", asks=True)
        self._preflight, self._preflight_lines = decision, decision.answer_lines(sent)
        fields = _read(self._preflight_lines)
        yield from self._cors_check(Step.PREFLIGHT_ORIGIN, Step.PREFLIGHT_CREDENTIALS, decision, fields)
        is_ok = 200 <= decision.status <= 299
        yield _check(Step.PREFLIGHT_STATUS, is_ok, decision.reason, b"%d" % decision.status)
        methods = _members(fields.get(b"access-control-allow-methods", b""))
        is_listed = self._method in methods | SAFELISTED_METHODS or self._covers(methods)
        why = Reason.METHOD_CASE if decision.reason is Reason.METHOD_CASE else Reason.METHOD_NOT_ALLOWED
        yield _check(Step.PREFLIGHT_METHOD, is_listed, why, self._method)
        names = frozenset(name.lower() for name in _members(fields.get(b"access-control-allow-headers", b"")))
        for name in self._fields:
            is_listed = name in names or (name != b"authorization" and self._covers(names))
            why = decision.reason if decision.is_refusal else Reason.HEADER_NOT_ALLOWED
            yield _check(Step.PREFLIGHT_HEADER, is_listed, why, name)

    def _covers(self, members: frozenset[bytes]) -> bool:
        return not self._include and b"*" in members

    def _cors_check(
        self, first: Step, second: Step, decision: Decision, fields: dict[bytes, bytes]
    ) -> Iterator[Check]:
        """https://fetch.spec.whatwg.org/#concept-cors-check."""
        allowed = fields.get(b"access-control-allow-origin", b"")
        if allowed == b"*":
            yield _check(first, True, Reason.ORIGIN_ALLOWED, allowed)
            if self._include:  # a `*` is a literal here, and no origin
                yield _check(second, False, Reason.CREDENTIALS_NOT_ALLOWED, allowed)
            return
        yield _check(first, allowed == self._origin, decision.reason, allowed)
        if self._include:
            credentials = fields.get(b"access-control-allow-credentials", b"")
            yield _check(second, credentials == b"true", Reason.CREDENTIALS_NOT_ALLOWED, credentials)


def _check(step: Step, passed: bool, reason: Reason, subject: bytes) -> Check:
    return Check(
        step, passed, Reason.ORIGIN_ALLOWED if passed else reason, subject.decode("utf-8", "replace")
    )


def _normalise(method: bytes) -> bytes:
    upper = method.upper()
    return upper if upper in NORMALISED_METHODS else method


def _unsafe(names: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return the names that a preflight asks for, as browsers sort them; forbidden ones are never sent.

    Stricter: safelisted names are taken to have safe values, and Content-Type an unsafe one.
    """
    lower = {name.encode().lower() for name in names} - SAFELISTED_REQUEST_FIELDS - FORBIDDEN_REQUEST_FIELDS
    return tuple(sorted(name for name in lower if not name.startswith((b"proxy-", b"sec-"))))


def _read(lines: bytes) -> dict[bytes, bytes]:
    """Read our own lines back; no name is in them twice."""
    fields = (line.partition(b": ") for line in lines.split(b"\r\n") if line)
    return {name.lower(): value for name, _, value in fields}


def _members(value: bytes) -> frozenset[bytes]:
    return frozenset(member.strip() for member in value.split(b",")) - {b""}

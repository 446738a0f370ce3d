"""What the tests of the policy share: a request's head, a rule to start from, and a whole outcome."""

from dataclasses import dataclass
from typing import NamedTuple, TypedDict, Unpack

from corsproxy.cors.policy import Decision, Policy
from corsproxy.cors.rule import Cookies, Origins, Rule
from corsproxy.cors.vocabulary import Action, Kind, Reason

__all__ = ["APP", "Head", "Outcome", "RuleParts", "ask", "outcome_of", "policy_of", "rule"]

APP = b"https://app.example.com"


@dataclass(frozen=True, kw_only=True)
class Head:
    """The head of a request: a GET by default."""

    method: bytes = b"GET"
    path: bytes = b"/api/users"
    origin: bytes | None = APP
    request_method: bytes | None = None
    request_headers: bytes | None = None
    request_private_network: bool = False
    sec_fetch_site: bytes | None = None
    is_websocket: bool = False


class RuleParts(TypedDict, total=False):
    name: str
    paths: tuple[str, ...]
    host: str | None
    origins: Origins
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    allow_credentials: bool
    max_age: int | None
    allow_private_network: bool
    preflight_status: int
    report: bool
    block: bool
    websocket: bool
    cookies: Cookies | None
    set_fields: tuple[tuple[str, str], ...]
    remove_fields: tuple[str, ...]


def rule(**parts: Unpack[RuleParts]) -> Rule:
    """A rule that takes every path and allows one origin, unless said otherwise."""
    parts.setdefault("origins", Origins(exact=(APP.decode(),)))
    parts.setdefault("paths", ("/**",))
    parts.setdefault("name", "api")
    return Rule(place="corsproxy.yaml:5", **parts)


class Outcome(NamedTuple):
    """Everything that can be told of a decision, its lines as they go out."""

    kind: Kind
    reason: Reason
    action: Action
    status: int
    strips: bool
    varies: bool
    is_refusal: bool
    lines: bytes


def outcome_of(decision: Decision, head: Head) -> Outcome:
    """Lines are those of the answer, of our error, or of the forwarded response."""
    lines = {
        Action.ANSWER: decision.answer_lines(head),
        Action.REFUSE: decision.error_lines(head.origin),
        Action.FORWARD: decision.lines(head.origin),
    }
    return Outcome(
        kind=decision.kind,
        reason=decision.reason,
        action=decision.action,
        status=decision.status,
        strips=decision.strips,
        varies=decision.varies,
        is_refusal=decision.is_refusal,
        lines=lines[decision.action],
    )


def policy_of(*rules: Rule, public_origins: tuple[str, ...] = ()) -> Policy:
    return Policy.compile(rules, public_origins)


def ask(policy: Policy, head: Head, *, scheme: bytes = b"https", host: bytes = b"api.example.com") -> Outcome:
    return outcome_of(policy.decide(head, scheme, host), head)

"""Everything that one rule can lead to, decided before any request comes.

Laws: a rule has a fixed number of outcomes, one for each kind of request and reason. In report mode
each is wrapped: it changes nothing, and tells what would have been. Several origins in one value are
refused in every mode, as no backend can be trusted with them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from corsproxy.cors.cookies import CookieRewrite
from corsproxy.cors.decision import Decision
from corsproxy.cors.grant import VARY_ORIGIN, VARY_PREFLIGHT, Grant, grant_to, no_grant
from corsproxy.cors.pattern import OriginMatcher
from corsproxy.cors.preflight import PreflightAnswer
from corsproxy.cors.rule import Rule
from corsproxy.cors.vocabulary import Action, Kind, Reason

__all__ = ["Outcomes"]

_NOT_REFUSED = frozenset({Reason.NO_ORIGIN, Reason.SAME_ORIGIN, Reason.ORIGIN_ALLOWED})
# Answered, so that the browser itself says what is missing.
_ANSWERED = (
    Reason.ORIGIN_ALLOWED,
    Reason.METHOD_CASE,
    Reason.METHOD_NOT_ALLOWED,
    Reason.AUTHORIZATION_NOT_LISTED,
    Reason.CLIENT_SENDS_RESPONSE_HEADER,
    Reason.HEADER_NOT_ALLOWED,
)
_ORIGIN_FAULTS = (Reason.ORIGIN_NOT_ALLOWED, Reason.ORIGIN_NULL, Reason.ORIGIN_MALFORMED)
_NOBODY = Rule(name="", place="", paths=())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outcomes:
    """The outcomes of one rule; `exact` and `others` say whether it allows an origin.

    `refused` and `lists` are for origins it does not allow, the rest for those it does; `blocked` is None
    where methods are left to the browser.
    """

    exact: frozenset[bytes]
    others: Callable[[bytes], bool] | None
    answer: PreflightAnswer
    no_origin: Decision
    same_origin: Decision
    preflights: dict[Reason, Decision]
    actual: Decision
    blocked: dict[Reason, Decision] | None
    websocket: Decision
    refused: dict[Kind, dict[Reason, Decision]]
    lists: dict[Kind, Decision]

    @classmethod
    def of_rule(cls, rule: Rule) -> "Outcomes":
        """Compile a rule. Raises ValueError where it would be unsafe in any configuration."""
        if rule.allow_credentials and (rule.origins.any or rule.origins.null):
            raise ValueError(f"{rule.place}: credentials are for named origins, not for * or null")
        return _Compiler(rule, rule, None).outcomes()

    @classmethod
    def without_rule(cls, reason: Reason) -> "Outcomes":
        """Compile what happens where no rule decides, for the reason given."""
        return _Compiler(None, _NOBODY, reason).outcomes()


class _Compiler:
    """Makes the decisions of one rule; of no rule, `shape` allows nobody and `instead` is the reason for all."""

    def __init__(self, rule: Rule | None, shape: Rule, instead: Reason | None) -> None:
        self._rule = rule
        self._shape = shape
        self._instead = instead
        self._varies = rule is not None and not shape.origins.any
        self._full = grant_to(shape, VARY_ORIGIN)
        self._nothing = no_grant(VARY_ORIGIN if self._varies else b"")
        self._nothing_asked = no_grant(VARY_PREFLIGHT if self._varies else b"")
        # `*` is on every response, as a cache may keep one without Origin for one with.
        self._always = self._full if shape.origins.any else self._nothing
        removed = (*shape.remove_fields, *(name for name, _ in shape.set_fields))
        self._remove = frozenset(name.lower().encode() for name in removed)
        self._set_lines = "".join(f"{name}: {value}\r\n" for name, value in shape.set_fields).encode()
        self._cookies = CookieRewrite(shape.cookies) if shape.cookies else None

    def outcomes(self) -> Outcomes:
        """Make all decisions."""
        matcher = OriginMatcher(self._shape.origins)
        answer = PreflightAnswer(self._shape)
        # Unchecked, everybody is let through and nobody named in a grant.
        grant = self._full if self._shape.websocket else self._always
        websocket = self._forward(Kind.WEBSOCKET, Reason.ORIGIN_ALLOWED, grant)
        return Outcomes(
            exact=matcher.exact,
            others=matcher.others,
            answer=answer,
            no_origin=self._forward(Kind.NOT_CORS, Reason.NO_ORIGIN, self._always),
            same_origin=self._forward(Kind.SAME_ORIGIN, Reason.SAME_ORIGIN, self._always),
            preflights=self._preflights(answer),
            actual=self._forward(Kind.ACTUAL, Reason.ORIGIN_ALLOWED, self._full),
            blocked=self._blocked() if self._shape.block else None,
            websocket=websocket,
            refused={
                Kind.PREFLIGHT: self._by_fault(self._refused_preflight),
                Kind.ACTUAL: self._by_fault(self._refused_actual),
                Kind.WEBSOCKET: self._by_fault(
                    self._refused_websocket if self._shape.websocket else lambda _: websocket
                ),
            },
            lists={kind: self._refused_list(kind) for kind in (Kind.PREFLIGHT, Kind.ACTUAL, Kind.WEBSOCKET)},
        )

    def _preflights(self, answer: PreflightAnswer) -> dict[Reason, Decision]:
        grant = grant_to(self._shape, VARY_PREFLIGHT)
        status = self._shape.preflight_status
        return {
            reason: self._in_mode(self._own(Kind.PREFLIGHT, reason, grant, status, answer))
            for reason in _ANSWERED
        }

    def _blocked(self) -> dict[Reason, Decision]:
        reasons = (Reason.METHOD_CASE, Reason.METHOD_NOT_ALLOWED)
        return {reason: self._refuse(Kind.ACTUAL, reason, self._full) for reason in reasons}

    def _by_fault(self, decision: Callable[[Reason], Decision]) -> dict[Reason, Decision]:
        return {fault: decision(fault) for fault in _ORIGIN_FAULTS}

    def _refused_preflight(self, fault: Reason) -> Decision:
        return self._refuse(Kind.PREFLIGHT, self._instead or fault, self._nothing_asked)

    def _refused_actual(self, fault: Reason) -> Decision:
        act = self._refuse if self._shape.block else self._forward
        return act(Kind.ACTUAL, self._instead or fault, self._nothing)

    def _refused_websocket(self, _fault: Reason) -> Decision:
        return self._refuse(
            Kind.WEBSOCKET, self._instead or Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED, self._nothing
        )

    def _refused_list(self, kind: Kind) -> Decision:
        grant = self._nothing_asked if kind is Kind.PREFLIGHT else self._nothing
        return self._own(kind, Reason.ORIGIN_MALFORMED, grant, 400)

    def _refuse(self, kind: Kind, reason: Reason, grant: Grant) -> Decision:
        return self._in_mode(self._own(kind, reason, grant, 403))

    def _forward(self, kind: Kind, reason: Reason, grant: Grant) -> Decision:
        return self._in_mode(
            Decision(
                kind=kind,
                reason=reason,
                action=Action.FORWARD,
                rule=self._rule,
                is_refusal=reason not in _NOT_REFUSED,
                varies=self._varies,
                remove=self._remove,
                set_lines=self._set_lines,
                cookies=self._cookies,
                grant=grant,
            )
        )

    def _own(
        self,
        kind: Kind,
        reason: Reason,
        grant: Grant,
        status: int,
        answer: PreflightAnswer | None = None,
    ) -> Decision:
        """An answer where there is one, else a refusal."""
        return Decision(
            kind=kind,
            reason=reason,
            action=Action.REFUSE if answer is None else Action.ANSWER,
            status=status,
            rule=self._rule,
            is_refusal=reason not in _NOT_REFUSED,
            varies=self._varies,
            grant=grant,
            answer=answer,
        )

    def _in_mode(self, enforced: Decision) -> Decision:
        if not self._shape.report:
            return enforced
        return Decision(
            kind=enforced.kind,
            reason=enforced.reason,
            action=Action.FORWARD,
            rule=self._rule,
            report=True,
            would=enforced,
            is_refusal=enforced.is_refusal,
            strips=False,
            grant=no_grant(b""),
        )

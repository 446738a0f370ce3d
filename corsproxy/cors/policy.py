"""The policy: rules compiled into decisions, and the choice among them for one request.

Laws: everything that can be decided before a request comes is decided then; `decide` only chooses,
allocates nothing and remembers nothing. A policy cannot be unsafe: what the configuration refuses, `compile`
refuses too. What each decision carries is in `grant` and `preflight`; which rule decides, in `selection`.
"""

from corsproxy.cors.decision import Asked, Decision
from corsproxy.cors.origin import DEFAULT_PORTS, is_list, parse_origin
from corsproxy.cors.outcomes import Outcomes
from corsproxy.cors.path import may_surprise
from corsproxy.cors.rule import Rule
from corsproxy.cors.selection import AMBIGUOUS, NO_RULE, RuleIndex
from corsproxy.cors.vocabulary import Kind, Reason

__all__ = ["Asked", "Decision", "Policy"]

# How much longer than scheme and host our own origin is: "://", less a port that goes without saying.
_OWN_LENGTHS = frozenset(
    {len("://"), len("://") - len(":"), len("://") - len(":80"), len("://") - len(":443")}
)


class Policy:
    """All rules, ready to decide."""

    __slots__ = ("_everything", "_index", "_outcomes", "_own")

    def __init__(self, index: RuleIndex, outcomes: dict[int, Outcomes], own: frozenset[bytes]) -> None:
        self._index = index
        self._outcomes = outcomes
        self._everything = outcomes[0] if index.takes_everything else None
        self._own = own

    @classmethod
    def compile(cls, rules: tuple[Rule, ...], public_origins: tuple[str, ...]) -> "Policy":
        """Make a policy of checked rules. Raises ValueError for a rule that no configuration may have."""
        outcomes = {order: Outcomes.of_rule(rule) for order, rule in enumerate(rules)}
        outcomes[NO_RULE] = Outcomes.without_rule(Reason.NO_RULE_FOR_PATH)
        outcomes[AMBIGUOUS] = Outcomes.without_rule(Reason.AMBIGUOUS_PATH)
        return cls(RuleIndex(rules), outcomes, frozenset(origin.encode("ascii") for origin in public_origins))

    def decide(self, asked: Asked, scheme: bytes, host: bytes) -> Decision:
        """Say what becomes of a request. `scheme` and `host`, with its port, are what the client called."""
        path = asked.path
        outcomes = self._everything
        if outcomes is None or may_surprise(path) or path == b"*":
            outcomes = self._outcomes[self._index.find(path, host)]
        origin = asked.origin
        if origin is None:
            return outcomes.no_origin
        if (
            asked.sec_fetch_site == b"same-origin"
            or origin in self._own
            or (len(origin) - len(scheme) - len(host) in _OWN_LENGTHS and _is_own(origin, scheme, host))
        ) and not is_list(origin):
            return outcomes.same_origin
        if origin not in outcomes.exact and (outcomes.others is None or not outcomes.others(origin)):
            return _refuse(outcomes, asked, origin)
        method = asked.method
        if method == b"OPTIONS" and asked.request_method is not None:
            return outcomes.preflights[outcomes.answer.reason(asked)]
        if asked.is_websocket:
            return outcomes.websocket
        if outcomes.blocked is not None:
            fault = outcomes.answer.method_fault(method)
            if fault is not None:
                return outcomes.blocked[fault]
        return outcomes.actual


def _refuse(outcomes: Outcomes, asked: Asked, origin: bytes) -> Decision:
    kind = _kind(asked)
    if is_list(origin):
        return outcomes.lists[kind]
    by_reason = outcomes.refused[kind]
    if origin == b"null":
        return by_reason[Reason.ORIGIN_NULL]
    return by_reason[Reason.ORIGIN_MALFORMED if parse_origin(origin) is None else Reason.ORIGIN_NOT_ALLOWED]


def _kind(asked: Asked) -> Kind:
    if asked.method == b"OPTIONS" and asked.request_method is not None:
        return Kind.PREFLIGHT
    return Kind.WEBSOCKET if asked.is_websocket else Kind.ACTUAL


def _is_own(origin: bytes, scheme: bytes, host: bytes) -> bool:
    """Compare with our own origin, serialised as a browser would from what the client called."""
    scheme, host = scheme.lower(), host.lower()
    host = host.removesuffix(b":" + DEFAULT_PORTS.get(scheme, b"")).removesuffix(b":")
    return origin == scheme + b"://" + host

"""Two decisions about one request: whether anybody outside would notice which of them was acted upon.

Laws: what is compared is what a browser or a backend sees - whether it is forwarded, the status, every line
that is added, what is removed - and why. The name of a rule is nobody's business outside. Of a rule in report
mode it is what enforcing would do that is compared; and the mode itself, as it lets the backend's fields pass.
"""

from enum import StrEnum
from typing import NamedTuple

from corsproxy.cors.decision import Decision
from corsproxy.cors.preflight import AskedPreflight
from corsproxy.cors.vocabulary import Action

__all__ = ["Change", "Comparison", "change_between", "compare"]


class Change(StrEnum):
    """What would become of requests if the other policy decided."""

    NEWLY_REFUSED = "newly_refused"
    NEWLY_ALLOWED = "newly_allowed"
    OTHER = "other"


class Comparison(NamedTuple):
    """What another policy decided on a request, and what difference that would make; None: none."""

    decision: Decision
    change: Change | None


def compare(live: Decision, other: Decision, asked: AskedPreflight) -> Comparison:
    """Compare two policies' decisions on the request `asked`."""
    is_same = live.report is other.report and _is_same(live.would or live, other.would or other, asked)
    return Comparison(other, None if is_same else change_between(_refuses(live), _refuses(other)))


def change_between(before: bool, after: bool) -> Change:
    """Name the difference between two outcomes by whether each of them refuses."""
    if before is after:
        return Change.OTHER
    return Change.NEWLY_REFUSED if after else Change.NEWLY_ALLOWED


def _refuses(decision: Decision) -> bool:
    """A rule in report mode refuses nobody."""
    return decision.is_refusal and not decision.report


def _is_same(live: Decision, other: Decision, asked: AskedPreflight) -> bool:
    if _outcome(live) != _outcome(other):
        return False
    if live.action is not Action.FORWARD:
        return live.answer_lines(asked) == other.answer_lines(asked)
    origin = asked.origin
    return live.lines(origin) == other.lines(origin) and live.error_lines(origin) == other.error_lines(origin)


def _outcome(decision: Decision) -> tuple[object, ...]:
    rule = decision.rule
    return (
        decision.kind,
        decision.reason,
        decision.action,
        decision.status,
        decision.strips,
        decision.varies,
        decision.remove,
        decision.set_lines,
        rule.cookies if rule is not None and decision.cookies is not None else None,
    )

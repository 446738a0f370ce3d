"""From what a worker keeps, which hangs on its policy, to the plain rows that it tells.

Laws: nothing is decided here; what a rule lacks is asked of the answer that it gives to preflights.
"""

from collections.abc import Callable

from corsproxy.cors.policy import Decision
from corsproxy.cors.preflight import field_names
from corsproxy.cors.vocabulary import Kind
from corsproxy.observe.ledger_rows import Marks, Outcome, Recent, Row, added
from corsproxy.observe.tally import (
    LONGEST_HEADERS,
    LONGEST_HOST,
    LONGEST_METHOD,
    LONGEST_ORIGIN,
    LONGEST_PATH,
    About,
    Tally,
)
from corsproxy.proxy.record import Record

__all__ = ["marks_of", "outcome_of", "recent_of", "row_of"]

LONGEST_DETAIL = 256

Tell = Callable[[Decision], Outcome]


def outcome_of(decision: Decision) -> Outcome:
    """Tell a decision."""
    said = decision.would or decision
    rule = decision.rule
    return Outcome(
        rule="" if rule is None else rule.name,
        place="" if rule is None else rule.place,
        kind=said.kind,
        reason=said.reason,
        action=said.action,
        report=decision.report,
        is_refusal=decision.is_refusal,
        credentials=rule is not None and rule.allow_credentials and not decision.is_refusal,
    )


def marks_of(about: About, generation: int, tell: Tell) -> Marks:
    """Tell what a tally is about; `tell` tells decisions, each always by the same Outcome."""
    decision, other = about.decision, about.other
    lacks_method, lacks_headers = _lacking(decision, about.request_method, about.request_headers)
    return Marks(
        generation=generation,
        outcome=tell(decision),
        other=None if other is None else tell(other.decision),
        change=None if other is None else other.change,
        origin=about.origin,
        method=about.method,
        request_method=about.request_method,
        request_headers=about.request_headers,
        lacks_method=lacks_method,
        lacks_headers=lacks_headers,
    )


def _lacking(
    decision: Decision, request_method: bytes | None, request_headers: bytes | None
) -> tuple[bool, tuple[bytes, ...]]:
    """Say what a refused request used that the rule does not grant to this origin; to another origin it grants nothing."""
    if not decision.is_refusal:
        return False, ()
    said = decision.would or decision
    if said.kind is not Kind.PREFLIGHT:
        return True, ()
    if said.answer is None:
        return True, field_names(request_headers)
    return said.answer.method_fault(request_method or b"") is not None, said.answer.lacking(request_headers)


def row_of(tally: Tally, known: Row | None = None) -> Row:
    """Tell a tally, with what was told of the same before."""
    row = Row(tally.count, tally.first, tally.last, tally.clients, tally.is_capped, tally.samples)
    return row if known is None else added(known, row)


def recent_of(record: Record, generation: int, tell: Tell) -> Recent:
    """Tell one refusal or fault by itself, cut to size."""
    return Recent(
        at=record.started + record.seconds,
        generation=generation,
        outcome=None if record.decision is None else tell(record.decision),
        fault=record.fault,
        detail=record.detail[:LONGEST_DETAIL],
        status=record.status,
        origin=None if record.origin is None else record.origin[: LONGEST_ORIGIN + 1],
        method=record.method[: LONGEST_METHOD + 1],
        path=record.path[: 4 * LONGEST_PATH],
        host=record.host[: LONGEST_HOST + 1],
        client=record.client[:64],
        request_id=record.request_id[:128],
        request_method=None if record.request_method is None else record.request_method[: LONGEST_METHOD + 1],
        request_headers=None
        if record.request_headers is None
        else record.request_headers[: LONGEST_HEADERS + 1],
    )

r"""The decisions document: what was decided lately, by origin, rule and reason, and what a candidate would change.

Laws: plain JSON values; keys are only ever added. Everything that a stranger sent is printable ASCII of bounded
length, a byte that is not printable, and the backslash, as `\xNN`: nothing else stands for something else. No
query, no body, no header value but Origin and what belongs to it. Addresses of clients stand in `recent` only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from corsproxy import __version__
from corsproxy.admin.entries import allowed, differences, outcome, refusals, same_origin, text
from corsproxy.admin.fleet import Facts
from corsproxy.config.settings import Candidate, Settings
from corsproxy.cors.rule import Rule
from corsproxy.observe.escape import from_text
from corsproxy.observe.ledger_rows import Comparing, LedgerSnapshot, Recent, merge_ledgers

__all__ = ["decisions"]


def decisions(
    ledgers: Iterable[LedgerSnapshot], facts: Facts, settings: Settings, *, now: float
) -> dict[str, object]:
    """Return the document; `now` is Unix time, as are all times in it."""
    candidate = settings.candidate
    ledger = merge_ledgers(ledgers, (settings.source.sha256, candidate.source.sha256 if candidate else ""))
    return {
        "version": __version__,
        "generation": settings.generation,
        "sha256": settings.source.sha256,
        "source": settings.source.path,
        "started": facts.started_at,
        "since": ledger.since or facts.loaded_at,
        "now": now,
        "recent": [_recent(one) for one in ledger.recent],
        "refusals": refusals(ledger.rows),
        "allowed": allowed(ledger.rows),
        "same_origin": same_origin(ledger.rows),
        "forgotten": sum(ledger.forgotten.values()),
        "others": [
            {**outcome(told), "generation": generation, "count": count}
            for (generation, told), count in ledger.forgotten.items()
        ],
        "rules": [_rule(rule, ledger.matched) for rule in settings.rules],
        "without_rule": ledger.matched.get("", 0),
        "backend_cors": [
            {
                "rule": row.rule,
                "place": row.place,
                "fields": [text(name) for name in row.fields],
                "count": noted.total,
                "last": noted.last,
                "path": text(noted.path),
                "report": row.report,
                "generation": row.generation,
            }
            for row, noted in ledger.backend.items()
        ],
        "cookies": [
            {
                "rule": row.rule,
                "place": row.place,
                "name": text(row.name),
                "why": row.why,
                "count": noted.total,
                "last": noted.last,
                "path": text(noted.path),
                "generation": row.generation,
            }
            for row, noted in ledger.cookies.items()
        ],
        "candidate": None if candidate is None else _candidate(candidate, settings, ledger.comparing),
    }


def _recent(one: Recent) -> dict[str, object]:
    said = {} if one.outcome is None else outcome(one.outcome)
    return {
        "time": one.at,
        "origin": text(one.origin),
        "method": text(one.method),
        "path": text(one.path),
        "host": text(one.host),
        "kind": said.get("kind"),
        "action": said.get("action"),
        "reason": one.fault or said.get("reason"),
        "rule": said.get("rule", ""),
        "place": said.get("place", ""),
        "status": one.status,
        "report": said.get("report", False),
        "client": from_text(one.client, 64),
        "request_id": from_text(one.request_id, 128),
        "requested_method": text(one.request_method),
        "requested_headers": _names(one.request_headers),
        "fault": one.fault,
        "detail": from_text(one.detail, 512),
        "generation": one.generation,
    }


def _names(headers: bytes | None) -> Sequence[str | None]:
    names = (headers or b"").lower().split(b",")
    return [text(name.strip()) for name in names if name.strip()]


def _rule(rule: Rule, matched: Mapping[str, int]) -> dict[str, object]:
    return {
        "name": rule.name,
        "place": rule.place,
        "mode": "report" if rule.report else "enforce",
        "on_disallowed": "block" if rule.block else "strip",
        "matched": matched.get(rule.name, 0),
    }


def _candidate(candidate: Candidate, settings: Settings, comparing: Comparing) -> dict[str, object]:
    return {
        "file": candidate.source.path,
        "sha256": candidate.source.sha256,
        "generation": settings.generation,
        "problems": [asdict(problem) for problem in candidate.problems],
        "differs_in": list(candidate.differs),
        "compared": comparing.compared,
        "differs": comparing.differs,
        "forgotten": comparing.forgotten,
        "differences": differences(comparing.rows),
    }

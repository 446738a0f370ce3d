"""What a replay came to, for people, for scripts, and as annotations in a GitHub run.

Laws: newly refused before newly allowed before the rest, the most counted first; each with origin, method, paths,
rule and place before and after. What a stranger sent is escaped. The JSON is stable: keys are only ever added.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from corsproxy.bridges.replay import Effect, Outcome
from corsproxy.cli.against_source import Against
from corsproxy.cli.problems import annotation, counted
from corsproxy.cors.comparison import Change
from corsproxy.cors.vocabulary import Kind
from corsproxy.observe.escape import from_bytes

__all__ = ["as_annotations", "as_object", "as_report", "thinness"]

_HEADINGS = {
    Change.NEWLY_REFUSED: ("Newly refused", "red"),
    Change.NEWLY_ALLOWED: ("Newly allowed", "green"),
    Change.OTHER: ("Changed otherwise", "yellow"),
}
_KINDS = {Kind.PREFLIGHT: " (preflight)", Kind.WEBSOCKET: " (WebSocket)", Kind.SAME_ORIGIN: " (same origin)"}
_SHOWN_PATHS = 3
_FEW_REQUESTS = 100
_SHORT_SECONDS = 3600.0


def thinness(found: Against) -> str:
    """Say in a sentence that the record is too thin to conclude much from; "" where it is not."""
    total = found.replayed.total
    span = found.last - found.first
    if total >= _FEW_REQUESTS and (not found.first or span >= _SHORT_SECONDS):
        return ""
    during = f" in {_duration(span)}" if found.first else ""
    return f"The record is thin: {counted(total, 'request')}{during}. What is rare, or due at night, is not in it."


def as_report(found: Against, *, colour: bool) -> str:
    """Write for people."""
    replayed = found.replayed
    span = f", {_time(found.first)} to {_time(found.last)}" if found.first else ""
    blocks = [f"Against {found.source}: {counted(replayed.total, 'request')}{span}."]
    for change, (heading, tone) in _HEADINGS.items():
        effects = [effect for effect in replayed.effects if effect.change is change]
        if effects:
            title = f"{heading}: {_sum(effects)}"
            lines = [click.style(title, fg=tone, bold=True) if colour else title]
            lines += [line for effect in effects for line in _lines(effect)]
            blocks.append("\n".join(lines))
    blocks.append(
        f"Unchanged: {counted(replayed.unchanged, 'request')}."
        if replayed.effects
        else "Nothing would change."
    )
    remarks = [*found.notes, thinness(found)]
    blocks += ["\n".join(f"Note: {remark}" for remark in remarks if remark)]
    return "\n\n".join(filter(None, blocks))


def _sum(effects: Sequence[Effect]) -> str:
    total = counted(sum(effect.count for effect in effects), "request")
    return total if all(effect.is_exact for effect in effects) else f"at most {total}"


def _lines(effect: Effect) -> Iterator[str]:
    count = f"{effect.count}" if effect.is_exact else f"<= {effect.count}"
    origin = from_bytes(effect.origin, 256)
    yield f"{count:>7}  {origin}  {from_bytes(effect.method, 64)} {_paths(effect)}{_KINDS.get(effect.before.kind, '')}"
    if effect.request_headers:
        asked = sorted({name for headers in effect.request_headers for name in headers.split(b",") if name})
        yield f"         asks for {', '.join(from_bytes(name, 64) for name in asked[:12])}"
    yield f"         before: {_said(effect.before)}"
    yield f"         after:  {_said(effect.after)}"


def _paths(effect: Effect) -> str:
    shown = [from_bytes(path, 256) for path in list(effect.paths)[:_SHOWN_PATHS]]
    more = len(effect.paths) - len(shown)
    rest = [f"and {counted(more, 'path')} more"] if more else []
    return " ".join([", ".join(shown), *rest])


def _said(outcome: Outcome) -> str:
    if outcome.reason is None:
        return "the browser kept it from the page" if outcome.is_refusal else "the page could read it"
    verdict = "refused" if outcome.is_refusal else "allowed"
    verdict = f"would be {verdict}" if outcome.report else verdict
    who = f"rule {outcome.rule} ({outcome.place})" if outcome.rule else "no rule"
    with_credentials = {None: "", True: ", with credentials", False: ", without credentials"}[
        outcome.credentials
    ]
    return f"{verdict} by {who}: {outcome.reason}{'' if outcome.is_refusal else with_credentials}"


def as_object(found: Against) -> dict[str, object]:
    """Write for scripts."""
    replayed = found.replayed
    return {
        "source": found.source,
        "first": found.first or None,
        "last": found.last or None,
        "requests": replayed.total,
        "unchanged": replayed.unchanged,
        "thin": bool(thinness(found)),
        "notes": list(found.notes),
        "changes": [_object(effect) for effect in sorted(replayed.effects, key=_by_change)],
    }


def _by_change(effect: Effect) -> int:
    return list(_HEADINGS).index(effect.change)


def _object(effect: Effect) -> dict[str, object]:
    return {
        "change": effect.change,
        "origin": from_bytes(effect.origin, 1024),
        "method": from_bytes(effect.method, 256),
        "paths": [from_bytes(path, 4096) for path in effect.paths],
        "requested_headers": [from_bytes(headers, 4096) for headers in effect.request_headers],
        "count": effect.count,
        "exact": effect.is_exact,
        "before": _outcome(effect.before),
        "after": _outcome(effect.after),
    }


def _outcome(outcome: Outcome) -> dict[str, object]:
    return {
        "rule": outcome.rule,
        "place": outcome.place,
        "kind": outcome.kind,
        "reason": outcome.reason,
        "action": outcome.action,
        "report": outcome.report,
        "refused": outcome.is_refusal,
        "credentials": outcome.credentials,
    }


def as_annotations(found: Against, file: str) -> str:
    """Write annotations beside the rules that decide now."""
    return "\n".join(_annotation(effect, file) for effect in sorted(found.replayed.effects, key=_by_change))


def _annotation(effect: Effect, file: str) -> str:
    head = next(_lines(effect)).strip()
    text = f"{head}\nbefore: {_said(effect.before)}\nafter: {_said(effect.after)}"
    place, _, line = effect.after.place.rpartition(":")
    title = _HEADINGS[effect.change][0]
    if not line.isdigit():
        return annotation("warning", text, file=file, line=0, column=0, title=title)
    return annotation("warning", text, file=place, line=int(line), column=1, title=title)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{counted(round(seconds), 'second')}"
    return f"{counted(round(seconds / 60), 'minute')}"

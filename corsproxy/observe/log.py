"""Decides which lines are written, and what stands in them. Pure: lines out, written elsewhere.

Laws: `log.access` alone rules over lines about requests - all; refused: refusals and faults; off: none -
and `log.level` over events. A refusal says reason, rule and the rule's place in the file. Fields of
strangers are escaped and bounded so that such a line stays under PIPE_BUF (4096 bytes): workers that
share a pipe then never write into each other's lines. No header value but Origin and Host is known here.
"""

import time
from collections.abc import Callable

from corsproxy.config.settings import Settings
from corsproxy.cors.policy import Decision
from corsproxy.cors.vocabulary import Reason
from corsproxy.observe.escape import from_bytes, from_text
from corsproxy.observe.lines import bounded, shape
from corsproxy.proxy.record import Record

__all__ = ["LEVELS", "Log"]

_TAKEN = frozenset({"time", "level", "message"})
_LONGEST = 4095  # bytes of a line about a request
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

# Said once a rule, however often it happens: level, what happened, what to do about it.
_ADVICE = {
    Reason.BACKEND_CORS_CONFLICT: (
        "warning",
        "the backend sends CORS fields of its own",
        "remove CORS(app), @cross_origin or whatever adds them from the backend: corsproxy alone speaks CORS here",
    ),
    Reason.BACKEND_REDIRECT: (
        "info",
        "the backend redirects a cross-origin request",
        "request the final URL, often only a slash away; a redirect to a third origin arrives with Origin: null",
    ),
}


class Log:
    """Lines for Records and events, as `settings.log` asks for them."""

    def __init__(self, settings: Settings, *, colour: bool, clock: Callable[[], float] = time.time) -> None:
        self._colour = colour
        self._clock = clock
        self._advised: set[tuple[str, Reason]] = set()
        self.adopt(settings)

    def adopt(self, settings: Settings) -> None:
        """Follow new settings from the next line on."""
        self._shape = shape(settings.log.format, colour=self._colour)
        self._threshold = LEVELS[settings.log.level]
        self._access = settings.log.access
        rules = {"", *(rule.name for rule in settings.rules)}
        self._advised = {(rule, note) for rule, note in self._advised if rule in rules}

    @property
    def wants_every_request(self) -> bool:
        """True where even an exchange with nothing remarkable gets a line."""
        return self._access == "all"

    def event(self, level: str, message: str, details: dict[str, object]) -> bytes:
        """Return the line for something that is not an exchange; b"" below `log.level`."""
        if level not in LEVELS:
            level = "error"
        if LEVELS[level] < self._threshold:
            return b""
        fields = {_free(from_text(name, 64)): bounded(value) for name, value in details.items()}
        return self._shape(self._clock(), level, from_text(message, 1000), fields)

    def dropped(self, count: int) -> bytes:
        """Return the line that stands for `count` lines that could not be written, whatever the level."""
        noun = "line" if count == 1 else "lines"
        why = {"dropped": count, "why": "the log's reader was too slow or gone"}
        return self._shape(self._clock(), "warning", f"{count} log {noun} dropped", why)

    def exchange(self, record: Record) -> bytes:
        """Return what is to be written about one exchange; several lines, one, or b""."""
        line = b""
        if self._access == "all" or (self._access == "refused" and _is_remarkable(record)):
            level, message = _heading(record)
            line = self._line(level, message, _fields(record), record)
        if record.notes:
            line += self._advice(record)
        return line

    def _advice(self, record: Record) -> bytes:
        lines = b""
        decision = record.decision
        rule = decision.rule if decision is not None else None
        for note in record.notes:
            key = (rule.name if rule is not None else "", note)
            if note not in _ADVICE or key in self._advised:
                continue
            level, message, fix = _ADVICE[note]
            if LEVELS[level] < self._threshold:
                continue  # not marked as said: a reload may lower the level
            self._advised.add(key)
            fields = _advice_fields(record, note, fix)
            lines += self._line(level, message, fields, record)
        return lines

    def _line(self, level: str, message: str, fields: dict[str, object], record: Record) -> bytes:
        at = record.started + record.seconds
        line = self._shape(at, level, message, fields)
        if len(line) <= _LONGEST:
            return line
        # A stranger's request under a rule whose name takes several bytes a letter.
        brief = {name: text for name, text in _brief(record).items() if name in fields}
        return self._shape(at, level, message, fields | brief)


def _free(name: str) -> str:
    """Keep a detail's name off those that every line has."""
    return f"{name}_" if name in _TAKEN else name


def _is_remarkable(record: Record) -> bool:
    decision = record.decision
    return record.fault is not None or (decision is not None and decision.is_refusal)


def _heading(record: Record) -> tuple[str, str]:
    """Return level and message of the line about an exchange."""
    if record.fault is not None:
        # A backend that dies in the middle of a 200 is as much of an error as a 502.
        is_ours = record.status >= 500 or record.fault.startswith("upstream_")
        return "error" if is_ours else "warning", "failed"
    decision = record.decision
    if decision is not None and decision.is_refusal:
        return "warning", "would be refused" if decision.report else "refused"
    return "info", "request" if record.status else "client left"


def _fields(record: Record) -> dict[str, object]:
    """Return the fields of a line about an exchange, in reading order, without empty ones."""
    fields: dict[str, object] = {}
    if record.method:  # else the head was too broken to know
        fields["method"] = from_bytes(record.method, 32)
        fields["path"] = _path(record.path)
    fields["status"] = record.status
    if record.decision is not None:
        _add_decision(fields, record.decision)
    if record.fault is not None:
        fields["fault"] = record.fault
    if record.detail:
        # A letter of another script takes up to twelve bytes of a line.
        fields["detail"] = from_text(record.detail, 256 if record.detail.isascii() else 42)
    if record.origin is not None:
        fields["origin"] = from_bytes(record.origin, 256)
        _add_asked(fields, record)
    if record.host:
        fields["host"] = from_bytes(record.host, 128)
    fields["client"] = from_text(record.client, 64)
    if record.request_id:
        fields["request_id"] = from_text(record.request_id, 64)
    if record.trace_id:
        fields["trace_id"] = record.trace_id
    if record.notes:
        fields["notes"] = list(record.notes)
    _add_measures(fields, record)
    return fields


def _add_asked(fields: dict[str, object], record: Record) -> None:
    """Add what the decision hung on beside the origin, so that it can be asked again over another policy."""
    if record.request_method is not None:
        fields["requested_method"] = from_bytes(record.request_method, 32)
    if record.request_headers is not None:
        fields["requested_headers"] = from_bytes(record.request_headers, 256)
    if record.sec_fetch_site == b"same-origin":
        fields["sec_fetch_site"] = "same-origin"


def _path(raw: bytes) -> str:
    """Return at most 1024 characters, a quotation mark counted as the two that a line makes of it."""
    return from_bytes(raw, max(512, 1024 - raw.count(b'"', 0, 1024)))


def _brief(record: Record) -> dict[str, object]:
    """Return what is longest, made short."""
    brief: dict[str, object] = {"path": from_bytes(record.path, 128)}
    if record.decision is not None and record.decision.rule is not None:
        rule = record.decision.rule
        brief |= {"rule": from_text(rule.name, 40), "place": from_text(rule.place, 60)}
    return brief


def _add_measures(fields: dict[str, object], record: Record) -> None:
    fields["duration_ms"] = round(record.seconds * 1000, 3)
    if record.upstream_seconds >= 0.0:
        fields["upstream_ms"] = round(record.upstream_seconds * 1000, 3)
    fields["request_bytes"] = record.request_bytes
    fields["response_bytes"] = record.response_bytes


def _add_decision(fields: dict[str, object], decision: Decision) -> None:
    said = decision.would or decision
    fields["reason"] = said.reason
    fields["kind"] = said.kind
    fields["action"] = said.action
    if decision.report:
        fields["report"] = True
    if decision.rule is not None:
        fields["rule"] = from_text(decision.rule.name, 100)
        fields["place"] = from_text(decision.rule.place, 200)


def _advice_fields(record: Record, note: Reason, fix: str) -> dict[str, object]:
    fields: dict[str, object] = {"reason": note}
    decision = record.decision
    if decision is not None and decision.rule is not None:
        fields["rule"] = from_text(decision.rule.name, 100)
        fields["place"] = from_text(decision.rule.place, 200)
    if note is Reason.BACKEND_CORS_CONFLICT:
        names = sorted({from_bytes(name, 64) for name in record.removed_fields})
        fields["would_remove" if decision is not None and decision.report else "removed"] = names[:8]
    fields["path"] = _path(record.path)
    fields["fix"] = fix
    return fields

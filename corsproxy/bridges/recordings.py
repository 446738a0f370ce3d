r"""Records of decisions as files have them: the /decisions of a running corsproxy, and its access log in JSON.

Laws: what was cut, or could not be read when it came, cannot be asked again and is counted in a note; lines that
are none of ours are passed over. Escapes (`\xNN`) are taken back, so that every byte is asked as it was sent. What
is kept of a log is bounded: of each kind of request so many addresses, and the rest by its number.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from corsproxy.bridges.replay import Outcome, Place, Recorded, Recording
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.observe.escape import from_text

__all__ = ["BadRecording", "read_decisions", "read_log"]

MOST_PLACES = 2000  # addresses of one kind of request in a log
MOST_KINDS = 50_000
MOST_IN_ALL = 500_000  # addresses of all kinds together
LONGEST_FIELD = 4096  # of a line; none of ours is longer
LATEST = 1e11  # in the year 5138
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
_NOT_REFUSED = {Reason.NO_ORIGIN, Reason.SAME_ORIGIN, Reason.ORIGIN_ALLOWED}
_UNREADABLE = {Reason.BAD_REQUEST, Reason.HEAD_TOO_LARGE}
# Fields of a log line that may be cut, and the least length at which they are.
_CUT_AT = {
    "origin": 256,
    "path": 512,
    "host": 128,
    "method": 32,
    "requested_method": 32,
    "requested_headers": 256,
}


class BadRecording(Exception):  # noqa: N818 -- the recording is bad; nobody erred
    """The text is no record of decisions; the argument is a sentence that says so and how to mend it."""


def read_decisions(document: Mapping[str, Any]) -> Recording:
    """Read a document of /decisions: what the running rules decided. Raises BadRecording."""
    try:
        generation = document["generation"]
        entries = [*document["refusals"], *document["allowed"], *document.get("same_origin", [])]
        current = [entry for entry in entries if entry.get("generation", generation) == generation]
        former = sum(entry["count"] for entry in entries) - sum(entry["count"] for entry in current)
        requests = tuple(_requests_of(current))
        cut = sum(request["count"] for entry in current for request in entry["requests"] if _is_cut(request))
        since, now = _time(document["since"]), _time(document["now"])
        notes = [
            _note(former, "was", "were", "decided by former rules"),
            _note(int(document.get("forgotten", 0)), "has", "have", "no entry any more, because others came more often"),
            _note(cut, "was", "were", "too long to be kept whole"),
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as fault:
        raise BadRecording(
            f"This is no document of /decisions ({type(fault).__name__}: {fault}). Fix: save it afresh, with a "
            "corsproxy of this version."
        ) from None
    return Recording(requests=requests, first=since, last=now, notes=tuple(filter(None, notes)))


def _time(said: Any) -> float:
    at = float(said)
    if not 0.0 <= at < LATEST:
        raise ValueError(f"{said} is no time")
    return at


def _note(count: int, was: str, were: str, what: str) -> str:
    if not count:
        return ""
    return (
        f"1 request {was} {what}; it is left out."
        if count == 1
        else f"{count} requests {were} {what}; they are left out."
    )


def _is_cut(request: Mapping[str, Any]) -> bool:
    return bool(request.get("cut")) or not request["at"]


def _requests_of(entries: Iterable[Mapping[str, Any]]) -> Iterator[Recorded]:
    for entry in entries:
        before = _outcome(entry, entry.get("credentials", False))
        for request in entry["requests"]:
            if _is_cut(request):
                continue
            places = [
                Place(_bytes(at["host"]), _bytes(at["path"]), at.get("sec_fetch_site") == "same-origin")
                for at in request["at"]
            ]
            yield Recorded(
                origin=_bytes(entry["origin"]),
                method=_bytes(request["method"]),
                request_method=_optional(request["requested_method"]),
                request_headers=_optional(request["requested_headers"]),
                before=before,
                count=int(request["count"]),
                places=dict.fromkeys(places),
            )


def _outcome(said: Mapping[str, Any], credentials: bool | None) -> Outcome:
    reason = Reason(said["reason"])
    return Outcome(
        rule=_printable(str(said.get("rule", ""))),
        place=_printable(str(said.get("place", ""))),
        kind=Kind(said["kind"]),
        reason=reason,
        action=Action(said["action"]),
        report=bool(said.get("report", False)),
        is_refusal=reason not in _NOT_REFUSED,
        credentials=credentials,
    )


def _printable(text: str) -> str:
    return text if text.isprintable() else from_text(text, 256)


def _bytes(text: str) -> bytes:
    """Take the escapes of a text back."""
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("latin-1"))


def _optional(text: str | None) -> bytes | None:
    return None if text is None else _bytes(text)


@dataclass(slots=True)
class _Tally:
    count: int = 0
    places: dict[Place, int | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Log:
    """What was read of a log so far."""

    tallies: dict[tuple[Any, ...], _Tally] = field(default_factory=dict)
    first: float = 0.0
    last: float = 0.0
    lines: int = 0
    places: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    has_allowed: bool = False

    def skip(self, why: str) -> None:
        self.skipped[why] = self.skipped.get(why, 0) + 1


def read_log(lines: Iterable[str]) -> Recording:
    """Read an access log in JSON, whatever stands in front of its lines. Raises BadRecording."""
    log = _Log()
    for line in lines:
        _, brace, rest = line.partition("{")
        if brace:
            _read_line(log, "{" + rest)
    if not log.lines:
        raise BadRecording(
            "There is no line about a request here. Fix: give a log that corsproxy wrote with log.format: json and "
            "log.access: all or refused, a document of its /decisions, or a HAR file."
        )
    requests = tuple(
        Recorded(
            origin=key[0],
            method=key[1],
            request_method=key[2],
            request_headers=key[3],
            before=key[4],
            count=tally.count,
            places=tally.places,
        )
        for key, tally in log.tallies.items()
    )
    return Recording(requests=requests, first=log.first, last=log.last, notes=_notes_of(log))


def _notes_of(log: _Log) -> tuple[str, ...]:
    notes = [
        f"{count} {'line' if count == 1 else 'lines'} left out: {why}." for why, count in log.skipped.items()
    ]
    if not log.has_allowed:
        notes.append(
            "This log has refusals only, so what would be newly refused cannot be seen; log.access: all records everything."
        )
    return tuple(notes)


def _read_line(log: _Log, text: str) -> None:
    try:
        line = json.loads(text)
        if "kind" not in line or "status" not in line:
            return  # an event, or nobody's
        before = _outcome(line, None)
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    log.lines += 1
    log.has_allowed |= not before.is_refusal
    if before.kind is Kind.NOT_CORS or "origin" not in line:
        return
    if str(line.get("fault")) in _UNREADABLE:
        log.skip("the request could not be read")
    elif any(_may_be_cut(str(line.get(name, "")), most) for name, most in _CUT_AT.items()):
        log.skip("something is too long to be there whole")
    else:
        _add(log, line, before)


def _may_be_cut(value: str, most: int) -> bool:
    return (len(value) > most - 4 and value.endswith("...")) or len(value) > LONGEST_FIELD


def _add(log: _Log, line: Mapping[str, Any], before: Outcome) -> None:
    try:
        at = datetime.fromisoformat(line["time"]).timestamp()
        asked = _optional(line.get("requested_method")), _optional(line.get("requested_headers"))
        key = (_bytes(line["origin"]), _bytes(line["method"]), *asked, before)
        place = Place(
            _bytes(line.get("host", "")), _bytes(line["path"]), line.get("sec_fetch_site") == "same-origin"
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        log.skip("a field is missing or of another type")
        return
    if before.kind is Kind.PREFLIGHT and asked[0] is None:
        log.skip("it does not say what the preflight asked for; it was written by an older corsproxy")
        return
    tally = log.tallies.get(key)
    if tally is None:
        if len(log.tallies) >= MOST_KINDS:
            log.skip("there are too many kinds of requests")
            return
        tally = log.tallies[key] = _Tally()
    if place not in tally.places:
        if len(tally.places) >= MOST_PLACES:
            log.skip(f"there are more than {MOST_PLACES} addresses of that kind")
            return
        if log.places >= MOST_IN_ALL:
            log.skip(f"there are more than {MOST_IN_ALL} addresses")
            return
        log.places += 1
    tally.count += 1
    tally.places[place] = (tally.places.get(place) or 0) + 1
    log.first = min(log.first or at, at)
    log.last = max(log.last, at)

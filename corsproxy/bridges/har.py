"""An entry of a HAR file (HTTP Archive 1.2), as browsers export it, read as the question it answers.

Laws: the entry is the one that is asked for, else the first that a browser refused to hand to its page; what
the file does not say is not guessed, and what was asked of no server (data:, blob:) is passed over.
https://w3c.github.io/web-performance/specs/HAR/Overview.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from corsproxy.bridges.recorded import BadPaste, Question, question_of

__all__ = ["read_every", "read_har"]

_SAVE = "Save one in the browser's network panel: Save all as HAR."


class _Entry(NamedTuple):
    """What is read of an entry. `status` is false where there was no answer; `granted` whom it named."""

    method: str
    url: str
    fields: list[tuple[str, str]]
    has_cookies: bool
    is_websocket: bool
    status: object
    granted: list[str]

    def question(self) -> Question:
        return question_of(
            self.method,
            self.url,
            self.fields,
            is_websocket=self.is_websocket,
            has_cookies=self.has_cookies,
        )


def read_har(text: str, entry: int | None = None) -> Question:
    """Read the entry with a number, counted from 1, or the first CORS failure. Raises BadPaste."""
    entries = _entries(text)
    if entry is not None:
        if not 1 <= entry <= len(entries):
            raise BadPaste(f"There is no entry {entry}: the file has {len(entries)}, counted from 1.")
        return entries[entry - 1].question()
    for number, candidate, question in _questions(entries):
        if _is_failure(question, candidate):
            found = f"This is entry {number} of {len(entries)}, the first that failed for its page."
            return Question(question.request, question.url, (found, *question.notes))
    raise BadPaste(f"None of the {len(entries)} entries failed for CORS; choose one with --entry N.")


def read_every(text: str) -> list[tuple[Question, bool]]:
    """Read all requests of pages to other origins, and whether the browser kept the answer from the page. Raises BadPaste."""
    return [
        (question, _is_failure(question, entry))
        for _, entry, question in _questions(_entries(text))
        if _is_cross_origin(question)
    ]


def _questions(entries: Sequence[_Entry]) -> Iterator[tuple[int, _Entry, Question]]:
    for number, entry in enumerate(entries, 1):
        try:
            yield number, entry, entry.question()
        except BadPaste:
            continue


def _is_cross_origin(question: Question) -> bool:
    origin = question.request.origin
    return origin is not None and origin != f"{question.request.scheme}://{question.request.host}"


def _entries(text: str) -> list[_Entry]:
    try:
        return [_entry(raw) for raw in json.loads(text.removeprefix("\ufeff"))["log"]["entries"]]
    except json.JSONDecodeError as fault:
        raise BadPaste(
            f"This is not a HAR file: it is no JSON from line {fault.lineno}, column {fault.colno} on. {_SAVE}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadPaste(f"This is not a HAR file: it has no requests under log.entries. {_SAVE}") from None


def _entry(raw: Mapping[str, Any]) -> _Entry:
    request, response = raw["request"], raw.get("response", {})
    return _Entry(
        method=_text(request["method"]),
        url=_text(request["url"]),
        fields=_fields(request),
        has_cookies=bool(request.get("cookies")),
        is_websocket=raw.get("_resourceType") == "websocket",
        status=response.get("status"),
        granted=[value for name, value in _fields(response) if name.lower() == "access-control-allow-origin"],
    )


def _fields(side: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(_text(field["name"]), _text(field["value"])) for field in side.get("headers", [])]


def _text(value: Any) -> str:
    """Take a text; half of a surrogate pair, which JSON lets through, becomes U+FFFD."""
    return str.encode(value, "utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_failure(question: Question, entry: _Entry) -> bool:
    """Tell whether the browser kept the answer from the page: none recorded, or one that names somebody else."""
    if not _is_cross_origin(question):
        return False
    if not entry.status:
        return True
    if question.request.websocket:
        return entry.status != 101
    return entry.granted not in ([question.request.origin], ["*"])

"""An entry of a HAR file (HTTP Archive 1.2), as browsers export it, read as the question it answers.

Laws: the entry is the one that is asked for, else the first that a browser refused to hand to its page; what
the file does not say is not guessed. https://w3c.github.io/web-performance/specs/HAR/Overview.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from corsproxy.bridges.recorded import BadPaste, Question, question_of

__all__ = ["read_every", "read_har"]

_SAVE = "Save one in the browser's network panel: Save all as HAR."


def read_har(text: str, entry: int | None = None) -> Question:
    """Read the entry with a number, counted from 1, or the first CORS failure. Raises BadPaste."""
    entries = _entries(text)
    if entry is not None:
        if not 1 <= entry <= len(entries):
            raise BadPaste(f"There is no entry {entry}: the file has {len(entries)}, counted from 1.")
        return _question(entries[entry - 1])
    for number, candidate in enumerate(entries, 1):
        question = _question(candidate)
        if _is_failure(question, candidate):
            found = f"This is entry {number} of {len(entries)}, the first that failed for its page."
            return Question(question.request, question.url, (found, *question.notes))
    raise BadPaste(f"None of the {len(entries)} entries failed for CORS; choose one with --entry N.")


def read_every(text: str) -> list[tuple[Question, bool]]:
    """Read all requests of pages to other origins, and whether the browser kept the answer from the page. Raises BadPaste."""
    every = ((_question(entry), entry) for entry in _entries(text))
    return [
        (question, _is_failure(question, entry)) for question, entry in every if _is_cross_origin(question)
    ]


def _is_cross_origin(question: Question) -> bool:
    origin = question.request.origin
    return origin is not None and origin != f"{question.request.scheme}://{question.request.host}"


def _entries(text: str) -> Sequence[Mapping[str, Any]]:
    try:
        entries = json.loads(text.removeprefix("\ufeff"))["log"]["entries"]
        for entry in entries:
            _ = entry["request"]["url"] + entry["request"]["method"]
            _ = [field["name"] + field["value"] for field in _fields(entry, "request")]
            _ = [field["name"] + field["value"] for field in _fields(entry, "response")]
    except json.JSONDecodeError as fault:
        raise BadPaste(
            f"This is not a HAR file: it is no JSON from line {fault.lineno}, column {fault.colno} on. {_SAVE}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadPaste(f"This is not a HAR file: it has no requests under log.entries. {_SAVE}") from None
    return list(entries)


def _fields(entry: Mapping[str, Any], side: str) -> list[Mapping[str, str]]:
    fields: list[Mapping[str, str]] = entry.get(side, {}).get("headers", [])
    return fields


def _question(entry: Mapping[str, Any]) -> Question:
    request = entry["request"]
    return question_of(
        request["method"],
        request["url"],
        [(field["name"], field["value"]) for field in _fields(entry, "request")],
        is_websocket=entry.get("_resourceType") == "websocket",
        has_cookies=bool(request.get("cookies")),
    )


def _is_failure(question: Question, entry: Mapping[str, Any]) -> bool:
    """Tell whether the browser kept the answer from the page: none recorded, or one that names somebody else."""
    origin = question.request.origin
    if not _is_cross_origin(question):
        return False
    response = entry.get("response", {})
    if not response.get("status"):
        return True
    if question.request.websocket:
        return bool(response["status"] != 101)
    allowed = [
        field["value"]
        for field in _fields(entry, "response")
        if field["name"].lower() == "access-control-allow-origin"
    ]
    return allowed not in ([origin], ["*"])

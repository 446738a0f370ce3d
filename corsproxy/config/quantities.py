"""Durations and sizes as people write them: `250ms 10s 10m 2h`, `16KiB 10MiB`, or plain numbers.

Laws: durations become seconds as float, sizes bytes as int; one unit, no sign, no spaces; what a
unit means is never guessed (`10M` and `10mb` are refused, not rounded to something near).
"""

import re
from typing import Annotated, Any, LiteralString

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["Age", "Duration", "Size", "parse_duration", "parse_size"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATION = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)(?P<unit>ms|s|m|h)")
_SIZE = re.compile(r"(?P<number>[0-9]{1,15})(?P<unit>B|KiB|MiB|GiB)")
_WRITTEN_SIZE = re.compile(r"(?P<number>[0-9]+) ?(?P<unit>[A-Za-z]+)")
# What people write for these units elsewhere.
_NEARBY = {
    "k": "KiB",
    "kb": "KiB",
    "m": "MiB",
    "mb": "MiB",
    "g": "GiB",
    "gb": "GiB",
    "kib": "KiB",
    "mib": "MiB",
    "gib": "GiB",
}

_LONGEST = 30 * 86400.0
_LARGEST = 2**50


def parse_duration(value: object) -> float:
    """Read a duration into seconds; raises PydanticCustomError."""
    seconds: float
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if found is None and value.isascii() and value.isdigit():
            raise _wrong(
                "duration",
                f'"{value}" is text; this is a number of seconds.',
                f"write {value}, without quotes",
            )
        if found is None:
            raise _wrong(
                "duration",
                f"{_show(value)} is not a duration.",
                "write 250ms, 10s, 10m, 2h or a number of seconds",
            )
        seconds = float(found["number"]) * _SECONDS[found["unit"]]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise _wrong(
            "duration",
            f"{_show(value)} is not a duration.",
            "write 250ms, 10s, 10m, 2h or a number of seconds",
        )
    if not 0 <= seconds <= _LONGEST:
        raise _wrong(
            "duration", f"{_show(value)} is not between 0 and 30 days.", "write 250ms, 10s, 10m or 2h"
        )
    return seconds


def parse_size(value: object) -> int:
    """Read a size into bytes; raises PydanticCustomError."""
    fix = "write 16KiB, 10MiB, 1GiB or a number of bytes"
    if isinstance(value, str):
        found = _SIZE.fullmatch(value)
        if found is None:
            raise _wrong("size", f"{_show(value)} is not a size.", _nearby_size(value) or fix)
        size = int(found["number"]) * _BYTES[found["unit"]]
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        raise _wrong("size", f"{_show(value)} is not a size.", fix)
    if not 0 <= size <= _LARGEST:
        raise _wrong("size", f"{_show(value)} is not between 0 and 1 PiB.", fix)
    return size


def _nearby_size(value: str) -> str:
    found = _WRITTEN_SIZE.fullmatch(value)
    unit = _NEARBY.get(found["unit"].lower()) if found else None
    return f"write {found['number']}{unit}" if found and unit else ""


def _parse_age(value: object) -> int:
    if value == -1 and not isinstance(value, bool):
        return -1
    if isinstance(value, (int, float)) and value < 0:
        raise _wrong("max_age", f"{_show(value)} is not an age.", "write 10m, 0 to keep nothing, or -1")
    seconds = parse_duration(value)
    if seconds != int(seconds):
        raise _wrong("max_age", f"{_show(value)} is not a whole number of seconds.", "write 10m or 600")
    if seconds > 86400:
        why = "no browser keeps a preflight's answer for longer (Firefox 24 h, Chromium 2 h, Safari 10 min)."
        raise _wrong("max_age", f"{_show(value)} is more than 24 hours.", "write 24h or less", why)
    return int(seconds)


def _wrong(kind: LiteralString, what: str, fix: str, why: str = "") -> PydanticCustomError:
    # The text travels as a value: what people wrote may hold braces.
    return PydanticCustomError(kind, "{what}", {"what": what, "why": why, "fix": fix})


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return str(value) if value != "" else '""'


def _schema(text: re.Pattern[str], number: dict[str, Any], examples: list[Any]) -> WithJsonSchema:
    pattern = re.sub(r"\?P<[a-z]+>", "?:", text.pattern)
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": f"^(?:{pattern})$"}, number], "examples": examples}
    )


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    _schema(_DURATION, {"type": "number", "minimum": 0}, ["250ms", "10s", "10m", "2h", 30]),
]
Age = Annotated[
    int,
    BeforeValidator(_parse_age),
    _schema(_DURATION, {"type": "integer", "minimum": -1, "maximum": 86400}, ["10m", "2h", 0, -1]),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    _schema(_SIZE, {"type": "integer", "minimum": 0}, ["16KiB", "10MiB", 0]),
]

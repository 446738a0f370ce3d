"""The two shapes of a log line: JSON, one object a line, and text for people.

Laws: a line is printable ASCII and one newline, whatever its values are; in text every value that could
be taken for something else stands in quotes. Values are bounded in length and depth. Which lines there
are, and their fields, is decided in `log`.
"""

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from corsproxy.observe.escape import from_bytes, from_text

__all__ = ["Shape", "bounded", "json_line", "shape", "text_line"]

# Unix time, level, message, further fields in order.
Shape = Callable[[float, str, str, Mapping[str, object]], bytes]

_LONGEST_TEXT = 1000
_MOST_ITEMS = 20
_DEEPEST = 3

# A value that needs no quotes in text.
_PLAIN = re.compile(r'[^\s"=]+')
# What a person recognises without its name, in a line about a request.
_BARE = frozenset({"method", "path", "status"})
_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_DIM, _OFF = "\x1b[2m", "\x1b[0m"

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def shape(name: str, *, colour: bool) -> Shape:
    """Return the shape for `log.format`: "json" or "text"."""
    if name == "json":
        return json_line
    return _coloured_line if colour else text_line


def json_line(at: float, level: str, message: str, fields: Mapping[str, object]) -> bytes:
    """Return one JSON object; its first keys are time, level and message, which `fields` must not have."""
    rest = f",{_encode(fields)[1:]}" if fields else "}"
    line = f'{{"time":"{_rfc3339(at)}","level":"{level}","message":{_encode(message)}{rest}\n'
    return line.encode("ascii")


def text_line(at: float, level: str, message: str, fields: Mapping[str, object]) -> bytes:
    """Return time, level, message and key=value pairs, without colour."""
    pairs = "".join(f" {name}{value}" for name, value in _pairs(fields))
    return _ascii(f"{_rfc3339(at)} {level.upper():<7} {message}{pairs}\n")


def _coloured_line(at: float, level: str, message: str, fields: Mapping[str, object]) -> bytes:
    pairs = "".join(f" {_dimmed(name)}{value}" for name, value in _pairs(fields))
    tone = _COLOURS.get(level, "")
    return _ascii(f"{_dimmed(_rfc3339(at))} {tone}{level.upper():<7}{_OFF} {message}{pairs}\n")


def _pairs(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    bare = _BARE if "method" in fields else frozenset()
    for name, value in fields.items():
        yield "" if name in bare else f"{name}=", _quoted(value)


def _dimmed(name: str) -> str:
    return f"{_DIM}{name}{_OFF}" if name else ""


def bounded(value: object, depth: int = _DEEPEST) -> object:
    """Return any value as something that JSON knows, cut to size, its text safe to print."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return from_bytes(value, _LONGEST_TEXT)
    if depth and isinstance(value, Mapping):
        pairs = list(value.items())[:_MOST_ITEMS]
        return {from_text(str(name), _LONGEST_TEXT): bounded(item, depth - 1) for name, item in pairs}
    if depth and isinstance(value, list | tuple | set | frozenset):
        shown = [bounded(item, depth - 1) for item in list(value)[:_MOST_ITEMS]]
        return shown if len(value) <= _MOST_ITEMS else [*shown, f"... {len(value) - _MOST_ITEMS} more"]
    return from_text(str(value), _LONGEST_TEXT)


def _quoted(value: object) -> str:
    if not isinstance(value, str):
        return repr(value) if type(value) is int or type(value) is float else _encode(value)
    if _PLAIN.fullmatch(value):
        return value
    # Not by JSON's rules: the backslashes that are in a value are escapes already.
    return '"' + value.replace('"', '\\"') + '"'


def _ascii(line: str) -> bytes:
    return line.encode("ascii", "backslashreplace")


def _rfc3339(at: float) -> str:
    milliseconds = round(at * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))

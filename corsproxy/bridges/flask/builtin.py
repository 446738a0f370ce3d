"""What Python's own functions and methods come to, of those that settings are made with.

Laws: a table; what is not in it is unknown. Only functions that give the same for the same, and that cannot take long
or fill the memory: what goes in is weighed before.
"""

import json
import os.path
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from corsproxy.bridges.flask.findings import Place
from corsproxy.bridges.flask.values import Located, is_known, place_of

__all__ = ["FUNCTIONS", "METHODS", "MUTATORS", "call_function", "call_method", "is_amplified"]

_MOST = 100_000
_MOST_FILLED_IN = 100 * _MOST
# A field of a thousand characters or more, or of a width that is itself filled in.
_WIDE = {
    "%": re.compile(r"%(?:\([^)]*\))?[-#0 +]*(?:[0-9]*\.)?(?:[0-9]{4}|\*)"),
    "format": re.compile(r"\{[^{}]*:[^{}]*(?:[0-9]{4}|\{)"),
}
_FAULTS = (
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    re.error,
)

_TEXT = frozenset(
    {"split", "rsplit", "splitlines", "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "replace",
     "startswith", "endswith", "removeprefix", "removesuffix", "format", "join", "partition", "rpartition",
     "capitalize", "isdigit", "count", "find"}
)  # fmt: skip
_DICT = frozenset({"get", "keys", "values", "items", "copy"})
_LIST = frozenset({"copy", "index", "count"})
# Methods that change their list or dictionary in place.
MUTATORS = frozenset(
    {"append", "extend", "insert", "add", "update", "setdefault", "pop", "remove", "discard", "clear", "sort"}
)
METHODS: Mapping[type, frozenset[str]] = MappingProxyType(
    {str: _TEXT, dict: _DICT, list: _LIST, tuple: _LIST}
)


def _listed(value: object = ()) -> list[object]:
    if isinstance(value, (str, list, tuple, dict)):
        return list(value)
    raise TypeError


def _unique(value: object = ()) -> list[object]:
    found: list[object] = []
    for item in _listed(value):
        if item not in found:
            found.append(item)
    return found


def _sorted(value: object) -> list[object]:
    return sorted(_listed(value))  # type: ignore[type-var]


def _range(*args: int) -> list[object]:
    made = range(*args)
    if len(made) > _MOST:
        raise ValueError
    return list(made)


def _compile(pattern: object, flags: object = 0) -> object:
    if not isinstance(pattern, str) or not isinstance(flags, int):
        raise TypeError
    return re.compile(pattern, flags)


def _boolean(value: object = False) -> bool:
    if isinstance(value, (str, int, float, list, tuple, dict, type(None))):
        return bool(value)
    raise TypeError


FUNCTIONS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "builtins.str": str,
        "builtins.int": int,
        "builtins.float": float,
        "builtins.bool": _boolean,
        "builtins.list": _listed,
        "builtins.tuple": lambda value=(): tuple(_listed(value)),
        "builtins.set": _unique,
        "builtins.frozenset": _unique,
        "builtins.dict": dict,
        "builtins.len": len,
        "builtins.sorted": _sorted,
        "builtins.reversed": lambda value: _listed(value)[::-1],
        "builtins.min": min,
        "builtins.max": max,
        "builtins.range": _range,
        "builtins.enumerate": lambda value, start=0: [
            (n, item) for n, item in enumerate(_listed(value), start)
        ],
        "builtins.zip": lambda *values: list(zip(*map(_listed, values), strict=False)),
        "builtins.any": lambda value: any(_listed(value)),
        "builtins.all": lambda value: all(_listed(value)),
        "re.compile": _compile,
        "re.escape": re.escape,
        "re.split": lambda pattern, text: re.split(pattern, text[:1000]),
        "json.loads": json.loads,
        "ast.literal_eval": json.loads,
        "datetime.timedelta": timedelta,
        "os.path.join": os.path.join,
        "os.path.dirname": os.path.dirname,
        "distutils.util.strtobool": lambda text: int(text.lower() in {"y", "yes", "t", "true", "on", "1"}),
    }
)


_COPIES = frozenset({"builtins.list", "builtins.set", "builtins.tuple", "builtins.sorted"})


def _placed(value: object, place: Place) -> object:
    """Give the texts in a result the place of what they were made of."""
    if isinstance(value, str) and not isinstance(value, Located):
        return Located(value, place)
    if isinstance(value, list):
        return [_placed(item, place) for item in value]
    if isinstance(value, tuple):
        return tuple(_placed(item, place) for item in value)
    return value


def call_function(name: str, args: list[object], keywords: dict[str, object], place: Place) -> object | None:
    """Call a function of the table; None where it is not there, or fails, or something in it is not known."""
    function = FUNCTIONS.get(name)
    if function is None:
        return None
    if name in _COPIES and len(args) == 1 and isinstance(args[0], (list, tuple)) and not is_known(args[0]):
        return list(args[0])  # a list with something unknown in it is still a list
    if not is_known(args) or not is_known(keywords) or _weight([args, keywords]) > _MOST:
        return None
    try:
        found = function(*args, **keywords)
    except _FAULTS:
        return None
    return _placed(found, place_of(args[0], place) if args else place)


def call_method(
    receiver: object, name: str, args: list[object], keywords: dict[str, object], place: Place
) -> object | None:
    """Call a method of a plain value; None as above."""
    kind = str if isinstance(receiver, str) else type(receiver)
    if name not in METHODS.get(kind, frozenset()):
        return None
    if not is_known(keywords) or (kind is not dict and not is_known(args)):
        return None
    if isinstance(receiver, str) and is_amplified(receiver, name, [args, keywords]):
        return None
    try:
        found = getattr(receiver, name)(*args, **keywords)
    except _FAULTS:
        return None
    if name in {"keys", "values", "items"}:
        found = list(found)
    if isinstance(found, str) and len(found) > _MOST:
        return None
    return _placed(found, place_of(receiver, place))


def is_amplified(text: str, how: str, values: object) -> bool:
    """Tell whether a text may become something large with these values: by `%` or by a method of texts."""
    if how in _WIDE and _WIDE[how].search(text):
        return True
    weight = _weight(values)
    return weight > _MOST or max(len(text), 1) * weight > _MOST_FILLED_IN


def _weight(value: object) -> int:
    """Add up what is in a value, each as often as it stands there; not far beyond _MOST."""
    total, rest = 0, [value]
    while rest and total <= _MOST:
        part = rest.pop()
        if isinstance(part, (str, list, tuple, dict)):
            total += len(part)
        if isinstance(part, dict) and total <= _MOST:
            rest += [*part, *part.values()]
        elif isinstance(part, (list, tuple)) and total <= _MOST:
            rest += part
    return total

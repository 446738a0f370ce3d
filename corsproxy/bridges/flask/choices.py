"""Values in words, and what is common to two outcomes where it is not known which of them holds.

Laws: words are few, however much a value holds; what two ways agree on is kept, and the rest is unknown and says what it may be.
"""

import ast
from collections.abc import Sequence

from corsproxy.bridges.flask.findings import Place
from corsproxy.bridges.flask.values import External, Unknown, is_known

__all__ = ["merged", "said", "shown", "truth"]

_MOST_MERGED = 200


def said(node: ast.AST, longest: int = 60) -> str:
    """Write source as it stands, shortened."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def truth(value: object) -> bool | None:
    """Tell whether Python takes a value for true; None where that is not known."""
    if isinstance(value, (Unknown, External)):
        return None
    if isinstance(value, (str, int, float, list, tuple, dict, type(None))):
        return bool(value)
    return True


def merged(one: object, other: object, why: str, place: Place) -> object:
    """Return what is common to two outcomes of something unknown."""
    if one is other or (is_known(one) and is_known(other) and type(one) is type(other) and one == other):
        return one
    if isinstance(one, list) and isinstance(other, list) and len(one) + len(other) <= _MOST_MERGED:
        shared = [item for item in one if any(item is twin or item == twin for twin in other)]
        rest = [item for item in (*one, *other) if not any(item is twin or item == twin for twin in shared)]
        return [*shared, Unknown(why, place, _maybe(rest))]
    return Unknown(why, place, _maybe([one, other]))


def _maybe(values: Sequence[object]) -> tuple[str, ...]:
    """Say what something may be: a few words, whatever it is made of."""
    found = [
        word for value in values for word in (value.maybe if isinstance(value, Unknown) else (shown(value),))
    ]
    return tuple(dict.fromkeys(found))[:6]


def shown(value: object) -> str:
    """Write a value in a few words."""
    if isinstance(value, str):
        return repr(str(value[:80]))
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(shown(item) for item in value[:6])}]"[:200]
    if isinstance(value, (bool, int, float, type(None))):
        return repr(value)
    return value.why if isinstance(value, Unknown) else f"a {type(value).__name__.lower()}"

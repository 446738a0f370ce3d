"""Python's regular expressions, taken apart by Python's own parser: what they spell, and where they are open.

Laws: a dot that stands for one character is taken for the dot it nearly always means: that only ever makes an expression
narrower. Anchors count only at the ends. What has no counterpart in RE2 is named, never approximated.
"""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ANYTHING", "Open", "Pieces", "Reading", "Untranslatable", "read"]

# Python's re is read by its own parser, because every other reading of it would be another language.
_parser: Any = importlib.import_module("re._parser")
_MOST = 64
_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_UNBOUNDED = 65535


class Untranslatable(ValueError):  # noqa: N818 -- it is told as such
    """The argument names what RE2, or a path, has no word for."""


@dataclass(frozen=True, slots=True)
class Open:
    """A place that is left open: `any` character, `segment` for all but a slash, or `other` sets; at `least` so many."""

    kind: str
    least: int


ANYTHING = Open("any", 0)
Pieces = tuple[str | Open, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """An expression: RE2's `text` of it as a whole match, its alternatives, and whether it has an anchor at the end.

    `alternatives` is None where they are too many. `is_slow`: trying it may take exponential time.
    """

    text: str
    alternatives: tuple[Pieces, ...] | None
    is_anchored: bool
    is_slow: bool


def read(pattern: str, flags: int, *, dots: bool) -> Reading:
    """Read an expression; `dots`: single dots are meant literally. Raises Untranslatable; re.error if it is none."""
    try:
        items = list(_parser.parse(pattern, flags))
    except RecursionError:
        raise Untranslatable("groups that are nested too deeply") from None
    items, is_anchored = _without_end(items)
    writer = _Writer(folds=bool(flags & re.IGNORECASE), dots=dots)
    text = writer.sequence(items, at_start=True, at_end=True)
    try:
        alternatives = tuple(dict.fromkeys(map(_joined, writer.alternatives(items))))
    except OverflowError:
        alternatives = None
    return Reading(text, alternatives, is_anchored, _is_slow(items, 0))


def _without_end(items: list[Any]) -> tuple[list[Any], bool]:
    """Drop the anchor at the end, and repetitions of a slash or a colon there, which people write for "anything"."""
    names = [str(kind) for kind, _ in items]
    if items and names[-1] == "AT" and str(items[-1][1]) in {"AT_END", "AT_END_STRING"}:
        return items[:-1], True
    if items and names[-1] == "BRANCH":
        ends = [list(branch)[-1:] for branch in items[-1][1][1]]
        return items, all(end and str(end[0][0]) == "AT" for end in ends)
    if items and names[-1] == "MAX_REPEAT" and items[-1][1][0] == 0 and names[-2:-1] != ["AT"]:
        inner = list(items[-1][1][2])
        if len(inner) == 1 and str(inner[0][0]) == "LITERAL" and chr(inner[0][1]) in "/:":
            return items[:-1], False
    return items, False


def _is_slow(items: Sequence[Any], depth: int) -> bool:
    for kind, value in items:
        name = str(kind)
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            is_open = int(value[1]) > 8
            if (is_open and depth) or _is_slow(list(value[2]), depth + is_open):
                return True
        elif (name == "SUBPATTERN" and _is_slow(list(value[3]), depth)) or (
            name == "BRANCH" and any(_is_slow(list(branch), depth) for branch in value[1])
        ):
            return True
    return False


def _joined(pieces: Pieces) -> Pieces:
    """Put texts that stand side by side together."""
    found: list[str | Open] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return tuple(found)


class _Writer:
    """Writes parsed items in RE2's syntax, and spells their alternatives out."""

    def __init__(self, *, folds: bool, dots: bool) -> None:
        self._folds = folds
        self._dots = dots

    def sequence(self, items: Sequence[Any], *, at_start: bool, at_end: bool) -> str:
        last = len(items) - 1
        return "".join(
            self._item(kind, value, at_start=at_start and number == 0, at_end=at_end and number == last)
            for number, (kind, value) in enumerate(items)
        )

    def _item(self, kind: Any, value: Any, *, at_start: bool, at_end: bool) -> str:
        name = str(kind)
        if name == "LITERAL":
            return self._literal(value)
        if name == "NOT_LITERAL":
            return f"[^{self._member(value)}]"
        if name == "ANY":
            return r"\." if self._dots else "."
        if name == "IN":
            return self._set(value)
        if name == "BRANCH":
            branches = [self.sequence(list(branch), at_start=at_start, at_end=at_end) for branch in value[1]]
            return f"(?:{'|'.join(branches)})"
        if name == "SUBPATTERN":
            inner = self.sequence(list(value[3]), at_start=at_start, at_end=at_end)
            return (
                inner
                if inner.startswith("(?:") and inner.endswith(")") and inner.count("(") == 1
                else f"(?:{inner})"
            )
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            return self._repeated(value)
        if name == "AT":
            return self._anchor(str(value), at_start=at_start, at_end=at_end)
        raise Untranslatable(_NAMES.get(name, name.lower()))

    def _anchor(self, name: str, *, at_start: bool, at_end: bool) -> str:
        if (name in {"AT_BEGINNING", "AT_BEGINNING_STRING"} and at_start) or (
            name in {"AT_END", "AT_END_STRING"} and at_end
        ):
            return ""
        raise Untranslatable("an anchor or a boundary in the middle")

    def _repeated(self, value: Any) -> str:
        least, most, inner = int(value[0]), int(value[1]), list(value[2])
        single = len(inner) == 1 and str(inner[0][0]) in {"LITERAL", "IN", "ANY", "NOT_LITERAL", "SUBPATTERN"}
        is_any = len(inner) == 1 and str(inner[0][0]) == "ANY"
        body = "." if is_any else self.sequence(inner, at_start=False, at_end=False)
        body = body if single else f"(?:{body})"
        if most >= _UNBOUNDED:
            sign = {0: "*", 1: "+"}.get(least, f"{{{least},}}")
        else:
            sign = (
                "?" if (least, most) == (0, 1) else f"{{{least}}}" if least == most else f"{{{least},{most}}}"
            )
        return body + sign

    def _literal(self, code: int) -> str:
        character = chr(code).lower() if self._folds else chr(code)
        return f"\\{character}" if character in _SPECIAL else character

    def _member(self, code: int) -> str:
        character = chr(code).lower() if self._folds else chr(code)
        return f"\\{character}" if character in "\\]^-[" else character

    def _set(self, members: Sequence[Any]) -> str:
        written: dict[str, None] = {}
        for kind, value in members:
            name = str(kind)
            if name == "NEGATE":
                written["^"] = None
            elif name == "LITERAL":
                written[self._member(value)] = None
            elif name == "RANGE":
                written[f"{self._member(value[0])}-{self._member(value[1])}"] = None
            elif str(value) in _CATEGORIES:
                written[_CATEGORIES[str(value)]] = None
            else:
                raise Untranslatable(str(value).lower())
        text = "".join(written)
        return text if len(written) == 1 and text in _CATEGORIES.values() else f"[{text}]"

    # -- spelling out

    def alternatives(self, items: Sequence[Any]) -> list[Pieces]:
        """Return every alternative; raises OverflowError where they are many."""
        found: list[Pieces] = [()]
        for kind, value in items:
            ways = self._ways(str(kind), value)
            found = [(*before, *after) for before in found for after in ways]
            if len(found) > _MOST:
                raise OverflowError
        return found

    def _ways(self, name: str, value: Any) -> list[Pieces]:
        if name == "LITERAL":
            return [(chr(value).lower() if self._folds else chr(value),)]
        if name == "ANY":
            return [(".",)] if self._dots else [(Open("other", 1),)]
        if name == "BRANCH":
            return [way for branch in value[1] for way in self.alternatives(list(branch))]
        if name == "SUBPATTERN":
            return self.alternatives(list(value[3]))
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            return self._ways_of_repeat(int(value[0]), int(value[1]), list(value[2]))
        if name == "AT":
            return [()]
        if name == "IN" and len(value) <= 10 and all(str(kind) == "LITERAL" for kind, _ in value):
            return [(chr(code).lower() if self._folds else chr(code),) for _, code in value]
        return [(Open("segment" if _is_not_slash(name, value) else "other", 1),)]

    def _ways_of_repeat(self, least: int, most: int, inner: list[Any]) -> list[Pieces]:
        if (least, most) == (0, 1):
            return [(), *self.alternatives(inner)]
        is_one = len(inner) == 1
        name = str(inner[0][0]) if is_one else ""
        if name == "ANY" and least <= 1 and most >= _UNBOUNDED:
            return [(Open("any", least),)]
        if is_one and most >= _UNBOUNDED and _is_not_slash(name, inner[0][1]):
            return [(Open("segment", least),)]
        return [(Open("other", least),)]


def _is_not_slash(name: str, value: Any) -> bool:
    if name == "NOT_LITERAL":
        return bool(value == ord("/"))
    return (
        name == "IN" and [str(kind) for kind, _ in value] == ["NEGATE", "LITERAL"] and value[1][1] == ord("/")
    )


_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
}
_NAMES = {
    "ASSERT": "a look-ahead or look-behind",
    "ASSERT_NOT": "a negative look-ahead or look-behind",
    "GROUPREF": "a reference back to a group",
    "GROUPREF_EXISTS": "a condition on a group",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
}

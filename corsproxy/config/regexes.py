"""What a regular expression can match, as templates: literal text with gaps, each with ways to fill it.

Laws: the syntax is the part of RE2's that origins need; the rest is refused by name, because nothing
could be said about what it matches. Alternatives that are spelled out are the owner's own list; what
is left open (`.`, ranges, repetitions) is a gap, and whoever wants to look alike may fill it.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = [
    "LABEL",
    "MOST_TEMPLATES",
    "Gap",
    "Template",
    "UnsupportedSyntax",
    "gap",
    "templates",
    "variations",
]

MOST_TEMPLATES = 512
_MOST_LITERALS = 4  # a set of this many single characters is still a list

_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.:/[]+")
LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_CLASSES = {
    "d": frozenset("0123456789"),
    "w": frozenset("abcdefghijklmnopqrstuvwxyz0123456789_"),
    "s": frozenset[str](),
}
_POSIX = {
    "alnum": frozenset("abcdefghijklmnopqrstuvwxyz0123456789"),
    "alpha": frozenset("abcdefghijklmnopqrstuvwxyz"),
    "lower": frozenset("abcdefghijklmnopqrstuvwxyz"),
    "digit": frozenset("0123456789"),
    "xdigit": frozenset("abcdef0123456789"),
    "word": _CLASSES["w"],
}
_SINGLE = "a1x0z9-."
_FILLINGS = (
    "a",
    "1",
    "evil",
    "evil-",
    "-evil",
    "evil.",
    ".evil",
    "evil.example",
    ".evil.example",
    "1.evil.example",
    "-.evil.example",
    "other.example",
    "2",
    "80",
    "http",
    "https",
    "https://evil.example",
    "https://other.example",
    "://evil.example",
    "//evil.example",
)


class UnsupportedSyntax(ValueError):  # noqa: N818 -- it is told as such
    """A construct about which nothing can be proved here; the text names it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place that is left open, and ways to fill it."""

    fillings: tuple[str, ...]


Atom = str | Gap
Template = tuple[Atom, ...]


def gap(allowed: frozenset[str], least: int, most: int | None) -> Gap:
    """Return the gap of `least` to `most` characters out of a set."""
    # Where any one character may stand, the owner meant a dot.
    first = (".",) if (least, most) == (1, 1) and "." in allowed else ()
    padding = next((character for character in _SINGLE if character in allowed), "") or min(
        allowed, default=""
    )
    found: dict[str, None] = {} if least else {"": None}
    for text in (*first, padding * max(least, 1), *_SINGLE, *_FILLINGS):
        filled = text.ljust(least, padding) if padding else text
        if (most is None or len(filled) <= most) and allowed.issuperset(filled):
            found[filled] = None
    # An empty filling comes last: a gap is first of all tried as if something were in it.
    return Gap(tuple(sorted(found, key=lambda text: text == "")))


def templates(pattern: str) -> list[Template]:
    """Take an expression apart; raises UnsupportedSyntax."""
    reader = _Reader(pattern)
    result = list(itertools.islice(reader.alternatives(), MOST_TEMPLATES + 1))
    if reader.rest:
        raise UnsupportedSyntax(f"a {reader.rest[0]} that closes nothing")
    if len(result) > MOST_TEMPLATES:
        raise UnsupportedSyntax(f"more than {MOST_TEMPLATES} combinations of alternatives")
    return result


_QUANTIFIER = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<least>[0-9]+)(?P<comma>,)?(?P<most>[0-9]*)\})\??")
_GROUP = re.compile(r"\((?:\?:|\?P?<[A-Za-z_][A-Za-z0-9_]*>)?(?!\?)")
_LITERAL_ESCAPE = re.compile(r"\\([^A-Za-z0-9])")


class _Reader:
    """A recursive descent over the pattern; depth is bounded as groups are."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern
        self._depth = 0

    def alternatives(self) -> list[Template]:
        result = self._sequence()
        while self.rest.startswith("|"):
            self.rest = self.rest[1:]
            result = _bounded([*result, *self._sequence()])
        return result

    def _sequence(self) -> list[Template]:
        result: list[Template] = [()]
        while self.rest and self.rest[0] not in "|)":
            parts = self._quantified()
            result = _bounded([(*before, *after) for before in result for after in parts])
        return result

    def _quantified(self) -> list[Template]:
        body = self._atom()
        found = _QUANTIFIER.match(self.rest)
        if found is None:
            return self._plain(body)
        self.rest = self.rest[found.end() :]
        least, most = _bounds(found)
        if isinstance(body, frozenset):
            if (least, most) == (0, 1):
                return [(), *self._plain(body)]
            return [(gap(body, least, most),)]
        return _repeated(body, least, most)

    def _plain(self, body: frozenset[str] | list[Template]) -> list[Template]:
        if not isinstance(body, frozenset):
            return body
        if len(body) <= _MOST_LITERALS:
            return [(character,) for character in sorted(body)]
        return [(gap(body, 1, 1),)]

    def _atom(self) -> frozenset[str] | list[Template]:
        character = self.rest[0]
        if character == "(":
            return self._group()
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escape()
        self.rest = self.rest[1:]
        if character in "^$":
            return [()]
        return _ALPHABET if character == "." else frozenset(character)

    def _group(self) -> list[Template]:
        found = _GROUP.match(self.rest)
        if found is None:
            raise UnsupportedSyntax(self.rest[:4])
        self.rest = self.rest[found.end() :]
        self._depth += 1
        if self._depth > 20:
            raise UnsupportedSyntax("more than 20 groups within each other")
        result = self.alternatives()
        self._depth -= 1
        self.rest = self.rest.removeprefix(")")
        return result

    def _escape(self) -> frozenset[str] | list[Template]:
        name, self.rest = self.rest[1:2], self.rest[2:]
        if name in {"A", "z"}:
            return [()]
        if name.lower() in _CLASSES:
            return _CLASSES[name] if name in _CLASSES else _ALPHABET - _CLASSES[name.lower()]
        if name.isalnum() or not name:
            raise UnsupportedSyntax(f"\\{name}")
        return frozenset(name)

    def _set(self) -> frozenset[str]:
        self.rest = self.rest[1:]
        is_negated = self.rest.startswith("^")
        self.rest = self.rest[is_negated:]
        members: set[str] = set()
        is_first = True
        while is_first or not self.rest.startswith("]"):
            if not self.rest:
                raise UnsupportedSyntax("a [ that is not closed")
            members |= self._member()
            is_first = False
        self.rest = self.rest[1:]
        return _ALPHABET - members if is_negated else frozenset(members)

    def _member(self) -> frozenset[str]:
        if found := re.match(r"\[:(\^?)([a-z]+):\]", self.rest):
            if found[2] not in _POSIX:
                raise UnsupportedSyntax(found[0])
            self.rest = self.rest[found.end() :]
            return _ALPHABET - _POSIX[found[2]] if found[1] else _POSIX[found[2]]
        low = self._one()
        if len(low) != 1 or not self.rest.startswith("-") or self.rest[1:2] in {"]", ""}:
            return low
        self.rest = self.rest[1:]
        high = self._one()
        return frozenset(map(chr, range(ord(min(low)), ord(min(high)) + 1))) if high else low

    def _one(self) -> frozenset[str]:
        if self.rest.startswith("\\"):
            found = self._escape()
            if not isinstance(found, frozenset):
                raise UnsupportedSyntax("an anchor inside [ ]")
            return found
        character, self.rest = self.rest[0], self.rest[1:]
        return frozenset(character)


def _bounds(found: re.Match[str]) -> tuple[int, int | None]:
    if found["sign"]:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found["sign"]]
    least = int(found["least"])
    return least, least if not found["comma"] else (int(found["most"]) if found["most"] else None)


def _repeated(body: list[Template], least: int, most: int | None) -> list[Template]:
    """Write a repeated group out where that is a list; else leave a gap that is filled with repetitions."""
    if most is not None and most <= 2:
        counts = range(least, most + 1)
        return _bounded(
            [
                tuple(itertools.chain(*pick))
                for count in counts
                for pick in itertools.product(body, repeat=count)
            ]
        )
    texts = [text for template in body for text in itertools.islice(_filled(template), 12)]
    found: dict[str, None] = {}
    for count in range(max(least, 1), min(max(least, 1) + 3, (most or 1000) + 1)):
        found.update({text * count: None for text in texts})
    if not least:
        found[""] = None
    return [(Gap(tuple(found)),)]


def _filled(template: Sequence[Atom]) -> Iterator[str]:
    """Yield texts of a template, varying one gap at a time."""
    first = [atom.fillings[0] if isinstance(atom, Gap) and atom.fillings else atom for atom in template]
    texts = [atom if isinstance(atom, str) else "" for atom in first]
    yield "".join(texts)
    for at, atom in enumerate(template):
        if isinstance(atom, Gap):
            for filling in atom.fillings[1:]:
                yield "".join([*texts[:at], filling, *texts[at + 1 :]])


def variations(template: Template) -> Iterator[str]:
    """Yield texts that a template stands for, the plainest first, varying one gap at a time."""
    return _filled(template)


def _bounded(found: list[Template]) -> list[Template]:
    if len(found) > MOST_TEMPLATES:
        raise UnsupportedSyntax(f"more than {MOST_TEMPLATES} combinations of alternatives")
    return found

"""What an expression of somebody's project comes to, as far as it can be told without running it.

Laws: plain values are Python's own (a set is a list, so that its order is that of the source); what cannot be told is an
Unknown that says why and where, and stays one in whatever is made of it. Text remembers its line.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from corsproxy.bridges.flask.findings import Place

__all__ = [
    "Bound",
    "Class",
    "External",
    "Function",
    "Instance",
    "Located",
    "Module",
    "Scope",
    "Unknown",
    "Unset",
    "inside",
    "is_bounded",
    "is_known",
    "place_of",
]

_MOST_INSIDE = 50_000


class Located(str):
    """A text and where it was written."""

    __slots__ = ("place",)
    place: Place

    def __new__(cls, text: str, place: Place) -> Self:
        """Make a text that remembers its place."""
        made = super().__new__(cls, text)
        made.place = place
        return made


def place_of(value: object, otherwise: Place) -> Place:
    """Return where a value was written, if it remembers."""
    return value.place if isinstance(value, (Located, Unknown)) else otherwise


@dataclass(frozen=True, slots=True)
class Unknown:
    """What cannot be known without running; `why` is a phrase: `the call origins_from(db)`. `maybe` is what it may be."""

    why: str
    place: Place
    maybe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unset(Unknown):
    """A variable of the environment that is not set here and has no default."""


@dataclass(frozen=True, slots=True)
class External:
    """Something that is not in the project, by its dotted name: `flask_cors.CORS`, `builtins.len`."""

    name: str


@dataclass(eq=False, slots=True)
class Scope:
    """Names and what they stand for, in a module, a function or a class."""

    file: str
    names: dict[str, object] = field(default_factory=dict)
    above: "Scope | None" = None
    places: dict[str, Place] = field(default_factory=dict)

    def find(self, name: str) -> object | None:
        """Return what a name stands for; None where nothing is known of it (Python's None is a value too: see `has`)."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.above
        return None

    def has(self, name: str) -> bool:
        """Tell whether a name is bound here or above."""
        return name in self.names or (self.above is not None and self.above.has(name))


@dataclass(eq=False, slots=True)
class Module:
    """A file of the project, and the names in it so far."""

    name: str
    scope: Scope
    is_package: bool


@dataclass(eq=False, slots=True)
class Function:
    """A function of the project, or a lambda; `marks` are what decorators left on it, the innermost first."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    marks: list[object] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name that it was defined with."""
        return "lambda" if isinstance(self.node, ast.Lambda) else self.node.name


@dataclass(eq=False, slots=True)
class Class:
    """A class of the project."""

    name: str
    place: Place
    bases: tuple[object, ...]
    names: dict[str, object]
    places: dict[str, Place] = field(default_factory=dict)

    def find(self, name: str) -> object | None:
        """Look an attribute up, in the class and in what it is made of."""
        if name in self.names:
            return self.names[name]
        for base in self.bases:
            if isinstance(base, Class) and (found := base.find(name)) is not None:
                return found
        return None

    def is_a(self, *names: str) -> bool:
        """Tell whether an external class of one of these names is among what this is made of."""
        return any(
            base.name in names
            if isinstance(base, External)
            else isinstance(base, Class) and base.is_a(*names)
            for base in self.bases
        )

    def all_places(self) -> dict[str, Place]:
        """Return where each attribute was written, as far as that is known."""
        found: dict[str, Place] = {}
        for base in reversed(self.bases):
            if isinstance(base, Class):
                found.update(base.all_places())
        return {**found, **self.places}

    def all_names(self) -> dict[str, object]:
        """Return all attributes, inherited ones included."""
        found: dict[str, object] = {}
        for base in reversed(self.bases):
            if isinstance(base, Class):
                found.update(base.all_names())
        return {**found, **self.names}


@dataclass(eq=False, slots=True)
class Instance:
    """An object of a class of the project."""

    kind: Class
    names: dict[str, object] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Bound:
    """An attribute of a value, about to be called: `origins.split`, `app.register_blueprint`."""

    receiver: object
    name: str


def inside(value: object) -> Iterator[object]:
    """Yield a value and what is in it, however deep; not more than are worth looking at, also where it holds itself."""
    waiting = [value]
    for _ in range(_MOST_INSIDE):
        if not waiting:
            return
        item = waiting.pop()
        yield item
        if isinstance(item, (list, tuple)):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
    yield Unknown("too large to look through", place_of(value, Place("")))


def is_bounded(value: object, holder: object = None) -> bool:
    """Tell whether a value can be put into `holder`: not huge, and not with that very holder in it."""
    if not isinstance(value, (list, tuple, dict)):
        return True
    found = list(inside(value))
    return len(found) < 40_000 and all(item is not holder for item in found)


def is_known(value: object) -> bool:
    """Tell whether a value is plain and whole: nothing unknown in it, however deep."""
    return not any(isinstance(item, (Unknown, External, Bound)) for item in inside(value))

"""YAML text into a tree of nodes that know their places; every mistake of form comes out as a Problem.

Laws: built from the parser's events with a stack of our own, so that depth and number are bounded
before anything recurses; no tag, merge key or second document is read; what a scalar means is not
decided here but in `document`.
"""

from dataclasses import dataclass, field

import yaml

from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.syntax import explain

__all__ = ["DEEPEST", "LARGEST", "Node", "Place", "parse"]

# Both with every alias written out, as the readers of the tree will walk it.
DEEPEST = 24
LARGEST = 300_000  # values

# libyaml where PyYAML was built with it: ten times as fast on a long list of origins.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, counted from 1."""

    line: int
    column: int


@dataclass(slots=True, eq=False)
class Node:
    """A scalar (`text`), a list (`items`) or a mapping (`keys` beside `items`)."""

    place: Place
    kind: str  # "scalar", "list" or "mapping"
    text: str = ""
    is_plain: bool = False
    items: list["Node"] = field(default_factory=list)
    keys: list["Node"] = field(default_factory=list)
    size: int = 1  # values in it and itself; whole once it is closed, as `height`
    height: int = 0  # lists and mappings, one in the other, itself included


def parse(file: str, text: str) -> tuple[Node | None, list[Problem]]:
    """Read the text; raises ConfigError where it is not YAML at all, returns None where it holds nothing."""
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.YAMLError as fault:
        raise ConfigError([*builder.problems, explain(file, text, fault)]) from None
    return builder.root, builder.problems


class _Builder:
    """Turns events into nodes. An open mapping waits for a key when it has as many keys as items."""

    def __init__(self, file: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._file = file
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            self._place(event, Node(_place(event), "scalar", event.value, is_plain=plain))
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            node = Node(_place(event), "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping")
            node.height = 1
            self._place(event, node)
            self._open.append(node)
            self._bound(event, node)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            closed = self._open.pop()
            if self._open:
                self._grow(self._open[-1], closed)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._refusal(
                    event,
                    Code.YAML_FEATURE,
                    "A second document begins here.",
                    "keep one document; remove the ---",
                )

    def _alias(self, event: yaml.AliasEvent) -> None:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            what = f"*{event.anchor} is an alias to YAML, and nothing is anchored as &{event.anchor}."
            raise self._refusal(
                event, Code.YAML_SYNTAX, what, f'if the * is meant, quote it: "*{event.anchor}…"'
            )
        if any(node is opened for opened in self._open):
            what = f"*{event.anchor} contains itself."
            raise self._refusal(event, Code.YAML_BOUND, what, "write the value out")
        self._attach(node)
        if self._open:
            self._grow(self._open[-1], node)
            self._bound(event, node)

    def _place(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, node: Node) -> None:
        if event.tag is not None and event.tag != "!":
            self.problems.append(
                self._problem(
                    event,
                    Code.YAML_FEATURE,
                    f"The tag {event.tag.replace('tag:yaml.org,2002:', '!!')} is not read here.",
                    "remove it; numbers and booleans are written plainly, text is quoted",
                )
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._attach(node)
        if node.kind == "scalar" and self._open:
            self._open[-1].size += 1

    def _attach(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        is_key = parent.kind == "mapping" and len(parent.keys) == len(parent.items)
        (parent.keys if is_key else parent.items).append(node)

    @staticmethod
    def _grow(parent: Node, child: Node) -> None:
        parent.size += child.size
        parent.height = max(parent.height, child.height + 1)

    def _bound(self, event: yaml.Event, node: Node) -> None:
        """Refuse a tree that is deep or large only because its aliases are, before anybody walks it."""
        is_alias = isinstance(event, yaml.AliasEvent)
        if len(self._open) + (node.height if is_alias else 0) > DEEPEST:
            what = f"This is nested more than {DEEPEST} deep{', aliases written out' if is_alias else ''}."
            raise self._refusal(event, Code.YAML_BOUND, what, "flatten it")
        if sum(opened.size for opened in self._open) > LARGEST:
            what = f"This comes to more than {LARGEST} values, aliases written out."
            raise self._refusal(event, Code.YAML_BOUND, what, "write fewer")

    def _refusal(self, event: yaml.Event, code: Code, what: str, fix: str) -> ConfigError:
        return ConfigError([*self.problems, self._problem(event, code, what, fix)])

    def _problem(self, event: yaml.Event, code: Code, what: str, fix: str) -> Problem:
        place = _place(event)
        return Problem(self._file, place.line, place.column, "", what, fix=fix, code=code)


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)

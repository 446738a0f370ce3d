"""A configuration as plain values, and the way back from a key to its line.

Laws: every mistake a value can make without knowing the keys is found here, all of them at once:
keys twice, merge keys, references to the environment, YAML's guesses, values left out. The rest of
the floor sees only `values` and asks `place`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from corsproxy.config.environment import BadReference, substitute
from corsproxy.config.nodes import Node, Place, parse
from corsproxy.config.problem import COMMAND_LINE, Code, ConfigError, KeyPath, Problem, spell
from corsproxy.config.scalar import Guess, resolve

__all__ = ["Document", "read_document"]

# Where `off` is one of our own words, and no reader of this file can take it for anything else.
_OFF_IS_A_WORD: frozenset[KeyPath] = frozenset({("admin", "listen"), ("log", "access"), ("tracing",)})


@dataclass(slots=True)
class Document:
    """Plain values and what is odd about some of them.

    `guesses` are scalars that YAML readers disagree about, left in `values` as text; `empty` are keys
    without a value, `unresolved` references that have been reported: both None in `values`. `unread` are
    keys whose values did not fit the models, `kept` the items left of a list that had such. `given` are
    keys whose values came from the command line instead, by the flags that gave them.
    """

    file: str
    values: object = None
    root: Node | None = None
    guesses: dict[KeyPath, Guess] = field(default_factory=dict)
    empty: list[KeyPath] = field(default_factory=list)
    unresolved: set[KeyPath] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    unread: set[KeyPath] = field(default_factory=set)
    kept: dict[KeyPath, list[int]] = field(default_factory=dict)
    given: dict[KeyPath, str] = field(default_factory=dict)
    spell: Callable[[KeyPath], str] = spell

    def original(self, path: KeyPath) -> KeyPath:
        """Translate a path into lists from which unreadable items were left out to one in the file."""
        if not self.kept:
            return path
        result: KeyPath = ()
        for key in path:
            kept = self.kept.get(result, [])
            # A stand-in for a list that was lost whole has items the file has not.
            is_moved = isinstance(key, int) and key < len(kept)
            result = (*result, kept[int(key)] if is_moved else key)
        return result

    def place(self, path: KeyPath) -> Place:
        """Find the place of a key or list item, or of the nearest thing around it that is there."""
        node, place = self.root, Place(0, 0)
        for key in path:
            if node is None:
                break
            place = place if place.line else node.place
            if isinstance(key, int):
                if node.kind != "list" or key >= len(node.items):
                    break
                node = node.items[key]
                place = node.place
            else:
                found = next((at for at, name in enumerate(node.keys) if name.text == key), None)
                if found is None:
                    break
                place, node = node.keys[found].place, node.items[found]
        return place if place.line or node is None else node.place

    def problem(
        self, path: KeyPath, what: str, *, why: str = "", fix: str = "", code: Code = Code.WRONG_VALUE
    ) -> Problem:
        """Make a Problem about the value at a path."""
        path = self.original(path)
        if path in self.given:
            return Problem(COMMAND_LINE, 0, 0, self.given[path], what, why, fix, code)
        place = self.place(path)
        return Problem(self.file, place.line, place.column, self.spell(path), what, why, fix, code)


def read_document(file: str, text: str, environ: Mapping[str, str]) -> Document:
    """Read YAML; raises ConfigError where nothing can be made of it, else `problems` has what was wrong."""
    root, problems = parse(file, text)
    document = Document(file, root=root, problems=problems)
    if root is None or (root.kind == "scalar" and not root.text):
        what = "The file is empty." if not text.strip() else "The file holds only comments."
        fix = "begin with upstream: and rules:"
        raise ConfigError([*problems, Problem(file, 1, 1, "", what, fix=fix, code=Code.FILE_EMPTY)])
    reading = _Reading(document, environ)
    document.values = reading.value(root, ())
    return document


class _Reading:
    """One walk over the nodes; its depth and length are bounded by what `nodes` lets through."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ

    def value(self, node: Node, path: KeyPath) -> object:
        if node.kind == "list":
            return [self.value(item, (*path, at)) for at, item in enumerate(node.items)]
        if node.kind == "mapping":
            return self._mapping(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: Node, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        first: dict[str, Node] = {}
        for key, item in zip(node.keys, node.items, strict=True):
            if key.kind != "scalar":
                self._add_at(key, path, "A key must be a name.", fix="write name: value")
            elif key.text == "<<" and key.is_plain:
                self._document.unread.add((*path, "<<"))
                fix = "put shared keys of rules into defaults:, or repeat them"
                self._add_at(key, (*path, "<<"), "The merge key << is not read here.", fix=fix)
            elif key.text in first:
                what = f"{key.text} stands here a second time; the first is on line {first[key.text].place.line}."
                why = "YAML readers disagree about which of them counts."
                self._add_at(
                    key, (*path, key.text), what, why=why, fix="keep one of them", code=Code.DUPLICATE_KEY
                )
            else:
                first[key.text] = key
                values[key.text] = self.value(item, (*path, key.text))
        return values

    def _scalar(self, node: Node, path: KeyPath) -> object:
        try:
            text = substitute(node.text, self._environ)
        except BadReference as fault:
            self._document.unresolved.add(path)
            problem = self._document.problem(path, fault.what, fix=fault.fix, code=Code.ENVIRONMENT)
            self._document.problems.append(problem)
            return None
        if not node.is_plain:
            return text
        if not text and node.text:  # a reference to an empty variable is empty text, not a value left out
            return ""
        meaning = resolve(text)
        if isinstance(meaning, Guess):
            if not (text == "off" and path in _OFF_IS_A_WORD):
                self._document.guesses[path] = meaning
            return text
        if meaning is None:
            self._document.empty.append(path)
        return meaning

    def _add_at(
        self, key: Node, path: KeyPath, what: str, *, why: str = "", fix: str, code: Code = Code.YAML_FEATURE
    ) -> None:
        place = key.place
        problem = Problem(self._document.file, place.line, place.column, spell(path), what, why, fix, code)
        self._document.problems.append(problem)

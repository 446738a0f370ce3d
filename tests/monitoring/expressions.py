"""What a PromQL expression asks for, by a real parser of it."""

from typing import NamedTuple

import promql_parser

__all__ = ["Selector", "used"]


class Selector(NamedTuple):
    """A metric's name, and the labels that are matched on."""

    metric: str
    labels: frozenset[str]
    values: tuple[tuple[str, str], ...]  # what a label is compared with, for = and =~ and their negations


def used(expression: str) -> list[Selector]:
    """Return every selector of an expression; raises ValueError where it is not PromQL."""
    found: list[Selector] = []

    def note(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            note(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            matchers = [m for m in node.matchers.matchers if m.name != "__name__"]
            values = tuple((m.name, value) for m in matchers for value in m.value.split("|"))
            found.append(Selector(str(node.name), frozenset(m.name for m in matchers), values))
        return True

    promql_parser.walk(promql_parser.parse(expression), note)
    return list(dict.fromkeys(found))

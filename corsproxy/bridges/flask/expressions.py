# ruff: noqa: SLF001 -- the table at the end is the class's own
"""What an expression comes to: constants, names, operators, containers, subscripts, comprehensions.

Laws: what depends on something unknown is unknown, and a list with an unknown element keeps the others. A choice on an
unknown condition is unknown and says what it may be. Work is bounded, whatever the source says.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from corsproxy.bridges.flask.builtin import is_amplified
from corsproxy.bridges.flask.choices import merged, said, shown, truth
from corsproxy.bridges.flask.findings import Place
from corsproxy.bridges.flask.values import (
    Bound,
    Class,
    External,
    Function,
    Instance,
    Located,
    Module,
    Scope,
    Unknown,
    Unset,
    is_bounded,
    is_known,
    place_of,
)

__all__ = ["Call", "Expressions", "TooMuch"]

MOST_STEPS = 400_000
MOST_ITEMS = 20_000


class Call(NamedTuple):
    """A call, its arguments worked out."""

    args: list[object]
    keywords: dict[str, object]
    node: ast.Call
    scope: Scope


class TooMuch(Exception):  # noqa: N818 -- named for what it is
    """The project computes more than is followed here."""


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], object]] = MappingProxyType(
    {
        ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitOr: operator.or_, ast.BitAnd: operator.and_,
    }
)  # fmt: skip
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], object]] = MappingProxyType(
    {
        ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
        ast.GtE: operator.ge, ast.Is: lambda a, b: a is b or (a == b and type(a) is type(b)),
        ast.IsNot: lambda a, b: not (a is b or (a == b and type(a) is type(b))),
        ast.In: lambda a, b: operator.contains(b, a),
        ast.NotIn: lambda a, b: not operator.contains(b, a),
    }
)  # fmt: skip
_FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, LookupError)


class Expressions:
    """Works expressions out; `call` and `attribute_of` come from the classes made of this."""

    def __init__(self) -> None:
        self._steps = 0

    # -- for the classes made of this

    def call(self, called: object, call: "Call") -> object:
        """Call something."""
        raise NotImplementedError

    def attribute_of(self, value: object, name: str, node: ast.expr, scope: Scope) -> object | None:
        """Return an attribute of what the framework made; None: it is not the framework's."""
        raise NotImplementedError

    def item_of(self, value: object, key: object, node: ast.expr, scope: Scope) -> object | None:
        """Return an item of what the framework made; None: it is not the framework's."""
        raise NotImplementedError

    # -- what is common

    def spend(self) -> None:
        """Count a step; raise TooMuch when there were too many."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooMuch

    def place(self, node: ast.AST, scope: Scope) -> Place:
        """Return where a node stands."""
        return Place(scope.file, getattr(node, "lineno", 0))

    def unknown(self, node: ast.AST, scope: Scope, why: str = "") -> Unknown:
        """Return an Unknown for a node."""
        return Unknown(why or f"`{said(node)}`", self.place(node, scope))

    def evaluate(self, node: ast.expr, scope: Scope) -> object:
        """Work one expression out."""
        self.spend()
        way = _WAYS.get(type(node))
        return self.unknown(node, scope) if way is None else way(self, node, scope)

    # -- leaves

    def _constant(self, node: ast.Constant, scope: Scope) -> object:
        return Located(node.value, self.place(node, scope)) if isinstance(node.value, str) else node.value

    def _name(self, node: ast.Name, scope: Scope) -> object:
        if scope.has(node.id):
            return scope.find(node.id)
        if node.id in _BUILTINS:
            return External(f"builtins.{node.id}")
        return self.unknown(node, scope, f"the name `{node.id}`")

    def _attribute(self, node: ast.Attribute, scope: Scope) -> object:
        value = self.evaluate(node.value, scope)
        found = self.attribute_of(value, node.attr, node, scope)
        if found is not None:
            return found
        if isinstance(value, Unset):
            return value  # whatever is made of it: that it is not set is why it is not known
        if isinstance(value, Unknown):
            return Unknown(f"`{said(node)}`", place_of(value, self.place(node, scope)), ())
        if isinstance(value, External):
            return External(f"{value.name}.{node.attr}")
        if isinstance(value, Module):
            return value.scope.names.get(node.attr, self.unknown(node, scope))
        if isinstance(value, Instance) and node.attr in value.names:
            return value.names[node.attr]
        kind = value.kind if isinstance(value, Instance) else value
        if isinstance(kind, Class):
            member = kind.find(node.attr)
            is_method = isinstance(member, Function) and isinstance(value, Instance)
            if is_method or (member is None and node.attr not in kind.all_names()):
                return Bound(value, node.attr)
            return member
        return Bound(value, node.attr)

    # -- operators

    def _binary(self, node: ast.BinOp, scope: Scope) -> object:
        return self.combine(
            self.evaluate(node.left, scope), node.op, self.evaluate(node.right, scope), node, scope
        )

    def combine(self, left: object, kind: ast.operator, right: object, node: ast.AST, scope: Scope) -> object:
        """Apply an operator to two values."""
        if isinstance(kind, ast.Add) and isinstance(left, (list, tuple)) and isinstance(right, Unknown):
            return [*left, right]
        if isinstance(kind, ast.Add) and isinstance(right, (list, tuple)) and isinstance(left, Unknown):
            return [left, *right]
        unset = next((side for side in (left, right) if isinstance(side, Unset)), None)
        if unset is not None or isinstance(left, Unknown) or isinstance(right, Unknown):
            return unset or self.unknown(node, scope)
        if isinstance(kind, ast.Mult) and _is_huge(left, right):
            raise TooMuch
        if isinstance(kind, ast.Add) and _size(left) + _size(right) > MOST_ITEMS:
            raise TooMuch  # what is doubled line by line fills any memory
        if isinstance(kind, ast.Mod) and isinstance(left, str) and is_amplified(left, "%", right):
            raise TooMuch
        if isinstance(kind, ast.BitOr) and isinstance(left, list) and isinstance(right, list):
            return [*left, *(item for item in right if item not in left)]  # two sets
        how = _BINARY.get(type(kind))
        try:
            value = None if how is None else how(left, right)
        except _FAULTS:
            value = None
        if value is None:
            return self.unknown(node, scope)
        return Located(value, place_of(left, self.place(node, scope))) if isinstance(value, str) else value

    def _boolean(self, node: ast.BoolOp, scope: Scope) -> object:
        is_or = isinstance(node.op, ast.Or)
        value: object = None
        for number, part in enumerate(node.values):
            value = self.evaluate(part, scope)
            known = truth(value)
            if isinstance(value, Unset) and is_or and number + 1 < len(node.values):
                continue  # as a default beside `or` means it
            if known is None:
                rest = [self.evaluate(later, scope) for later in node.values[number + 1 :]]
                maybe = tuple(shown(item) for item in rest if is_or and is_known(item))
                return Unknown(f"`{said(node)}`", place_of(value, self.place(node, scope)), maybe)
            if known is is_or:
                return value
        return value

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> object:
        value = self.evaluate(node.operand, scope)
        if isinstance(node.op, ast.Not):
            known = truth(value)
            return self.unknown(node, scope) if known is None else not known
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float)):
            return -value
        return self.unknown(node, scope)

    def _compare(self, node: ast.Compare, scope: Scope) -> object:
        left = self.evaluate(node.left, scope)
        for kind, part in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(part, scope)
            if not (is_known(left) and is_known(right)):
                return self.unknown(node, scope)
            try:
                holds = bool(_COMPARE[type(kind)](left, right))
            except _FAULTS:
                return self.unknown(node, scope)
            if not holds:
                return False
            left = right
        return True

    def _choice(self, node: ast.IfExp, scope: Scope) -> object:
        known = truth(self.evaluate(node.test, scope))
        if known is not None:
            return self.evaluate(node.body if known else node.orelse, scope)
        one, other = self.evaluate(node.body, scope), self.evaluate(node.orelse, scope)
        return merged(one, other, f"what depends on `{said(node.test)}`", self.place(node, scope))

    # -- containers

    def _list(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> object:
        items: list[object] = []
        for part in node.elts:
            if not isinstance(part, ast.Starred):
                items.append(self.evaluate(part, scope))
                continue
            value = self.evaluate(part.value, scope)
            items += list(value) if isinstance(value, (list, tuple)) else [self.unknown(part, scope)]
        if not all(map(is_bounded, items)):
            return self.unknown(node, scope)
        return tuple(items) if isinstance(node, ast.Tuple) else items

    def _dict(self, node: ast.Dict, scope: Scope) -> object:
        found: dict[object, object] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.evaluate(value_node, scope)
            value = value if is_bounded(value) else self.unknown(value_node, scope)
            if key_node is None:
                if isinstance(value, dict):
                    found.update(value)
                else:
                    found[self.unknown(value_node, scope)] = value
                continue
            key = self.evaluate(key_node, scope)
            try:
                found[key] = value
            except TypeError:
                found[self.unknown(key_node, scope)] = value
        return found

    def _subscript(self, node: ast.Subscript, scope: Scope) -> object:
        value, key = self.evaluate(node.value, scope), self.evaluate(node.slice, scope)
        found = self.item_of(value, key, node, scope)
        if found is not None:
            return found
        if isinstance(value, Unset):
            return value
        if isinstance(value, (Unknown, External)) or isinstance(key, Unknown):
            choices = value.values() if isinstance(value, dict) else ()
            maybe = tuple(shown(choice) for choice in choices if is_known(choice))
            return Unknown(f"`{said(node)}`", place_of(key, self.place(node, scope)), maybe[:4])
        try:
            item: object = value[key]  # type: ignore[index]
        except _FAULTS:
            return self.unknown(node, scope)
        return Located(item, place_of(value, self.place(node, scope))) if type(item) is str else item

    def _slice(self, node: ast.Slice, scope: Scope) -> object:
        ends = [
            None if part is None else self.evaluate(part, scope)
            for part in (node.lower, node.upper, node.step)
        ]
        is_plain = all(end is None or isinstance(end, int) for end in ends)
        return slice(*ends) if is_plain else self.unknown(node, scope)

    def _text(self, node: ast.JoinedStr, scope: Scope) -> object:
        pieces: list[str] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.evaluate(part.value, scope)
                if part.format_spec is not None or part.conversion != -1 or not isinstance(value, (str, int)):
                    return self.unknown(node, scope)
                pieces.append(str(value))
            elif isinstance(part, ast.Constant):
                pieces.append(str(part.value))
        if sum(map(len, pieces)) > MOST_ITEMS:
            raise TooMuch
        return Located("".join(pieces), self.place(node, scope))

    # -- comprehensions

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> object:
        found = [
            self.evaluate(node.elt, inner) if why is None else why
            for inner, why in self._turns(node.generators, scope)
        ]
        if isinstance(node, ast.SetComp):
            return [item for number, item in enumerate(found) if item not in found[:number]]
        return found

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> object:
        found: dict[object, object] = {}
        for inner, why in self._turns(node.generators, scope):
            if why is not None:
                return why
            key = self.evaluate(node.key, inner)
            if not isinstance(key, (str, int, tuple, Unknown)):
                return self.unknown(node, scope)
            found[key] = self.evaluate(node.value, inner)
        return found

    def _turns(
        self, generators: Sequence[ast.comprehension], scope: Scope
    ) -> Iterator[tuple[Scope, Unknown | None]]:
        if not generators:
            yield scope, None
            return
        first, *rest = generators
        value = self.evaluate(first.iter, scope)
        items = self.iterated(value)
        if items is None:
            yield scope, value if isinstance(value, Unknown) else self.unknown(first.iter, scope)
            return
        for item in items:
            self.spend()
            inner = Scope(scope.file, {}, scope)
            if isinstance(item, Unknown):
                yield inner, item
                continue
            self.bind(first.target, item, inner)
            tests = [truth(self.evaluate(test, inner)) for test in first.ifs]
            if None in tests:
                yield inner, self.unknown(first.ifs[tests.index(None)], scope)
            elif all(tests):
                yield from self._turns(rest, inner)

    def iterated(self, value: object) -> list[object] | None:
        """Return what a loop over a value goes through; None where that is not known."""
        if isinstance(value, (list, tuple, dict)):
            return list(value)
        if isinstance(value, str):
            return [Located(character, place_of(value, Place(""))) for character in value]
        return None

    def bind(self, target: ast.expr, value: object, scope: Scope) -> None:
        """Give a value to a name, or to several."""
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
            scope.places[target.id] = self.place(target, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = (
                list(value) if isinstance(value, (list, tuple)) and len(value) == len(target.elts) else None
            )
            for number, part in enumerate(target.elts):
                self.bind(part, self.unknown(part, scope) if parts is None else parts[number], scope)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> object:
        return Function(node, scope)

    def _named(self, node: ast.NamedExpr, scope: Scope) -> object:
        value = self.evaluate(node.value, scope)
        scope.names[node.target.id] = value
        return value

    def _call(self, node: ast.Call, scope: Scope) -> object:
        called = self.evaluate(node.func, scope)
        args: list[object] = []
        for part in node.args:
            value = self.evaluate(part.value if isinstance(part, ast.Starred) else part, scope)
            if isinstance(part, ast.Starred):
                args += list(value) if isinstance(value, (list, tuple)) else [self.unknown(part, scope)]
            else:
                args.append(value)
        keywords: dict[str, object] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, scope)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                keywords.update(value)
            else:
                keywords["**"] = self.unknown(keyword.value, scope)
        return self.call(called, Call(args, keywords, node, scope))


def _size(value: object) -> int:
    return len(value) if isinstance(value, (str, bytes, list, tuple)) else 0


def _is_huge(left: object, right: object) -> bool:
    """Tell whether multiplying would make something large."""
    sizes = [len(part) for part in (left, right) if isinstance(part, (str, bytes, list, tuple))]
    counts = [abs(part) for part in (left, right) if isinstance(part, int)]
    return (bool(sizes) and max(sizes) * max(counts, default=1) > MOST_ITEMS) or any(
        count > 1 << 64 for count in counts
    )


_BUILTINS = frozenset(
    {"str", "int", "bool", "float", "list", "tuple", "set", "frozenset", "dict", "len", "sorted", "map", "filter",
     "any", "all", "min", "max", "range", "enumerate", "zip", "getattr", "isinstance", "print", "open", "super",
     "reversed", "object", "type", "Exception", "property", "staticmethod", "classmethod", "repr", "hasattr", "setattr"}
)  # fmt: skip

Way = Callable[[Expressions, Any, Scope], object]
_WAYS: Mapping[type[ast.expr], Way] = MappingProxyType(
    {
        ast.Constant: Expressions._constant,
        ast.Name: Expressions._name,
        ast.Attribute: Expressions._attribute,
        ast.BinOp: Expressions._binary,
        ast.BoolOp: Expressions._boolean,
        ast.UnaryOp: Expressions._unary,
        ast.Compare: Expressions._compare,
        ast.IfExp: Expressions._choice,
        ast.List: Expressions._list,
        ast.Tuple: Expressions._list,
        ast.Set: Expressions._list,
        ast.Dict: Expressions._dict,
        ast.Subscript: Expressions._subscript,
        ast.Slice: Expressions._slice,
        ast.JoinedStr: Expressions._text,
        ast.ListComp: Expressions._comprehension,
        ast.SetComp: Expressions._comprehension,
        ast.GeneratorExp: Expressions._comprehension,
        ast.DictComp: Expressions._dict_comprehension,
        ast.Lambda: Expressions._lambda,
        ast.NamedExpr: Expressions._named,
        ast.Call: Expressions._call,
    }
)  # fmt: skip

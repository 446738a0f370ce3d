# ruff: noqa: SLF001 -- the table at the end is the class's own
"""Following statements: modules, functions and classes of the project, in the order in which Python would.

Laws: nothing is executed. Where a condition is not known both ways are followed, and what differs afterwards is unknown; what
is put on an app meanwhile remembers the condition. Each module is followed once, each function at each of its calls.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType
from typing import Any

from corsproxy.bridges.flask.choices import merged, said, truth
from corsproxy.bridges.flask.expressions import Expressions
from corsproxy.bridges.flask.sources import Sources
from corsproxy.bridges.flask.values import (
    Class,
    External,
    Function,
    Instance,
    Module,
    Scope,
    Unknown,
    is_bounded,
    is_known,
)

__all__ = ["MODULE_NAME", "Statements"]

MODULE_NAME = "the name of its module"
_DEEPEST = 40
_MOST_TURNS = 5000


class Flow(Enum):
    """How a block ended, where not at its end."""

    RETURN = auto()
    LEAVE = auto()  # break or continue
    RAISE = auto()


class Statements(Expressions):
    """Follows statements; what Flask does when called is in the class made of this."""

    def __init__(self, sources: Sources) -> None:
        super().__init__()
        self.sources = sources
        self.conditions: list[Unknown] = []
        self.followed: set[ast.AST] = set()
        self.mains: list[tuple[ast.If, Scope]] = []
        self._modules: dict[Path, Module] = {}
        self._returns: list[list[object]] = []
        self._depth = 0

    # -- for the class made of this

    def assign_item(self, value: object, key: object, item: object, node: ast.AST, scope: Scope) -> bool:
        """Assign an item of what the framework made; False: it is not the framework's."""
        raise NotImplementedError

    def decorate(self, decorator: object, inner: object, node: ast.expr, scope: Scope) -> object:
        """Apply a decorator to a function or a class."""
        raise NotImplementedError

    # -- modules

    def module(self, path: Path) -> Module | None:
        """Follow a file, once; None where it cannot be read."""
        if path in self._modules:
            return self._modules[path]
        tree = self.sources.tree(path)
        if tree is None:
            return None
        shown = self.sources.shown(path)
        scope = Scope(shown, {"__name__": External(MODULE_NAME), "__file__": str(path)})
        module = self._modules[path] = Module(shown, scope, path.name == "__init__.py")
        outer, self.conditions = self.conditions, []
        self.block(tree.body, scope)
        self.conditions = outer
        return module

    def path_of(self, scope: Scope) -> Path:
        """Return the file that a scope is of."""
        return self.sources.root / scope.file

    def dotted(self, name: str, scope: Scope) -> object | None:
        """Find a module, or a name in one, by its dotted path, as `from_object("config.Production")` does."""
        path = self.sources.locate(name, self.path_of(scope))
        if path is not None:
            return self.module(path)
        above, _, last = name.rpartition(".")
        found = self.dotted(above, scope) if above else None
        return found.scope.names.get(last) if isinstance(found, Module) else None

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            first = alias.name.partition(".")[0]
            wanted = alias.name if alias.asname else first
            path = self.sources.locate(wanted, self.path_of(scope))
            module = self.module(path) if path else None
            scope.names[alias.asname or first] = External(wanted) if module is None else module
            if not alias.asname and module is not None and "." in alias.name:
                self._bind_below(module, alias.name, scope)

    def _bind_below(self, module: Module, name: str, scope: Scope) -> None:
        """Make `import a.b.c` known as an attribute of an attribute of `a`."""
        parts = name.split(".")
        for number in range(2, len(parts) + 1):
            path = self.sources.locate(".".join(parts[:number]), self.path_of(scope))
            below = self.module(path) if path else None
            if below is None:
                return
            module.scope.names[parts[number - 1]] = below
            module = below

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        here = self.path_of(scope)
        name = node.module or ""
        path = (
            self.sources.relative(node.level, name, here) if node.level else self.sources.locate(name, here)
        )
        module = self.module(path) if path else None
        for alias in node.names:
            if alias.name == "*":
                names = module.scope.names if module else {}
                scope.names.update({key: value for key, value in names.items() if not key.startswith("_")})
                continue
            bound: object
            if module is not None and alias.name in module.scope.names:
                bound = module.scope.names[alias.name]
            else:
                bound = self._submodule(node, alias.name, here) or (
                    External(f"{name}.{alias.name}")
                    if module is None
                    else self.unknown(node, scope, f"`{alias.name}`")
                )
            scope.names[alias.asname or alias.name] = bound

    def _submodule(self, node: ast.ImportFrom, name: str, here: Path) -> Module | None:
        dotted = f"{node.module}.{name}" if node.module else name
        path = (
            self.sources.relative(node.level, dotted, here)
            if node.level
            else self.sources.locate(dotted, here)
        )
        return self.module(path) if path and path != here else None

    # -- blocks

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> Flow | None:
        """Follow statements; return how they ended."""
        for statement in body:
            self.spend()
            flow = self._statement(statement, scope)
            if flow is not None:
                return flow
        return None

    def _statement(self, node: ast.stmt, scope: Scope) -> Flow | None:
        if isinstance(node, ast.Return):
            value = None if node.value is None else self.evaluate(node.value, scope)
            if self._returns:
                self._returns[-1].append(value)
            return Flow.RETURN
        if isinstance(node, ast.Raise):
            return Flow.RAISE
        if isinstance(node, (ast.Break, ast.Continue)):
            return Flow.LEAVE
        flows = _FLOWING.get(type(node))
        if flows is not None:
            return flows(self, node, scope)
        way = _WAYS.get(type(node))
        if way is not None:
            way(self, node, scope)
        return None

    @contextmanager
    def under(self, condition: Unknown) -> Iterator[None]:
        """Follow what only happens on a condition."""
        self.conditions.append(condition)
        yield
        self.conditions.pop()

    def _if(self, node: ast.If, scope: Scope) -> Flow | None:
        if ast.unparse(node.test) == "__name__ == '__main__'":
            self.mains.append((node, scope))  # only where the file is run itself, which nobody here does
            return self.block(node.orelse, scope)
        value = self.evaluate(node.test, scope)
        known = truth(value)
        if known is not None:
            return self.block(node.body if known else node.orelse, scope)
        condition = self.unknown(node.test, scope)
        before = dict(scope.names)
        with self.under(condition):
            one = self.block(node.body, scope)
        after, scope.names = scope.names, before
        with self.under(self.unknown(node.test, scope, f"`not ({said(node.test)})`")):
            other = self.block(node.orelse, scope)
        if one is not None and one is other:
            return one
        if one is None and other is not None:
            scope.names = after
        elif one is None:
            scope.names = self._merge(after, scope.names, condition)
        return None

    def _merge(
        self, one: dict[str, object], other: dict[str, object], condition: Unknown
    ) -> dict[str, object]:
        why = f"what depends on {condition.why}"
        missing = object()
        found: dict[str, object] = {}
        for name in {**one, **other}:
            left, right = one.get(name, missing), other.get(name, missing)
            if left is missing or right is missing:
                found[name] = right if left is missing else left
            else:
                found[name] = merged(left, right, why, condition.place)
        return found

    def _maybe(self, body: Sequence[ast.stmt], scope: Scope, condition: Unknown) -> None:
        before = dict(scope.names)
        with self.under(condition):
            self.block(body, scope)
        scope.names = self._merge(scope.names, before, condition)

    def _while(self, node: ast.While, scope: Scope) -> Flow | None:
        self._maybe(node.body, scope, self.unknown(node.test, scope))
        return None

    def _match(self, node: ast.Match, scope: Scope) -> Flow | None:
        for case in node.cases:
            self._maybe(case.body, scope, self.unknown(node.subject, scope, f"`match {said(node.subject)}`"))
        return None

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> Flow | None:
        items = self.iterated(self.evaluate(node.iter, scope))
        if items is None or len(items) > _MOST_TURNS:
            self.bind(node.target, self.unknown(node.iter, scope), scope)
            self._maybe(node.body, scope, self.unknown(node.iter, scope))
            return None
        for item in items:
            self.bind(node.target, item, scope)
            flow = self.block(node.body, scope)
            if flow in {Flow.RETURN, Flow.RAISE}:
                return flow
        return self.block(node.orelse, scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> Flow | None:
        for item in node.items:
            value = self.evaluate(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope)
        return self.block(node.body, scope)

    def _try(self, node: ast.Try | ast.TryStar, scope: Scope) -> Flow | None:
        flow = self.block(node.body, scope)
        if flow is None:
            flow = self.block(node.orelse, scope)
        for caught in node.handlers:
            self._maybe(caught.body, scope, self.unknown(caught, scope, "an exception"))
        return self.block(node.finalbody, scope) or (None if flow is Flow.RAISE else flow)

    # -- single statements

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        self.evaluate(node.value, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.evaluate(node.value, scope)
        for target in node.targets:
            self._assign_to(target, value, node, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self._assign_to(node.target, self.evaluate(node.value, scope), node, scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        target = node.target
        before = self.evaluate(ast.copy_location(_loaded(target), target), scope)
        self._assign_to(
            target, self.combine(before, node.op, self.evaluate(node.value, scope), node, scope), node, scope
        )

    def _assign_to(self, target: ast.expr, value: object, node: ast.stmt, scope: Scope) -> None:
        if isinstance(target, ast.Subscript):
            holder, key = self.evaluate(target.value, scope), self.evaluate(target.slice, scope)
            if (
                not self.assign_item(holder, key, value, node, scope)
                and isinstance(holder, dict)
                and is_known(key)
            ):
                kept = value if is_bounded(value, holder) else self.unknown(node, scope)
                holder[key] = self.guarded(kept, node, scope)
        elif isinstance(target, ast.Attribute):
            holder = self.evaluate(target.value, scope)
            if isinstance(holder, (Class, Instance)):
                holder.names[target.attr] = self.guarded(value, node, scope)
            elif isinstance(holder, Module):
                holder.scope.names[target.attr] = self.guarded(value, node, scope)
            else:
                self.assign_item(holder, f".{target.attr}", value, node, scope)
        else:
            self.bind(target, value, scope)

    def guarded(self, value: object, node: ast.AST, scope: Scope) -> object:
        """Return a value as it can be relied on: unknown where it is only set on a condition."""
        if not self.conditions:
            return value
        return Unknown(
            f"what is only set if {self.conditions[-1].why}", self.place(node, scope), (said(node),)
        )

    def _delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.names.pop(target.id, None)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        made: object = Function(node, scope)
        for decorator in reversed(node.decorator_list):
            made = self.decorate(self.evaluate(decorator, scope), made, decorator, scope)
        scope.names[node.name] = made

    def _define_class(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = tuple(self.evaluate(base, scope) for base in node.bases if not isinstance(base, ast.Starred))
        inner = Scope(scope.file, {}, scope)
        self.block(node.body, inner)
        made: object = Class(node.name, self.place(node, scope), bases, inner.names, inner.places)
        for decorator in reversed(node.decorator_list):
            made = self.decorate(self.evaluate(decorator, scope), made, decorator, scope)
        scope.names[node.name] = made

    def _global(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        """Left alone: a name that functions assign elsewhere is looked up where it is."""

    # -- calls into the project

    def run(
        self, function: Function, args: list[object], keywords: dict[str, object], node: ast.AST, scope: Scope
    ) -> object:
        """Follow a function of the project and return what it returns."""
        if self._depth >= _DEEPEST:
            return self.unknown(node, scope, f"`{said(node)}`, which calls itself")
        inner = Scope(function.scope.file, {}, function.scope)
        self._bind_arguments(function, args, keywords, inner)
        self._depth += 1
        try:
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body, inner)
            self.followed.add(function.node)
            self._returns.append([])
            self.block(function.node.body, inner)
            returned = self._returns.pop()
        finally:
            self._depth -= 1
        if len(returned) <= 1:
            return returned[0] if returned else None
        found = returned[0]
        for other in returned[1:]:
            found = merged(found, other, f"what `{function.name}()` returns", self.place(node, scope))
        return found

    def _bind_arguments(
        self, function: Function, args: list[object], keywords: dict[str, object], inner: Scope
    ) -> None:
        spec = function.node.args
        names = [*spec.posonlyargs, *spec.args]
        defaults = dict(
            zip([arg.arg for arg in names[len(names) - len(spec.defaults) :]], spec.defaults, strict=True)
        )
        defaults |= {
            arg.arg: node for arg, node in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if node
        }
        for number, arg in enumerate([*names, *spec.kwonlyargs]):
            if number < len(args) and number < len(names):
                inner.names[arg.arg] = args[number]
            elif arg.arg in keywords:
                inner.names[arg.arg] = keywords[arg.arg]
            elif arg.arg in defaults:
                inner.names[arg.arg] = self.evaluate(defaults[arg.arg], function.scope)
            else:
                why = f"the argument `{arg.arg}` of `{function.name}()`"
                inner.names[arg.arg] = self.unknown(arg, function.scope, why)
        if spec.vararg:
            inner.names[spec.vararg.arg] = list(args[len(names) :])
        if spec.kwarg:
            known = {arg.arg for arg in (*names, *spec.kwonlyargs)}
            inner.names[spec.kwarg.arg] = {
                name: value for name, value in keywords.items() if name not in known
            }

    def method(self, receiver: object, name: str) -> Function | None:
        """Return the method that a call on an object of the project means."""
        kind = receiver.kind if isinstance(receiver, Instance) else receiver
        member = kind.find(name) if isinstance(kind, Class) else None
        return member if isinstance(member, Function) else None


def _loaded(target: ast.expr) -> ast.expr:
    """Return a target of an assignment as an expression."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target


Way = Callable[[Statements, Any, Scope], None]
_WAYS: Mapping[type[ast.stmt], Way] = MappingProxyType(
    {
        ast.Import: Statements._import, ast.ImportFrom: Statements._import_from, ast.Expr: Statements._expression,
        ast.Assign: Statements._assign, ast.AnnAssign: Statements._annotated, ast.AugAssign: Statements._augmented,
        ast.Delete: Statements._delete, ast.FunctionDef: Statements._define, ast.AsyncFunctionDef: Statements._define,
        ast.ClassDef: Statements._define_class, ast.Global: Statements._global, ast.Nonlocal: Statements._global,
    }
)  # fmt: skip
_FLOWING: Mapping[type[ast.stmt], Callable[[Statements, Any, Scope], Flow | None]] = MappingProxyType(
    {
        ast.If: Statements._if, ast.For: Statements._for, ast.AsyncFor: Statements._for, ast.With: Statements._with,
        ast.AsyncWith: Statements._with, ast.Try: Statements._try, ast.TryStar: Statements._try,
        ast.While: Statements._while, ast.Match: Statements._match,
    }
)  # fmt: skip

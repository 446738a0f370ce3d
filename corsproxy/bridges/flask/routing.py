"""Routes, blueprints and APIs made of resources: what a project puts on URLs, and `@cross_origin` on it.

Laws: `cross_origin` counts only below the decorator that makes the route, as in Flask. A view that is a class is decorated as a
whole by `decorators`, or method by method.
"""

import ast
from collections.abc import Iterable

from corsproxy.bridges.flask.choices import said
from corsproxy.bridges.flask.expressions import Call
from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.objects import Api, App, Blueprint, Decoration, Mark, Mount, Route, Router, View
from corsproxy.bridges.flask.sources import Sources
from corsproxy.bridges.flask.statements import Statements
from corsproxy.bridges.flask.values import Class, External, Function, Scope, Unknown, is_known

__all__ = ["CROSS_ORIGIN", "VERBS", "Routing"]

CROSS_ORIGIN = frozenset(
    {"flask_cors.cross_origin", "flask_cors.decorator.cross_origin", "flask.ext.cors.cross_origin"}
)
VERBS = ("get", "head", "post", "put", "delete", "patch", "options")


class Routing(Statements):
    """Keeps what is put on URLs: `apps`, `blueprints`, and the `decorations` that are on no route yet."""

    def __init__(self, sources: Sources, findings: Findings) -> None:
        super().__init__(sources)
        self.findings = findings
        self.apps: list[App] = []
        self.blueprints: list[Blueprint] = []
        self.decorations: list[Decoration] = []

    def make_blueprint(self, args: list[object], keywords: dict[str, object], place: Place) -> Blueprint:
        """Make a blueprint."""
        name = args[0] if args else keywords.get("name", "")
        blueprint = Blueprint(place, name=str(name) if isinstance(name, str) else "")
        blueprint.prefix = self._prefix(keywords, place)
        self.blueprints.append(blueprint)
        return blueprint

    def _prefix(self, keywords: dict[str, object], place: Place, key: str = "url_prefix") -> str | None:
        prefix = keywords.get(key)
        if prefix is None or isinstance(prefix, str):
            return prefix
        why = prefix.why if isinstance(prefix, Unknown) else "not a text"
        self.findings.add(
            Code.PATH,
            place,
            f"The {key} here is {why}: taken as if there were none.",
            fix="mend the paths in the YAML",
        )
        return None

    def on_router(self, router: Router, name: str, call: Call) -> object:
        """Call a method of an app or a blueprint."""
        place = self.place(call.node, call.scope)
        if name == "route" or name in VERBS:
            return self._mark(router, name, call)
        if name == "add_url_rule":
            view = call.keywords.get("view_func", call.args[2] if len(call.args) > 2 else None)
            mark = self._mark(router, "route", call)
            if isinstance(mark, Mark):
                self._put(mark, view)
            return None
        if name == "register_blueprint":
            blueprint = call.args[0] if call.args else call.keywords.get("blueprint")
            if isinstance(blueprint, Blueprint):
                router.mounts.append(Mount(blueprint, self._prefix(call.keywords, place), place))
            elif isinstance(blueprint, Unknown):
                what = f"The blueprint that is registered here is {blueprint.why}: its routes are not known."
                self.findings.add(Code.UNREGISTERED, place, what)
            return None
        return self.unknown(call.node, call.scope)

    def _mark(self, router: Router | Api, name: str, call: Call) -> object:
        place = self.place(call.node, call.scope)
        methods = call.keywords.get("methods")
        verbs: tuple[str, ...] = () if name == "route" else (name.upper(),)
        if isinstance(methods, (list, tuple)) and is_known(methods):
            verbs = tuple(str(method).upper() for method in methods)
        given = call.args if isinstance(router, Api) else call.args[:1] or [call.keywords.get("rule")]
        rules = tuple(str(rule) for rule in given if isinstance(rule, str))
        if len(rules) != len(given):
            what = f"The URL of this route is {said(call.node)}: it is not known."
            self.findings.add(Code.PATH, place, what, fix="add its path to the YAML")
            return self.unknown(call.node, call.scope)
        if call.keywords.keys() & {"subdomain", "host"}:
            what = "This route is for one host or sub-domain only; the rule is for every host."
            self.findings.add(Code.PATH, place, what, fix="add host: to the rule")
        return Mark(router, rules, verbs, place, said(call.node, 40))

    def decorate(self, decorator: object, inner: object, node: ast.expr, scope: Scope) -> object:
        """See Statements."""
        if isinstance(decorator, External) and decorator.name in CROSS_ORIGIN:
            what = (
                "@cross_origin stands here without parentheses, and so takes the view for its first argument."
            )
            self.findings.add(Code.NO_EFFECT, self.place(node, scope), what)
            return inner
        if isinstance(decorator, External) and isinstance(inner, Function):
            inner.marks.append(decorator)
        if isinstance(decorator, Decoration) and isinstance(inner, (Function, View)):
            if any(isinstance(mark, Mark) for mark in inner.marks):
                what = "@cross_origin stands above the decorator that makes the route, and so does nothing."
                self.findings.add(Code.NO_EFFECT, decorator.place, what)
                self._used(decorator)
            inner.marks.append(decorator)
        if isinstance(decorator, Mark):
            self._put(decorator, inner)
        return inner

    def _used(self, decoration: object) -> None:
        if isinstance(decoration, Decoration) and decoration in self.decorations:
            self.decorations.remove(decoration)

    def _put(self, mark: Mark, view: object) -> None:
        """Put a view on its URLs."""
        decorations = _decorations(view.marks) if isinstance(view, (Function, View)) else []
        by_method: list[tuple[str, Decoration]] = []
        methods = mark.methods
        if isinstance(view, Function):
            view.marks.append(mark)
        kind = view.kind if isinstance(view, View) else view
        if isinstance(kind, Class):
            methods = methods or tuple(verb.upper() for verb in VERBS if verb in kind.all_names())
            by_method = self._in_class(kind, methods)
        router = mark.router
        prefix = router.prefix if isinstance(router, Api) else ""
        if isinstance(router, Api):
            decorations += _decorations(router.decorators)
        for each in (*decorations, *(one for _, one in by_method)):
            self._used(each)
        kept = router if isinstance(router, Router) else router.router
        for rule in mark.rules:
            route = Route(
                prefix + rule, methods or ("GET",), mark.place, mark.said,
                tuple(decorations), tuple(by_method), tuple(self.conditions),
            )  # fmt: skip
            (
                router.waiting if isinstance(router, Api) and kept is None else kept.routes if kept else []
            ).append(route)

    def _in_class(self, kind: Class, methods: tuple[str, ...]) -> list[tuple[str, Decoration]]:
        """Return what `decorators` and decorated methods of a class put on each method; OPTIONS never gets there."""
        members = kind.all_names()
        found: list[tuple[str, Decoration]] = []
        for verb in methods:
            member = members.get(verb.lower())
            found += [
                (verb, each) for each in _decorations(member.marks if isinstance(member, Function) else [])
            ]
            for key in ("method_decorators", "decorators"):
                listed = members.get(key)
                listed = listed.get(verb.lower()) if isinstance(listed, dict) else listed
                found += [(verb, each) for each in _decorations(listed if isinstance(listed, list) else [])]
        for _, each in found[:1]:
            what = "@cross_origin is inside a class here, where preflights never get: Flask answers OPTIONS by itself."
            fix = "write allow_methods and allow_headers of its rule, if preflights are to get through"
            self.findings.add(Code.NO_EFFECT, each.place, what, fix=fix)
        return found

    # -- APIs made of resources

    def make_api(self, args: list[object], keywords: dict[str, object], *, is_namespace: bool) -> Api:
        """Make an API, or a namespace of one."""
        if is_namespace:
            title = args[0] if args else keywords.get("name", "")
            path = keywords.get("path", f"/{title}")
            return Api(None, str(path).rstrip("/") if isinstance(path, str) else "")
        first = args[0] if args else keywords.get("app")
        prefix = keywords.get("prefix", "")
        listed = keywords.get("decorators")
        decorators = tuple(listed) if isinstance(listed, (list, tuple)) else ()
        router = first if isinstance(first, Router) else None
        return Api(router, str(prefix) if isinstance(prefix, str) else "", decorators)

    def on_api(self, api: Api, name: str, call: Call) -> object:
        """Call a method of an API or a namespace."""
        if name == "init_app" and call.args and isinstance(call.args[0], Router):
            api.router = call.args[0]
            call.args[0].routes += api.waiting
            api.waiting = []
        elif name == "register_blueprint" and api.router is not None:
            return self.on_router(api.router, name, call)
        elif name == "route":
            return self._mark(api, name, call)
        elif name == "add_resource" and call.args:
            mark = self._mark(api, "route", call._replace(args=call.args[1:]))
            if isinstance(mark, Mark):
                self._put(mark, call.args[0])
        elif name == "namespace":
            below = self.make_api(call.args, call.keywords, is_namespace=True)
            below.router, below.prefix = api.router, api.prefix + below.prefix
            return below
        elif name == "add_namespace" and call.args and isinstance(call.args[0], Api):
            path = call.keywords.get("path", call.args[1] if len(call.args) > 1 else None)
            self._mount_namespace(api, call.args[0], str(path) if isinstance(path, str) else None)
        return None

    def _mount_namespace(self, api: Api, below: Api, path: str | None) -> None:
        for route in below.waiting:
            rest = route.rule.removeprefix(below.prefix)
            route.rule = api.prefix + (below.prefix if path is None else path.rstrip("/")) + rest
        (api.waiting if api.router is None else api.router.routes).extend(below.waiting)
        below.waiting = []


def _decorations(marks: Iterable[object]) -> list[Decoration]:
    return [each for each in marks if isinstance(each, Decoration)]

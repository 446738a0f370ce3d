"""What Flask and Flask-CORS do when a project calls them: apps, blueprints, routes, configuration, CORS put on them.

Laws: what is put on an app is kept in the order of the calls, with its line and the condition it is under. `cross_origin` counts
only below the decorator that makes the route, as in Flask.
"""

import ast
from pathlib import Path

from corsproxy.bridges.flask import settings
from corsproxy.bridges.flask.builtin import MUTATORS, call_function, call_method
from corsproxy.bridges.flask.choices import said
from corsproxy.bridges.flask.environment import Environment
from corsproxy.bridges.flask.expressions import Call
from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.objects import (
    Api,
    App,
    Applied,
    Config,
    Decoration,
    Extension,
    Mark,
    Option,
    Router,
    View,
)
from corsproxy.bridges.flask.routing import CROSS_ORIGIN, Routing
from corsproxy.bridges.flask.sources import Sources, is_file
from corsproxy.bridges.flask.statements import MODULE_NAME
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
)

__all__ = ["Project"]

_CORS = frozenset({"flask_cors.CORS", "flask_cors.extension.CORS", "flask.ext.cors.CORS"})
_FLASK = ("flask.Flask", "flask.app.Flask", "apiflask.APIFlask", "flask_openapi3.OpenAPI")
_BLUEPRINT = (
    "flask.Blueprint", "flask.blueprints.Blueprint", "apiflask.APIBlueprint", "flask_openapi3.APIBlueprint",
    "flask_smorest.Blueprint",
)  # fmt: skip
_API = tuple(
    f"{package}.Api" for package in ("flask_restful", "flask_restx", "flask_restplus", "flask_smorest")
)
_NAMESPACE = ("flask_restx.Namespace", "flask_restplus.Namespace")
_SETTINGS = ("pydantic_settings.BaseSettings", "pydantic.BaseSettings")
_ENVIRONMENT = frozenset({"os.environ.get", "os.getenv", "decouple.config"})


class Project(Routing):
    """A project followed to the end: `apps`, and what became of every decoration."""

    def __init__(self, sources: Sources, environment: Environment, findings: Findings) -> None:
        super().__init__(sources, findings)
        self.environment = environment
        self.defaulted: dict[Place, str] = {}  # where a default was taken because a variable is not set

    # -- attributes and items

    def attribute_of(self, value: object, name: str, node: ast.expr, scope: Scope) -> object | None:
        """See Expressions."""
        if isinstance(value, Instance) and value.kind.is_a(*_SETTINGS) and name in value.kind.all_names():
            return self._setting(value.kind, name, node, scope)
        return value.config if isinstance(value, App) and name == "config" else None

    def _setting(self, kind: Class, name: str, node: ast.expr, scope: Scope) -> object:
        """Return a field of pydantic's settings: from the environment, as JSON where it is not a text."""
        default = kind.find(name)
        text = self._variable(name, node, scope, default)
        if isinstance(text, Unset) or text is default:
            text = self._variable(name.upper(), node, scope, default)
        if text is default or not isinstance(text, Located) or isinstance(default, str):
            return text
        return call_function("json.loads", [text], {}, text.place) or text

    def item_of(self, value: object, key: object, node: ast.expr, scope: Scope) -> object | None:
        """See Expressions."""
        if isinstance(value, External) and value.name == "os.environ" and isinstance(key, str):
            return self._variable(key, node, scope)
        if isinstance(value, Config):
            return settings.look_up(value, key, self.unknown(node, scope), self.place(node, scope))
        return None

    def assign_item(self, value: object, key: object, item: object, node: ast.AST, scope: Scope) -> bool:
        """See Statements."""
        if isinstance(value, Config):
            settings.put(value, key, self.guarded(item, node, scope), self.place(node, scope))
            return True
        return False

    # -- calls

    def call(self, called: object, call: Call) -> object:
        """See Expressions."""
        if isinstance(called, Function):
            return self.run(called, call.args, call.keywords, call.node, call.scope)
        if isinstance(called, External):
            return self._external(called.name, call)
        if isinstance(called, Class):
            return self._instance(called, call)
        if isinstance(called, (Decoration, Mark)) and call.args:
            return self.decorate(called, call.args[0], call.node, call.scope)
        if isinstance(called, Unset):
            return called
        if isinstance(called, Bound):
            return self._bound(called.receiver, called.name, call)
        return self.unknown(call.node, call.scope, f"the call `{said(call.node)}`")

    def _external(self, name: str, call: Call) -> object:
        place = self.place(call.node, call.scope)
        if name in _CORS:
            return self._cors(call)
        if name in CROSS_ORIGIN:
            decoration = Decoration(self._options(call.keywords, call.node, call.scope), place)
            self.decorations.append(decoration)
            return decoration
        if name in _FLASK:
            return self._app(place)
        if name in _BLUEPRINT:
            return self.make_blueprint(call.args, call.keywords, place)
        if name in _API or name in _NAMESPACE:
            return self.make_api(call.args, call.keywords, is_namespace=name in _NAMESPACE)
        if name in _ENVIRONMENT and call.args and isinstance(call.args[0], str):
            default = call.args[1] if len(call.args) > 1 else call.keywords.get("default")
            found = self._variable(call.args[0], call.node, call.scope, default)
            cast = call.keywords.get("cast")
            return (
                self.call(cast, call._replace(args=[found], keywords={}))
                if isinstance(cast, (External, Function))
                else found
            )
        if name in {"dotenv.load_dotenv", "dotenv.dotenv_values"}:
            return self._dotenv(name, call.args, call.keywords, call.scope)
        unset = next((value for value in call.args if isinstance(value, Unset)), None)
        if unset is not None and name.startswith("builtins."):
            return unset
        found = self._higher(name, call)
        if found is None:
            found = call_function(name, call.args, call.keywords, place)
        return (
            self.unknown(call.node, call.scope, f"the call `{said(call.node)}`") if found is None else found
        )

    def _higher(self, name: str, call: Call) -> object | None:
        """Calls that take a function or an object, and `str.strip` called as a function."""
        if name.startswith("builtins.str.") and call.args and isinstance(call.args[0], str):
            return call_method(
                call.args[0],
                name.removeprefix("builtins.str."),
                call.args[1:],
                {},
                self.place(call.node, call.scope),
            )
        if (
            name in {"builtins.map", "builtins.filter"}
            and len(call.args) == 2
            and isinstance(call.args[1], (list, tuple))
        ):
            made = [
                item
                if call.args[0] is None
                else self.call(call.args[0], call._replace(args=[item], keywords={}))
                for item in call.args[1]
            ]
            if name == "builtins.map":
                return made
            kept = [bool(value) if is_known(value) else None for value in made]
            return (
                None
                if None in kept
                else [item for item, keep in zip(call.args[1], kept, strict=True) if keep]
            )
        if name == "builtins.getattr" and len(call.args) >= 2 and isinstance(call.args[1], str):
            holder = call.args[0]
            names = (
                holder.all_names() if isinstance(holder, Class)
                else {**holder.kind.all_names(), **holder.names} if isinstance(holder, Instance)
                else holder.scope.names if isinstance(holder, Module) else {}
            )  # fmt: skip
            return names.get(call.args[1], call.args[2] if len(call.args) > 2 and names else None)
        return None

    def _variable(self, name: str, node: ast.AST, scope: Scope, default: object = None) -> object:
        found = self.environment.get(name)
        if found is not None:
            return found
        if default is None:
            return Unset(f"the environment variable {name}, which is not set here", self.place(node, scope))
        self.defaulted[settings.written(default, self.place(node, scope))] = str(name)
        return default

    def _dotenv(self, name: str, args: list[object], keywords: dict[str, object], scope: Scope) -> object:
        named = args[0] if args else keywords.get("dotenv_path", ".env")
        here = self.path_of(scope).parent
        names = [str(named)] if isinstance(named, str) else [".env"]
        paths = [folder / part for part in names for folder in (self.sources.root, here)]
        path = next((path for path in paths if is_file(path)), paths[0])
        if name == "dotenv.dotenv_values":
            return dict(self.environment.values_of(path))
        return bool(self.environment.load(path, override=keywords.get("override") is True))

    def _instance(self, kind: Class, call: Call) -> object:
        if kind.is_a(*_FLASK):
            return self._app(self.place(call.node, call.scope))
        if kind.is_a(*_BLUEPRINT):
            return self.make_blueprint(call.args, call.keywords, self.place(call.node, call.scope))
        made = Instance(kind)
        start = self.method(made, "__init__")
        if start is not None:
            self.run(start, [made, *call.args], call.keywords, call.node, call.scope)
        return made

    def _bound(self, receiver: object, name: str, call: Call) -> object:
        place = self.place(call.node, call.scope)
        if isinstance(receiver, Extension) and name == "init_app":
            self._init_app(receiver, call)
            return None
        if isinstance(receiver, Config):
            return self._configure(receiver, name, call)
        if isinstance(receiver, Router):
            return self.on_router(receiver, name, call)
        if isinstance(receiver, Api):
            return self.on_api(receiver, name, call)
        if isinstance(receiver, Class) and name == "as_view":
            return View(receiver)
        if isinstance(receiver, (Class, Instance)):
            method = self.method(receiver, name)
            if method is not None:
                first = _first_argument(receiver, method)
                return self.run(method, [*first, *call.args], call.keywords, call.node, call.scope)
        if isinstance(receiver, (list, dict)) and name in MUTATORS:
            return self._mutate(receiver, name, call)
        found = call_method(receiver, name, call.args, call.keywords, place)
        if found is None and isinstance(receiver, dict) and name == "get":
            return None
        return (
            self.unknown(call.node, call.scope, f"the call `{said(call.node)}`") if found is None else found
        )

    def _mutate(self, receiver: list[object] | dict[object, object], name: str, call: Call) -> object:
        unknown = self.guarded(None, call.node, call.scope)
        if not all(is_bounded(value, receiver) for value in (*call.args, *call.keywords.values())):
            return self.unknown(call.node, call.scope)
        if isinstance(receiver, list):
            if unknown is not None and name in {"append", "add", "extend", "update", "insert"}:
                why = f"what is only there if {self.conditions[-1].why}"
                receiver.append(Unknown(why, self.place(call.node, call.scope), (said(call.node),)))
            elif name in {"append", "add"} and call.args and not (name == "add" and call.args[0] in receiver):
                receiver.append(call.args[0])
            elif name == "insert" and len(call.args) == 2:
                receiver.insert(
                    call.args[0] if isinstance(call.args[0], int) else len(receiver), call.args[1]
                )
            elif name in {"extend", "update"} and call.args:
                receiver += (
                    list(call.args[0])
                    if isinstance(call.args[0], (list, tuple))
                    else [self.unknown(call.node, call.scope)]
                )
            elif name in {"remove", "discard"} and call.args and call.args[0] in receiver and unknown is None:
                receiver.remove(call.args[0])
            elif name not in {"sort", "remove", "discard"}:
                receiver.append(self.unknown(call.node, call.scope))
            return None
        if name == "setdefault" and call.args:
            return receiver.setdefault(call.args[0], call.args[1] if len(call.args) > 1 else None)
        more = {**(call.args[0] if call.args and isinstance(call.args[0], dict) else {}), **call.keywords}
        if name == "update" and (more or not call.args):
            receiver.update({key: self.guarded(value, call.node, call.scope) for key, value in more.items()})
            return None
        receiver[self.unknown(call.node, call.scope)] = self.unknown(call.node, call.scope)
        return self.unknown(call.node, call.scope)

    # -- Flask

    def _app(self, place: Place) -> App:
        app = App(place, made=len(self.apps))
        self.apps.append(app)
        return app

    def _configure(self, config: Config, name: str, call: Call) -> object:
        place = self.place(call.node, call.scope)
        first = call.args[0] if call.args else None
        if name in {"get", "setdefault"} and call.args:
            default = call.args[1] if len(call.args) > 1 else None
            if name == "setdefault" and isinstance(first, str) and first not in config.entries:
                settings.put(config, first, self.guarded(default, call.node, call.scope), place)
            return settings.look_up(config, first, default, place)
        if name in {"update", "from_mapping"}:
            for mapping in [*call.args, call.keywords]:
                shown = (
                    {key: self.guarded(value, call.node, call.scope) for key, value in mapping.items()}
                    if isinstance(mapping, dict)
                    else mapping
                )
                settings.from_mapping(config, shown, place)
        elif name == "from_object":
            settings.from_object(config, self._holder(first, call.scope), place)
        elif name == "from_prefixed_env":
            prefix = call.keywords.get("prefix", call.args[0] if call.args else "FLASK")
            settings.from_prefixed_environment(config, self.environment, str(prefix))
        elif name in {"from_pyfile", "from_envvar"}:
            path = self._file(
                first if name == "from_pyfile" else self._variable(str(first), call.node, call.scope),
                call.scope,
            )
            module = self.module(path) if path else None
            if module is not None:
                settings.from_object(config, module, place)
            elif not (call.keywords.get("silent") is True or call.args[1:2] == [True]):
                config.beyond = self.unknown(
                    call.node, call.scope, f"the file of `{said(call.node)}`, which is not there"
                )
        elif name in {"from_file", "from_json"}:
            settings.from_file(config, self._file(first, call.scope), str(first), place)
        return None

    def _holder(self, holder: object, scope: Scope) -> object:
        """Find what `from_object` is given: an object, or a dotted name."""
        if isinstance(holder, External) and holder.name == MODULE_NAME:
            above = scope
            while above.above is not None:
                above = above.above
            return Module(above.file, above, is_package=False)
        return (self.dotted(holder, scope) or holder) if isinstance(holder, str) else holder

    def _file(self, name: object, scope: Scope) -> Path | None:
        here = self.path_of(scope).parent
        folders = (
            here,
            here / "instance",
            self.sources.root,
            self.sources.root / "instance",
            here.parent / "instance",
        )
        if not isinstance(name, str):
            return None
        return next((path for folder in folders if is_file(path := folder / name)), None)

    # -- Flask-CORS

    def _options(self, keywords: dict[str, object], node: ast.Call, scope: Scope) -> dict[str, Option]:
        written = {keyword.arg: keyword for keyword in node.keywords if keyword.arg}
        options: dict[str, Option] = {}
        for key, value in keywords.items():
            keyword = written.get(key)
            place = self.place(keyword or node, scope)
            shown = f"{key}={said(keyword.value, 40)}" if keyword else f"{key} of {said(node, 40)}"
            options[key] = Option(value, place, shown)
        return options

    def _cors(self, call: Call) -> Extension:
        given = {key: value for key, value in call.keywords.items() if key != "app"}
        extension = Extension(self._options(given, call.node, call.scope), self.place(call.node, call.scope))
        target = call.args[0] if call.args else call.keywords.get("app")
        if target is not None:
            self._apply(target, extension.options, call.node, call.scope)
        return extension

    def _init_app(self, extension: Extension, call: Call) -> None:
        given = {key: value for key, value in call.keywords.items() if key != "app"}
        target = call.args[0] if call.args else call.keywords.get("app")
        self._apply(
            target,
            {**extension.options, **self._options(given, call.node, call.scope)},
            call.node,
            call.scope,
        )

    def _apply(self, target: object, options: dict[str, Option], node: ast.Call, scope: Scope) -> None:
        place = self.place(node, scope)
        if not isinstance(target, Router):
            why = target.why if isinstance(target, Unknown) else "not a Flask app"
            what = f"What CORS is put on here is {why}: taken to be the app."
            self.findings.add(
                Code.UNREGISTERED, place, what, fix="look whether the rule is for the right paths"
            )
            target = self.apps[-1] if self.apps else self._app(place)
        config: dict[str, Option] = {}
        if isinstance(target, App):
            config = dict(target.config.entries)
            if target.config.beyond is not None:
                config["beyond"] = Option(target.config.beyond, target.config.beyond.place, "app.config")
        target.applied.append(Applied(options, config, place, said(node), tuple(self.conditions)))


def _first_argument(receiver: Class | Instance, method: Function) -> list[object]:
    """Return what Python passes by itself: the object, the class, or nothing."""
    kinds = {mark.name for mark in method.marks if isinstance(mark, External)}
    if "builtins.staticmethod" in kinds:
        return []
    if "builtins.classmethod" in kinds:
        return [receiver.kind if isinstance(receiver, Instance) else receiver]
    return [receiver] if isinstance(receiver, Instance) else []

"""Flask's and Flask-CORS's objects as far as they matter here: apps, blueprints, routes, and CORS put on them.

Laws: values only; what calls do to them is in `framework`. Every option remembers where it was written.
"""

from dataclasses import dataclass, field

from corsproxy.bridges.flask.findings import Place
from corsproxy.bridges.flask.values import Class, Unknown

__all__ = [
    "Api",
    "App",
    "Applied",
    "Blueprint",
    "Config",
    "Decoration",
    "Extension",
    "Mark",
    "Mount",
    "Option",
    "Route",
    "Router",
    "View",
]


@dataclass(frozen=True, slots=True)
class Option:
    """The value of one option, and where it comes from: `said` is the source, such as `CORS(app, origins=…)`."""

    value: object
    place: Place
    said: str


@dataclass(eq=False, slots=True)
class Applied:
    """One `CORS(app, …)`: the options of the constructor and of `init_app`, the app's configuration at that moment."""

    options: dict[str, Option]
    config: dict[str, Option]
    place: Place
    said: str
    conditions: tuple[Unknown, ...] = ()


@dataclass(eq=False, slots=True)
class Extension:
    """`CORS()` that is not yet on an app."""

    options: dict[str, Option]
    place: Place


@dataclass(eq=False, slots=True)
class Decoration:
    """`@cross_origin(…)`."""

    options: dict[str, Option]
    place: Place


@dataclass(eq=False, slots=True)
class View:
    """A class as a view: what `as_view()` returns; `marks` as those of a function."""

    kind: Class
    marks: list[object] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Mark:
    """What `app.route(…)` returns: a decorator that puts a view on a URL; `node` is the call, for its place."""

    router: "Router | Api"
    rules: tuple[str, ...]
    methods: tuple[str, ...]
    place: Place
    said: str


@dataclass(eq=False, slots=True)
class Route:
    """One URL rule. `decorations` are on the whole view; `by_method` on methods of a class, out of reach of OPTIONS."""

    rule: str
    methods: tuple[str, ...]
    place: Place
    said: str
    decorations: tuple[Decoration, ...] = ()
    by_method: tuple[tuple[str, Decoration], ...] = ()
    conditions: tuple[Unknown, ...] = ()


@dataclass(eq=False, slots=True)
class Config:
    """`app.config`, as far as Flask-CORS reads it."""

    entries: dict[str, Option] = field(default_factory=dict)
    beyond: Unknown | None = None  # settings that could not be read, and may have anything


@dataclass(eq=False, slots=True)
class Router:
    """What routes, blueprints and CORS are put on: an app or a blueprint."""

    place: Place
    routes: list[Route] = field(default_factory=list)
    mounts: list["Mount"] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class App(Router):
    """`Flask(…)`."""

    config: Config = field(default_factory=Config)
    made: int = 0  # how many were made before it


@dataclass(eq=False, slots=True)
class Blueprint(Router):
    """`Blueprint(…)`."""

    name: str = ""
    prefix: str | None = None


@dataclass(eq=False, slots=True)
class Mount:
    """`register_blueprint(…)`: `prefix` where one was given there."""

    blueprint: Blueprint
    prefix: str | None
    place: Place


@dataclass(eq=False, slots=True)
class Api:
    """`Api(…)` of Flask-RESTful and its kin, or a namespace of one: resources with a prefix, on a router."""

    router: Router | None
    prefix: str
    decorators: tuple[object, ...] = ()
    waiting: list[Route] = field(default_factory=list)

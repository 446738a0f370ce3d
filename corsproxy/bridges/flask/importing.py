"""The whole way from a path to YAML: read, follow, draft, write, prove.

Laws: what is returned loads. A project that calls Flask-CORS nowhere is an error, not an empty file. Of several apps one is
written, and the others are named.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from corsproxy.bridges.flask.asking import load_text, problems_with
from corsproxy.bridges.flask.document import as_yaml
from corsproxy.bridges.flask.environment import Environment
from corsproxy.bridges.flask.expressions import TooMuch
from corsproxy.bridges.flask.findings import Code, Finding, Findings, Place
from corsproxy.bridges.flask.framework import Project
from corsproxy.bridges.flask.listening import Listening, find_upstream
from corsproxy.bridges.flask.objects import App, Option
from corsproxy.bridges.flask.pinned import Pinned, pinned
from corsproxy.bridges.flask.proving import cases_for
from corsproxy.bridges.flask.remarks import report_by_hand, report_defaults, report_websockets
from corsproxy.bridges.flask.rules import Draft, draft_rules
from corsproxy.bridges.flask.sources import NothingToRead, Sources
from corsproxy.bridges.flask.values import Function, Scope, Unknown
from corsproxy.config.load import Loaded
from corsproxy.config.problem import ConfigError, Problem

__all__ = ["Imported", "NothingFound", "NothingToRead", "import_flask"]

_CALLS = frozenset(
    {"CORS", "cross_origin", "init_app", "Flask", "register_blueprint", "route", "add_url_rule", "Blueprint"}
)
_APP_NAMES = frozenset({"app", "application", "flask_app", "server"})


class NothingFound(Exception):  # noqa: N818 -- named for what it is
    """No CORS was found; `findings` say what could not be read."""

    def __init__(self, path: Path, findings: Sequence[Finding]) -> None:
        self.path = path
        self.findings = tuple(findings)
        super().__init__(path, self.findings)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came out: the YAML, the report, and how many rules there are."""

    text: str
    findings: tuple[Finding, ...]
    rules: int

    @property
    def is_whole(self) -> bool:
        """Tell whether everything was carried over."""
        return not any(finding.is_loss for finding in self.findings)


def import_flask(path: Path, environ: Mapping[str, str], *, upstream: str | None = None) -> Imported:
    """Read a project; where no `upstream` is given, it says itself where it answers, or the default is taken.

    Raises NothingToRead and NothingFound; ConfigError for an upstream that is none.
    """
    findings = Findings()
    sources = Sources(path, findings)
    project = Project(sources, Environment(environ, sources, findings), findings)
    trees = _follow(project, sources, findings)
    mentioned = frozenset(_mentioned(trees))
    app = _choose(project, findings)
    if app is None:
        raise NothingFound(path, list(findings))
    version = pinned(sources)
    drafts = draft_rules(
        app,
        project.blueprints,
        mentioned=mentioned,
        version=version,
        judge=problems_with,
        findings=findings,
    )
    for decoration in project.decorations:
        what = "This @cross_origin is on something whose URL was not found."
        findings.add(Code.UNREGISTERED, decoration.place, what, fix="write a rule for its path")
    report_defaults(project, findings)
    report_by_hand(trees, sources, findings)
    report_websockets(trees, sources, findings)
    if not drafts:
        raise NothingFound(path, list(findings))
    listening = find_upstream(project, trees, findings) if upstream is None else Listening(upstream)
    return _written(path, version, listening, drafts, findings)


def _written(
    path: Path, version: Pinned, upstream: Listening, drafts: Sequence[Draft], findings: Findings
) -> Imported:
    name = path.name or path.resolve().name
    title = f"From {name}, by `corsproxy import flask`, as Flask-CORS {version.version} decides. First `corsproxy check` it, then `run` it."
    left, loaded = _refined(title, upstream, list(drafts), findings)
    told = tuple(findings)
    text = as_yaml(title, upstream, left, told, list(cases_for(left, loaded)))
    load_text(text)
    return Imported(text, told, len(left))


def _refined(
    title: str, upstream: Listening, drafts: list[Draft], findings: Findings
) -> tuple[list[Draft], Loaded]:
    """Load what is to be written, without the rules that are refused."""
    try:
        return drafts, load_text(as_yaml(title, upstream, drafts, tuple(findings), ()))
    except ConfigError as refused:
        return _refined(title, upstream, _without(refused.problems, drafts, findings), findings)


def _without(problems: Sequence[Problem], drafts: list[Draft], findings: Findings) -> list[Draft]:
    """Leave out a rule that `check` refuses after all, and say so; raises ConfigError for what is no rule."""
    for problem in problems:
        found = re.match(r"rules\[([0-9]+)\]", problem.path)
        if found and len(drafts) > 1:
            draft = drafts[int(found[1])]
            place = draft.policy.place if draft.policy else Place("")
            what = f"The rule for {', '.join(draft.paths)} is left out: {problem.what}"
            findings.add(Code.PATH, place, what, why=problem.why, fix=problem.fix)
            return [other for other in drafts if other is not draft]
    raise ConfigError(problems)


# -- following a project


def _follow(project: Project, sources: Sources, findings: Findings) -> dict[Path, ast.Module]:
    """Follow every file, then the functions that nothing in it calls: those that make apps first."""
    try:
        for path in sources.start:
            project.module(path)
        trees = {path: tree for path in sources.start if (tree := sources.tree(path)) is not None}
        for makes_app in (True, False):
            for path, tree in trees.items():
                for node in tree.body:
                    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        _follow_function(project, path, node, makes_app=makes_app)
        for node, scope in project.mains:
            if {"CORS", "init_app", "cross_origin"}.intersection(_called(node)):
                with project.under(Unknown("the file is run itself", Place(scope.file, node.lineno))):
                    project.block(node.body, scope)
    except (TooMuch, RecursionError):
        what = "The project computes more than is followed here: what comes later was not read."
        findings.add(
            Code.UNREAD,
            Place(sources.shown(sources.root)),
            what,
            fix="name the file with the Flask app in it",
        )
        trees = {path: tree for path in sources.start if (tree := sources.tree(path)) is not None}
    return trees


def _follow_function(
    project: Project, path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef, *, makes_app: bool
) -> None:
    called = set(_called(node))
    if node in project.followed or not called & _CALLS or makes_app is not ("Flask" in called):
        return
    module = project.module(path)
    function = module.scope.names.get(node.name) if module else None
    if module is None or not isinstance(function, Function):
        return
    keywords: dict[str, object] = {}
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
    if project.apps and (taken := _APP_NAMES.intersection(names)):
        keywords = dict.fromkeys(taken, project.apps[-1])
    before = sum(len(app.applied) for app in project.apps)
    project.run(function, [], keywords, node, Scope(module.scope.file))
    if keywords and sum(len(app.applied) for app in project.apps) > before:
        what = f"{node.name}() is called by nothing that was read: taken as called with the app."
        project.findings.add(Code.UNREGISTERED, Place(module.scope.file, node.lineno), what)


def _called(node: ast.AST) -> Iterator[str]:
    for below in ast.walk(node):
        if isinstance(below, ast.Call):
            func = below.func
            yield (
                func.attr
                if isinstance(func, ast.Attribute)
                else func.id
                if isinstance(func, ast.Name)
                else ""
            )


def _mentioned(trees: Mapping[Path, ast.Module]) -> Iterator[str]:
    """Yield every name of a setting of Flask-CORS that the sources have."""
    for tree in trees.values():
        for node in ast.walk(tree):
            text = (
                node.id if isinstance(node, ast.Name)
                else node.value if isinstance(node, ast.Constant)
                else node.arg if isinstance(node, ast.keyword) else None
            )  # fmt: skip
            if isinstance(text, str) and text.startswith("CORS_"):
                yield text


# -- which app


def _choose(project: Project, findings: Findings) -> App | None:
    """Take the app that CORS is on, and name the others."""
    loose = [
        bp for bp in project.blueprints if bp.applied or any(r.decorations or r.by_method for r in bp.routes)
    ]
    concerned = [app for app in project.apps if app.applied or _is_decorated(app, loose)]
    if not concerned:
        if not loose:
            return None
        return project.apps[-1] if project.apps else App(loose[0].place)
    chosen = max(concerned, key=lambda app: (len(app.applied), len(app.routes) + len(app.mounts), app.made))
    for app in concerned:
        if app is chosen:
            continue
        if app.place != chosen.place:
            what = f"There is a second app with CORS here; the rules are those of the app at {chosen.place}."
            findings.add(
                Code.SEVERAL_APPS, app.place, what, fix="import its file by itself, for a proxy of its own"
            )
        elif _settings(app) != _settings(chosen):
            what = (
                "This app is made several times, with different CORS settings; those of the last are written."
            )
            findings.add(
                Code.SEVERAL_APPS, app.place, what, fix="name the file that makes the app you deploy"
            )
    return chosen


def _is_decorated(app: App, loose: Sequence[object]) -> bool:
    return any(route.decorations or route.by_method for route in app.routes) or any(
        mount.blueprint in loose for mount in app.mounts
    )


def _settings(app: App) -> list[object]:
    def shown(options: Mapping[str, Option]) -> list[tuple[str, str]]:
        return sorted(
            (key, repr(option.value))
            for key, option in options.items()
            if key.startswith("CORS_") or key.islower()
        )

    return [(applied.place, shown(applied.options), shown(applied.config)) for applied in app.applied]

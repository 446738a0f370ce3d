"""What is told beside the rules: values of the environment, CORS fields set by hand, WebSockets.

Laws: nothing here changes what is written; it names what somebody should look at.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from corsproxy.bridges.flask.choices import said
from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.framework import Project
from corsproxy.bridges.flask.objects import Option
from corsproxy.bridges.flask.sources import Sources
from corsproxy.bridges.flask.values import Located, inside

__all__ = ["report_by_hand", "report_defaults", "report_websockets"]


def report_defaults(project: Project, findings: Findings) -> None:
    """Name what was taken from the environment of this call, or is a default because the environment lacks it."""
    for place in _places(project):
        if place in project.defaulted:
            what = f"{project.defaulted[place]} is not set here: the default in the source was taken."
            findings.add(
                Code.ENVIRONMENT,
                place,
                what,
                fix="import with the environment of the deployment, or with its .env",
            )
        elif place.file.startswith("environment "):
            what = "This was taken from the environment of this call."
            findings.add(Code.ENVIRONMENT, place, what)


def _places(project: Project) -> Iterator[Place]:
    """Yield the places of every value that was used."""
    options: list[Option] = []
    for router in (*project.apps, *project.blueprints):
        for applied in router.applied:
            options += [*applied.options.values()]
            options += [option for key, option in applied.config.items() if key.startswith("CORS_")]
        for route in router.routes:
            options += [o for each in route.decorations for o in each.options.values()]
    for option in options:
        yield option.place
        yield from (item.place for item in inside(option.value) if isinstance(item, Located))


_BY_HAND = re.compile(r"access-control-allow-origin", re.IGNORECASE)


def report_by_hand(trees: Mapping[Path, ast.Module], sources: Sources, findings: Findings) -> None:
    """Name the lines that set CORS fields without Flask-CORS."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                keys = [target.slice for target in node.targets if isinstance(target, ast.Subscript)]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                keys = [node.args[0]] if node.func.attr in {"add", "set", "setdefault", "add_header"} else []
            else:
                continue
            if any(
                isinstance(k, ast.Constant) and isinstance(k.value, str) and _BY_HAND.fullmatch(k.value)
                for k in keys
            ):
                what = f"{said(node)} sets the field by hand, and is not part of Flask-CORS: the proxy removes it."
                fix = "add what it allows to the rules"
                findings.add(Code.BY_HAND, Place(sources.shown(path), node.lineno), what, fix=fix)


_SOCKETS = frozenset(
    {"flask_socketio", "socketio", "flask_sock", "flask_sockets", "simple_websocket", "geventwebsocket"}
)


def report_websockets(trees: Mapping[Path, ast.Module], sources: Sources, findings: Findings) -> None:
    """Name the use of WebSockets, which Flask-CORS never looked at and rules do."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            used = next((name for name in names if name.partition(".")[0] in _SOCKETS), None)
            if used:
                what = f"{used}: WebSocket handshakes are let through only for the origins of the rule that takes their path."
                why = "browsers do not check them, and Flask-CORS never looked at them; what else decided there is not read."
                fix = "see that a rule takes their path, as /socket.io/**, with their origins; or write websocket: false in it"
                findings.add(Code.WEBSOCKET, Place(sources.shown(path), node.lineno), what, why=why, fix=fix)
                return

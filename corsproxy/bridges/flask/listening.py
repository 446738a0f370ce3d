"""Where the app answers: what app.run(), gunicorn's bind and `flask run` are told, as far as the project's files say it.

Laws: nothing is run. What is found is a suggestion with its place; where it is not one and the same, or `check` refuses it, none is made
and that is said. A port that is not known says nothing.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from corsproxy.bridges.flask.asking import load_text, single_quoted
from corsproxy.bridges.flask.choices import said
from corsproxy.bridges.flask.expressions import TooMuch
from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.framework import Project
from corsproxy.bridges.flask.sources import beginning, is_file
from corsproxy.bridges.flask.values import Unknown, place_of
from corsproxy.config.problem import ConfigError

__all__ = ["DEFAULT_UPSTREAM", "Listening", "find_upstream"]

DEFAULT_UPSTREAM = "http://127.0.0.1:5000"
_MOST_TOLD = 5
_MOST_BYTES = 64 * 1024  # of a file that starts something
_COMMANDS = ("Procfile", "Dockerfile")
_GUNICORN = ("gunicorn.conf.py", "gunicorn_conf.py", "gunicorn_config.py")
# --bind 0.0.0.0:8000 | -b :8000 | --bind=unix:/run/app.sock | "--bind", "0.0.0.0:8000"
_BIND = re.compile(r"(?<![\w-])(?:--bind|-b)[=\s\"',]++(?P<bind>\[[0-9A-Fa-f:.]+\]:[0-9]+|[^\s\"',\[\]]+)")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*):(?P<port>[0-9]{1,5})")
_SOCKET = re.compile(r"unix:/[\w./-]+", re.ASCII)
_EVERYWHERE = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 -- compared, never listened on


class Listening(NamedTuple):
    """An address that the app answers at, and what says so; neither `place` nor `told` where nothing does."""

    url: str
    place: Place = Place("")
    told: str = ""

    @property
    def comment(self) -> str:
        """What stands behind it in the file."""
        return f"{self.place} {self.told}" if self.told else ""


def find_upstream(project: Project, trees: Mapping[Path, ast.Module], findings: Findings) -> Listening:
    """Return the one address that the project names; the default where it names none, or several."""
    default = Listening(DEFAULT_UPSTREAM)
    found: dict[str, Listening] = {}
    for one in (*_commands(project), *_gunicorn(project), *_flask_run(project), *_calls(project, trees)):
        found.setdefault(one.url, one)
    named = list(found.values())[:_MOST_TOLD]
    if len(named) > 1:
        for one in named:
            what = f"{one.told}: the app answers at {one.url} by this, and elsewhere by others. {default.url} is written."
            findings.add(
                Code.UPSTREAM, one.place, what, fix="import with --upstream and where it is deployed"
            )
        return default
    for one in named:
        if why := _refused(one.url):
            what = (
                f"{one.told}: the app answers at {one.url} by this, which cannot be written as it is. {why}"
            )
            findings.add(Code.UPSTREAM, one.place, what, fix=f"{default.url} is written: mend upstream")
        else:
            what = f"{one.told}: {one.url} is written as upstream."
            findings.add(
                Code.UPSTREAM, one.place, what, fix="import with --upstream if it is deployed elsewhere"
            )
            return one
    return default


def _refused(url: str) -> str:
    try:
        load_text(f"upstream: {single_quoted(url)}\nrules:\n  - path: /**\n    allow_origins: []\n")
    except ConfigError as refused:
        return refused.problems[0].what
    return ""


def _url(host: object, port: object, *, is_tls: bool = False) -> str:
    """Write an address; "" where it is not known."""
    if not isinstance(port, (int, str)) or isinstance(port, bool) or not isinstance(host, str):
        return ""
    if isinstance(port, int) and not 0 < port < 65536:
        return ""  # it may be too large to be written
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    address = _ADDRESS.fullmatch(f"{host}:{port}")
    if address is None or not 0 < int(address["port"]) < 65536:
        return ""
    reached = "127.0.0.1" if address["host"] in _EVERYWHERE else address["host"]
    return f"{'https' if is_tls else 'http'}://{reached}:{int(address['port'])}"


def _of_bind(bind: object) -> str:
    text = str(bind) if isinstance(bind, str) else ""
    if _SOCKET.fullmatch(text):
        return text
    host, _, port = text.rpartition(":")
    return _url(host, port)


def _commands(project: Project) -> Iterator[Listening]:
    """Yield what gunicorn is told in the lines that start it."""
    for name in _COMMANDS:
        path = project.sources.root / name
        try:
            text = beginning(path, _MOST_BYTES).decode("utf-8", "replace") if is_file(path) else ""
        except OSError:
            continue
        is_gunicorn = goes_on = False
        for number, line in enumerate(text.split("\n"), 1):
            is_gunicorn = (goes_on and is_gunicorn) or "gunicorn" in line.lower()
            goes_on = line.rstrip().endswith("\\")
            if is_gunicorn and not line.lstrip().startswith("#"):
                for bind in _BIND.finditer(line):
                    if url := _of_bind(bind["bind"]):
                        yield Listening(url, Place(name, number), f"gunicorn --bind {bind['bind'][:60]}")


def _gunicorn(project: Project) -> Iterator[Listening]:
    """Yield what gunicorn's own file says."""
    for name in _GUNICORN:
        path = project.sources.root / name
        module = _followed(project, path) if is_file(path) else None
        bind = module.get("bind") if module else None
        first = bind[0] if isinstance(bind, list) and bind else bind
        if url := _of_bind(first):
            yield Listening(url, place_of(first, Place(name)), f"bind = {str(first)[:60]!r}")


def _followed(project: Project, path: Path) -> Mapping[str, object]:
    try:
        module = project.module(path)
    except (TooMuch, RecursionError):
        return {}
    return module.scope.names if module else {}


def _flask_run(project: Project) -> Iterator[Listening]:
    """Yield what `flask run` takes from the environment."""
    port = project.environment.get("FLASK_RUN_PORT")
    host = project.environment.get("FLASK_RUN_HOST") or ""
    if port is not None and (url := _url(str(host), str(port))):
        yield Listening(url, port.place, f"FLASK_RUN_PORT={port[:10]}")


def _calls(project: Project, trees: Mapping[Path, ast.Module]) -> Iterator[Listening]:
    """Yield what app.run(), and what is called like it, is told."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "run"
            ):
                told = {keyword.arg: keyword.value for keyword in node.keywords}
                host, port = told.get("host"), told.get("port")
                if len(node.args) == 2 and port is None:
                    host, port = node.args
                if port is None:
                    continue
                values = [_value(project, path, one) if one is not None else "" for one in (host, port)]
                if url := _url(*values, is_tls="ssl_context" in told):
                    yield Listening(url, Place(project.sources.shown(path), node.lineno), said(node))


def _value(project: Project, path: Path, node: ast.expr) -> object:
    try:
        module = project.module(path)
        return project.evaluate(node, module.scope) if module else None
    except (TooMuch, RecursionError):
        return Unknown("", Place(""))

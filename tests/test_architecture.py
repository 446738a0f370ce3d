"""The folders are floors: this walks every import and says in a sentence what is wrong.

Written against corsproxy/__init__.py, which a newcomer reads first; the two must agree.
"""

import ast
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import corsproxy
from tests.processes import ROOT

# The map on the first page is the law: folder, floor, purpose.
FLOORS = {
    name: int(floor)
    for name, floor in re.findall(r"^    (\w+) +(\d)  \S", corsproxy.__doc__ or "", re.MULTILINE)
}
PURE = ("cors", "http1")
# The imports on one floor: commands drive the demo and the service, the admin pages show what was counted, and answer
# what is pasted there; one bridge reads back what the log has written.
SIDEWAYS = {
    ("cli", "demo"),
    ("cli", "service"),
    ("admin", "bridges"),
    ("admin", "observe"),
    ("bridges", "observe"),
}
# What a pure module may import: language and arithmetic, nothing that reads a clock, a file or a socket, or logs.
PURE_IMPORTS = {
    "base64", "binascii", "bisect", "collections", "collections.abc", "dataclasses", "enum", "functools", "hashlib",
    "heapq", "http", "httptools", "idna", "ipaddress", "itertools", "json", "math", "operator", "re", "re2", "string",
    "struct", "sys", "types", "typing", "urllib.parse",
}  # fmt: skip
# Sockets, streams and event loops, and the one other place that needs each (by module).
WIRE_IMPORTS = {"socket", "ssl", "uvloop", "selectors", "asyncio", "socketserver", "select", "_socket"}
FORBIDDEN_NAMES = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "types",
    "misc",
    "base",
    "manager",
    "handler",
}
# Modules that are the main of a process of their own, and so may end it.
PROCESS_ENTRIES = {"corsproxy.config.child", "corsproxy.proxy.worker", "corsproxy.__main__"}
LARGEST = 700


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name and its syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def folder(self) -> str:
        """Return the floor's folder; "" for modules on the top level."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 and parts[1] in FLOORS else ""

    @property
    def lines(self) -> int:
        """Return the number of lines of the file."""
        return len(self.path.read_text().splitlines())

    def imports(self, *, at_run_time: bool = False) -> Iterator[tuple[int, str]]:
        """Yield line and full name of everything imported, at the top or inside a function.

        `at_run_time` leaves out what stands under `if TYPE_CHECKING:`.
        """
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        for node in _walk(self.tree, without_types=at_run_time):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                origin = ".".join([*above, node.module] if node.module else above)
                yield from ((node.lineno, _target(origin, alias.name)) for alias in node.names)

    def calls(self) -> Iterator[tuple[int, str]]:
        """Yield line and dotted text of every function that is called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node.lineno, ast.unparse(node.func)

    def at(self, line: int) -> str:
        """Return the place as people read it."""
        return f"{self.path.relative_to(ROOT)}:{line}"


def _walk(node: ast.AST, *, without_types: bool) -> Iterator[ast.AST]:
    """Walk a syntax tree, on request without what only type checkers read."""
    yield node
    for below in ast.iter_child_nodes(node):
        if without_types and isinstance(below, ast.If) and ast.unparse(below.test) == "TYPE_CHECKING":
            continue
        yield from _walk(below, without_types=without_types)


def _target(origin: str, name: str) -> str:
    """Name the module that `from origin import name` reads: origin.name if that is a module of ours, else origin."""
    path = ROOT / Path(*f"{origin}.{name}".split("."))
    is_module = origin.split(".", maxsplit=1)[0] == "corsproxy" and (
        path.with_suffix(".py").is_file() or path.is_dir()
    )
    return f"{origin}.{name}" if is_module else origin


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted((ROOT / "corsproxy").rglob("*.py")):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(dotted, path, ast.parse(path.read_text())))
    return tuple(found)


def complain(sentences: list[str]) -> None:
    assert not sentences, "\n" + "\n".join(sentences)


def test_every_folder_is_a_floor_on_the_map_and_the_reverse() -> None:
    folders = {p.name for p in (ROOT / "corsproxy").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(FLOORS)
    assert set(FLOORS) >= {"cli", "admin", "proxy", "config", "cors", "http1"}


def test_imports_go_down() -> None:
    complain(
        [
            f"{m.at(line)}: {m.folder} (floor {FLOORS[m.folder]}) imports {name} (floor {FLOORS[to]}): imports go down."
            for m in modules()
            if m.folder
            for line, name in m.imports()
            if name.startswith("corsproxy.") and (to := name.split(".")[1]) in FLOORS and to != m.folder
            if FLOORS[to] >= FLOORS[m.folder] and (m.folder, to) not in SIDEWAYS
        ]
    )


def test_there_is_no_cycle() -> None:
    known = {m.name for m in modules()}
    # Two parts of one floor may name each other's types (a connection and its exchange do), but only one
    # of them is built on the other. Between floors even types go down: test_imports_go_down sees to that.
    graph = {
        m.name: {name for _, name in m.imports(at_run_time=True) if name in known and name != m.name}
        for m in modules()
    }
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise AssertionError(f"{circle}: these modules import each other in a circle.")
        if name not in done:
            for below in sorted(graph[name]):
                walk(below, (*path, name))
            done.add(name)

    for name in sorted(graph):
        walk(name, ())


@pytest.mark.parametrize("floor", PURE)
def test_pure_floors_touch_no_world(floor: str) -> None:
    complain(
        [
            f"{m.at(line)}: {floor} is pure and imports {name}; it may have: {', '.join(sorted(PURE_IMPORTS))}."
            for m in modules()
            if m.folder == floor
            for line, name in m.imports()
            if not name.startswith(f"corsproxy.{floor}") and name not in PURE_IMPORTS
        ]
    )


def test_pure_floors_neither_print_nor_open() -> None:
    complain(
        [
            f"{m.at(line)}: {m.folder} is pure and calls {name}()."
            for m in modules()
            if m.folder in PURE
            for line, name in m.calls()
            if name in {"open", "print", "input", "eval", "exec", "__import__"}
        ]
    )


# Who beside `proxy` may import what touches sockets or loops, and for what.
WIRE_EXCEPTIONS = {
    "bridges": {"ssl", "socket"},  # the probe is a client of its own
    "cli": {"asyncio", "uvloop", "socket"},  # starts the loop; the demo looks for free ports
    "admin": {"asyncio", "socket"},  # aiohttp.web's own listener
    "demo": {"asyncio", "socket", "ssl"},
    "observe": {"asyncio"},
    "config": {"asyncio", "ssl"},  # awaits the child that loads; judges certificates before they are served
    "service": {"asyncio", "socket"},  # processes, signals, and the listening sockets that workers inherit
}


def test_only_proxy_touches_sockets_and_transports() -> None:
    complain(
        [
            f"{m.at(line)}: {m.folder or 'the top level'} imports {name}; only proxy touches proxied sockets."
            for m in modules()
            if m.folder != "proxy"
            for line, name in m.imports()
            if name.split(".")[0] in WIRE_IMPORTS - WIRE_EXCEPTIONS.get(m.folder, set())
        ]
    )


PROXYING = re.compile(
    r"\b(create_connection|create_server|create_unix_(?:connection|server)|start_tls|sock_\w+)$"
)


def test_only_proxy_opens_connections_of_its_own() -> None:
    complain(
        [
            f"{m.at(line)}: {m.folder or 'the top level'} calls {name}(); only proxy opens listeners and connections."
            for m in modules()
            if m.folder not in {"proxy", "demo"}
            for line, name in m.calls()
            if name.startswith(("loop.", "asyncio.", "self._loop.")) and PROXYING.search(name)
        ]
    )


ENDINGS = {"sys.exit", "os._exit", "exit", "quit", "asyncio.run", "asyncio.Runner", "uvloop.run"}


def test_only_the_command_line_starts_loops_and_ends_processes() -> None:
    complain(
        [
            f"{m.at(line)}: calls {name}(); only cli does, and a process's own entry ({', '.join(sorted(PROCESS_ENTRIES))})."
            for m in modules()
            if m.folder != "cli" and m.name not in PROCESS_ENTRIES
            for line, name in m.calls()
            if name in ENDINGS
        ]
    )


def test_no_module_has_a_name_that_says_nothing() -> None:
    complain(
        [
            f"{m.path.relative_to(ROOT)}: `{m.path.stem}` says nothing about what is in it."
            for m in modules()
            if m.path.stem in FORBIDDEN_NAMES
        ]
    )


def test_every_module_says_what_it_decides_in_a_dozen_lines() -> None:
    sentences = []
    for m in modules():
        lines = len((ast.get_docstring(m.tree) or "").splitlines())
        if not 0 < lines <= 20:
            sentences.append(
                f"{m.at(1)}: its docstring has {lines} lines; say what it decides in about a dozen."
            )
    complain(sentences)


def test_modules_stay_small() -> None:
    sizes = {m.name: m.lines for m in modules() if m.path.name != "__init__.py"}
    complain(
        [
            f"{name} has {size} lines; none may have over {LARGEST}."
            for name, size in sizes.items()
            if size > LARGEST
        ]
    )
    median = statistics.median(sizes.values())
    assert median <= 175, f"The median module has {median} lines; 100 to 150 is the house's measure."


# What is tested beside the floors: attacks, real backends, a real browser, the measurements, what is published.
ATTACKED = {"faults", "fuzz", "simulation", "differential", "security", "websocket"}
SUBJECTS = {
    *ATTACKED,
    "backends",
    "browser",
    "bench",
    "packaging",
    "docs",
    "dialogues",
    "websocket",
    "monitoring",
}
SHARED = {"conftest.py", "processes.py", "steady.py"}


def test_tests_repeat_the_tree() -> None:
    complain(
        [
            f"tests/{path.name}: tests repeat the tree; a folder is one of {', '.join(sorted({*FLOORS, *SUBJECTS}))}."
            for path in (ROOT / "tests").iterdir()
            if path.is_dir() and path.name not in {*FLOORS, *SUBJECTS, "__pycache__"}
        ]
        + [
            f"tests/{path.name}: on the top level only what all share, and tests of top-level files."
            for path in (ROOT / "tests").glob("*.py")
            if path.name not in SHARED and not path.name.startswith("test_")
        ]
    )


@pytest.mark.parametrize("floor", sorted(FLOORS))
def test_every_floor_has_tests(floor: str) -> None:
    assert list((ROOT / "tests" / floor).glob("test_*.py")), f"tests/{floor} tests nothing."


# What the serving process must not carry: each costs megabytes, and configuration is loaded in a child.
HEAVY = (
    "pydantic",
    "pydantic_core",
    "yaml",
    "publicsuffixlist",
    "flask",
    "jinja2",
    "jsonschema",
    "playwright",
)

# What writes the admin page, in a process of its own.
DESK = "corsproxy.admin.page."


def test_what_run_serves_with_is_light() -> None:
    serving = sorted(
        m.name
        for m in modules()
        if m.folder in {"proxy", "observe", "admin", "cors", "http1"} and not m.name.startswith(DESK)
    )
    code = (
        "import importlib, json, sys\n"
        f"for name in {serving!r} + ['corsproxy.cli.main', 'corsproxy.cli.run']: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    complain(
        [f"Importing what `corsproxy run` serves with imports {name}." for name in HEAVY if name in loaded]
    )
    complain(
        [
            f"Only the desk's own process imports {name}."
            for name in json.loads(done.stdout)
            if name.startswith(DESK)
        ]
    )

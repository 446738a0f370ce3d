"""The files of a project: which are read, how imports find each other, and what could not be read.

Laws: nothing is run or imported. Folders of other people's code (virtual environments, node_modules) and of tests are left
out; links to folders are not followed, so that no loop can hold us. What cannot be parsed is reported, with its line.
"""

import ast
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from corsproxy.bridges.flask.findings import Code, Findings, Place

__all__ = ["LARGEST", "MOST_FILES", "NothingToRead", "Sources", "beginning", "is_file"]

MOST_FILES = 4000
LARGEST = 2 * 1024 * 1024
MOST_BYTES = 32 * 1024 * 1024
MOST_DEPTH = 100  # folders in folders
_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "site-packages", "dist-packages", "venv", "env", "virtualenv", "build", "dist",
     "tests", "test", "migrations", "bower_components"}
)  # fmt: skip
_TESTS = ("test_", "conftest.", "setup.", "noxfile.")


class NothingToRead(Exception):  # noqa: N818 -- named for what it is
    """PATH is not something to read; the argument is a sentence."""


class Sources:
    """A project by its root folder. `start` are the files that are read of themselves; others when imported."""

    def __init__(self, path: Path, findings: Findings) -> None:
        self._findings = findings
        self._trees: dict[Path, ast.Module | None] = {}
        self._size = 0  # of what was parsed; a syntax tree may take a hundred times its text
        try:
            is_folder, exists = path.is_dir(), path.exists()
        except (OSError, ValueError) as fault:
            raise NothingToRead(f"{path} cannot be read: {fault}.") from None
        if not exists:
            raise NothingToRead(f"There is no {path}.")
        self.root = path if is_folder else _top_of_package(path)
        self.start = self._walk(path) if is_folder else [path]

    def shown(self, path: Path) -> str:
        """Return a file's name as the report has it."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()

    def _walk(self, root: Path) -> list[Path]:
        found: list[Path] = []
        for folder, below, files in os.walk(root, onerror=self._unreadable):
            here = Path(folder)
            below[:] = sorted(name for name in below if not self._is_skipped(here / name))
            if below and len(here.parts) - len(root.parts) >= MOST_DEPTH:
                what = f"What is below {MOST_DEPTH} folders is not read."
                self._findings.add(Code.UNREAD, Place(self.shown(here)), what)
                below.clear()
            for name in sorted(files):
                if name.endswith(".ipynb"):
                    self._look_into_notebook(here / name)
                elif name.endswith(".py") and not name.startswith(_TESTS) and not name.endswith("_test.py"):
                    found.append(here / name)
            if len(found) > MOST_FILES:
                raise NothingToRead(
                    f"{root} has more than {MOST_FILES} Python files: name the folder of the Flask app in it."
                )
        return found

    def _unreadable(self, fault: OSError) -> None:
        shown = self.shown(Path(str(fault.filename)))
        self._findings.add(Code.UNREAD, Place(shown), f"This folder cannot be read: {fault.strerror}.")

    def _is_skipped(self, folder: Path) -> bool:
        name = folder.name
        return name.startswith(".") or name in _SKIPPED or is_file(folder / "pyvenv.cfg")

    def _look_into_notebook(self, path: Path) -> None:
        try:
            mentions = path.is_file() and b"flask_cors" in beginning(path, LARGEST)
        except OSError:
            mentions = False
        if mentions:
            self._findings.add(
                Code.UNREAD,
                Place(self.shown(path)),
                "This notebook uses flask_cors; notebooks are not read.",
                fix="save its code as a .py file and import that",
            )

    def tree(self, path: Path) -> ast.Module | None:
        """Return a file's syntax tree; None where it cannot be had, which is then reported."""
        if path not in self._trees:
            self._trees[path] = self._parse(path)
        return self._trees[path]

    def _parse(self, path: Path) -> ast.Module | None:
        try:
            if not path.is_file():
                self._unread(path, 0, "This is not a file.")
                return None
            content = beginning(path, LARGEST + 1)
            if len(content) > LARGEST:
                self._unread(path, 0, "This file is larger than 2 MiB.")
                return None
            self._size += len(content)
            if self._size > MOST_BYTES:
                self._unread(path, 0, "The files read before it are 32 MiB together already.")
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the project's own escapes, which are not ours to mend
                return ast.parse(content, filename=str(path))
        except OSError as fault:
            self._unread(path, 0, f"This file cannot be read: {fault.strerror}.")
        except SyntaxError as fault:
            self._unread(path, fault.lineno or 0, f"Python {_version()} cannot parse this file: {fault.msg}.")
        except (ValueError, RecursionError, MemoryError) as fault:
            self._unread(path, 0, f"This file cannot be parsed: {str(fault) or 'it is nested too deeply'}.")
        return None

    def _unread(self, path: Path, line: int, what: str) -> None:
        fix = "mend it and import again, or look into it for CORS(…) and @cross_origin by hand"
        self._findings.add(Code.UNREAD, Place(self.shown(path), line), what, fix=fix)

    def locate(self, name: str, asking: Path) -> Path | None:
        """Find the file of a module that `asking` imports by its full name; None: it is not the project's."""
        parts = [part for part in name.split(".") if part]
        if not parts or any(part.startswith(("/", "..")) for part in parts):
            return None
        return next((found for folder in self._search(asking) if (found := _module_in(folder, parts))), None)

    def _search(self, asking: Path) -> Iterator[Path]:
        yield self.root
        yield self.root / "src"
        folder = asking.parent
        while folder != self.root and self.root in folder.parents:
            yield folder
            folder = folder.parent

    def relative(self, level: int, name: str, asking: Path) -> Path | None:
        """Find the file of `from ..name import`; without a name that is the package itself."""
        folder = asking.parent
        for _ in range(level - 1):
            folder = folder.parent
        return _module_in(folder, name.split(".") if name else [])


def beginning(path: Path, most: int) -> bytes:
    """Return at most so many bytes of a file, which may be larger than any memory."""
    with path.open("rb") as file:
        return file.read(most)


def _module_in(folder: Path, parts: list[str]) -> Path | None:
    base = folder.joinpath(*parts)
    candidates = [base / "__init__.py", base.with_suffix(".py")] if parts else [base / "__init__.py"]
    return next((path for path in candidates if is_file(path)), None)


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; where nobody may look, and where no file can have that name, there is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _top_of_package(path: Path) -> Path:
    folder = path.parent
    while is_file(folder / "__init__.py") and folder != folder.parent:
        folder = folder.parent
    return folder


def _version() -> str:
    import platform  # noqa: PLC0415 -- for one sentence

    return platform.python_version()

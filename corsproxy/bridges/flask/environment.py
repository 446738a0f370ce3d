"""The environment that a project would see: that of this call, and beneath it the project's .env and .flaskenv.

Laws: as python-dotenv does for Flask's own command: what is set wins over .env, and .env over .flaskenv. Whether a variable
was there, and where, is part of the answer: what an import took from the environment is a picture of one moment.
"""

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.sources import LARGEST, Sources, beginning, is_file
from corsproxy.bridges.flask.values import Located

__all__ = ["Environment"]


class Environment:
    """Variables with their places."""

    def __init__(self, environ: Mapping[str, str], sources: Sources, findings: Findings) -> None:
        self._sources = sources
        self._findings = findings
        self._set = {name: Located(value, Place(f"environment {name}")) for name, value in environ.items()}
        self._files: dict[str, Located] = {}
        self._read: dict[Path, dict[str, Located]] = {}
        for name in (".env", ".flaskenv"):
            self.load(sources.root / name)

    def load(self, path: Path, *, override: bool = False) -> dict[str, Located]:
        """Take a file's variables in, beneath what is set (as `load_dotenv` does); return those of the file."""
        found = self.values_of(path)
        if override:
            self._set.update(found)
        for name, value in found.items():
            self._files.setdefault(name, value)
        return found

    def values_of(self, path: Path) -> dict[str, Located]:
        """Read one file, without taking it in."""
        if path not in self._read:
            self._read[path] = self._parse(path) if is_file(path) else {}
        return self._read[path]

    def _parse(self, path: Path) -> dict[str, Located]:
        shown = self._sources.shown(path)
        try:
            content = beginning(path, LARGEST + 1)
            if len(content) > LARGEST:
                self._findings.add(Code.UNREAD, Place(shown), "This file is larger than 2 MiB.")
                return {}
            text = content.decode()
        except (OSError, UnicodeDecodeError) as fault:
            self._findings.add(Code.UNREAD, Place(shown), f"This file cannot be read: {fault}.")
            return {}
        lines: dict[str, int] = {}
        for binding in parse_stream(io.StringIO(text)):
            if binding.error:
                what = "python-dotenv cannot read this line, and leaves it out."
                self._findings.add(Code.UNREAD, Place(shown, binding.original.line), what)
            elif binding.key:
                lines[binding.key] = binding.original.line
        values = dotenv_values(stream=io.StringIO(text))
        return {
            name: Located(value, Place(shown, lines.get(name, 0)))
            for name, value in values.items()
            if value is not None
        }

    def get(self, name: str) -> Located | None:
        """Return a variable; None where it is not set."""
        return self._set[name] if name in self._set else self._files.get(name)

    def prefixed(self, prefix: str) -> dict[str, Located]:
        """Return all variables whose names begin so, in the order of their names, without the prefix."""
        names = {*self._set, *self._files}
        found = {name: self.get(name) for name in sorted(names) if name.startswith(prefix)}
        return {name.removeprefix(prefix): value for name, value in found.items() if value is not None}

"""Which version of Flask-CORS a project pins, in the files where projects do that.

Laws: only what pins (`==`, `~=`, `^`, a lock file) counts; `>=` says nothing. Nothing found is the current major version. Before 6, resources were
tried by length alone, and paths compared without case.
"""

import json
import re
from dataclasses import dataclass

from corsproxy.bridges.flask.findings import Place
from corsproxy.bridges.flask.sources import LARGEST, Sources, beginning

__all__ = ["CURRENT", "Pinned", "pinned"]

_FILES = (
    "poetry.lock", "uv.lock", "Pipfile.lock", "requirements.txt", "requirements/base.txt", "requirements/prod.txt",
    "requirements/production.txt", "constraints.txt", "pyproject.toml", "Pipfile", "setup.cfg", "setup.py", "environment.yml",
)  # fmt: skip
# flask-cors==5.0.1 | flask-cors = "^4.0" | "flask-cors (~=5.0)" | name = "flask-cors" \n version = "4.0.1"
_PIN = re.compile(
    # Possessive: with five ways to share out the same blanks, a file of them would never be done with.
    r"flask[-_]cors[\"']?\s*+(?:version\s*+)?[=:(]?\s*+[\"']?\s*+(?:==|~=|\^|=|~)?\s*+(?P<version>[0-9]+(?:\.[0-9]+)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A version and where it is pinned."""

    version: str
    place: Place

    @property
    def is_old(self) -> bool:
        """Tell whether this is before 6."""
        return self.version.partition(".")[0].lstrip("0") in {"", "1", "2", "3", "4", "5"}


CURRENT = Pinned("6", Place(""))


def pinned(sources: Sources) -> Pinned:
    """Find the version; CURRENT where none is pinned."""
    for name in _FILES:
        path = sources.root / name
        try:
            text = beginning(path, LARGEST).decode("utf-8", "replace") if path.is_file() else ""
        except OSError:
            continue
        text = _unlocked(text) if name == "Pipfile.lock" else text
        found = _PIN.search(text)
        if found:
            line = text.count("\n", 0, found.start()) + 1
            return Pinned(found["version"], Place(sources.shown(path), 0 if name == "Pipfile.lock" else line))
    return CURRENT


def _unlocked(text: str) -> str:
    """Write a Pipfile.lock's entry as a requirement."""
    try:
        default = json.loads(text or "{}").get("default", {})
        return "".join(f"{name}{entry.get('version', '')}\n" for name, entry in default.items())
    except (ValueError, AttributeError, RecursionError):
        return ""

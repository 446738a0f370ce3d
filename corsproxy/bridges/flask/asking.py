"""What the loader says of a piece of what is about to be written.

Laws: nothing is written that `corsproxy check` refuses, and check itself is who says so: the same loader, asked piece by piece.
"""

import functools
import hashlib
import re
from collections.abc import Sequence

from corsproxy.bridges.flask.origins import Entry
from corsproxy.config.load import Loaded, settings_of
from corsproxy.config.problem import ConfigError, Problem
from corsproxy.config.source import Text

__all__ = ["is_refused_path", "load_text", "problems_with", "single_quoted"]

_PLAIN_PATH = re.compile(r"/(?:[A-Za-z0-9_/*~-]|\.(?=[A-Za-z0-9]))*")


def single_quoted(text: str) -> str:
    """Write a text in quotes, so that nothing in it is read as a reference to the environment."""
    return "'" + text.replace("'", "''").replace("${", "$${") + "'"


def load_text(text: str, name: str = "corsproxy.yaml") -> Loaded:
    """Load a text as `corsproxy check` would; raises ConfigError."""
    return settings_of(Text(name, text, hashlib.sha256(text.encode()).hexdigest()), {})


def problems_with(entry: Entry, credentials: bool) -> Sequence[Problem]:
    """Return what `corsproxy check` says against one entry of `allow_origins`."""
    return _problems(entry.text, entry.is_regex, credentials)


@functools.lru_cache(maxsize=4096)
def _problems(text: str, is_regex: bool, credentials: bool) -> Sequence[Problem]:
    shown = single_quoted(text)
    written = (
        "upstream: http://127.0.0.1:5000\nrules:\n  - path: /**\n"
        f"    allow_credentials: {str(credentials).lower()}\n"
        f"    allow_origins: [{{regex: {shown}}}]\n"
        if is_regex
        else "upstream: http://127.0.0.1:5000\nrules:\n  - path: /**\n"
        f"    allow_credentials: {str(credentials).lower()}\n"
        f"    allow_origins: [{shown}]\n"
    )
    try:
        load_text(written)
    except ConfigError as refused:
        return refused.problems
    return ()


@functools.lru_cache(maxsize=4096)
def is_refused_path(path: str) -> bool:
    """Tell whether `corsproxy check` refuses a path: there are some that look like regular expressions to it."""
    if _PLAIN_PATH.fullmatch(path):
        return False
    written = (
        f"upstream: http://127.0.0.1:5000\nrules:\n  - path: {single_quoted(path)}\n    allow_origins: []\n"
    )
    try:
        load_text(written)
    except ConfigError:
        return True
    return False

"""The few settings that `corsproxy run` takes without a file, as the same document a file would be.

Laws: frozen and picklable, for the loading process; this module imports neither models nor YAML until
a document is asked for. Problems name the flag, not a key.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corsproxy.config.problem import COMMAND_LINE, KeyPath

if TYPE_CHECKING:
    from corsproxy.config.document import Document

__all__ = ["Flags", "document_of"]

_NAMES = {
    "upstream": "--upstream",
    "listen": "--listen",
    "allow_origins": "--allow-origin",
    "allow_credentials": "--allow-credentials",
    "allow_headers": "--allow-header",
    "allow_methods": "--allow-method",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What was given on the command line; an empty `listen` is the default."""

    upstream: str
    allow_origins: tuple[str, ...]
    allow_credentials: bool = False
    allow_headers: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()


def document_of(flags: Flags) -> "Document":
    """Write the flags down as a document with one rule, whose places are the names of the flags."""
    from corsproxy.config.document import Document  # noqa: PLC0415 -- brings YAML, which the parent never has

    values: dict[str, object] = {
        "upstream": flags.upstream,
        "rules": [
            {
                "name": "flags",
                "path": "/**",
                "allow_origins": list(flags.allow_origins),
                "allow_credentials": flags.allow_credentials,
                "allow_headers": list(flags.allow_headers),
                "allow_methods": list(flags.allow_methods),
            }
        ],
    }
    if flags.listen:
        values["listen"] = list(flags.listen)
    return Document(COMMAND_LINE, values=values, spell=_flag)


def _flag(path: KeyPath) -> str:
    return next((_NAMES[key] for key in reversed(path) if isinstance(key, str) and key in _NAMES), "")

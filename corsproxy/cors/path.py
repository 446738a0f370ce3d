"""Paths as the backend's WSGI server will see them, and the patterns of rules over them.

    /api/users      this path only            /api/*/logo     `*` stays within its segment, may be empty
    /api/**         /api, /api/, and all below    /**/export      `**` is any number of segments, or none

Laws: the path is percent-decoded once, patterns are not at all; letters keep their case. A path that
servers read in different ways is ambiguous and matches nothing. What is forwarded never changes.
"""

import re
from urllib.parse import unquote_to_bytes

__all__ = ["decode", "is_ambiguous", "may_surprise", "merge_slashes", "path_faults", "segments_of"]

# A backslash, a NUL, or a segment that is a dot or two: some servers and file systems walk on these.
_AMBIGUOUS = re.compile(rb"[\\\x00]|/\.\.?(?:/|\Z)")
_PERCENT, _BACKSLASH, _NUL, _DOT = b"%\\\x00."
_SLASHES = re.compile(rb"/{2,}")


def may_surprise(path: bytes) -> bool:
    """Tell cheaply whether a path as sent may be ambiguous or mean something else decoded; few are."""
    # Asked for as numbers, which takes a tenth of the time that asking for bytes takes.
    return _PERCENT in path or _BACKSLASH in path or _NUL in path or (_DOT in path and b"/." in path)


def decode(path: bytes) -> bytes:
    """Percent-decode once, as every WSGI server does; a `%` without two hexadecimal digits stays."""
    return unquote_to_bytes(path) if b"%" in path else path


def is_ambiguous(decoded: bytes) -> bool:
    """Tell whether a decoded path has dot segments, a backslash or a NUL."""
    return _AMBIGUOUS.search(decoded) is not None


def merge_slashes(decoded: bytes) -> bytes:
    """Return the path without empty segments inside, as some servers and frameworks read it."""
    return _SLASHES.sub(b"/", decoded) if decoded.find(b"//") >= 0 else decoded


def segments_of(pattern: str) -> tuple[bytes, ...]:
    """Cut a rule's pattern into the segments of a trie. Raises ValueError for a faulty one."""
    faults = path_faults(pattern)
    if faults:
        raise ValueError(f"{pattern}: a path {faults[0]}")
    return tuple(pattern.encode().split(b"/")[1:])


def path_faults(pattern: str) -> tuple[str, ...]:
    """Name what is wrong with a rule's path; phrases that follow the words "a path"."""
    segments = pattern.split("/")[1:]
    laws = {
        "begins with a slash": pattern.startswith("/"),
        "has ** only as a whole segment, as in /api/**": all("**" not in s or s == "**" for s in segments),
        "has no query and no fragment": not {"?", "#"} & set(pattern),
        "is written decoded, without %": "%" not in pattern,
        "has no dot segments, which no grant is ever given for": not {".", ".."} & set(segments),
        "has no backslash and no control characters": "\\" not in pattern and pattern.isprintable(),
    }
    return tuple(law for law, is_kept in laws.items() if not is_kept)

"""What a page can read of an answer that it was given, and how long browsers keep a preflight's.

Laws: names only; what a page reads is decided by the Fetch standard's lists and the answer's own fields.
https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from corsproxy.bridges.probe.exchange import Answer
from corsproxy.cors.checks import joined, members

__all__ = ["MAX_AGE_CAPS", "Lifetime", "Readable", "lifetime_of", "readable_of"]

_SAFELISTED = frozenset(
    {
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    }
)
_FORBIDDEN = frozenset({"set-cookie", "set-cookie2"})
# Of the connection, or spent by the browser itself: nobody misses them.
_OF_NO_INTEREST = frozenset(
    {"connection", "date", "keep-alive", "server", "transfer-encoding", "vary", "via"}
)
_WHOLE_SECONDS = re.compile(r"[+-]?[0-9]{1,18}")
DEFAULT_MAX_AGE = 5
# The longest that each engine keeps the answer to a preflight, in seconds.
MAX_AGE_CAPS: Mapping[str, int] = MappingProxyType({"chromium": 7200, "firefox": 86400, "webkit": 600})


@dataclass(frozen=True, slots=True)
class Readable:
    """`fields` that came and that the page may read, in the answer's spelling, and `hidden`, those it may not."""

    status: int
    fields: tuple[str, ...]
    hidden: tuple[str, ...]
    has_body: bool


def readable_of(answer: Answer, method: str, *, include: bool, is_cors: bool) -> Readable:
    """Say what of an answer a page gets."""
    came = tuple(dict.fromkeys(name.decode("latin-1") for name, _ in answer.fields))
    exposed = _exposed(answer, include=include)
    is_all = not is_cors or "*" in exposed
    fields, hidden = [], []
    for name in came:
        lower = name.lower()
        if lower not in _FORBIDDEN and (is_all or lower in _SAFELISTED | exposed):
            fields.append(name)
        elif lower not in _FORBIDDEN | _OF_NO_INTEREST and not lower.startswith("access-control-"):
            hidden.append(name)
    is_empty = method == "HEAD" or answer.status in {204, 205, 304} or answer.value("content-length") == "0"
    return Readable(answer.status, tuple(fields), tuple(hidden), not is_empty)


def _exposed(answer: Answer, *, include: bool) -> frozenset[str]:
    written = members(joined(answer.fields).get(b"access-control-expose-headers", b""))
    names = frozenset(name.decode("latin-1").lower() for name in written)
    return names - {"*"} if include else names


@dataclass(frozen=True, slots=True)
class Lifetime:
    """For how many seconds each engine keeps a preflight's answer. `written` is the field, None where it is missing."""

    written: str | None
    seconds: Mapping[str, int]


def lifetime_of(answer: Answer) -> Lifetime:
    """Say for how long a preflight need not be repeated: https://fetch.spec.whatwg.org/#cors-preflight-fetch."""
    written = answer.value("access-control-max-age")
    asked = DEFAULT_MAX_AGE
    if written is not None and _WHOLE_SECONDS.fullmatch(written):
        asked = max(int(written), 0)
    return Lifetime(written, {engine: min(asked, cap) for engine, cap in MAX_AGE_CAPS.items()})

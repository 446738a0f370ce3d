"""Numbers, times and reasons as the page says them.

Laws: one title for each reason, beside its code, never instead of it; a time is said as people say it and stands
in full in the markup; whatever is counted has its noun.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from corsproxy.cors.comparison import Change
from corsproxy.cors.cookies import CookieFault
from corsproxy.cors.vocabulary import Reason

__all__ = [
    "TITLES",
    "ago",
    "change",
    "change_tone",
    "clock",
    "cookie_fix",
    "cookie_why",
    "counted",
    "iso",
    "moment",
    "number",
    "span",
    "title",
]

TITLES: Mapping[str, str] = MappingProxyType(
    {
        Reason.NO_ORIGIN: "No Origin",
        Reason.SAME_ORIGIN: "Same origin",
        Reason.ORIGIN_ALLOWED: "Allowed",
        Reason.ORIGIN_NOT_ALLOWED: "Origin not in the rule",
        Reason.ORIGIN_NULL: "Origin is null",
        Reason.ORIGIN_MALFORMED: "Not an origin",
        Reason.NO_RULE_FOR_PATH: "No rule for this path",
        Reason.METHOD_NOT_ALLOWED: "Method not in the rule",
        Reason.METHOD_CASE: "Method in the wrong letters",
        Reason.HEADER_NOT_ALLOWED: "Header not in the rule",
        Reason.AUTHORIZATION_NOT_LISTED: "* does not cover Authorization",
        Reason.CLIENT_SENDS_RESPONSE_HEADER: "The page sends a response header",
        Reason.CREDENTIALS_NOT_ALLOWED: "Credentials not allowed",
        Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED: "WebSocket from an origin not in the rule",
        Reason.AMBIGUOUS_PATH: "A path that servers read differently",
        Reason.BACKEND_CORS_CONFLICT: "The backend sends CORS fields too",
        Reason.BACKEND_REDIRECT: "The backend redirects",
        Reason.UPSTREAM_REFUSED: "The backend could not be reached",
        Reason.UPSTREAM_TIMEOUT: "The backend was too slow",
        Reason.UPSTREAM_CLOSED: "The backend hung up",
        Reason.UPSTREAM_INVALID: "The backend's answer was not HTTP",
        Reason.QUEUE_FULL: "Too many requests wait for the backend",
        Reason.BODY_TOO_LARGE: "Body too large",
        Reason.HEAD_TOO_LARGE: "Head too large",
        Reason.BAD_REQUEST: "Not a request that one server can read in one way",
        Reason.CLIENT_TIMEOUT: "The client was too slow",
    }
)

# What a candidate would change, and the tone it is said in.
_CHANGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        Change.NEWLY_REFUSED: ("newly refused", "refused"),
        Change.NEWLY_ALLOWED: ("newly allowed", "report"),
        Change.OTHER: ("other fields", "plain"),
    }
)
_COOKIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        CookieFault.SAME_SITE_NOT_NONE: (
            "It is not SameSite=None, so browsers drop it where another site’s page asks.",
            "same_site: none, secure: true",
        ),
        CookieFault.NOT_SECURE: (
            "It is SameSite=None without Secure, so browsers drop it everywhere.",
            "secure: true",
        ),
    }
)

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{5,}")
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def title(reason: str) -> str:
    """Say a reason code in words."""
    return TITLES.get(reason, reason.replace("_", " "))


def change(code: str) -> str:
    """Say what another policy would change."""
    return _CHANGES.get(code, (code.replace("_", " "), ""))[0]


def change_tone(code: str) -> str:
    """Give the tone of that change."""
    return _CHANGES.get(code, ("", "plain"))[1]


def cookie_why(code: str) -> str:
    """Say why a browser drops a cookie."""
    return _COOKIES.get(code, (code.replace("_", " "), ""))[0]


def cookie_fix(code: str, name: str) -> str:
    """Give the key of a rule that mends the cookie of this name; "" where none does."""
    if not (keys := _COOKIES.get(code, ("", ""))[1]):
        return ""
    # A name that YAML could read otherwise is left out: then the key is for every cookie.
    names = f", names: [{name}]" if _PLAIN_NAME.fullmatch(name) else ""
    return f"cookies: {{{keys}{names}}}"


def number(value: int) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """Write `1 request`, `2 requests`."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def span(seconds: float) -> str:
    """Write a length of time in its largest unit."""
    whole = int(seconds)
    for size, noun in _UNITS:
        if whole >= size:
            return counted(whole // size, noun)
    return "less than a second"


def ago(at: float, now: float) -> str:
    """Write how long ago something was."""
    if at <= 0:
        return "never"
    return "just now" if now - at < 2 else f"{span(now - at)} ago"


def iso(at: float) -> str:
    """Write a time for machines, in UTC."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return "1970-01-01T00:00:00Z"


def clock(at: float) -> str:
    """Write a time for people, in UTC."""
    return iso(at).replace("T", " ").replace("Z", " UTC")


def moment(written: str) -> float:
    """Read a time as `iso` and the status write it; 0 where it is none."""
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError:
        return 0.0

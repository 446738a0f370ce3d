"""A request that a browser made, as a tool recorded it, back to what the page asked for.

Laws: what browsers add by themselves is not the page's; a recorded preflight stands for the request that it
asks about. What had to be guessed is said in `notes`, never silently taken.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.vocabulary import FORBIDDEN_REQUEST_FIELDS, SAFELISTED_REQUEST_FIELDS

__all__ = ["BadPaste", "Question", "is_of_the_page", "question_of"]

_SIMPLE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
# Beside these, what browsers and developer tools add, and no page is known to set.
_NEVER_ASKED = (
    FORBIDDEN_REQUEST_FIELDS
    | SAFELISTED_REQUEST_FIELDS
    | frozenset(
        {
            b"cache-control",
            b"device-memory",
            b"downlink",
            b"dpr",
            b"ect",
            b"if-match",
            b"if-modified-since",
            b"if-none-match",
            b"pragma",
            b"priority",
            b"purpose",
            b"rtt",
            b"save-data",
            b"upgrade-insecure-requests",
            b"user-agent",
            b"viewport-width",
        }
    )
)
_SCHEMES = {"ws": "http", "wss": "https"}


class BadPaste(Exception):  # noqa: N818 -- named for what it is: text that cannot be read as what it was given for
    """The text is not what it was pasted as; the argument is a sentence that says so and how to mend it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the page asked for, the address it called, and what is uncertain about it."""

    request: BrowserRequest
    url: str
    notes: tuple[str, ...] = ()


def question_of(
    method: str,
    url: str,
    fields: list[tuple[str, str]],
    *,
    is_websocket: bool = False,
    has_cookies: bool = False,
) -> Question:
    """Turn a recorded request into a question. Raises BadPaste for an address without scheme and host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() not in {"http", "https", "ws", "wss"} or not parts.netloc:
        raise BadPaste(f"{url or 'An empty text'} is not an address such as https://api.example.com/items.")
    values = {name.lower().strip(): value.strip() for name, value in fields}
    notes: list[str] = []
    names = [name.strip() for name, value in fields if is_of_the_page(name.lower().strip(), value)]
    asked = values.get("access-control-request-method")
    if method.upper() == "OPTIONS" and asked:
        method = asked
        names = [
            name.strip()
            for name in values.get("access-control-request-headers", "").split(",")
            if name.strip()
        ]
        notes.append(f"This is a preflight: it is explained as the {asked} that it asks for.")
    scheme = parts.scheme.lower()
    request = BrowserRequest(
        origin=_origin(values, notes),
        method=method,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        scheme=_SCHEMES.get(scheme, scheme),
        host=parts.netloc.rpartition("@")[2].lower(),
        headers=tuple(dict.fromkeys(names)),
        credentials=has_cookies or "cookie" in values,
        websocket=is_websocket or scheme in _SCHEMES or values.get("upgrade", "").lower() == "websocket",
    )
    if request.origin is not None and not request.credentials and not request.websocket:
        notes.append("No cookie was recorded; if the page asks with credentials, add --credentials.")
    return Question(request, url.partition("#")[0], tuple(notes))


def is_of_the_page(name: str, value: str) -> bool:
    """Tell whether a field, its name in lower case, is one that the page set and a preflight asks for."""
    if name == "content-type":
        return value.partition(";")[0].strip().lower() not in _SIMPLE_TYPES
    return name.encode() not in _NEVER_ASKED and not name.startswith((":", "sec-", "proxy-"))


def _origin(values: dict[str, str], notes: list[str]) -> str | None:
    if "origin" in values:
        return values["origin"]
    try:
        referer = urlsplit(values.get("referer", ""))
    except ValueError:
        return None
    if not referer.netloc:
        return None
    origin = f"{referer.scheme}://{referer.netloc}"
    notes.append(f"No Origin was recorded; {origin} is taken from the Referer.")
    return origin

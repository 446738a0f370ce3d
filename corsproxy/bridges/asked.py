"""What somebody asks of the rules: what was pasted, corrected by what was typed, as one question.

Laws: what is typed wins over what was pasted; what no browser could send is a BadQuestion, a sentence without
a trace of the command line or the form it came from. Asking the rules is in `told`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from corsproxy.bridges.recorded import Question, is_of_the_page
from corsproxy.config.settings import Settings
from corsproxy.cors.browser import BrowserRequest

__all__ = ["NOTHING_PASTED", "BadQuestion", "Typed", "asked", "printable", "url_of"]

NOTHING_PASTED = Question(BrowserRequest(origin=None), "")


class BadQuestion(Exception):  # noqa: N818 -- the question is bad; nobody erred
    """The question cannot be put; the argument is a sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Single parts of a question. `path` may be a whole address; `headers` are `Name` or `Name: value`."""

    origin: str | None = None
    method: str | None = None
    path: str | None = None
    host: str | None = None
    headers: tuple[str, ...] = ()
    credentials: bool = False
    websocket: bool = False


def asked(pasted: Question, typed: Typed) -> BrowserRequest:
    """Correct what was pasted by what was typed. Raises BadQuestion."""
    request = _addressed(pasted.request, typed)
    request = replace(
        request,
        headers=(*request.headers, *_page_headers(typed.headers)),
        credentials=request.credentials or typed.credentials,
        websocket=request.websocket or typed.websocket,
    )
    words = (request.origin or "", request.method, request.path, request.host, *request.headers)
    if not all(map(str.isprintable, words)):
        raise BadQuestion(f"No request can hold these characters: {printable(' '.join(words))}")
    return request


def _addressed(request: BrowserRequest, typed: Typed) -> BrowserRequest:
    path = typed.path
    if path is not None and "://" in path:
        request = _called(request, path)
        path = request.path
    if typed.host is not None:
        is_local = typed.host.startswith("[::1]") or typed.host.partition(":")[0] in {
            "localhost",
            "127.0.0.1",
        }
        request = replace(request, host=typed.host.lower(), scheme="http" if is_local else request.scheme)
    return replace(
        request,
        origin=request.origin if typed.origin is None else typed.origin,
        method=request.method if typed.method is None else typed.method,
        path=request.path if path is None else path,
    )


def _called(request: BrowserRequest, url: str) -> BrowserRequest:
    """Take scheme, host and path from a whole address, as `question_of` takes them from a recorded one."""
    try:
        address = urlsplit(url)
    except ValueError:
        raise BadQuestion(f"{printable(url)} is no address.") from None
    scheme = {"ws": "http", "wss": "https"}.get(address.scheme, address.scheme)
    if scheme not in {"http", "https"} or not address.netloc:
        raise BadQuestion(f"{printable(url)} is no address that begins with http:// or https:// and a host.")
    if "@" in address.netloc:
        raise BadQuestion(
            "fetch() takes no address with a user name in it: name the header Authorization instead."
        )
    return replace(
        request,
        scheme=scheme,
        host=address.netloc.lower(),
        path=(address.path or "/") + (f"?{address.query}" if address.query else ""),
        websocket=request.websocket or address.scheme != scheme,
    )


def _page_headers(written: Iterable[str]) -> list[str]:
    """Take the names of `Name` or `Name: value`; a Content-Type that needs no preflight is left out."""
    pairs = [(name.strip(), colon, value) for name, colon, value in (text.partition(":") for text in written)]
    return [name for name, colon, value in pairs if not colon or is_of_the_page(name.lower(), value)]


def printable(text: str) -> str:
    """What somebody else recorded may not steer the terminal it is shown on."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def url_of(request: BrowserRequest, settings: Settings) -> str:
    """Write the address as the console would; where no host is known, one of our own."""
    scheme = (
        {"http": "ws", "https": "wss"}.get(request.scheme, "wss") if request.websocket else request.scheme
    )
    if request.host:
        return f"{scheme}://{request.host}{request.path}"
    if settings.public_origins:
        own = settings.public_origins[0]
        return (f"ws{own.removeprefix('http')}" if request.websocket else own) + request.path
    port = next((endpoint.port for endpoint in settings.listen if endpoint.port), 8080)
    return f"{'ws' if request.websocket else 'http'}://localhost:{port}{request.path}"

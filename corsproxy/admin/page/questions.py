"""What was seen, as the question that a page asked; and what the form says, as one.

Laws: a question holds what was seen and nothing made up: the method and the headers a preflight named, the first
path, the host of the rule. Whether a page asked with credentials is never seen, so that is left out.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from corsproxy.admin.page.seen import Difference, Group, Recent
from corsproxy.bridges.asked import NOTHING_PASTED, BadQuestion, Typed, asked
from corsproxy.bridges.console import read_console
from corsproxy.bridges.curl import read_curl
from corsproxy.bridges.recorded import BadPaste, Question
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.consoles import Cause
from corsproxy.cors.vocabulary import Kind

__all__ = ["encoded", "link", "of_difference", "of_form", "of_group", "of_recent", "scheme_of"]


def of_form(form: Mapping[str, str]) -> tuple[BrowserRequest, Question, Cause | None]:
    """Read the fields of the form. Raises BadQuestion."""
    pasted, cause = _pasted(form.get("paste", "").strip())
    typed = Typed(
        origin=form.get("origin", "").strip() or None,
        method=form.get("method", "").strip() or None,
        path=form.get("path", "").strip() or None,
        headers=tuple(filter(None, map(str.strip, form.get("headers", "").split(",")))),
        credentials=bool(form.get("credentials")),
        websocket=bool(form.get("websocket")),
    )
    request = asked(pasted, typed)
    if request.origin is None and not form.get("paste", "").strip().startswith("curl"):
        raise BadQuestion("Name the page's origin, such as https://app.example.com.")
    if not request.path.startswith("/"):
        raise BadQuestion(f"A path is one such as /{request.path}, or a whole address.")
    return request, pasted, cause


def _pasted(text: str) -> tuple[Question, Cause | None]:
    if not text:
        return NOTHING_PASTED, None
    try:
        return (read_curl(text), None) if text.startswith("curl") else read_console(text)
    except BadPaste as fault:
        raise BadQuestion(str(fault)) from None


def of_group(group: Group, host: str) -> BrowserRequest:
    """Ask what this origin asked most: its method and all its headers, on the first path; `host` is the rule's."""
    methods = group.methods or {}
    headers = tuple(sorted(group.headers or {}))
    most = max(methods, key=lambda method: methods[method], default=group.method or "GET")
    is_websocket = group.kind == Kind.WEBSOCKET
    host = host or (group.hosts[0] if group.hosts else "")
    return BrowserRequest(
        origin=group.origin or None,
        method="GET" if is_websocket else most,
        path=encoded(group.paths[0]) if group.paths else "/",
        scheme=scheme_of(group.origin, host),
        host=host,
        headers=() if is_websocket else headers,
        websocket=is_websocket,
    )


def of_recent(seen: Recent) -> BrowserRequest:
    """Ask what one request asked."""
    return BrowserRequest(
        origin=seen.origin or None,
        method=seen.requested_method or seen.method or "GET",
        path=encoded(seen.path) or "/",
        scheme=scheme_of(seen.origin, seen.host),
        host=seen.host,
        headers=seen.requested_headers,
        websocket=seen.kind == Kind.WEBSOCKET,
    )


def of_difference(seen: Difference) -> BrowserRequest:
    """Ask what two policies answer differently."""
    return BrowserRequest(
        origin=seen.origin or None,
        method=seen.requested_method or seen.method or "GET",
        path=encoded(seen.path) or "/",
        headers=seen.requested_headers,
        websocket=seen.kind == Kind.WEBSOCKET,
    )


def scheme_of(origin: str, host: str) -> str:
    """Guess what the page wrote: never so that the server's own name, which was refused, becomes same-origin."""
    is_local = host.partition(":")[0] in {"localhost", "127.0.0.1"}
    return "http" if is_local or origin == f"https://{host}" else "https"


def encoded(path: str) -> str:
    """Write the bytes that the ledger escaped as an address has them."""
    return re.sub(r"\\x([0-9a-f]{2})", r"%\1", path)


def link(request: BrowserRequest) -> str:
    """Write the address of the page on which this question is answered."""
    address = f"{request.scheme}://{request.host}{request.path}" if request.host else request.path
    fields = {
        "origin": request.origin or "",
        "method": request.method,
        "path": address,
        "headers": ", ".join(request.headers),
        "credentials": "on" if request.credentials else "",
        "websocket": "on" if request.websocket else "",
    }
    return f"?{urlencode({name: value for name, value in fields.items() if value}, errors='replace')}#answer"

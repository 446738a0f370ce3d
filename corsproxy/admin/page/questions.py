"""What was seen, as the question that a page asked; and what the form says, as one.

Laws: a question holds what was seen and nothing made up: the method and the headers a preflight named, the first
path, the host of the rule. Whether a page asked with credentials is never seen, so that is left out.
"""

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

__all__ = ["link", "of_difference", "of_form", "of_group", "of_recent"]


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
    """Ask what this origin asked most: its method and all its headers, on the first path."""
    methods = group.methods or {}
    headers = tuple(sorted(group.headers or {}))
    most = max(methods, key=lambda method: methods[method], default=group.method or "GET")
    is_websocket = group.kind == Kind.WEBSOCKET
    return BrowserRequest(
        origin=group.origin or None,
        method="GET" if is_websocket else most,
        path=group.paths[0] if group.paths else "/",
        host=host,
        headers=() if is_websocket else headers,
        websocket=is_websocket,
    )


def of_recent(seen: Recent) -> BrowserRequest:
    """Ask what one request asked."""
    return BrowserRequest(
        origin=seen.origin or None,
        method=seen.requested_method or seen.method or "GET",
        path=seen.path or "/",
        host=seen.host,
        headers=seen.requested_headers,
        websocket=seen.kind == Kind.WEBSOCKET,
    )


def of_difference(seen: Difference) -> BrowserRequest:
    """Ask what two policies answer differently."""
    return BrowserRequest(
        origin=seen.origin or None,
        method=seen.requested_method or seen.method or "GET",
        path=seen.path or "/",
        headers=seen.requested_headers,
        websocket=seen.kind == Kind.WEBSOCKET,
    )


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

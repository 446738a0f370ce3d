"""The page at `/`: its routes, its fields, and what is asked of the desk that writes it.

Laws: nothing is written here but the sentence that stands in for a page that could not be made. The browser
is told to load nothing from elsewhere and to run and style by our files only; other sites may link to the
page, but neither frame nor fetch it. Whatever the page needs, proxied requests do not wait for it.
"""

from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web

from corsproxy.admin.aside import aside, encoded
from corsproxy.admin.desk import Desk, DeskError
from corsproxy.config.settings import Settings
from corsproxy.proxy.record import Observer

__all__ = ["CONTENT_SECURITY_POLICY", "FrontPage"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_FIELDS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_STATIC = Path(__file__).parent / "page" / "static"
_MOST = {"refusals": 400, "allowed": 100}
_TYPES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_FORM = ("origin", "method", "path", "headers", "credentials", "websocket", "paste")
_STAND_IN = (Path(__file__).parent / "page" / "static" / "unavailable.html").read_text(encoding="utf-8")

# What the page shows beside the rules: the status and what was decided, as plain values.
Facts = Callable[[], Awaitable[Mapping[str, Any]]]


class FrontPage:
    """Serves the page over `facts` and the settings in force."""

    def __init__(
        self, facts: Facts, settings: Callable[[], Settings], observer: Observer, desk: Desk | None = None
    ) -> None:
        self._facts = facts
        self._settings = settings
        self._observer = observer
        self._desk = desk or Desk()

    def add_to(self, app: web.Application) -> None:
        """Add the routes; the desk ends with the application."""
        app.add_routes([web.get("/", self.page), web.get("/page/live", self.live)])
        app.add_routes([web.get(f"/page/{name}", _static(name, kind)) for name, kind in _TYPES.items()])
        app.on_shutdown.append(self._close)

    async def _close(self, _app: web.Application) -> None:
        await self._desk.close()

    async def page(self, request: web.Request) -> web.Response:
        """Answer with the whole page and, where a question is asked, its answer."""
        query = request.query
        form = {name: query[name] for name in _FORM if query.get(name)}
        return await self._written({"what": "page", "form": form or None})

    async def live(self, _request: web.Request) -> web.Response:
        """Answer with the part of the page that changes by itself."""
        return await self._written({"what": "live"})

    async def _written(self, question: dict[str, object]) -> web.Response:
        try:
            facts = await self._facts()
            asked = await aside(encoded, {**question, **_shortened(facts)})
            html = await self._desk.ask(asked, self._settings())
        except DeskError as fault:
            self._observer.event("error", "the admin page could not be written", error=str(fault))
            return _html(_STAND_IN.replace("REASON", escape(str(fault))), 503)
        return _html(html, 200)


def _shortened(facts: Mapping[str, Any]) -> Mapping[str, object]:
    """Leave out what no page would show: lists come with the most counted first."""
    decisions: dict[str, Any] = dict(facts["decisions"])
    decisions.pop("same_origin", None)
    for name, most in _MOST.items():
        whole = decisions.get(name, [])
        decisions[name] = whole[:most]
        decisions[f"{name}_left_out"] = max(len(whole) - most, 0)
    return {**facts, "decisions": decisions}


def _html(text: str, status: int) -> web.Response:
    body = text.encode("utf-8", "replace")
    return web.Response(
        body=body, status=status, content_type="text/html", charset="utf-8", headers={**_FIELDS}
    )


def _static(name: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = (_STATIC / name).read_bytes()
    tag = f'"{sha256(body).hexdigest()[:16]}"'

    async def serve(request: web.Request) -> web.Response:
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers={"ETag": tag})
        fields = {"ETag": tag, **_FIELDS}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=fields)

    return serve

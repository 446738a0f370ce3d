"""Serves the page under two names of one address: two origins to a browser, one listed in the rules.

Laws: it answers only to these two names, so that no other site reaches it by rebinding DNS, and only its
own pages may stop the backend. It asks the backend what arrived, so that no browser needs to.
"""

import asyncio
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.typedefs import Handler, Middleware

from corsproxy.demo.addresses import SEEN_PATH, Addresses

__all__ = ["Stoppable", "page_app"]

# Path -> file in page/ and its media type.
PAGES = {
    "/": ("index.html", "text/html"),
    "/voice": ("voice.html", "text/html"),
    "/demo.css": ("demo.css", "text/css"),
    "/demo.js": ("demo.js", "text/javascript"),
    "/voice.js": ("voice.js", "text/javascript"),
    "/experiments.js": ("experiments.js", "text/javascript"),
}


class Stoppable(Protocol):
    """The backend as the page may treat it."""

    async def pause(self) -> None:
        """Stop it; it comes back by itself if nobody resumes it."""

    async def resume(self) -> None:
        """Start it again and wait until it listens."""


def page_app(addresses: Addresses, backend: Stoppable, rules: Path) -> web.Application:
    """Build the page's server; `rules` is the file that the page shows."""
    app = web.Application(middlewares=[_only_by_name({addresses.page, addresses.stranger})])
    policy = _content_security_policy(addresses)
    for path, (name, media_type) in PAGES.items():
        app.router.add_get(path, _file(name, media_type, policy))

    async def tell_addresses(_: web.Request) -> web.Response:
        return web.json_response(asdict(addresses), headers={"Cache-Control": "no-store"})

    async def tell_rules(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(rules.read_text, encoding="utf-8")
        return web.json_response({"path": str(rules), "text": text}, headers={"Cache-Control": "no-store"})

    async def tell_seen(request: web.Request) -> web.Response:
        seen = await _seen(addresses.backend, request.query.get("ask", ""))
        return web.json_response(seen, headers={"Cache-Control": "no-store"})

    async def pause(_: web.Request) -> web.Response:
        await backend.pause()
        return web.Response(status=204)

    async def resume(_: web.Request) -> web.Response:
        await backend.resume()
        return web.Response(status=204)

    app.router.add_get("/addresses", tell_addresses)
    app.router.add_get("/rules", tell_rules)
    app.router.add_get("/seen", tell_seen)
    app.router.add_post("/backend/pause", pause)
    app.router.add_post("/backend/resume", resume)
    return app


def _only_by_name(origins: set[str]) -> Middleware:
    hosts = {urlsplit(origin).netloc for origin in origins}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in hosts:
            return web.Response(status=421, text=f"This server is {' or '.join(sorted(hosts))}.\n")
        if request.method == "POST" and request.headers.get("Origin") != f"http://{request.host}":
            return web.Response(status=403, text="Only the demonstration's own page may do this.\n")
        return await handler(request)

    return check


def _content_security_policy(addresses: Addresses) -> str:
    socket = addresses.proxy.replace("http:", "ws:", 1)
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"connect-src 'self' {addresses.proxy} {socket}; frame-src {addresses.stranger}; "
        f"frame-ancestors {addresses.page}"
    )


def _file(name: str, media_type: str, policy: str) -> Handler:
    body = files("corsproxy.demo").joinpath("page", name).read_bytes()
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer-when-downgrade",
    }

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=media_type, charset="utf-8", headers=headers)

    return serve


async def _seen(backend: str, ask: str) -> list[str]:
    """Return the methods of the requests so marked that reached the backend; none if it is down."""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=5)) as session,
            session.get(backend + SEEN_PATH, params={"ask": ask}) as answer,
        ):
            return [str(method) for method in await answer.json()]
    except (ClientError, TimeoutError):
        return []

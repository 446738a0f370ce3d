"""The admin pages: /livez, /readyz, /metrics, /status, /decisions, and the page at /.

Laws: GET and HEAD only; answers are never cached, never sniffed and carry no CORS field, ever: no page
on the web has business here. What a page takes long to make is made beside the event loop (`aside`).
"""

import asyncio
import time
from collections.abc import Callable

from aiohttp import web

from corsproxy.admin.aside import aside, encoded
from corsproxy.admin.decisions import decisions
from corsproxy.admin.desk import Desk
from corsproxy.admin.fleet import Fleet
from corsproxy.admin.front import FrontPage
from corsproxy.admin.hosts import guard
from corsproxy.admin.metrics import Families, expose
from corsproxy.admin.problems import catch
from corsproxy.admin.status import status
from corsproxy.admin.upstream_check import UpstreamCheck
from corsproxy.config.settings import Admin
from corsproxy.observe.counters import Snapshot, merge
from corsproxy.proxy.record import Observer

__all__ = ["build"]

_SCRAPES_WAIT = 2.0  # seconds for the backend: scrapers give up after ten, with all that there is to know
_FIELDS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "corsproxy",
}


def build(
    fleet: Fleet,
    admin: Admin,
    observer: Observer,
    clock: Callable[[], float] = time.time,
    desk: Desk | None = None,
) -> web.Application:
    """Return the application over `fleet`; `desk` writes the page."""
    pages = _Pages(fleet, clock)
    app = web.Application(middlewares=[catch(observer), guard(admin.hosts)])
    app.on_response_prepare.append(_add_fields)
    app.add_routes(
        [
            web.get("/livez", pages.livez),
            web.get("/readyz", pages.readyz),
            web.get("/metrics", pages.metrics),
            web.get("/status", pages.status),
            web.get("/decisions", pages.decisions),
        ]
    )
    FrontPage(pages.facts, lambda: fleet.settings, observer, desk).add_to(app)
    return app


async def _add_fields(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_FIELDS)


class _Pages:
    def __init__(self, fleet: Fleet, clock: Callable[[], float]) -> None:
        self._fleet = fleet
        self._clock = clock
        self._upstream = UpstreamCheck()

    async def livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        if why := await self._unready():
            return web.Response(status=503, text=f"not ready: {why}\n")
        return web.Response(text="ready\n")

    async def _unready(self) -> str:
        """Say why no client should be sent here, "" where one may."""
        if self._fleet.is_draining:
            return "draining"
        if not self._fleet.is_serving:
            return "no worker serves"
        settings = self._fleet.settings
        endpoint = settings.upstream.endpoint
        failure = await self._upstream.failure(endpoint, settings.timeouts.connect)
        return f"backend {endpoint}: {failure}" if failure else ""

    async def _is_soon_ready(self) -> bool:
        try:
            async with asyncio.timeout(_SCRAPES_WAIT):
                return not await self._unready()
        except TimeoutError:
            return False

    async def metrics(self, request: web.Request) -> web.Response:
        settings = self._fleet.settings
        is_ready, snapshots = await asyncio.gather(self._is_soon_ready(), self._fleet.snapshots())
        families = Families(
            merge(snapshots),
            self._fleet.facts(),
            sha256=settings.source.sha256,
            is_ready=is_ready,
            candidate=settings.candidate,
        )
        accept = ",".join(request.headers.getall("Accept", []))
        # Thousands of series take tens of milliseconds.
        body, content_type = await aside(expose, accept, families)
        return web.Response(body=body, headers={"Content-Type": content_type, "Vary": "Accept"})

    async def status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._status(merge(await self._fleet.snapshots())))

    async def facts(self) -> dict[str, object]:
        """Collect what the page shows."""
        total = merge(await self._fleet.snapshots())
        return {
            "status": self._status(total),
            "decisions": await self._decisions(),
            "totals": [[at.kind, at.reason, at.report, count] for at, count in total.decisions.items()],
        }

    def _status(self, total: Snapshot) -> dict[str, object]:
        fleet = self._fleet
        return status(total, fleet.facts(), fleet.settings, is_draining=fleet.is_draining, now=self._clock())

    async def decisions(self, _request: web.Request) -> web.Response:
        # Megabytes of text take tens of milliseconds.
        body = await aside(_json, await self._decisions())
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    async def _decisions(self) -> dict[str, object]:
        fleet = self._fleet
        told = await fleet.ledgers()
        # Full ledgers of many workers take tens of milliseconds.
        return await aside(decisions, told, fleet.facts(), fleet.settings, now=self._clock())


def _json(value: object) -> bytes:
    return encoded(value).encode()

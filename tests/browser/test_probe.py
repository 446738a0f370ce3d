"""What the probe says a page gets, against a real Chromium that asks the same server the same."""

import random
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme
from aiohttp import web
from multidict import CIMultiDict
from playwright.async_api import Browser, Page

from corsproxy.bridges.probe.client import Client
from corsproxy.bridges.probe.exchange import Asked
from corsproxy.bridges.probe.report import Outcome, Report, conduct, inquire
from tests.browser.drawn import Drawn, draw

pytestmark = pytest.mark.browser

Fields = tuple[tuple[str, str], ...]
APP, OTHER = "{app}", "{third}"  # origins, filled in when the servers have their ports
MINE: Fields = (("Access-Control-Allow-Origin", APP),)
STAR: Fields = (("Access-Control-Allow-Origin", "*"),)
TRUE: Fields = (("Access-Control-Allow-Credentials", "true"),)


@dataclass(frozen=True)
class Case:
    """A request of the page, and what the server answers to its preflight and to itself."""

    method: str = "GET"
    headers: Fields = ()
    include: bool = False
    preflight: tuple[int, Fields] = (204, MINE)
    answer: tuple[int, Fields] = (200, MINE)
    then: dict[str, tuple[int, Fields]] = field(default_factory=dict)  # by path, at any server


CASES = {
    "granted": Case(answer=(200, (*MINE, ("X-Total", "3"), ("ETag", "e"), ("Cache-Control", "no-cache")))),
    "exposed": Case(
        answer=(201, (*MINE, ("X-Total", "3"), ("Access-Control-Expose-Headers", "x-total, ETag")))
    ),
    "exposed to all": Case(answer=(200, (*STAR, ("X-Total", "3"), ("Access-Control-Expose-Headers", "*")))),
    "exposed to all, with credentials": Case(
        include=True, answer=(200, (*MINE, *TRUE, ("X-Total", "3"), ("Access-Control-Expose-Headers", "*")))
    ),
    "an error": Case(answer=(500, MINE)),
    "missing": Case(answer=(404, ())),
    "empty": Case(answer=(200, (("Access-Control-Allow-Origin", ""),))),
    "no address": Case(answer=(200, (("Access-Control-Allow-Origin", "*.example.com"),))),
    "another": Case(answer=(200, (("Access-Control-Allow-Origin", OTHER),))),
    "null": Case(answer=(200, (("Access-Control-Allow-Origin", "null"),))),
    "slash": Case(answer=(200, (("Access-Control-Allow-Origin", f"{APP}/"),))),
    "twice": Case(answer=(200, (*MINE, *MINE))),
    "star and mine": Case(answer=(200, (*STAR, *MINE))),
    "star with credentials": Case(include=True, answer=(200, (*STAR, *TRUE))),
    "no credentials": Case(include=True),
    "True": Case(include=True, answer=(200, (*MINE, ("Access-Control-Allow-Credentials", "True")))),
    "preflight granted": Case(
        method="PUT", preflight=(200, (*MINE, ("Access-Control-Allow-Methods", "PUT")))
    ),
    "preflight 404": Case(method="PUT", preflight=(404, (*MINE, ("Access-Control-Allow-Methods", "PUT")))),
    "preflight missing": Case(method="PUT", preflight=(403, ())),
    "preflight 302": Case(method="PUT", preflight=(302, (*MINE, ("Location", "/x")))),
    "method": Case(method="DELETE", preflight=(204, (*MINE, ("Access-Control-Allow-Methods", "PUT")))),
    "methods unreadable": Case(
        method="PUT", preflight=(204, (*MINE, ("Access-Control-Allow-Methods", "GET; PUT")))
    ),
    "headers unreadable": Case(
        headers=(("X-A", "1"),), preflight=(204, (*MINE, ("Access-Control-Allow-Headers", "X-A X-B")))
    ),
    "header": Case(
        headers=(("X-A", "1"), ("X-B", "1")),
        preflight=(204, (*MINE, ("Access-Control-Allow-Headers", "x-a"))),
    ),
    "long Accept": Case(headers=(("Accept", "a" * 129),), preflight=(204, MINE)),
    "odd language": Case(headers=(("Accept-Language", "de_DE"),), preflight=(204, MINE)),
    "simple type": Case(method="POST", headers=(("Content-Type", "text/plain; x=1"),), preflight=(403, ())),
    "redirect within": Case(
        answer=(302, (*MINE, ("Location", "/to-within"))), then={"/to-within": (200, MINE)}
    ),
    "redirect without grant": Case(
        answer=(302, (("Location", "/to-nowhere"),)), then={"/to-nowhere": (200, MINE)}
    ),
    "redirect taints": Case(
        answer=(302, (*MINE, ("Location", f"{OTHER}/to-third"))), then={"/to-third": (200, MINE)}
    ),
    "redirect to a star": Case(
        answer=(307, (*MINE, ("Location", f"{OTHER}/to-star"))), then={"/to-star": (200, STAR)}
    ),
    "redirect to null": Case(
        answer=(307, (*MINE, ("Location", f"{OTHER}/to-null"))),
        then={"/to-null": (200, (("Access-Control-Allow-Origin", "null"),))},
    ),
    "redirect with preflight": Case(
        method="PUT",
        preflight=(204, (*STAR, ("Access-Control-Allow-Methods", "PUT"))),
        answer=(308, (*MINE, ("Location", f"{OTHER}/to-method"))),
        then={"/to-method": (200, STAR)},
    ),
    "redirect of a POST": Case(
        method="POST", answer=(301, (*MINE, ("Location", "/to-get"))), then={"/to-get": (200, MINE)}
    ),
    "redirect with a failing preflight": Case(
        method="PATCH",
        preflight=(204, (*STAR, ("Access-Control-Allow-Methods", "PATCH"))),
        answer=(308, (*MINE, ("Location", f"{OTHER}/to-method"))),
    ),
    "redirect with a user name": Case(
        answer=(302, (*MINE, ("Location", "http://u:p@third.shop.localhost/")))
    ),
    "redirect to itself": Case(answer=(302, (*MINE, ("Location", "/redirect%20to%20itself")))),
    "redirect to data": Case(answer=(302, (*MINE, ("Location", "data:text/plain,x")))),
    "redirect without Location": Case(answer=(302, MINE)),
}
COOKIES = (
    "plain=1",
    "lax=1; SameSite=Lax",
    "none=1; SameSite=None",
    "fine=1; SameSite=None; Secure",
    "apart=1; SameSite=None; Secure; Partitioned",
    "lonely=1; SameSite=None; Partitioned",
    "__Host-good=1; SameSite=None; Secure; Path=/",
    "__Host-bad=1; SameSite=None; Secure; Path=/deep",
    "__Secure-bad=1; SameSite=None",
    "wide=1; Domain=shop.localhost; SameSite=None; Secure",
    "wrong=1; Domain=other.localhost; SameSite=None; Secure",
)
SAFARI = ["fine", "apart", "__Host-good", "wide"]  # drops what is Secure, for the tests have no TLS
SEED, DRAWN = 20, 50
ASK = """async ([url, method, headers, credentials]) => {
    try {
        const response = await fetch(url, {method, headers, credentials, cache: "no-store"});
        return [response.status, [...response.headers.keys()]];
    } catch { return null; }
}"""


class Stage:
    """Three servers of one table, and a page."""

    def __init__(
        self, origins: dict[str, str], page: Page, lines: list[str], by_chance: dict[str, Drawn]
    ) -> None:
        self.origins = origins
        self.by_chance = by_chance
        self._page = page
        self._lines = lines

    async def in_chromium(self, asked: Asked) -> tuple[Any, str]:
        """What fetch() gives the page, and what the console said."""
        del self._lines[:]
        credentials = "include" if asked.include else "same-origin"
        came = await self._page.evaluate(ASK, [asked.url, asked.method, dict(asked.fields), credentials])
        return came, next((line for line in self._lines if not line.startswith("Failed to load")), "")

    async def goto(self, origin: str) -> None:
        await self._page.goto(f"{origin}/blank")

    async def cookies(self) -> set[str]:
        return {cookie["name"] for cookie in await self._page.context.cookies() if "name" in cookie}


def filled(fields: Fields, origins: dict[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value.format(**origins)) for name, value in fields)


async def probed(asked: Asked) -> Report:
    return await conduct(inquire(asked, "marker"), Client(timeout=30).send)


def page_of(report: Report) -> object:
    """What fetch() gives the page: status and names, or nothing."""
    readable = report.readable
    return None if readable is None else [readable.status, sorted({name.lower() for name in readable.fields})]


def is_preflight(request: web.Request) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


@pytest.fixture
async def stage(chromium: Browser) -> AsyncIterator[Stage]:
    origins: dict[str, str] = {}
    by_chance: dict[str, Drawn] = {}
    then = {path: answer for case in CASES.values() for path, answer in case.then.items()}

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/blank":
            return web.Response(text="<!doctype html><link rel=icon href='data:,'>", content_type="text/html")
        if request.path == "/cookies":
            fields = (*MINE, *TRUE, *(("Set-Cookie", each) for each in COOKIES))
            return web.Response(headers=filled(fields, {"app": request.headers.get("Origin", "")}))
        if request.path.startswith(("/drawn/", "/next/")):
            further = draw(random.Random(f"{SEED} {request.path}"), origins, redirects=False)
            drawn = by_chance.setdefault(request.path, further)
            status, fields = drawn.preflight if is_preflight(request) else drawn.answer
            return web.Response(status=status, headers=CIMultiDict(fields))
        if request.path in then:
            redirected = CASES["redirect with preflight"].preflight
            status, fields = redirected if request.method == "OPTIONS" else then[request.path]
        else:
            case = CASES[request.path[1:]]
            status, fields = case.preflight if request.method == "OPTIONS" else case.answer
        return web.Response(status=status, headers=filled(fields, origins))

    async with AsyncExitStack() as stack:
        application = web.Application()
        application.router.add_route("*", "/{any:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        for name in ("app", "api", "third"):
            server = web.TCPSite(runner, "127.0.0.1", 0)
            await server.start()
            port = server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
            origins[name] = f"http://{name}.shop.localhost:{port}"
            origins["away"] = f"http://app.away.localhost:{port}"
        context = await chromium.new_context()
        stack.push_async_callback(context.close)
        page = await context.new_page()
        lines: list[str] = []
        page.on("console", lambda message: lines.append(message.text))
        await page.goto(f"{origins['app']}/blank")
        yield Stage(origins, page, lines, by_chance)


async def test_chromium_hands_over_what_the_probe_says_and_prints_what_it_predicts(stage: Stage) -> None:
    said: dict[str, Any] = {}
    due: dict[str, Any] = {}
    for name, case in CASES.items():
        asked = Asked(
            origin=stage.origins["app"],
            url=f"{stage.origins['api']}/{name.replace(' ', '%20')}",
            method=case.method,
            fields=case.headers,
            include=case.include,
            sends=True,
        )
        report = await probed(asked)
        due[name] = (page_of(report), report.console.chrome if report.console else "")
        said[name] = await stage.in_chromium(asked)
    assert said == due


async def test_chromium_agrees_about_servers_at_random(stage: Stage) -> None:
    said: dict[str, Any] = {}
    due: dict[str, Any] = {}
    for number in range(DRAWN):
        path = f"/drawn/{number}"
        drawn = stage.by_chance[path] = draw(random.Random(f"{SEED} {number}"), stage.origins)
        asked = Asked(
            origin=stage.origins["app"],
            url=f"{stage.origins['api']}{path}",
            method=drawn.method,
            fields=drawn.headers,
            include=drawn.include,
            sends=True,
        )
        report = await probed(asked)
        due[str(drawn)] = (page_of(report), report.console.chrome if report.console else "")
        said[str(drawn)] = await stage.in_chromium(asked)
    assert said == due
    # Enough of each: what is drawn shall try something.
    assert sum(came is not None for came, _ in said.values()) > DRAWN // 10
    assert len({line.partition("policy: ")[2][:60] for _, line in said.values()}) > 5


async def test_chromium_prints_what_is_predicted_of_mixed_content(chromium: Browser) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><link rel=icon href='data:,'>", content_type="text/html")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("app.shop.localhost").configure_cert(context)
    async with AsyncExitStack() as stack:
        application = web.Application()
        application.router.add_get("/", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        server = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await server.start()
        port = server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        visitor = await chromium.new_context(ignore_https_errors=True)
        stack.push_async_callback(visitor.close)
        page = await visitor.new_page()
        lines: list[str] = []
        page.on("console", lambda message: lines.append(message.text))
        app = f"https://app.shop.localhost:{port}"
        await page.goto(f"{app}/")
        asked = Asked(origin=app, url="http://api.invalid/x")
        report = await probed(asked)
        assert await page.evaluate(ASK, [asked.url, "GET", {}, "same-origin"]) is None
    assert report.console is not None
    assert (report.reason, lines[:1]) == ("mixed_content", [report.console.chrome])


async def test_chromium_keeps_the_cookies_that_the_probe_says_it_keeps(stage: Stage) -> None:
    for page in ("app", "away"):
        await stage.goto(stage.origins[page])
        await stage._page.context.clear_cookies()
        asked = Asked(origin=stage.origins[page], url=f"{stage.origins['api']}/cookies", include=True)
        report = await probed(asked)
        assert report.outcome is Outcome.READABLE
        await stage.in_chromium(asked)
        kept = await stage.cookies()
        sound = [cookie for cookie in report.cookies if not cookie.faults]
        # A third party's may be kept: that depends on what the user of the browser has set.
        thirds = {cookie.name for cookie in sound if any("third party" in each for each in cookie.cautions)}
        assert {cookie.name for cookie in sound} - thirds <= kept <= {cookie.name for cookie in sound}
        assert [cookie.name for cookie in sound if cookie.cautions] == SAFARI
        assert thirds == (set() if page == "app" else {"fine", "__Host-good", "wide"})

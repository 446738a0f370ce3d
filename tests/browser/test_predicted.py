"""Each way to fail, made to happen in a real Chromium through the proxy: it says what `explain` predicted.

The question is put to the same rules, as the tests' site has them; nothing of a text is written here.
"""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Browser, Frame, Page

from corsproxy.bridges.console import read_console
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.consoles import CAUSES, PREFLIGHT, Cause
from corsproxy.cors.explain import tell
from corsproxy.cors.policy import Policy
from corsproxy.cors.vocabulary import Reason
from tests.browser.pages import page_at
from tests.browser.site import Site

pytestmark = pytest.mark.browser

# name: page, reason, the request without its origin
FAILURES = {
    "simple": ("disallowed", Reason.ORIGIN_NOT_ALLOWED, BrowserRequest(origin="", path="/exact/200")),
    "an error": ("disallowed", Reason.ORIGIN_NOT_ALLOWED, BrowserRequest(origin="", path="/exact/500")),
    "look-alike": ("lookalike", Reason.ORIGIN_NOT_ALLOWED, BrowserRequest(origin="", path="/wild/200")),
    "preflight": (
        "disallowed",
        Reason.ORIGIN_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", method="PUT"),
    ),
    "blocked": (
        "disallowed",
        Reason.ORIGIN_NOT_ALLOWED,
        BrowserRequest(origin="", path="/block/200", method="POST"),
    ),
    "sandbox": ("null", Reason.ORIGIN_NULL, BrowserRequest(origin="", path="/exact/200")),
    "no rule": ("allowed", Reason.NO_RULE_FOR_PATH, BrowserRequest(origin="", path="/none/200")),
    "no rule, preflight": (
        "allowed",
        Reason.NO_RULE_FOR_PATH,
        BrowserRequest(origin="", path="/none/200", method="DELETE"),
    ),
    "ambiguous": ("allowed", Reason.AMBIGUOUS_PATH, BrowserRequest(origin="", path="/exact/a%5Cb")),
    "method": (
        "allowed",
        Reason.METHOD_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", method="PATCH"),
    ),
    "case of a method": (
        "allowed",
        Reason.METHOD_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", method="patch"),
    ),
    "forbidden method": (
        "allowed",
        Reason.METHOD_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", method="TRACE"),
    ),
    "no method": (
        "allowed",
        Reason.METHOD_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", method="A B"),
    ),
    "header": (
        "allowed",
        Reason.HEADER_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", headers=("X-Good", "X-Bad")),
    ),
    "no header": (
        "allowed",
        Reason.HEADER_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", headers=("X Y",)),
    ),
    "* and Authorization": (
        "allowed",
        Reason.AUTHORIZATION_NOT_LISTED,
        BrowserRequest(origin="", path="/star/200", headers=("Authorization",)),
    ),
    "a response's header": (
        "allowed",
        Reason.CLIENT_SENDS_RESPONSE_HEADER,
        BrowserRequest(origin="", path="/exact/200", headers=("Access-Control-Allow-Origin",)),
    ),
    "credentials": (
        "allowed",
        Reason.CREDENTIALS_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", credentials=True),
    ),
    "credentials, preflight": (
        "allowed",
        Reason.CREDENTIALS_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/200", method="PUT", credentials=True),
    ),
    "credentials and *": (
        "allowed",
        Reason.CREDENTIALS_NOT_ALLOWED,
        BrowserRequest(origin="", path="/star/200", credentials=True),
    ),
    "credentials and *, preflight": (
        "allowed",
        Reason.CREDENTIALS_NOT_ALLOWED,
        BrowserRequest(origin="", path="/star/200", method="PUT", credentials=True),
    ),
    "websocket": (
        "disallowed",
        Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED,
        BrowserRequest(origin="", path="/exact/websocket", websocket=True),
    ),
}
# Thrown outside the promise that the test waits for, so that it goes uncaught; what the console says in words of
# its own is no news as an exception.
FETCH = """([url, method, names, credentials]) => {
    const headers = Object.fromEntries(names.map((name) => [name, "1"]));
    const options = {method, headers, credentials: credentials ? "include" : "same-origin"};
    fetch(url, options).then(
        (response) => console.log(`status ${response.status}`),
        (error) => { if (error.message !== "Failed to fetch") throw error; },
    );
}"""
SOCKET = "([url]) => { new WebSocket(url.replace('http', 'ws')); }"


class Reader:
    """A page and what its console shows, without the lines about loading that follow."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self._page = page
        self._frame = frame
        self._lines: asyncio.Queue[str] = asyncio.Queue()

    @classmethod
    async def opened(cls, browser: Browser, site: Site, who: str) -> "Reader":
        page, frame = await page_at(browser, site, who)
        reader = cls(page, frame)
        session = await page.context.new_cdp_session(page)
        session.on("Runtime.exceptionThrown", reader._take_exception)
        await session.send("Runtime.enable")
        page.on("console", lambda message: reader._take(message.text))
        return reader

    def _take_exception(self, event: dict[str, Any]) -> None:
        details = event["exceptionDetails"]
        self._take(f"{details['text']} {details['exception']['description'].splitlines()[0]}")

    def _take(self, line: str) -> None:
        if not line.startswith("Failed to load resource"):
            self._lines.put_nowait(line)

    async def line_of(self, url: str, request: BrowserRequest) -> str:
        arguments = [url, request.method, list(request.headers), request.credentials]
        await self._frame.evaluate(SOCKET if request.websocket else FETCH, arguments)
        return await asyncio.wait_for(self._lines.get(), 60)


async def readers(browser: Browser, site: Site) -> dict[str, Reader]:
    pages = sorted({who for who, _, _ in FAILURES.values()})
    return {who: await Reader.opened(browser, site, who) for who in pages}


async def test_chromium_prints_what_explain_predicts(chromium: Browser, site: Site) -> None:
    policy = Policy.compile(site.rules, ())
    scheme, _, host = site.proxy.partition("://")
    pages = await readers(chromium, site)
    said: dict[str, str] = {}
    due: dict[str, str] = {}
    for name, (who, reason, asked) in FAILURES.items():
        origin = "null" if who == "null" else site.pages[who]
        request = replace(asked, origin=origin, scheme=scheme, host=host)
        url = site.proxy + request.path
        story = tell(policy, request, url)
        assert (story.allowed, story.reason) == (False, reason), name
        assert story.console is not None
        # Looser: there Chromium hands the answer over, and `explain` says so.
        due[name] = story.console.chrome or "status 200"
        said[name] = await pages[who].line_of(url, request)
    assert said == due


# What no rule makes, but a backend that is not kept from it: path, method, cause.
OF_BACKENDS = {
    "twice": ("/report/cors-twice", "GET", Cause.ORIGIN_SEVERAL),
    "another": ("/report/cors-other", "GET", Cause.ORIGIN_DIFFERS),
    "redirect": ("/report/301-same", "PUT", Cause.PREFLIGHT_REDIRECT),
    "no status": ("/report/404", "PUT", Cause.ORIGIN_MISSING),
}


async def test_what_chromium_prints_is_read_back(chromium: Browser, site: Site) -> None:
    page = await Reader.opened(chromium, site, "allowed")
    asked = BrowserRequest(
        origin=site.pages["allowed"], scheme="http", host=site.proxy.partition("://")[2], path="/exact/200"
    )
    request = replace(asked, headers=("x-bad",))
    question, cause = read_console(await page.line_of(site.proxy + request.path, request))
    assert (question.request, cause) == (request, Cause.HEADER)
    for path, method, due in OF_BACKENDS.values():
        request = replace(asked, path=path, method=method)
        line = await page.line_of(site.proxy + path, request)
        question, cause = read_console(line)
        assert (question.request, cause) == (replace(asked, path=path), due)
        # The whole line is the table's, up to the values in it.
        shape = re.escape(CAUSES[due].chrome).replace(re.escape("{value}"), ".*")
        assert re.search(f"policy: (?:{re.escape(PREFLIGHT)})?{shape}$", line)

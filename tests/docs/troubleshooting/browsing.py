"""What a page does in the browser, and what it and the console show of it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

__all__ = ["COOKIE", "EVENTS", "SOCKET", "Call", "Seen", "Visitor"]

FETCH = """async ([url, options, field]) => {
    try {
        const response = await fetch(url, options);
        const value = field ? response.headers.get(field) : null;
        return {status: response.status, body: await response.text(), field: value};
    } catch (error) {
        return {status: -1, body: String(error)};
    }
}"""
SOCKET = """([url]) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve({status: 101});
    socket.onerror = () => resolve({status: -1});
})"""
# Of two messages the second comes late: of a connection that is cut in between the page hears first.
EVENTS = """([url]) => new Promise((resolve) => {
    const source = new EventSource(url), seen = [];
    const take = (what) => { if (seen.push(what) === 2) { source.close(); resolve({status: 200, body: seen.join()}); } };
    source.onmessage = (event) => take(event.data);
    source.onerror = () => take(source.readyState === 0 ? "reconnects" : "ends");
})"""

# Get a cookie, then see whether it comes back.
COOKIE = """async ([url, options]) => {
    await fetch(`${url}/sets-cookie`, {credentials: "include", mode: "no-cors"});
    const response = await fetch(url, options);
    return {status: response.status, body: await response.text()};
}"""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a page at `page` does; `url` is whole. `frame` is the name of a frame in it that does it."""

    url: str
    page: str = "https://app.example.com/blank"
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    credentials: str = "same-origin"
    mode: str = "cors"
    body: str | None = None
    read: str = ""  # the response's field that the page asks for
    way: str = FETCH
    times: int = 1
    is_new: bool = False  # for a visitor without cookies, who has seen no page yet
    allows: tuple[str, ...] = ()  # the permissions that a new visitor gives
    frame: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the page got: -1 is no answer at all; and the console's first line if there was none."""

    status: int
    body: str = ""
    field: str | None = None
    line: str = ""


class Visitor:
    """Somebody with a browser, who leaves pages open and calls from them again.

    Law: a line of the console belongs to the call whose address it has, in its words or beside them.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: dict[str, Page] = {}

    async def does(self, call: Call) -> Seen:
        """Do it in a page that is open, or as somebody who has no cookies yet and gives a permission."""
        if not call.is_new:
            if not self._pages:
                self._context = await self._browser.new_context()
            if call.page not in self._pages:
                self._pages[call.page] = await opened(self._context, call.page)
            return await done(self._pages[call.page], call)
        context = await self._browser.new_context()
        try:
            await context.grant_permissions(list(call.allows))
            return await done(await opened(context, call.page), call)
        finally:
            await context.close()


async def opened(context: BrowserContext, address: str) -> Page:
    page = await context.new_page()
    await page.goto(address)
    return page


async def done(page: Page, call: Call) -> Seen:
    lines: asyncio.Queue[str] = asyncio.Queue()

    def take(message: ConsoleMessage) -> None:
        if call.url in message.text or message.location["url"] == call.url:
            lines.put_nowait(message.text)

    frame = page.frame(call.frame) if call.frame else page.main_frame
    assert frame is not None
    await frame.wait_for_load_state()
    options: dict[str, Any] = {
        "method": call.method,
        "headers": call.headers,
        "credentials": call.credentials,
        "mode": call.mode,
    }
    if call.body is not None:
        options["body"] = call.body
    result: dict[str, Any] = {}
    page.on("console", take)
    try:
        for _ in range(call.times):
            result = await frame.evaluate(call.way, [call.url, options, call.read])
        line = await asyncio.wait_for(lines.get(), 60) if result["status"] == -1 else ""
    finally:
        page.remove_listener("console", take)
    return Seen(**result, line=line)

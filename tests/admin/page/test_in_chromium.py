"""The page in a real Chromium: quiet, busy and under attack; light and dark; wide and narrow; with and without script."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from corsproxy.admin.desk import Desk
from corsproxy.admin.fleet import Facts, ReloadOutcome
from corsproxy.admin.front import FrontPage
from corsproxy.admin.hosts import guard
from corsproxy.admin.problems import catch
from corsproxy.admin.status import status
from corsproxy.config.load import load
from corsproxy.config.problem import Problem
from corsproxy.config.settings import Settings
from corsproxy.observe.counters import Snapshot
from corsproxy.proxy.record import Gauges
from tests.admin.conftest import KeptEvents
from tests.admin.page import ledgers
from tests.admin.page.ledgers import NOW

pytestmark = pytest.mark.browser

PROBLEM = Problem("corsproxy.yaml", 11, 5, ledgers.SCRIPT, ledgers.SCRIPT, ledgers.SCRIPT, ledgers.SCRIPT)
LONGEST = 30_000  # milliseconds until the page asks again, at most
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
VIEWS: tuple[tuple[Literal["light", "dark"], ViewportSize], ...] = (("light", WIDE), ("dark", PHONE))
SEEN: dict[str, Callable[[], dict[str, Any]]] = {
    "quiet": lambda: ledgers.QUIET,
    "busy": ledgers.busy,
    "hostile": ledgers.hostile,
}


@dataclass
class Site:
    """The page over what a test says was decided."""

    settings: Settings
    ledger: dict[str, Any] = field(default_factory=lambda: ledgers.QUIET)
    totals: list[list[Any]] = field(default_factory=list)
    refused: tuple[Problem, ...] = ()
    address: str = ""
    is_gone: bool = False

    def show(self, name: str) -> None:
        self.ledger = SEEN[name]()
        self.totals = [] if name == "quiet" else ledgers.TOTALS
        self.refused = (PROBLEM,) if name == "hostile" else ()

    async def facts(self) -> dict[str, Any]:
        if self.is_gone:
            raise web.HTTPServiceUnavailable
        last = ReloadOutcome(at=NOW - 300, problems=self.refused) if self.refused else None
        facts = Facts(started_at=NOW - 86400, loaded_at=NOW - 7000, generation=3, last_reload=last)
        total = Snapshot(pids=(71, 72), gauges=Gauges(12, 3, 5, 0, 1))
        said = status(total, facts, self.settings, is_draining=False, now=NOW)
        return {"status": said, "decisions": self.ledger, "totals": self.totals}


def rules() -> Settings:
    file = Path("corsproxy.yaml")
    file.write_text(ledgers.RULES)
    return load(file, {})


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.chdir(tmp_path)
    site = Site(rules())
    observer = KeptEvents()
    app = web.Application(middlewares=[catch(observer), guard(())])
    FrontPage(site.facts, lambda: site.settings, observer, Desk()).add_to(app)
    async with TestServer(app) as server:
        site.address = str(server.make_url("/"))
        yield site
    assert observer.events == []


@dataclass
class Shown:
    """An open page, what its console said, and whom it asked."""

    page: Page
    console: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def hear(self, message: ConsoleMessage) -> None:
        self.console.append(message.text)

    async def text(self, selector: str) -> str:
        return " ".join(str(await self.page.text_content(selector)).split())

    async def look(self) -> None:
        """Let the page look again now."""
        await self.page.clock.fast_forward(LONGEST)

    async def is_quiet(self, address: str) -> None:
        """Nothing was said, nothing broke the policy, nobody else was asked."""
        assert self.console == []
        assert {f"{url}/" for url in self.asked} == {address}


Opened = Callable[..., Awaitable[Shown]]


@pytest.fixture
async def opened(chromium: Browser) -> AsyncIterator[Opened]:
    contexts: list[BrowserContext] = []

    async def open_(address: str, **options: Any) -> Shown:
        context = await chromium.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        shown = Shown(await context.new_page())
        await shown.page.clock.install()  # so that a test need not wait for the next look
        shown.page.on("console", shown.hear)
        shown.page.on("pageerror", lambda error: shown.console.append(f"uncaught: {error}"))
        shown.page.on("request", lambda it: shown.asked.add(re.sub(r"^(\w+://[^/]+).*", r"\1", it.url)))
        response = await shown.page.goto(address)
        assert response is not None
        assert response.status == 200
        return shown

    yield open_
    for context in contexts:
        await context.close()


OPEN_ALL = "document.querySelectorAll('details').forEach(it => it.open = true)"
OVERFLOWS = "document.documentElement.scrollWidth > innerWidth"
COUNTS = "['script', 'img', 'style', '[onerror]', 'iframe'].map(it => document.querySelectorAll(it).length)"
STRANGE = "[...document.querySelectorAll('[href]')].map(it => it.href).filter(it => !it.startsWith(origin))"
COVERED = """all => all.filter(it => {
  const [text, button] = [...it.children].map(part => part.getBoundingClientRect());
  return text.right > button.left && text.bottom > button.top;
}).map(it => it.textContent)"""
QUESTION = "?origin=https://new.example&method=PUT&path=/api/x&headers=X-A&credentials=on"


@pytest.mark.parametrize("name", SEEN)
async def test_everybody_can_read_it(site: Site, opened: Opened, name: str) -> None:
    site.show(name)
    shown = await opened(site.address + QUESTION, reduced_motion="reduce")
    await shown.page.click("#pause")
    await shown.page.evaluate(OPEN_ALL)
    for scheme, view in VIEWS if name == "busy" else VIEWS[1:]:
        await shown.page.emulate_media(color_scheme=scheme)
        await shown.page.set_viewport_size(view)
        found = await Axe().run(shown.page)
        assert found.violations_count == 0, found.generate_report()
        assert not await shown.page.evaluate(OVERFLOWS)
    await shown.is_quiet(site.address)


async def test_hostile_texts_are_only_text(site: Site, opened: Opened) -> None:
    site.show("hostile")
    shown = await opened(site.address)
    page = shown.page
    fields = [f"{name}={quote(ledgers.SCRIPT)}" for name in ("origin", "method", "path", "headers", "paste")]
    for query in ("", *fields, f"origin=https://a.example&path=/{fields[0]}"):
        await page.goto(f"{site.address}?{query}")
        assert re.fullmatch("(Answer · )?corsproxy in front of 127.0.0.1:5000", await page.title())
        assert await page.evaluate(COUNTS) == [1, 1, 0, 0, 0]
        assert await page.evaluate(STRANGE) == []
    site.totals = [["actual", "origin_not_allowed", False, 1]]
    await shown.look()
    await page.wait_for_selector("h1:has-text('1 of 1 cross')")
    assert await page.evaluate(COUNTS) == [1, 1, 0, 0, 0], "nor in what is fetched later"
    await shown.is_quiet(site.address)


async def test_without_script_everything_essential_is_there(site: Site, opened: Opened) -> None:
    site.show("busy")
    shown = await opened(site.address, java_script_enabled=False)
    page = shown.page
    for id_ in (
        "refusals",
        "suggestions",
        "report",
        "candidate",
        "backend",
        "cookies",
        "rules",
        "latest",
        "ask",
    ):
        assert await page.is_visible(f"#{id_}"), id_
    assert not await page.is_visible("button.copy")
    assert not await page.is_visible("#pause")
    await page.click("#refusals summary >> nth=0")
    assert await page.is_visible("#refusals .paste >> nth=0")
    await page.fill("#ask-origin", "https://new.example")
    await page.fill("#ask-path", "/api/users")
    await page.press("#ask-path", "Enter")
    await page.wait_for_selector("#answer")
    assert "denied: origin_not_allowed" in await shown.text("#answer")
    assert page.url.endswith("#answer")
    assert await page.input_value("#ask-origin") == "https://new.example"
    await page.click("#answer >> text=Close")
    await page.wait_for_selector("#answer", state="detached")
    await shown.is_quiet(site.address)


async def test_a_console_line_is_answered(site: Site, opened: Opened) -> None:
    shown = await opened(site.address)
    line = (
        "Access to fetch at 'http://localhost:8080/api/users' from origin 'https://new.example' has been blocked by CORS "
        "policy: No 'Access-Control-Allow-Origin' header is present on the requested resource."
    )
    await shown.page.fill("#ask-paste", line)
    await shown.page.click("text=Explain")
    await shown.page.wait_for_selector("#answer")
    assert line in await shown.text("#answer")
    assert await shown.page.evaluate("document.activeElement.id") == "answer"
    await shown.page.fill("#ask-paste", "no such line")
    await shown.page.click("text=Explain")
    await shown.page.wait_for_selector("#answer .problem")
    assert "This is not a line about CORS" in await shown.text("#answer")
    await shown.is_quiet(site.address)


async def test_secrets_in_a_pasted_command_are_not_sent(site: Site, opened: Opened) -> None:
    shown = await opened(site.address)
    command = (
        "curl 'https://api.example.com/api/x' -H 'Origin: https://new.example' -H 'Authorization: Bearer s3cret'"
        " -H 'Cookie: a=s3cret' -b 's3cret=1; t=2' --cookie s3cret=2 -u me:s3cret --user=me:s3cret -sub:s3cret -kLu 'me:s3cret'"
        " --oauth2-bearer s3cret -U me:s3cret -XPUT --data-binary @user"
    )
    await shown.page.fill("#ask-paste", command)
    await shown.page.click("text=Explain")
    await shown.page.wait_for_selector("#answer")
    assert "s3cret" not in shown.page.url
    facts = await shown.text("#answer .facts")
    assert "PUT https://api.example.com/api/x" in facts
    assert "with credentials, headers Authorization" in facts


async def test_by_keyboard_alone(site: Site, opened: Opened) -> None:
    site.show("busy")
    shown = await opened(site.address)
    page = shown.page
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    assert await page.is_visible(".skip")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "content"
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert not await page.evaluate("document.activeElement.parentElement.open")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.parentElement.open")
    walked: list[str] = []
    while "explain" not in walked:
        await page.keyboard.press("Tab")
        name, outline = await page.evaluate(
            """() => { const it = document.activeElement, style = getComputedStyle(it);
            return [it.getAttribute("name") || it.textContent.trim().toLowerCase(), style.outlineStyle + " " + style.outlineWidth]; }"""
        )
        assert outline == "solid 3px", name
        walked.append(name)
        assert len(walked) < 120
    assert walked[-8:] == [
        "origin",
        "method",
        "path",
        "headers",
        "credentials",
        "websocket",
        "paste",
        "explain",
    ]


FIRST = "#refusals details >> nth=0"


async def test_it_stays_current_and_lets_the_reader_be(site: Site, opened: Opened) -> None:
    site.show("busy")
    shown = await opened(site.address)
    page = shown.page
    await page.click(f"{FIRST} >> summary")
    await page.focus(f"{FIRST} >> pre >> nth=0")
    await page.evaluate("getSelection().selectAllChildren(document.activeElement)")
    selected = await page.evaluate("getSelection().toString()")
    await page.evaluate("window.before = document.activeElement")
    # The first group is overtaken, so that it moves; another comes.
    site.ledger["refusals"][0]["count"] = 20
    site.ledger["refusals"].append(ledgers.group("https://fresh.example", "origin_not_allowed", count=77))
    site.totals = [["actual", "origin_not_allowed", False, 5000]]
    await shown.look()
    await page.wait_for_selector("text=https://fresh.example")
    staging = "#refusals details:has-text('https://staging.example.com')"
    assert await page.get_attribute(staging, "open") is not None
    assert await page.locator("#refusals details[open]").count() == 1
    assert await page.evaluate("document.activeElement === window.before && window.before.isConnected")
    assert await page.evaluate("getSelection().toString()") == selected != ""
    assert await shown.text("#news") == "New: https://fresh.example, Origin not in the rule"
    assert await shown.text("h1") == "5,000 of 5,000 cross-origin requests were refused"
    assert await shown.text(f"{staging} .times b") == "20"
    site.refused = (PROBLEM,)
    await shown.look()
    await page.wait_for_selector("#reload")
    assert await shown.text("#news") == "New: The file was refused; generation 3 still runs"
    await shown.is_quiet(site.address)


async def test_it_pauses_and_says_when_nobody_answers(site: Site, opened: Opened) -> None:
    site.show("busy")
    shown = await opened(site.address)
    page = shown.page
    await page.click("#pause")
    assert (await shown.text("#pulse"), await page.get_attribute("#pause", "aria-pressed")) == (
        "Paused",
        "true",
    )
    site.show("quiet")
    site.is_gone = True
    await page.click("#pause")
    await page.wait_for_selector("#pulse:text-is('Not answering')")
    assert "50,606" in await shown.text("h1"), "what was known stays"
    site.is_gone = False
    await shown.look()
    await page.wait_for_selector("#pulse:text-is('Live')")
    assert await shown.text("h1") == "Nothing has been asked across origins yet"


async def test_an_edit_can_be_copied(site: Site, opened: Opened) -> None:
    site.show("busy")
    shown = await opened(site.address, permissions=["clipboard-read", "clipboard-write"])
    page = shown.page
    await page.click("#suggestions .copy >> nth=0")
    await page.wait_for_selector("#news:text-is('Copied.')", state="attached")  # it stays
    assert await page.evaluate("navigator.clipboard.readText()") == (
        "    allow_origins: [https://app.example.com, https://staging.example.com]\n"
        "    allow_methods: [GET, POST, DELETE, PUT]\n"
        "    allow_headers: [Content-Type, Authorization]"
    )
    assert await page.eval_on_selector_all(".paste", COVERED) == []


async def test_print_and_forced_colours_keep_the_words(site: Site, opened: Opened) -> None:
    site.show("busy")
    shown = await opened(site.address, forced_colors="active")
    assert await shown.page.is_visible("text=would be refused, in report mode")
    await shown.page.emulate_media(media="print")
    assert not await shown.page.is_visible("#ask")
    assert await shown.page.is_visible("#refusals")

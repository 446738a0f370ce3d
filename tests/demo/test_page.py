"""The page in a real Chromium, before the real proxy and the real app: every card, as both origins."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page

from tests.processes import ROOT, Process, Processes

pytestmark = pytest.mark.browser

Seen = tuple[str, str, list[str]]

REFUSED = "TypeError: Failed to fetch"
# Card -> what the listed origin saw, what the stranger saw; each is the verdict, what the backend saw, and
# which fields the page could read.
EXPECTED: dict[str, tuple[Seen, Seen]] = {
    "plain": (("200 OK", "GET", ["content-length", "content-type", "x-total-count"]), (REFUSED, "GET", [])),
    "cookies": (("200 OK", "POST, GET", ["content-length", "content-type"]), (REFUSED, "POST", [])),
    "preflight": (("200 OK", "PUT", ["content-length", "content-type"]), (REFUSED, "nothing", [])),
    "method": ((REFUSED, "nothing", []), (REFUSED, "nothing", [])),
    "header": ((REFUSED, "nothing", []), (REFUSED, "nothing", [])),
    "upload": (("200 OK", "POST", ["content-length", "content-type"]), (REFUSED, "nothing", [])),
    "events": (("open, 3 events", "GET", []), ("error event", "GET", [])),
    "websocket": (("open, echoed", "GET", []), ("closed with code 1006", "nothing", [])),
    "broken": (
        ("500 INTERNAL SERVER ERROR", "GET", ["content-length", "content-type"]),
        (REFUSED, "GET", []),
    ),
}
STOPPED: tuple[Seen, Seen] = (
    ("502 Bad Gateway", "nothing", ["cache-control", "content-length", "content-type", "proxy-status"]),
    (REFUSED, "nothing", []),
)

READ_CARD = """card => [...card.querySelectorAll(".panel")].map(panel => [
  panel.querySelector(".words").textContent,
  panel.querySelector(".reached").textContent,
  [...panel.querySelectorAll(".fields li")].map(li => li.textContent.split(":")[0]),
])"""


@dataclass
class Shown:
    """The open page, what its console said, and whom it asked."""

    page: Page
    console: list[str]
    asked: set[str]

    async def settled(self) -> None:
        await self.page.wait_for_selector("body[data-done]:not([data-asking])", state="attached")

    async def card(self, name: str) -> tuple[Seen, ...]:
        return tuple((v, r, f) for v, r, f in await self.page.eval_on_selector(f"#{name}", READ_CARD))

    async def why(self, name: str) -> list[str]:
        return [str(await p.text_content()) for p in await self.page.query_selector_all(f"#{name} .why")]


def start(processes: Processes, folder: Path) -> tuple[Process, Path]:
    """Start a demonstration with a copy of its rules in the folder."""
    rules = folder / "rules.yaml"
    rules.write_text(files("corsproxy.demo").joinpath("corsproxy.yaml").read_text())
    process = processes.python("-m", "corsproxy", "demo", "-c", rules)
    process.wait_for_text("Ctrl-C stops everything.")
    return process, rules


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One for all tests that change nothing."""
    folder = tmp_path_factory.mktemp("demonstration")
    processes = Processes(folder)
    yield start(processes, folder)[0]
    processes.end_all()


def addresses(demonstration: Process) -> tuple[str, str]:
    (page,) = re.findall(r"^  page +(\S+)", demonstration.text(), re.MULTILINE)
    return page, page.replace("localhost", "127.0.0.1")


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Shown]:
    page = await chromium.new_page(viewport={"width": 1280, "height": 900})
    shown = Shown(page, [], set())

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            shown.console.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: shown.console.append(f"uncaught: {error}"))
    page.on("request", lambda request: shown.asked.add(re.sub(r"^(\w+://[^:/]+).*", r"\1", request.url)))
    yield shown
    await page.close()


async def test_every_card_shows_what_both_origins_got(page: Shown, demonstration: Process) -> None:
    listed, _ = addresses(demonstration)
    await page.page.goto(listed)
    await page.settled()
    assert {name: await page.card(name) for name in EXPECTED} == EXPECTED
    assert await page.page.text_content("#tally") == (
        f"{listed[7:]} could read 7 of 9 answers; {listed[7:].replace('localhost', '127.0.0.1')} could read 0 of 9 answers."
    )
    assert await page.why("cookies") == [
        "The rule allows credentials: the browser kept the app's cookie, sent it along, and the app knew the reader.",
        (
            "A request like this is sent without asking first. The backend answered, but the proxy granted this origin "
            "nothing, so the browser kept the answer from the page."
        ),
    ]
    assert "both sides computed the same hash" in (await page.why("upload"))[0]


async def test_it_leads_to_the_rules_and_to_the_reasons(page: Shown, demonstration: Process) -> None:
    listed, _ = addresses(demonstration)
    await page.page.goto(listed)
    await page.settled()
    (why,) = re.findall(r"^  why +(\S+)", demonstration.text(), re.MULTILINE)
    assert await page.page.get_attribute("#admin-address", "href") == why
    await page.page.click(".rules summary")
    await page.page.wait_for_function("document.getElementById('rules-text').scrollTop > 0")


async def test_a_stopped_backend_is_a_502_that_the_listed_page_can_read(
    page: Shown, demonstration: Process
) -> None:
    await page.page.goto(addresses(demonstration)[0])
    await page.settled()
    await page.page.click("#stopped .ask")
    await page.page.wait_for_selector("#stopped .panel.stranger.refused")
    await page.settled()
    assert await page.card("stopped") == STOPPED
    await page.page.click("#plain .ask")
    await page.settled()
    assert await page.card("plain") == EXPECTED["plain"], "the backend is back"


async def test_opened_as_a_stranger_it_is_refused_everything(page: Shown, demonstration: Process) -> None:
    await page.page.goto(addresses(demonstration)[1])
    await page.settled()
    assert {name: await page.card(name) for name in EXPECTED} == {
        name: (s,) for name, (_, s) in EXPECTED.items()
    }
    assert "You opened this page as a stranger" in str(await page.page.text_content("#lead"))


def widen(rules: Path, listed: str, stranger: str) -> str:
    """Let the stranger in, and PATCH; return the new text."""
    text = rules.read_text()
    origins = 'allow_origins: ["${DEMO_PAGE:-http://localhost:3000}"]'
    assert text.count(origins) == 2
    text = text.replace(origins, f'allow_origins: ["{listed}", "{stranger}"]').replace(
        "PUT, DELETE", "PUT, PATCH, DELETE"
    )
    rules.write_text(text)
    return text


async def test_edited_rules_hold_for_the_next_request(
    page: Shown, running: Processes, tmp_path: Path
) -> None:
    demonstration, rules = await asyncio.to_thread(start, running, tmp_path)
    listed, stranger = addresses(demonstration)
    await page.page.goto(listed)
    await page.settled()
    both = await asyncio.to_thread(widen, rules, listed, stranger)
    demonstration.wait_for_text("reload")
    await page.page.click("#again")
    await page.settled()
    own, other = await page.card("plain")
    assert own == other == EXPECTED["plain"][0]
    assert (await page.card("method"))[0] == ("200 OK", "PATCH", ["content-length", "content-type"])
    assert (await page.why("plain"))[1] == "The rules let this origin in."
    assert str(await page.page.text_content("#rules-text")).strip() == both.strip()


async def test_the_console_holds_only_what_the_cards_show_and_nobody_else_is_asked(
    page: Shown, demonstration: Process
) -> None:
    await page.page.goto(addresses(demonstration)[0])
    await page.settled()
    unexpected = [
        text
        for text in page.console
        if not re.search(
            r"blocked by CORS policy|net::ERR_FAILED|status of 500|WebSocket connection to .* failed", text
        )
    ]
    assert unexpected == []
    assert page.asked == {"http://localhost", "http://127.0.0.1"}


async def test_nothing_sticks_out_at_any_width(page: Shown, demonstration: Process) -> None:
    await page.page.goto(addresses(demonstration)[0])
    await page.settled()
    await page.page.click("summary")
    found = {}
    for width in (320, 390, 768, 1280):
        await page.page.set_viewport_size({"width": width, "height": 800})
        found[width] = await page.page.evaluate("document.documentElement.scrollWidth")
    assert found == {320: 320, 390: 390, 768: 768, 1280: 1280}


async def test_it_can_be_used_without_eyes_or_mouse(page: Shown, demonstration: Process) -> None:
    await page.page.goto(addresses(demonstration)[0])
    await page.settled()
    await page.page.keyboard.press("Tab")
    assert await page.page.evaluate("document.activeElement.textContent") == "Skip to the experiments"
    found = await page.page.evaluate(
        """() => ({
          unnamed: [...document.querySelectorAll("button, a, summary")].filter(e => !e.textContent.trim()).length,
          articles: [...document.querySelectorAll("article")].every(
            a => document.getElementById(a.getAttribute("aria-labelledby"))?.textContent),
          headings: [...document.querySelectorAll("h1, h2, h3")].map(h => h.tagName[1]).join(""),
          lang: document.documentElement.lang,
          status: document.querySelector("[role=status]").id,
        })"""
    )
    assert found == {
        "unnamed": 0,
        "articles": True,
        "headings": "1" + "233" * 10,
        "lang": "en",
        "status": "tally",
    }


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


# Foreground on background, as the style sheet pairs them.
PAIRS = [
    ("ink", "paper"), ("soft", "paper"), ("accent", "paper"), ("ink", "sheet"), ("soft", "sheet"), ("accent", "sheet"),
    ("ink", "read-wash"), ("soft", "read-wash"), ("read", "read-wash"),
    ("ink", "refused-wash"), ("soft", "refused-wash"), ("refused", "refused-wash"), ("soft", "code-wash"),
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(scheme: str) -> None:
    sheet = (ROOT / "corsproxy/demo/page/demo.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    ratios = {}
    for front, back in PAIRS:
        low, high = sorted((luminance(colours[front]), luminance(colours[back])))
        ratios[front, back] = (high + 0.05) / (low + 0.05)
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < 4.5} == {}

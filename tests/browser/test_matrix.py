"""A real Chromium does, in every cell of the matrix, what the oracle says."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.cells import Cell, Outcome, cells, origin_of, predicted, received_fields
from tests.browser.pages import page_at
from tests.browser.site import Site

pytestmark = pytest.mark.browser

RUNNER = (Path(__file__).parent / "runner.js").read_text()
PAGES = ("own", "allowed", "disallowed", "wildcard", "lookalike", "null")


async def outcomes(browser: Browser, site: Site, name: str, wanted: list[Cell]) -> dict[str, Outcome]:
    """Run the cells; those of the page's own origin from a page of the proxy that they go to."""
    seen: dict[str, dict[str, Any]] = {}
    for base in (site.proxy, site.dead):
        batch = [cell for cell in wanted if cell.url.startswith(base)]
        page, frame = await page_at(browser, site, name, base)
        seen |= await frame.evaluate(RUNNER, [cell.for_page() for cell in batch])
        await page.context.close()
    return {
        cell.id: Outcome(
            seen[cell.id]["page"],
            tuple(seen[cell.id]["visible"]),
            tuple(received_fields(each, cell) for each in site.backend.received[cell.id]),
        )
        for cell in wanted
    }


@pytest.mark.parametrize("name", PAGES)
async def test_chromium_agrees_with_the_oracle(chromium: Browser, site: Site, name: str) -> None:
    wanted = list(cells(site, name))
    seen = await outcomes(chromium, site, name, wanted)
    origins = {"null": "null", **site.pages}
    expected = {cell.id: predicted(site, cell, origins.get(name) or origin_of(cell.url)) for cell in wanted}
    wrong = [
        f"{cell.id}\n  Chromium: {seen[cell.id]}\n  oracle:   {expected[cell.id]}"
        for cell in wanted
        if seen[cell.id] != expected[cell.id]
    ]
    assert not wrong, f"{len(wrong)} of {len(wanted)} cells differ:\n" + "\n".join(wrong)

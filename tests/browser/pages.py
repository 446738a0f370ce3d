"""Pages in a real Chromium, at the origins of the cast."""

from playwright.async_api import Browser, Frame, Page

from tests.browser.site import Site

__all__ = ["page_at"]


async def page_at(browser: Browser, site: Site, name: str, base: str = "") -> tuple[Page, Frame]:
    """Open a page at the origin named, with a cookie for both proxies in the jar; `own` is `base`, a proxy's."""
    context = await browser.new_context()
    page = await context.new_page()
    for url in (site.proxy, site.dead):
        await context.add_cookies([{"name": "session", "value": "1", "url": url, "sameSite": "Lax"}])
    if name == "null":
        await page.goto(f"{site.pages['allowed']}/sandbox")
        frame = page.frame("sandboxed")
        assert frame is not None
        await frame.wait_for_load_state()
        return page, frame
    await page.goto(f"{base if name == 'own' else site.pages[name]}/blank")
    return page, page.main_frame

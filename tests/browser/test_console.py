"""What Chromium's console says of the classic failures: the texts that people search for.

They change between versions, so they are read from the browser and not believed.
"""

import pytest
from playwright.async_api import Browser

from tests.browser.pages import page_at
from tests.browser.site import Site

pytestmark = pytest.mark.browser

BLOCKED = "Access to fetch at '{url}' from origin '{origin}' has been blocked by CORS policy: "
PREFLIGHT = "Response to preflight request doesn't pass access control check: "
NO_ORIGIN = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
STAR = "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*'"
NO_CREDENTIALS = (
    "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true'"
)
INCLUDE = " when the request's credentials mode is 'include'."
SEVERAL_ORIGINS = "The 'Access-Control-Allow-Origin' header contains multiple values '*, {origin}', but only one is allowed."
OTHER_ORIGIN = "The 'Access-Control-Allow-Origin' header has a value 'https://elsewhere.example' that is not equal to the supplied origin."
MEND = " Have the server send the header with a valid value."

# page, path, options of fetch, text
FAILURES = {
    "origin not allowed": ("disallowed", "/exact/200", {}, NO_ORIGIN),
    "not even on an error": ("disallowed", "/exact/500", {}, NO_ORIGIN),
    "preflight refused": ("disallowed", "/exact/200", {"method": "PUT"}, PREFLIGHT + NO_ORIGIN),
    "method": (
        "allowed",
        "/exact/200",
        {"method": "PATCH"},
        "Method PATCH is not allowed by Access-Control-Allow-Methods in preflight response.",
    ),
    "header": (
        "allowed",
        "/exact/200",
        {"headers": {"X-Bad": "1"}},
        "Request header field x-bad is not allowed by Access-Control-Allow-Headers in preflight response.",
    ),
    "* with credentials": (
        "allowed",
        "/star/200",
        {"credentials": "include"},
        STAR + INCLUDE,
    ),
    "credentials not allowed": (
        "allowed",
        "/exact/200",
        {"credentials": "include"},
        NO_CREDENTIALS + INCLUDE,
    ),
    "a backend that answers too": (
        "allowed",
        "/report/cors-twice",
        {},
        SEVERAL_ORIGINS + MEND,
    ),
    "a backend that names another": (
        "allowed",
        "/report/cors-other",
        {},
        OTHER_ORIGIN + MEND,
    ),
    "a backend that redirects a preflight": (
        "allowed",
        "/report/301-same",
        {"method": "PUT"},
        PREFLIGHT + "Redirect is not allowed for a preflight request.",
    ),
}
FETCH = "([url, options]) => fetch(url, options).then((response) => response.status, (error) => error.name)"


async def test_the_console_says_what_is_documented(chromium: Browser, site: Site) -> None:
    said: dict[str, str] = {}
    due: dict[str, str] = {}
    for name, (who, path, options, text) in FAILURES.items():
        page, frame = await page_at(chromium, site, who)
        url = site.proxy + path
        async with page.expect_console_message(lambda message: "CORS policy" in message.text) as caught:
            assert await frame.evaluate(FETCH, [url, options]) == "TypeError", name
        said[name] = (await caught.value).text
        due[name] = (BLOCKED + text).format(url=url, origin=site.pages[who])
        await page.context.close()
    assert said == due

"""A page that sends traceparent, in a real Chromium: one trace where the rule lists it, and no request where not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.application import Application
from tests.observe.collector import Collector
from tests.processes import ROOT, Processes, free_port

pytestmark = pytest.mark.browser

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FETCH = """([url, traceparent]) => fetch(url, {headers: {traceparent}}).then(
    (response) => response.json().then((body) => body.traceparent), (error) => error.name)"""


@dataclass
class Traced:
    """Where the page comes from, the proxy's origin, and the collector of both that trace."""

    page: str
    proxy: str
    collector: Collector


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    started = Processes(tmp_path)
    with Application() as pages, Collector() as collector:
        origin = f"http://app.localhost:{pages.port}"
        backend, port = free_port(), free_port()
        (tmp_path / "corsproxy.yaml").write_text(
            f"listen: 127.0.0.1:{port}\nupstream: http://127.0.0.1:{backend}\nadmin: {{listen: 'off'}}\n"
            f"tracing: otel\ndefaults: {{allow_origins: ['{origin}']}}\nrules:\n"
            "  - {name: listed, path: /context, allow_headers: [traceparent]}\n"
            "  - {name: unlisted, path: /stream, allow_headers: [Content-Type]}\n"
        )
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "20",
            "PYTHONPATH": str(ROOT),
        }
        argv = ("-m", "gunicorn", "-b", f"127.0.0.1:{backend}", "tests.backends.traced:app")
        try:
            started.python(*argv, ports=[backend], environ=environ)
            file = tmp_path / "corsproxy.yaml"
            started.python("-m", "corsproxy", "run", "-c", file, ports=[port], environ=environ)
            yield Traced(origin, f"http://api.localhost:{port}", collector)
        finally:
            started.end_all()


async def test_a_page_s_traceparent(chromium: Browser, traced: Traced) -> None:
    page = await (await chromium.new_context()).new_page()
    await page.goto(f"{traced.page}/blank")
    sent = f"00-{TRACE}-{SPAN}-01"
    async with page.expect_console_message(lambda message: "CORS policy" in message.text) as caught:
        assert await page.evaluate(FETCH, [f"{traced.proxy}/stream", sent]) == "TypeError"
    assert (await caught.value).text.endswith(
        "Request header field traceparent is not allowed by Access-Control-Allow-Headers in preflight response."
    )
    seen = await page.evaluate(FETCH, [f"{traced.proxy}/context", sent])
    await page.context.close()

    spans = traced.collector.spans
    traced.collector.wait(lambda: sum(span.trace == TRACE for span in spans) == 2)
    proxy, flask = sorted(
        (span for span in spans if span.trace == TRACE), key=lambda span: span.parent != SPAN
    )
    assert (proxy.name, proxy.parent, flask.name, flask.parent) == (
        "GET listed",
        SPAN,
        "GET /context",
        proxy.id,
    )
    assert seen == f"00-{TRACE}-{proxy.id}-01"
    traced.collector.wait(lambda: sum(span.name.startswith("OPTIONS") for span in spans) == 2)
    preflights = {
        span.name: span.attributes["corsproxy.decision.reason"] for span in spans if not span.parent
    }
    assert preflights == {"OPTIONS unlisted": "header_not_allowed", "OPTIONS listed": "origin_allowed"}

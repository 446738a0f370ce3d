"""The page over real HTTP: its fields, who may ask, what is asked of the desk, and what stands in for it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from corsproxy.admin.app import build
from corsproxy.admin.desk import Desk, DeskError
from corsproxy.admin.front import CONTENT_SECURITY_POLICY
from corsproxy.config.settings import Settings
from tests.admin.conftest import ADMIN, STARTED, FakeFleet, KeptEvents

AdminClient = TestClient[web.Request, web.Application]
MakeClient = Callable[[web.Application], Awaitable[AdminClient]]


class FakeDesk(Desk):
    """Says what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("/nowhere",))
        self.says = "<p>written</p>"
        self.fails = ""
        self.asked: list[dict[str, Any]] = []
        self.closed = 0

    async def ask(self, question: str, settings: Settings) -> str:
        assert settings.source.path == "config/corsproxy.yaml"
        self.asked.append(json.loads(question))
        if self.fails:
            raise DeskError(self.fails)
        return self.says

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
async def client(
    aiohttp_client: MakeClient, fleet: FakeFleet, observer: KeptEvents, desk: FakeDesk
) -> AdminClient:
    return await aiohttp_client(build(fleet, ADMIN, observer, lambda: STARTED + 60.5, desk))


SAFE = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Server": "corsproxy",
}
HTML = SAFE | {"Content-Type": "text/html; charset=utf-8"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def fields(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in {"Date", "Content-Length"}}


async def test_the_page(client: AdminClient, desk: FakeDesk) -> None:
    response = await client.get("/")
    assert (response.status, fields(response.headers)) == (200, HTML)
    assert await response.text() == "<p>written</p>"
    (asked,) = desk.asked
    assert {name: asked[name] for name in ("what", "form")} == {"what": "page", "form": None}
    assert asked["status"]["config"]["source"] == "config/corsproxy.yaml"
    assert set(asked) >= {"decisions", "totals"}


async def test_only_what_the_form_has_is_asked(client: AdminClient, desk: FakeDesk) -> None:
    await client.get(
        "/?origin=https://a.example&path=/%3Cb%3E&method=&credentials=on&origin=again&secret=1&headers=%ff"
    )
    assert desk.asked[0]["form"] == {
        "origin": "https://a.example",
        "path": "/<b>",
        "credentials": "on",
        "headers": "\ufffd",
    }


async def test_a_full_ledger_is_shortened_before_it_is_written(
    client: AdminClient, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> dict[str, object]:
        return {
            "refusals": [{"count": n} for n in range(1000)],
            "allowed": [{}],
            "same_origin": [{}],
            "rules": [],
        }

    monkeypatch.setattr("corsproxy.admin.app.decisions", full)
    await client.get("/page/live")
    assert desk.asked[0]["decisions"] == {
        "refusals": [{"count": n} for n in range(400)],
        "refusals_left_out": 600,
        "allowed": [{}],
        "allowed_left_out": 0,
        "rules": [],
    }


async def test_the_live_part(client: AdminClient, desk: FakeDesk) -> None:
    response = await client.get("/page/live", headers={"Sec-Fetch-Site": "same-origin"})
    assert (response.status, fields(response.headers)) == (200, HTML)
    assert desk.asked[0]["what"] == "live"


@pytest.mark.parametrize("path", ["/", "/page/live", "/page/page.css", "/page/page.js", "/page/icon.svg"])
async def test_head_is_get_without_a_body(client: AdminClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status, fields(head.headers)) == (got.status, fields(got.headers)) != (404, {})
    assert await head.read() == b""


@pytest.mark.parametrize("path", ["/", "/page/live", "/page/page.js"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_it_only_reads(client: AdminClient, desk: FakeDesk, method: str, path: str) -> None:
    response = await client.request(method, path, headers={"Origin": "https://evil.example"})
    assert (response.status, response.headers["Allow"], desk.asked) == (405, "GET,HEAD", [])
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", LINK, 200),
        ("/", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ("/", LINK | {"Sec-Fetch-Dest": "iframe"}, 403),
        ("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ("/page/live", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ("/", {"Host": "rebound.evil.example"}, 421),
        ("/page/live", {"Host": "rebound.evil.example:9901"}, 421),
    ],
)
async def test_who_may_ask(
    client: AdminClient, desk: FakeDesk, path: str, headers: dict[str, str], status: int
) -> None:
    response = await client.get(path, headers=headers)
    assert (response.status, len(desk.asked)) == (status, 1 if status == 200 else 0)
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_static_files(client: AdminClient, name: str, kind: str) -> None:
    response = await client.get(f"/page/{name}")
    tag = response.headers["ETag"]
    assert fields(response.headers) == SAFE | {"Content-Type": f"{kind}; charset=utf-8", "Etag": tag}
    again = await client.get(f"/page/{name}", headers={"If-None-Match": f'W/"x", {tag}'})
    assert (again.status, again.headers["ETag"], await again.read()) == (304, tag, b"")
    assert again.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/page/", "/page/unavailable.html", "/page/../app.py", "/page/templates/page.html"]
)
async def test_nothing_else_is_served(client: AdminClient, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_what_stands_in_for_a_page_that_could_not_be_written(
    client: AdminClient, desk: FakeDesk, observer: KeptEvents
) -> None:
    desk.fails = "<script>it ended</script>"
    response = await client.get("/")
    assert (response.status, fields(response.headers)) == (503, HTML)
    text = await response.text()
    assert "&lt;script&gt;it ended" in text
    assert "<script" not in text
    assert observer.events == [("error", "the admin page could not be written", {"error": desk.fails})]


async def test_the_desk_ends_with_the_listener(client: AdminClient, desk: FakeDesk) -> None:
    await client.close()
    assert desk.closed == 1

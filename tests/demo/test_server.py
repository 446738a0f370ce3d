from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from corsproxy.demo.addresses import Addresses
from corsproxy.demo.server import PAGES, page_app
from tests.processes import ROOT

PAGE, STRANGER = "http://localhost:3000", "http://127.0.0.1:3000"


class Backend:
    """Remembers how it was treated."""

    def __init__(self) -> None:
        self.treated: list[str] = []

    async def pause(self) -> None:
        self.treated.append("pause")

    async def resume(self) -> None:
        self.treated.append("resume")


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
async def witness() -> AsyncIterator[TestServer]:
    async def seen(request: web.Request) -> web.Response:
        return web.json_response(["PUT"] if request.query["ask"] == "x" else [])

    app = web.Application()
    app.router.add_get("/-/seen", seen)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


@pytest.fixture
async def page(
    backend: Backend, witness: TestServer, tmp_path: Path
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    rules = tmp_path / "corsproxy.yaml"
    rules.write_text("rules: []\n")
    addresses = Addresses(PAGE, STRANGER, "http://localhost:8080", str(witness.make_url("")).rstrip("/"), "")
    async with TestClient(TestServer(page_app(addresses, backend, rules))) as client:
        yield client


Client = TestClient[web.Request, web.Application]


@pytest.mark.parametrize("path", list(PAGES))
@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1:3000"])
async def test_every_file_is_served_under_both_names(page: Client, path: str, host: str) -> None:
    name, media_type = PAGES[path]
    answer = await page.get(path, headers={"Host": host})
    assert (answer.status, answer.headers["Content-Type"]) == (200, f"{media_type}; charset=utf-8")
    assert await answer.read() == (ROOT / "corsproxy/demo/page" / name).read_bytes()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "connect-src 'self' http://localhost:8080 ws://localhost:8080; frame-src http://127.0.0.1:3000; "
        "frame-ancestors http://localhost:3000"
    )


def test_every_file_of_the_page_is_served() -> None:
    files = {p.name for p in (ROOT / "corsproxy/demo/page").iterdir()}
    assert files == {name for name, _ in PAGES.values()}


def test_the_page_asks_nobody_else() -> None:
    """No address of another machine in any file of the page: it works without a network."""
    for path in (ROOT / "corsproxy/demo/page").iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text, path.name
        assert "url(" not in text, path.name
        assert "@import" not in text, path.name


@pytest.mark.parametrize("host", ["rebound.example:3000", "localhost:3001", "localhost", "[::1]:3000"])
async def test_no_other_name_is_answered(page: Client, backend: Backend, host: str) -> None:
    for request in (
        page.get("/", headers={"Host": host}),
        page.post("/backend/pause", headers={"Host": host, "Origin": f"http://{host}"}),
    ):
        answer = await request
        assert (answer.status, await answer.text()) == (
            421,
            "This server is 127.0.0.1:3000 or localhost:3000.\n",
        )
    assert backend.treated == []


@pytest.mark.parametrize(
    ("origin", "status", "treated"),
    [
        (PAGE, 204, ["pause", "resume"]),
        (STRANGER, 403, []),
        ("http://localhost:8080", 403, []),
        ("null", 403, []),
        (None, 403, []),
    ],
)
async def test_only_the_page_itself_may_stop_the_backend(
    page: Client, backend: Backend, origin: str | None, status: int, treated: list[str]
) -> None:
    headers = {"Host": "localhost:3000", **({"Origin": origin} if origin else {})}
    answers = [await page.post(f"/backend/{what}", headers=headers) for what in ("pause", "resume")]
    assert ([a.status for a in answers], backend.treated) == ([status, status], treated)


async def test_it_tells_where_everything_is_and_what_the_rules_are(page: Client, tmp_path: Path) -> None:
    host = {"Host": "localhost:3000"}
    told = await (await page.get("/addresses", headers=host)).json()
    assert {name: told[name] for name in ("page", "stranger", "proxy", "admin")} == {
        "page": PAGE, "stranger": STRANGER, "proxy": "http://localhost:8080", "admin": "",
    }  # fmt: skip
    rules = tmp_path / "corsproxy.yaml"
    assert await (await page.get("/rules", headers=host)).json() == {
        "path": str(rules),
        "text": "rules: []\n",
    }
    rules.write_text("rules: [changed]\n")
    assert (await (await page.get("/rules", headers=host)).json())["text"] == "rules: [changed]\n"


async def test_the_rules_are_read_as_the_loader_reads_them(
    page: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    read_text = Path.read_text

    def noting(self: Path, encoding: str | None = None, errors: str | None = None) -> str:
        asked.append(encoding)
        return read_text(self, encoding, errors)

    monkeypatch.setattr(Path, "read_text", noting)
    (tmp_path / "corsproxy.yaml").write_bytes("# é\n".encode())
    told = await (await page.get("/rules", headers={"Host": "localhost:3000"})).json()
    assert (told["text"], asked) == ("# é\n", ["utf-8"])


async def test_it_asks_the_backend_what_arrived(page: Client, witness: TestServer) -> None:
    host = {"Host": "localhost:3000"}
    assert await (await page.get("/seen?ask=x", headers=host)).json() == ["PUT"]
    assert await (await page.get("/seen?ask=y%26ask=x", headers=host)).json() == []
    await witness.close()
    assert await (await page.get("/seen?ask=x", headers=host)).json() == []

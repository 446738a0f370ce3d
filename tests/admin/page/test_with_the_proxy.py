"""The page of a real `corsproxy run`: what real traffic leaves on it, the desk's life beside it, and reloads."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from tests.admin.page.test_writer import Text
from tests.processes import Process, Processes, free_port, runs

RULES = """\
upstream: http://127.0.0.1:BACKEND
listen: 127.0.0.1:PUBLIC
admin: {listen: 127.0.0.1:ADMIN}
workers: WORKERS
rules:
  - name: api
    path: /api/**
    allow_origins: [https://app.example.com]
    allow_credentials: true
  - name: tried
    path: /tried/**
    mode: report
    allow_origins: []
  - name: never
    path: /never/**
    allow_origins: ["*"]
"""
NEW = {"Origin": "https://new.example", "Sec-Fetch-Site": "cross-site"}
APP = {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
PREFLIGHT = APP | {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-trace"}


async def answer(_request: web.Request) -> web.Response:
    response = web.Response(text="ok", headers={"Access-Control-Allow-Origin": "*"})
    response.set_cookie("session", "s3cret-value")
    return response


@dataclass
class Running:
    """A proxy that serves, its file, and a client."""

    process: Process
    file: Path
    public: str
    admin: str
    client: ClientSession

    async def ask(self, path: str, headers: dict[str, str], method: str = "GET") -> int:
        async with self.client.request(method, self.public + path, headers=headers) as response:
            await response.read()
            return response.status

    async def page(self, path: str = "/") -> str:
        async with self.client.get(self.admin + path) as response:
            assert response.status == 200
            return Text(await response.text()).words

    async def page_with(self, *words: str) -> str:
        """Read the page until it has these words; what workers count and files change takes its moment."""
        async with asyncio.timeout(60):
            while True:
                said = await self.page()
                if all(word in said for word in words):
                    return said

    def desks(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.popen.pid).children(recursive=True)
        return [child for child in children if "corsproxy.admin.page" in child.cmdline()]

    def change(self, old: str, new: str) -> None:
        self.file.write_text(self.file.read_text().replace(old, new))


async def start(
    running: Processes, folder: Path, client: ClientSession, workers: int, backend: int
) -> Running:
    public, admin = free_port(), free_port()
    ports = {"BACKEND": backend, "PUBLIC": public, "ADMIN": admin, "WORKERS": workers}
    text = RULES
    for name, value in ports.items():
        text = text.replace(name, str(value))
    file = folder / "corsproxy.yaml"
    file.write_text(text)
    process = await asyncio.to_thread(
        running.start, sys.executable, "-m", "corsproxy", "run", "-c", file, ports=(public, admin)
    )
    return Running(process, file, f"http://127.0.0.1:{public}", f"http://127.0.0.1:{admin}", client)


@pytest.fixture(params=[1, 2])
async def proxy(request: pytest.FixtureRequest, running: Processes, tmp_path: Path) -> AsyncIterator[Running]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as backend, ClientSession() as client:
        assert backend.port is not None
        yield await start(running, tmp_path, client, request.param, backend.port)


async def test_what_real_traffic_leaves_on_it(proxy: Running) -> None:
    assert "Nothing has been asked across origins yet" in await proxy.page()
    for _ in range(6):
        assert await proxy.ask("/api/users?token=s3cret-query", NEW | {"Cookie": "a=s3cret-cookie"}) == 200
        assert await proxy.ask("/api/users", APP) == 200
        assert await proxy.ask("/tried/x", NEW) == 200
        assert await proxy.ask("/api/users/7", PREFLIGHT, "OPTIONS") == 204
    said = await proxy.page_with("12 of 24")
    for words in (
        "12 of 24 cross-origin requests were refused",
        "6 would be refused, in report mode",
        "The rule api does not list https://new.example.",
        "allow_origins: [https://app.example.com, https://new.example]",
        "The method PUT is not granted.",
        "allow_methods: [PUT]",
        "allow_headers: [X-Trace]",
        "one client, within a minute",
        "access-control-allow-origin",
        "It is not SameSite=None, so browsers drop it where",
        ": 24 requests.",
        "enforcestripnot yet",
    ):
        assert words in said, words
    assert "s3cret" not in said
    assert "denied: origin_not_allowed" in await proxy.page("/?origin=https://new.example&path=/api/x")


@pytest.mark.parametrize("proxy", [2], indirect=True)
async def test_the_desk_comes_with_the_first_view_and_goes_with_the_service(proxy: Running) -> None:
    assert proxy.desks() == []
    await asyncio.gather(*(proxy.page(path) for path in ("/", "/page/live", "/", "/page/live")))
    (desk,) = proxy.desks()
    service = psutil.Process(proxy.process.popen.pid)
    carried = {one.pid: heavy(one) for one in (service, *service.children(recursive=True))}
    assert {pid for pid, libraries in carried.items() if libraries} == {desk.pid}
    assert await asyncio.to_thread(proxy.process.stop) == 0
    assert not runs(desk)


def heavy(process: psutil.Process) -> set[str]:
    """Which compiled libraries of those that only the desk needs are mapped into a process."""
    paths = {mapped.path for mapped in process.memory_maps()}
    return {name for name in ("pydantic_core", "yaml", "markupsafe") for path in paths if f"/{name}/" in path}


@pytest.mark.parametrize("proxy", [1], indirect=True)
async def test_a_desk_that_hangs_holds_nothing_up(proxy: Running) -> None:
    await proxy.page()
    (desk,) = proxy.desks()
    desk.suspend()
    view = asyncio.create_task(proxy.client.get(f"{proxy.admin}/page/live"))
    assert await proxy.ask("/api/users", APP) == 200
    async with proxy.client.get(f"{proxy.admin}/livez") as response:
        assert response.status == 200
    assert not view.done()
    # Even then the service ends at once, and takes the desk along.
    assert await asyncio.to_thread(proxy.process.stop) == 0
    assert not runs(desk)
    async with await view as response:
        assert (response.status, "Proxying goes on." in await response.text()) == (503, True)


@pytest.mark.parametrize("proxy", [1], indirect=True)
async def test_a_desk_that_was_killed_is_there_again_for_the_next_view(proxy: Running) -> None:
    await proxy.page()
    (desk,) = proxy.desks()
    desk.kill()
    await asyncio.to_thread(desk.wait, 10)
    assert "serving" in await proxy.page()
    assert desk not in proxy.desks()


@pytest.mark.parametrize("proxy", [1], indirect=True)
async def test_reloads_good_and_bad(proxy: Running) -> None:
    for _ in range(3):
        await proxy.ask("/api/users", NEW)
    await proxy.page_with("3 of 3", "https://new.example")
    proxy.change("[https://app.example.com]", "[https://new.example]")
    proxy.process.popen.send_signal(signal.SIGHUP)
    await proxy.page_with("Generation2", "allowed by now", "adopted")
    proxy.change("[https://new.example]", "[https://new.example/]")
    said = await proxy.page_with(
        "The file was refused; generation 2 still runs", "corsproxy.yaml:8:21", "Fix: "
    )
    assert "No edits are given" in said
    assert "corsproxy.yaml has changed since these rules were applied" in said
    assert "allowed: origin_allowed" in await proxy.page("/?origin=https://new.example&path=/api/x")

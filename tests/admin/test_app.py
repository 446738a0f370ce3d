"""The pages over real HTTP: status, fields and bodies, whole."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from corsproxy import __version__
from corsproxy.admin.app import build
from corsproxy.admin.fleet import Facts, ReloadOutcome
from corsproxy.config.problem import Code, Problem
from corsproxy.config.settings import Endpoint
from corsproxy.observe.counters import Snapshot
from corsproxy.proxy.record import Gauges
from tests.admin.conftest import ADMIN, STARTED, FakeFleet, KeptEvents

AdminClient = TestClient[web.Request, web.Application]
MakeClient = Callable[[web.Application], Awaitable[AdminClient]]

PAGES = ("/livez", "/readyz", "/metrics", "/status", "/decisions")


@pytest.fixture
async def client(aiohttp_client: MakeClient, fleet: FakeFleet, observer: KeptEvents) -> AdminClient:
    return await aiohttp_client(build(fleet, ADMIN, observer, lambda: STARTED + 60.5))


async def listening_backend() -> tuple[asyncio.Server, Endpoint]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    return server, Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])


def unused_endpoint() -> Endpoint:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return Endpoint("127.0.0.1", bound.getsockname()[1])


def fields(response: ClientResponse) -> dict[str, str]:
    """All fields, without the ones that say when and how long."""
    return {name: value for name, value in response.headers.items() if name not in {"Date", "Content-Length"}}


COMMON = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "corsproxy",
}
TEXT = COMMON | {"Content-Type": "text/plain; charset=utf-8"}
PROBLEM = COMMON | {"Content-Type": "application/problem+json; charset=utf-8"}


async def problem_of(response: ClientResponse) -> dict[str, Any]:
    body: dict[str, Any] = await response.json(content_type="application/problem+json")
    return body


async def test_livez(client: AdminClient, fleet: FakeFleet) -> None:
    fleet.is_draining = True
    response = await client.get("/livez")
    assert (response.status, await response.text(), fields(response)) == (200, "alive\n", TEXT)


async def test_readyz_while_the_backend_listens(client: AdminClient, fleet: FakeFleet) -> None:
    server, fleet.upstream = await listening_backend()
    async with server:
        response = await client.get("/readyz")
        assert (response.status, await response.text(), fields(response)) == (200, "ready\n", TEXT)


async def test_readyz_while_the_backend_refuses(client: AdminClient, fleet: FakeFleet) -> None:
    fleet.upstream = unused_endpoint()
    response = await client.get("/readyz")
    assert response.status == 503
    assert await response.text() == f"not ready: backend {fleet.upstream}: connection refused\n"
    assert fields(response) == TEXT


async def test_readyz_without_the_backends_socket(
    client: AdminClient, fleet: FakeFleet, tmp_path: Path
) -> None:
    fleet.upstream = Endpoint(path=str(tmp_path / "no.sock"))
    response = await client.get("/readyz")
    assert response.status == 503
    assert await response.text() == f"not ready: backend unix:{tmp_path}/no.sock: no such file or directory\n"


async def test_readyz_while_draining_does_not_ask_the_backend(client: AdminClient, fleet: FakeFleet) -> None:
    server, fleet.upstream = await listening_backend()
    fleet.is_draining = True
    async with server:
        response = await client.get("/readyz")
        assert (response.status, await response.text(), fields(response)) == (
            503,
            "not ready: draining\n",
            TEXT,
        )


async def test_readyz_while_no_worker_serves_does_not_ask_the_backend(
    client: AdminClient, fleet: FakeFleet
) -> None:
    server, fleet.upstream = await listening_backend()
    fleet.is_serving = False
    async with server:
        response = await client.get("/readyz")
        assert (response.status, await response.text()) == (503, "not ready: no worker serves\n")


async def test_status_at_the_start(client: AdminClient, fleet: FakeFleet) -> None:
    fleet.workers = [
        Snapshot(gauges=Gauges(3, 1, 2, 0, 1), pids=(11,)),
        Snapshot(gauges=Gauges(1, 1, 0, 4, 0), pids=(12,)),
    ]
    response = await client.get("/status")
    assert response.status == 200
    assert fields(response) == COMMON | {"Content-Type": "application/json; charset=utf-8"}
    assert await response.json() == {
        "version": __version__,
        "state": "serving",
        "started_at": "2026-01-02T03:04:05.000Z",
        "uptime_seconds": 60.5,
        "config": {
            "source": "config/corsproxy.yaml",
            "sha256": "ab" * 32,
            "generation": 1,
            "loaded_at": "2026-01-02T03:04:05.000Z",
            "rules": 0,
            "warnings": ["rules[0]: dangerously_allow_null_origin"],
            "reloads": {"succeeded": 0, "failed": 0},
            "last_reload": None,
            "candidate": None,
        },
        "listen": ["0.0.0.0:8080", "unix:/run/c.sock"],
        "upstream": "127.0.0.1:1",
        "workers": [11, 12],
        "connections": {
            "client_connections": 4,
            "upstream_connections_active": 2,
            "upstream_connections_idle": 2,
            "upstream_queue": 4,
            "tunnels": 1,
        },
    }


async def test_status_after_a_refused_reload_names_every_problem(
    client: AdminClient, fleet: FakeFleet
) -> None:
    fleet.is_draining = True
    fleet.said = Facts(
        started_at=STARTED,
        loaded_at=STARTED + 10,
        generation=2,
        reloads_succeeded=1,
        reloads_failed=1,
        last_reload=ReloadOutcome(
            at=STARTED + 20.25,
            problems=(Problem("c.yaml", 3, 5, "rules[0].path", "What.", "Why.", "Fix.", Code.PATH),),
        ),
    )
    document = await (await client.get("/status")).json()
    assert document["state"] == "draining"
    assert document["config"]["loaded_at"] == "2026-01-02T03:04:15.000Z"
    assert document["config"]["reloads"] == {"succeeded": 1, "failed": 1}
    assert document["config"]["last_reload"] == {
        "at": "2026-01-02T03:04:25.250Z",
        "result": "refused",
        "problems": [
            {
                "file": "c.yaml",
                "line": 3,
                "column": 5,
                "path": "rules[0].path",
                "what": "What.",
                "why": "Why.",
                "fix": "Fix.",
                "code": "path",
            }
        ],
        "waits_for_restart": [],
    }


async def test_status_after_a_good_reload(client: AdminClient, fleet: FakeFleet) -> None:
    fleet.said = Facts(
        started_at=STARTED,
        loaded_at=STARTED,
        generation=2,
        reloads_succeeded=1,
        last_reload=ReloadOutcome(at=STARTED, waits_for_restart=("workers",)),
    )
    document = await (await client.get("/status")).json()
    assert document["config"]["last_reload"] == {
        "at": "2026-01-02T03:04:05.000Z",
        "result": "adopted",
        "problems": [],
        "waits_for_restart": ["workers"],
    }


@pytest.mark.parametrize("page", PAGES)
async def test_head_is_get_without_content(client: AdminClient, fleet: FakeFleet, page: str) -> None:
    fleet.upstream = unused_endpoint()
    got, head = await client.get(page), await client.head(page)
    assert head.status == got.status
    assert fields(head) == fields(got)
    assert await head.read() == b""


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_every_other_method_is_refused(client: AdminClient, page: str, method: str) -> None:
    response = await client.request(method, page, headers={"Origin": "http://localhost:3000"})
    assert response.status == 405
    assert fields(response) == PROBLEM | {"Allow": "GET,HEAD"}
    assert await problem_of(response) == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "These pages are read only: GET and HEAD.",
    }


@pytest.mark.parametrize("page", ["/page", "/decisions/x", "/livez/", "/metrics%00", "/<script>"])
async def test_other_pages_do_not_exist(client: AdminClient, page: str) -> None:
    response = await client.get(page)
    assert (response.status, fields(response)) == (404, PROBLEM)
    assert await problem_of(response) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such page here; there are /, /livez, /readyz, /metrics, /status and /decisions.",
    }


@pytest.mark.parametrize("page", [*PAGES, "/nowhere"])
@pytest.mark.parametrize("host", ["rebound.evil.example", "rebound.evil.example:9901", "x.localhost", ""])
async def test_a_strange_host_is_refused(client: AdminClient, page: str, host: str) -> None:
    response = await client.get(page, headers={"Host": host})
    assert (response.status, fields(response)) == (421, PROBLEM)
    refusal = await problem_of(response)
    assert refusal["title"] == "Misdirected Request"
    assert "admin.hosts" in refusal["detail"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]", "corsproxy.internal:9901"])
async def test_an_own_host_is_answered(client: AdminClient, host: str) -> None:
    assert (await client.get("/livez", headers={"Host": host})).status == 200


async def raw(client: AdminClient, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.0\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/livez HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
)
async def test_no_host_or_two_are_refused(client: AdminClient, head: bytes) -> None:
    answer = await raw(client, head)
    assert answer.split(b" ", 2)[1] == b"400"
    assert b"alive" not in answer


@pytest.mark.parametrize("page", [*PAGES, "/nowhere"])
async def test_no_page_of_the_web_is_let_in(client: AdminClient, page: str) -> None:
    response = await client.get(page, headers={"Origin": "http://localhost:3000"})
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("page", [*PAGES, "/nowhere"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_other_sites_may_only_link(client: AdminClient, page: str, site: str) -> None:
    fetched = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
    response = await client.get(page, headers=fetched)
    assert (response.status, fields(response)) == (403, PROBLEM)
    followed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert (await client.get(page, headers=followed)).status != 403


async def test_a_page_that_fails_is_a_bare_500_and_an_event(
    client: AdminClient, fleet: FakeFleet, observer: KeptEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> list[Snapshot]:
        raise RuntimeError("secret of ours")

    monkeypatch.setattr(fleet, "snapshots", broken)
    response = await client.get("/status")
    assert (response.status, fields(response)) == (500, PROBLEM)
    assert await problem_of(response) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "The log says more.",
    }
    assert observer.events == [
        ("error", "an admin page failed", {"path": "/status", "error": "RuntimeError: secret of ours"})
    ]

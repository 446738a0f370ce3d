"""/decisions and candidates, from outside: of one process and of several, across reloads, ends and floods."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from corsproxy.config.settings import Endpoint
from tests.service.backend import get
from tests.service.program import Program, Scene, replace_text

WORKERS = pytest.mark.parametrize("workers", [1, 2])
APP, EVIL = "https://app.example.com", "https://evil.example"
TURNS = 12  # enough connections to meet every worker
NEXT = """\
upstream: http://127.0.0.1:5000
rules:
  - {name: next, path: /**, allow_origins: ['https://new.example.com']}
"""


async def decisions(scene: Scene) -> dict[str, Any]:
    head, _, body = (await get(scene.admin, "/decisions")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert b"\r\nContent-Type: application/json" in head
    assert b"access-control" not in head.lower()
    document: dict[str, Any] = json.loads(body)
    return document


async def until_counted(scene: Scene, key: str, count: int) -> dict[str, Any]:
    """Ask until that many are in; a client has its answer before the account of it is made."""
    async with asyncio.timeout(60):
        while True:
            document = await decisions(scene)
            if sum(entry["count"] for entry in document[key]) >= count:
                return document


def text(scene: Scene, workers: int, more: str = "", origin: str = "app") -> str:
    return scene.text(f"workers: {workers}\n{more}", origin=origin)


async def visit(endpoint: Endpoint, *origins: str, path: str = "/api/users") -> None:
    for _ in range(TURNS):
        for origin in origins:
            await get(endpoint, path, origin)


def said(entry: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(entry[name] for name in names)


@WORKERS
async def test_all_workers_add_up(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n"):
        await visit(scene.public, APP, EVIL, path="/api/users?secret=1")
        document = await until_counted(scene, "refusals", TURNS)
        assert "secret" not in json.dumps(document)
        (refusal,) = document["refusals"]
        assert said(refusal, "origin", "rule", "reason", "kind", "action", "report", "count", "generation") == (
            EVIL, "rule-1", "origin_not_allowed", "actual", "forward", False, TURNS, 1,
        )  # fmt: skip
        assert said(refusal, "clients", "clients_capped", "paths", "methods", "headers") == (
            1, False, ["/api/users"], {"GET": TURNS}, {},
        )  # fmt: skip
        (served,) = document["allowed"]
        assert said(served, "origin", "method", "count") == (APP, "GET", TURNS)
        assert [rule["matched"] for rule in document["rules"]] == [2 * TURNS]
        assert len(document["recent"]) == TURNS
        assert said(document, "generation", "forgotten", "candidate") == (1, 0, None)


@WORKERS
async def test_what_was_refused_before_the_fix_does_not_look_current(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        await visit(scene.public, "https://new.example.com")
        await until_counted(scene, "refusals", TURNS)
        replace_text(scene.path, text(scene, workers, origin="new"))
        await program.says("^configuration reloaded$")
        await visit(scene.public, "https://new.example.com")
        document = await until_counted(scene, "allowed", TURNS)
        assert document["generation"] == 2
        assert [said(entry, "generation", "count") for entry in document["refusals"]] == [(1, TURNS)]
        assert [said(entry, "generation", "count") for entry in document["allowed"]] == [(2, TURNS)]
        assert [rule["matched"] for rule in document["rules"]] == [TURNS]
        assert document["since"] > document["started"]


async def test_what_ended_workers_saw_is_kept(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        await visit(scene.public, EVIL)
        await until_counted(scene, "refusals", TURNS)
        workers = (await program.status())["workers"]
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        for _ in workers:
            await program.says("^worker ended$")
        document = await decisions(scene)
        assert [entry["count"] for entry in document["refusals"]] == [TURNS]
        # A reload of the same rules goes on from there.
        program.signal(signal.SIGHUP)
        await program.says("^configuration reloaded$")
        await visit(scene.public, EVIL)
        document = await until_counted(scene, "refusals", 2 * TURNS)
        assert [said(entry, "generation", "count") for entry in document["refusals"]] == [(2, 2 * TURNS)]


@WORKERS
async def test_a_candidate(scene: Scene, tmp_path: Path, workers: int) -> None:
    (tmp_path / "next.yaml").write_text(NEXT)
    async with scene.serving(f"workers: {workers}\ncandidate: next.yaml\n") as program:
        line = await program.says("^a candidate is compared with the live policy$")
        assert said(line, "file", "rules") == (str(tmp_path / "next.yaml"), 1)
        for _ in range(TURNS):
            response = await get(scene.public, "/api/users", APP)
            assert f"Access-Control-Allow-Origin: {APP}\r\n".encode() in response
        await visit(scene.public, "https://new.example.com", EVIL)
        await until_counted(scene, "refusals", 2 * TURNS)
        candidate = (await decisions(scene))["candidate"]
        assert said(candidate, "file", "problems", "compared", "differs", "forgotten") == (
            str(tmp_path / "next.yaml"), [], 3 * TURNS, 2 * TURNS, 0,
        )  # fmt: skip
        assert {
            entry["origin"]: said(entry, "change", "count", "path") for entry in candidate["differences"]
        } == {
            APP: ("newly_refused", TURNS, "/api/users"),
            "https://new.example.com": ("newly_allowed", TURNS, "/api/users"),
        }
        (refused,) = [entry for entry in candidate["differences"] if entry["origin"] == APP]
        assert said(refused["live"], "rule", "place", "reason") == (
            "rule-1",
            f"{scene.path}:7",
            "origin_allowed",
        )
        assert said(refused["candidate"], "rule", "place", "reason") == (
            "next", f"{tmp_path / 'next.yaml'}:3", "origin_not_allowed",
        )  # fmt: skip
        metrics = await get(scene.admin, "/metrics")
        assert f"corsproxy_candidate_compared_total {3 * TURNS}.0\n".encode() in metrics
        for change in ("newly_refused", "newly_allowed"):
            name = f'corsproxy_candidate_differences_total{{change="{change}",kind="actual"}}'
            assert f"{name} {TURNS}.0\n".encode() in metrics


async def test_a_bad_candidate_stops_nothing_and_is_told(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "next.yaml"
    path.write_text("alow: 1\n" + NEXT)
    async with scene.serving("candidate: next.yaml\n") as program:
        line = await program.says(
            "^candidate refused for 1 problem; it is not compared, and the live policy serves$"
        )
        assert (line["level"], line["file"]) == ("warning", str(path))
        assert [said["place"] for said in program.lines if "place" in said] == [f"{path}:1:1"]
        assert b"Access-Control-Allow-Origin" in await get(scene.public, "/", APP)
        candidate = (await decisions(scene))["candidate"]
        assert [problem["path"] for problem in candidate["problems"]] == ["alow"]
        assert said(candidate, "compared", "differences") == (0, [])
        status = (await program.status())["config"]["candidate"]
        assert [problem["path"] for problem in status["problems"]] == ["alow"]
        assert b"corsproxy_candidate_last_load_successful 0.0\n" in await get(scene.admin, "/metrics")
        # Its file is watched for content, as the main one is.
        replace_text(path, NEXT)
        await program.says("^a candidate is compared with the live policy$")
        await visit(scene.public, APP)
        await until_counted(scene, "allowed", TURNS + 1)
        candidate = (await decisions(scene))["candidate"]
        assert said(candidate, "compared", "differs", "problems") == (TURNS, TURNS, [])
        assert b"corsproxy_candidate_last_load_successful 1.0\n" in await get(scene.admin, "/metrics")
        path.unlink()
        replace_text(path, "alow: 2\n" + NEXT)
        await program.says("^candidate refused for 1 problem")
        assert (await decisions(scene))["candidate"]["compared"] == 0


async def test_a_candidate_that_comes_later(scene: Scene, tmp_path: Path) -> None:
    """It is watched, though only a reload has named it."""
    async with scene.serving() as program:
        replace_text(scene.path, scene.text("candidate: next.yaml\n"))
        await program.says("^candidate refused for 1 problem")
        (tmp_path / "next.yaml").write_text(NEXT)
        await program.says("^a candidate is compared with the live policy$")


async def preflights(endpoint: Endpoint, count: int) -> None:
    """Send refused preflights in a row, each of an origin of its own, and read every answer."""
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)

    async def read() -> int:
        answers = 0
        while answers < count:
            await reader.readuntil(b"HTTP/1.1 403 ")
            answers += 1
        return answers

    reading = asyncio.create_task(read())
    for start in range(0, count, 500):
        writer.write(
            b"".join(
                b"OPTIONS /api HTTP/1.1\r\nHost: a.example\r\nOrigin: https://x%d.example\r\n"
                b"Access-Control-Request-Method: PUT\r\n\r\n" % number
                for number in range(start, start + 500)
            )
        )
        await writer.drain()
    assert await reading == count
    writer.close()


async def resident(program: Program) -> int:
    """Return the resident memory of the process in MiB."""
    text = await asyncio.to_thread(Path(f"/proc/{program.pid}/status").read_text)
    (line,) = [line for line in text.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) // 1024


async def test_a_flood_of_origins(scene: Scene) -> None:
    """Origins that come once, by the thousand, leave what was there before, and no more memory than is stated."""
    async with scene.serving("log: {access: 'off'}\n") as program:
        assert await resident(program) < 50
        await visit(scene.public, APP, "https://partner.example")
        await until_counted(scene, "refusals", TURNS)
        before = await resident(program)
        await preflights(scene.public, 20_000)
        document = await decisions(scene)
        kept = {entry["origin"]: entry["count"] for entry in document["refusals"]}
        assert kept["https://partner.example"] == TURNS
        assert [said(entry, "origin", "count") for entry in document["allowed"]] == [(APP, TURNS)]
        assert len(kept) == 1000
        assert sum(kept.values()) + document["forgotten"] == TURNS + 20_000
        (other,) = document["others"]
        assert said(other, "reason", "kind", "count") == (
            "origin_not_allowed",
            "preflight",
            document["forgotten"],
        )
        # The ledger itself is some 3 MiB; making the document and what the allocator keeps come to more.
        assert await resident(program) < before + 20

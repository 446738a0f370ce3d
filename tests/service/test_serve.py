"""The life of the program, from outside: it begins whole or not at all, and ends without losing anything."""

import asyncio
import os
import signal
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from corsproxy.config.settings import Endpoint
from tests.service.backend import get
from tests.service.program import Scene

LOOPS = pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
WORKERS = pytest.mark.parametrize("workers", [1, 2])
ORIGIN = "https://app.example.com"


async def until_refused(endpoint: Endpoint) -> None:
    """Connect until nobody listens any more."""
    while True:
        with suppress(ConnectionResetError):  # it was in the queue that has just been closed
            try:
                _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            except ConnectionRefusedError:
                return
            writer.close()
            await writer.wait_closed()


@LOOPS
@WORKERS
async def test_it_serves_and_ends_on_sigterm(scene: Scene, workers: int, loop: str) -> None:
    async with scene.serving(f"workers: {workers}\n", loop=loop) as program:
        answer = await get(scene.public, origin=ORIGIN)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n" in answer
        assert answer.endswith(b"\r\n\r\nyes")
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")
        assert [line["message"] for line in program.lines][-2:] == ["draining", "stopped"]


async def test_the_first_line_says_what_serves_where(scene: Scene) -> None:
    async with scene.serving() as program:
        (line,) = program.lines
        assert {name: line[name] for name in line if name != "time"} == {
            "level": "info",
            "message": f"serving http://{scene.public} in front of http://{scene.backend.endpoint}",
            "version": line["version"],
            "config": str(scene.path),
            "rules": 1,
            "workers": 1,
            "admin": [f"http://{scene.admin}"],
            "listen": [f"http://{scene.public}"],
            "upstream": f"http://{scene.backend.endpoint}",
            "pid": program.pid,
        }


@WORKERS
async def test_status_names_the_processes_that_serve(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        status = await program.status()
        assert len(status["workers"]) == workers
        assert (program.pid in status["workers"]) is (workers == 1)
        assert status["state"] == "serving"
        assert status["config"]["generation"] == 1
        assert status["config"]["last_reload"] is None


@LOOPS
@WORKERS
async def test_a_drain_finishes_what_is_in_flight(scene: Scene, workers: int, loop: str) -> None:
    async with scene.serving(f"workers: {workers}\n", loop=loop) as program:
        held = asyncio.create_task(get(scene.public, "/hold"))
        await scene.backend.held.wait()
        assert await program.readyz() == b"HTTP/1.1 200 OK ready\n"
        program.signal(signal.SIGTERM)
        await program.says("^draining$")
        assert await program.readyz() == b"HTTP/1.1 503 Service Unavailable not ready: draining\n"
        assert (await program.status())["state"] == "draining"
        await until_refused(scene.public)
        assert not held.done()
        scene.backend.release.set()
        assert (await held).endswith(b"\r\n\r\nyes")
        assert await program.ended() == (0, "")


@WORKERS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_second_signal_cuts(scene: Scene, workers: int, number: signal.Signals) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        held = asyncio.create_task(get(scene.public, "/hold"))
        await scene.backend.held.wait()
        program.signal(number)
        await program.says("^draining$")
        program.signal(number)
        assert await held == b""
        assert await program.ended() == (0, "")


@WORKERS
async def test_what_outlasts_the_drain_is_cut(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\ntimeouts: {{drain: 100ms}}\n") as program:
        held = asyncio.create_task(get(scene.public, "/hold"))
        await scene.backend.held.wait()
        program.signal(signal.SIGTERM)
        assert await held == b""
        assert await program.ended() == (0, "")


@WORKERS
async def test_connections_that_idle_do_not_hold_the_drain_up(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        reader, writer = await asyncio.open_connection(scene.public.host, scene.public.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"yes")).startswith(b"HTTP/1.1 200 OK\r\n")
        program.signal(signal.SIGTERM)
        assert await reader.read() == b""
        writer.close()
        assert await program.ended() == (0, "")


@WORKERS
async def test_a_unix_socket_is_served_and_removed(scene: Scene, tmp_path: Path, workers: int) -> None:
    path = tmp_path / "proxy.sock"
    scene.public = Endpoint(path=str(path))
    async with scene.serving(f"workers: {workers}\n") as program:
        assert stat.filemode(path.stat().st_mode) == "srw-rw----"
        assert (await get(scene.public)).endswith(b"\r\n\r\nyes")
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")
        assert not path.exists()


async def test_a_port_in_use_is_one_clear_line(scene: Scene) -> None:
    with socket.socket() as stranger:
        stranger.bind((scene.public.host, scene.public.port))
        stranger.listen()
        await expect_refusal(
            scene,
            f"corsproxy: cannot listen on {scene.public}: address already in use. "
            "Fix: stop what listens there (`ss -ltnp` names it), or choose another port.\n",
        )


async def test_an_admin_port_in_use_is_one_clear_line(scene: Scene) -> None:
    with socket.socket() as stranger:
        stranger.bind((scene.admin.host, scene.admin.port))
        stranger.listen()
        await expect_refusal(
            scene,
            f"corsproxy: cannot listen on {scene.admin}: address already in use. "
            "Fix: stop what listens there (`ss -ltnp` names it), or choose another port.\n",
        )


async def expect_refusal(scene: Scene, error: str, more: str = "") -> None:
    scene.path.write_text(scene.text(more))
    async with scene.starting() as program:
        assert await program.ended() == (2, error)
        assert program.lines == []


async def test_without_admin_pages_there_are_none(scene: Scene) -> None:
    scene.path.write_text(scene.text().replace(f"'{scene.admin}'", "off"))
    async with scene.starting() as program:
        assert (await program.says("^serving "))["admin"] == "off"
        with pytest.raises(ConnectionRefusedError):
            await program.status()
        assert (await get(scene.public)).endswith(b"\r\n\r\nyes")


async def test_a_worker_that_is_killed_is_replaced(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        pid, other = (await program.status())["workers"]
        os.kill(pid, signal.SIGKILL)
        line = await program.says("^worker ended$")
        assert (line["pid"], line["status"], line["level"]) == (pid, "killed by signal 9", "error")
        while len(workers := (await program.status())["workers"]) < 2 or pid in workers:
            pass
        assert other in workers
        assert [(await get(scene.public))[-3:] for _ in range(10)] == [b"yes"] * 10


async def test_workers_do_not_outlive_their_supervisor(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        program.signal(signal.SIGKILL)
        # The workers have the same output; that it ended says that they have.
        assert await program.ended() == (-signal.SIGKILL, "")
        await until_refused(scene.public)


async def test_a_closed_terminal_and_ctrl_c_reach_workers_only_through_their_supervisor(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        workers = (await program.status())["workers"]
        for pid in workers:
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGHUP)
        assert (await program.status())["workers"] == workers
        assert [(await get(scene.public))[-3:] for _ in range(10)] == [b"yes"] * 10
        assert (await program.status())["workers"] == workers


def mapped_files(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


async def test_the_serving_processes_do_not_carry_the_loader(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        pids = [program.pid, *(await program.status())["workers"]]
        assert [name for pid in pids for name in ("pydantic", "_yaml") if name in mapped_files(pid)] == []


async def test_a_warning_of_the_configuration_is_said_at_the_start(scene: Scene) -> None:
    scene.path.write_text(
        f"{scene.text()}    allow_credentials: true\n    dangerously_allow_insecure_origins: true\n"
    )
    async with scene.starting() as program:
        assert "dangerously_allow_insecure_origins" in (await program.says("dangerously_"))["message"]


async def test_a_silenced_warning_is_not_said_and_a_dangerous_key_always_is(scene: Scene) -> None:
    rule = "    websocket: false\n    max_age: 24h\n    dangerously_allow_null_origin: true\n"
    scene.path.write_text(f"{scene.text()}{rule}silence: [websocket_unchecked, max_age_capped]\n")
    async with scene.starting() as program:
        said = (await program.says("dangerously_"))["message"]  # the last of the three in the file
        assert [line["message"] for line in program.lines if line["level"] == "warning"] == [said]
        assert said.endswith("Fix: remove it (dangerous_unneeded)")
        warnings = (await program.status())["config"]["warnings"]
        assert warnings == [said]

"""Reload, from outside: what changes, what does not, and who says so."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.service.backend import get
from tests.service.program import Program, Scene, replace_text

WORKERS = pytest.mark.parametrize("workers", [1, 2])


async def grants(scene: Scene, name: str) -> set[bool]:
    """Ask often enough to meet every worker: is this sub-domain of example.com granted access?"""
    origin = f"https://{name}.example.com"
    field = f"\r\nAccess-Control-Allow-Origin: {origin}\r\n".encode()
    return {field in await get(scene.public, origin=origin) for _ in range(12)}


async def config(program: Program) -> dict[str, object]:
    found: dict[str, object] = (await program.status())["config"]
    return found


@WORKERS
async def test_a_good_file_takes_over_everywhere(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        assert await grants(scene, "app") == {True}
        assert await grants(scene, "new") == {False}
        replace_text(scene.path, scene.text(f"workers: {workers}\n", origin="new"))
        line = await program.says("^configuration reloaded$")
        assert (line["generation"], line["file"]) == (2, str(scene.path))
        assert await grants(scene, "app") == {False}
        assert await grants(scene, "new") == {True}
        found = await config(program)
        assert found["generation"] == 2
        assert found["sha256"] == line["sha256"]
        assert found["reloads"] == {"succeeded": 1, "failed": 0}


@WORKERS
async def test_a_bad_file_changes_nothing_and_is_explained(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        before = await config(program)
        replace_text(scene.path, scene.text(f"workers: {workers}\nnonsense: 1\n", origin="new"))
        line = await program.says("^configuration refused for 1 problem; the running one stays$")
        assert (line["level"], line["generation"]) == ("error", 1)
        (problem,) = [said for said in program.lines if "place" in said]
        assert problem["place"].startswith(f"{scene.path}:5:")
        assert "nonsense" in problem["message"] + problem["key"]
        assert await grants(scene, "app") == {True}
        assert await grants(scene, "new") == {False}
        after = await config(program)
        assert isinstance(last := after.pop("last_reload"), dict)
        assert last["result"] == "refused"
        assert [problem["line"] for problem in last["problems"]] == [5]
        assert after == {name: before[name] for name in after} | {"reloads": {"succeeded": 0, "failed": 1}}
        assert b"corsproxy_config_last_reload_successful 0.0\n" in await get(scene.admin, "/metrics")

        replace_text(scene.path, scene.text(f"workers: {workers}\n"))
        await program.says("^configuration reloaded$")
        assert (await config(program))["generation"] == 2
        assert b"corsproxy_config_last_reload_successful 1.0\n" in await get(scene.admin, "/metrics")


async def test_sighup_reloads_even_what_did_not_change(scene: Scene) -> None:
    async with scene.serving() as program:
        program.signal(signal.SIGHUP)
        await program.says("^configuration reloaded$")
        found = await config(program)
        assert (found["generation"], found["reloads"]) == (2, {"succeeded": 1, "failed": 0})


async def test_many_sighups_are_loads_one_after_the_other(scene: Scene) -> None:
    async with scene.serving() as program:
        for _ in range(20):
            program.signal(signal.SIGHUP)
        first = (await program.says("^configuration reloaded$"))["generation"]
        program.signal(signal.SIGHUP)
        second = (await program.says("^configuration reloaded$"))["generation"]
        assert (first, second) == (2, 3)


@WORKERS
async def test_no_connection_is_closed_and_what_is_in_flight_goes_on(scene: Scene, workers: int) -> None:
    async with scene.serving(f"workers: {workers}\n") as program:
        held = asyncio.create_task(get(scene.public, "/hold"))
        await scene.backend.held.wait()
        reader, writer = await asyncio.open_connection(scene.public.host, scene.public.port)
        ask = b"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://new.example.com\r\n\r\n"
        writer.write(ask)
        assert b"Access-Control-Allow-Origin" not in await reader.readuntil(b"yes")
        replace_text(scene.path, scene.text(f"workers: {workers}\n", origin="new"))
        await program.says("^configuration reloaded$")
        writer.write(ask)
        assert b"\r\nAccess-Control-Allow-Origin: https://new.example.com\r\n" in await reader.readuntil(
            b"yes"
        )
        writer.close()
        scene.backend.release.set()
        assert (await held).endswith(b"\r\n\r\nyes")


async def test_what_needs_a_restart_is_named_and_the_rest_adopted(scene: Scene) -> None:
    async with scene.serving() as program:
        replace_text(
            scene.path, scene.text("workers: 3\n", origin="new").replace(str(scene.public), "127.0.0.1:1")
        )
        line = await program.says("^restart corsproxy to change listen, workers; the rest is adopted$")
        assert (line["level"], line["keys"]) == ("warning", ["listen", "workers"])
        assert await grants(scene, "new") == {True}
        last = (await config(program))["last_reload"]
        assert isinstance(last, dict)
        assert (last["result"], last["waits_for_restart"]) == ("adopted", ["listen", "workers"])


async def test_a_config_maps_symlink_swap_is_a_change(scene: Scene, tmp_path: Path) -> None:
    # As kubelet lays it out: corsproxy.yaml -> ..data/corsproxy.yaml, ..data -> ..<time stamp>
    mount = tmp_path / "mount"
    for version, origin in {"..1": "app", "..2": "new"}.items():
        (mount / version).mkdir(parents=True)
        (mount / version / "corsproxy.yaml").write_text(scene.text(origin=origin))
    (mount / "..data").symlink_to("..1")
    scene.path = mount / "corsproxy.yaml"
    scene.path.symlink_to("..data/corsproxy.yaml")
    async with scene.starting() as program:
        await program.says("^serving ")
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").rename(mount / "..data")
        await program.says("^configuration reloaded$")
        assert await grants(scene, "new") == {True}


async def test_a_file_that_vanishes_changes_nothing_and_its_return_does(scene: Scene) -> None:
    async with scene.serving() as program:
        scene.path.unlink()
        program.signal(signal.SIGHUP)
        await program.says("^configuration refused for 1 problem; the running one stays$")
        assert await grants(scene, "app") == {True}
        replace_text(scene.path, scene.text(origin="new"))
        await program.says("^configuration reloaded$")
        assert await grants(scene, "new") == {True}


async def test_the_log_follows_its_new_settings(scene: Scene) -> None:
    async with scene.serving("log: {access: 'off'}\n") as program:
        replace_text(scene.path, scene.text("log: {access: all}\n"))
        await program.says("^configuration reloaded$")
        await get(scene.public, "/seen")
        assert (await program.says("^request$"))["path"] == "/seen"

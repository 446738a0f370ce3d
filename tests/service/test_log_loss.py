"""When the log cannot be written: the disk is full, nobody reads, there is no standard output. The proxy serves on."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.service.backend import get
from tests.service.program import Program, Scene

CLOSED = "import os, sys; [*map(os.close, {descriptors})]; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


async def started(scene: Scene, stdout: int, *before: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, *before, "-m", "corsproxy", "run", "-c", scene.path,
        stdin=asyncio.subprocess.DEVNULL, stdout=stdout, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip


async def serves_and_ends(scene: Scene, process: asyncio.subprocess.Process) -> int:
    """Wait until it serves, expect answers, end it; give its exit status."""
    try:
        async with asyncio.timeout(60):
            answer = b""
            while not answer:
                try:
                    answer = await get(scene.public)
                except ConnectionRefusedError:
                    assert process.returncode is None, await process.stderr.read()  # type: ignore[union-attr]
                    await asyncio.sleep(0.02)  # between two tries to connect
        assert answer[-3:] == b"yes"
        assert {(await get(scene.public))[-3:] for _ in range(20)} == {b"yes"}
        assert (await Program(process, scene.admin).status())["state"] == "serving"
        process.send_signal(signal.SIGTERM)
        assert (await process.communicate())[1] == b""
        status: int | None = process.returncode
        assert status is not None
        return status
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_full_disk(scene: Scene) -> None:
    scene.path.write_text(scene.text("workers: 2\nlog: {access: all}\n"))
    with Path("/dev/full").open("wb") as full:  # noqa: ASYNC230 -- a device
        assert await serves_and_ends(scene, await started(scene, full.fileno())) == 0


async def test_nobody_reads_any_more(scene: Scene) -> None:
    scene.path.write_text(scene.text("workers: 1\nlog: {access: all}\n"))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = await started(scene, writing)
    finally:
        os.close(writing)
    assert await serves_and_ends(scene, process) == 0


# Whatever is opened next gets these numbers: a socket of ours, which no line may reach.
@pytest.mark.parametrize("descriptors", [(1,), (2,), (0, 1, 2)], ids=str)
async def test_no_standard_output_at_all(scene: Scene, descriptors: tuple[int, ...]) -> None:
    scene.path.write_text(scene.text("workers: 2\nlog: {access: all}\n"))
    assert (
        await serves_and_ends(
            scene,
            await started(scene, asyncio.subprocess.DEVNULL, "-c", CLOSED.format(descriptors=descriptors)),
        )
        == 0
    )

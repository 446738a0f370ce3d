"""Every way in which a file can change badly, one after the other and at once: what runs is the last good one."""

import asyncio
import itertools
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tests.service.backend import get
from tests.service.program import Scene, replace_text
from tests.service.test_reloading import grants

REFUSED = "^configuration refused for .* the running one stays$"


def truncated(path: Path, good: str) -> None:
    replace_text(path, good[: good.index("allow_origins") + 8])


def empty(path: Path, good: str) -> None:
    del good
    replace_text(path, "")


def invalid(path: Path, good: str) -> None:
    replace_text(path, good + "nonsense: 1\n")


def binary(path: Path, good: str) -> None:
    path.write_bytes(good.encode() + b"\xff\x00\xfe")


def vanished(path: Path, good: str) -> None:
    del path, good


def unreadable(path: Path, good: str) -> None:
    """Put a directory in its place: not even root reads that."""
    del good
    path.mkdir()


def swapped_for_nothing(path: Path, good: str) -> None:
    del good
    path.symlink_to("nowhere")


SPOILT = [truncated, empty, invalid, binary, vanished, unreadable, swapped_for_nothing]


def gone(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


async def test_each_changes_nothing_and_the_next_good_one_is_taken(scene: Scene) -> None:
    more = "workers: 2\n"
    async with scene.serving(more) as program:
        for spoil in SPOILT:
            gone(scene.path)
            spoil(scene.path, scene.text(more, origin="bad"))
            program.signal(signal.SIGHUP)
            await program.says(REFUSED)
            assert await grants(scene, "app") == {True}, spoil.__name__
            assert await grants(scene, "bad") == {False}
        gone(scene.path)
        replace_text(scene.path, scene.text(more, origin="good"))
        await program.says("^configuration reloaded$")
        assert await grants(scene, "good") == {True}


async def test_all_of_them_at_once_while_it_serves(scene: Scene) -> None:
    async with scene.serving("workers: 2\n") as program:
        changes: itertools.cycle[Callable[[Path, str], None]] = itertools.cycle([*SPOILT, replace_text])
        for spoil, _ in zip(changes, range(64), strict=False):
            gone(scene.path)
            spoil(scene.path, scene.text("workers: 2\n", origin="storm"))
            program.signal(signal.SIGHUP)
            assert (await get(scene.public))[-3:] == b"yes"
        gone(scene.path)
        replace_text(scene.path, scene.text("workers: 2\n", origin="calm"))
        async with asyncio.timeout(60):
            while await grants(scene, "calm") != {True}:
                pass
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")
        assert not [line for line in program.lines if "mistake in corsproxy" in str(line)]

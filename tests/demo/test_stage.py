"""The parts as processes: nothing is left behind, and no end goes unnoticed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from corsproxy.demo import stage
from corsproxy.demo.stage import Part, PartEnded
from tests.processes import accepts, free_port

LISTEN = "import socket, signal; s = socket.create_server(('127.0.0.1', {port}))\n"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
FOREVER = "signal.pause()\n"


class Told:
    """Takes the sentence about a part that ended unasked."""

    def __init__(self) -> None:
        self.sentences: asyncio.Queue[str] = asyncio.Queue()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def parts() -> AsyncIterator[list[Part]]:
    made: list[Part] = []
    yield made
    for part in made:
        await part.stop()


def part_of(code: str, told: Told, parts: list[Part], port: int) -> Part:
    argv = (sys.executable, "-c", code.format(port=port))
    part = Part("echo chamber", argv, {}, port, told.sentences.put_nowait)
    parts.append(part)
    return part


def children() -> list[int]:
    return [
        child.pid for child in psutil.Process().children(recursive=True) if child.name().startswith("python")
    ]


async def test_started_means_listening_and_stopped_means_gone(told: Told, parts: list[Part]) -> None:
    before, port = children(), free_port()
    part = part_of(LISTEN + FOREVER, told, parts, port)
    await part.start()
    assert accepts(port)
    await part.stop()
    assert (accepts(port), children(), told.sentences.empty()) == (False, before, True)
    await part.stop()  # and once more is no harm


async def test_one_that_does_not_listen_to_reason_is_killed(
    told: Told, parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "KINDLY_WITHIN", 0.2)
    before, port = children(), free_port()
    part = part_of("import signal\n" + STUBBORN + LISTEN + FOREVER, told, parts, port)
    await part.start()
    await part.stop()
    assert (accepts(port), children()) == (False, before)


async def test_one_that_ends_before_it_listens_is_named(told: Told, parts: list[Part]) -> None:
    part = part_of("raise SystemExit(7)  # {port}", told, parts, free_port())
    with pytest.raises(PartEnded, match=r"^The echo chamber ended with status 7 before it listened\.$"):
        await part.start()


async def test_one_that_never_listens_is_named(
    told: Told, parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "READY_WITHIN", 0.2)
    port = free_port()
    part = part_of("import signal  # {port}\n" + FOREVER, told, parts, port)
    with pytest.raises(PartEnded, match=rf"^The echo chamber did not listen on port {port} within 0 s\.$"):
        await part.start()


async def test_one_that_ends_unasked_is_told(told: Told, parts: list[Part]) -> None:
    before = set(children())
    part = part_of(LISTEN + FOREVER, told, parts, free_port())
    await part.start()
    (pid,) = set(children()) - before
    os.kill(pid, signal.SIGKILL)
    assert await asyncio.wait_for(told.sentences.get(), 60) == "The echo chamber ended with status -9."


async def test_a_pause_is_no_end_and_resuming_brings_it_back(told: Told, parts: list[Part]) -> None:
    port = free_port()
    part = part_of(LISTEN + FOREVER, told, parts, port)
    await part.start()
    await part.pause()
    assert not accepts(port)
    await part.resume()
    assert accepts(port)
    await part.resume()  # it runs already
    assert told.sentences.empty()


async def test_a_pause_ends_by_itself(told: Told, parts: list[Part], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "PAUSE_AT_MOST", 0.05)
    port = free_port()
    part = part_of(LISTEN + FOREVER, told, parts, port)
    await part.start()
    await part.pause()
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(accepts, port):
            pass
    assert told.sentences.empty()


async def test_one_that_does_not_come_back_is_told(told: Told, parts: list[Part], tmp_path: Path) -> None:
    mark = tmp_path / "started"
    once = (
        f"from pathlib import Path\nif Path('{mark}').exists(): raise SystemExit(3)\nPath('{mark}').touch()\n"
    )
    part = part_of(once + LISTEN + FOREVER, told, parts, free_port())
    await part.start()
    await part.pause()
    await part.resume()
    assert await told.sentences.get() == "The echo chamber ended with status 3 before it listened."

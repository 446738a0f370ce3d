"""What a service manager hears, over the socket that sd_notify(3) names."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from corsproxy.service.notify import Notify
from tests.service.backend import Backend, get
from tests.service.program import Scene, launch, replace_text


class Hearing:
    """The manager's end."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    async def next(self, *, but: str = "WATCHDOG=1") -> list[str]:
        """Hear the next message that is not `but`, in lines."""
        while True:
            said = (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode()
            if said != but:
                return said.splitlines()

    def has_nothing(self) -> bool:
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def hearing(tmp_path: Path) -> AsyncIterator[Hearing]:
    hearing = Hearing(str(tmp_path / "notify"))
    yield hearing
    hearing.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_it_is_told_of_each_turn_of_life(
    scene: Scene, backend: Backend, tmp_path: Path, hearing: Hearing, workers: int
) -> None:
    more = f"workers: {workers}\n"
    replace_text(scene.path, scene.text(more))
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    async with launch("-c", scene.path, admin=scene.admin, environ=environ) as program:
        assert await hearing.next() == ["READY=1", "STATUS=serving"]
        assert (await get(scene.public))[-3:] == b"yes"
        assert await hearing.next(but="") == ["WATCHDOG=1"]

        program.signal(signal.SIGHUP)
        reloading, at = await hearing.next()
        assert reloading == "RELOADING=1"
        assert at.partition("=")[0] == "MONOTONIC_USEC"
        assert int(at.partition("=")[2]) > 0
        assert await hearing.next() == ["READY=1", "STATUS=serving"]

        replace_text(scene.path, "nonsense")
        assert (await hearing.next())[0] == "RELOADING=1"
        refused = "STATUS=serving; the configuration that came last was refused"
        assert await hearing.next() == ["READY=1", refused]

        held = asyncio.create_task(get(scene.public, "/hold"))
        await backend.held.wait()
        program.signal(signal.SIGTERM)
        assert await hearing.next() == ["STOPPING=1", "STATUS=draining"]
        # It is alive for as long as it drains.
        assert await hearing.next(but="") == ["WATCHDOG=1"]
        backend.release.set()
        assert (await held)[-3:] == b"yes"
        assert await program.ended() == (0, "")


async def test_nobody_who_listens_is_waited_for(scene: Scene, tmp_path: Path) -> None:
    scene.path.write_text(scene.text())
    environ = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "200000"}
    async with launch("-c", scene.path, admin=scene.admin, environ=environ) as program:
        await program.says("^serving ")
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")


async def test_its_variables_are_hidden_from_children(tmp_path: Path, hearing: Hearing) -> None:
    environ = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "9000000000",
        "WATCHDOG_PID": "1",
        "X": "y",
    }
    notify = Notify(environ)
    assert environ == {"X": "y"}
    notify.ready("serving")
    assert await hearing.next(but="") == ["READY=1", "STATUS=serving"]
    notify.close()


async def test_the_abstract_name_of_a_socket() -> None:
    name = f"corsproxy-test-{id(object()):x}-{socket.gethostname()}"
    hearing = Hearing(f"\0{name}")
    notify = Notify({"NOTIFY_SOCKET": f"@{name}"})
    notify.stopping()
    assert await hearing.next() == ["STOPPING=1", "STATUS=draining"]
    notify.close()
    hearing.close()


async def test_a_manager_that_is_busy_hears_all_of_it_later_and_in_order(
    tmp_path: Path, hearing: Hearing
) -> None:
    filling = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    filling.setblocking(False)
    with filling, suppress(BlockingIOError):
        while True:
            filling.sendto(b"others", str(tmp_path / "notify"))
    notify = Notify({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000"})
    notify.reloading()
    notify.ready("serving")
    notify.stopping()
    said: list[str] = []
    while said[-1:] != ["STOPPING=1"]:
        said.append((await hearing.next())[0])
    assert [one for one in said if one != "others"] == ["RELOADING=1", "READY=1", "STOPPING=1"]
    assert await hearing.next(but="") == ["WATCHDOG=1"]
    notify.close()


@pytest.mark.parametrize("address", ["", "vsock:2:1", "relative"])
async def test_what_is_no_unix_socket_is_not_spoken_to(address: str) -> None:
    notify = Notify({"NOTIFY_SOCKET": address})
    notify.ready("serving")
    notify.close()


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "no"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}],
)
async def test_nobody_is_told_of_life_who_does_not_watch(
    tmp_path: Path, hearing: Hearing, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    timers: list[float] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda delay, *_: timers.append(delay))
    notify = Notify({**environ, "NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert (timers, hearing.has_nothing()) == ([], True)
    notify.close()

"""Whom it runs as, and what that user may: each refusal is told with its remedy, and nothing more than is needed is asked for.

Where the tests run as root, the program is given to a user without any rights; else it has few anyway.
"""

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from corsproxy.config.settings import Endpoint
from tests.processes import ROOT
from tests.proxy.certificates import Certificates
from tests.service.backend import Backend, get
from tests.service.program import Program, Scene, free_endpoint, launch

IS_ROOT = os.geteuid() == 0
NOBODY, STRANGER = 65534, 65533
PROGRAM = (sys.executable, "-m", "corsproxy")
PRIVILEGED_BELOW = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


def as_user(user: int, *, capability: str = "") -> tuple[str, ...]:
    """Return what goes before a command for it to run as that user, with one capability or none."""
    if not IS_ROOT:
        return ()
    kept = f"-all,+{capability}" if capability else "-all"
    ambient = (f"--ambient-caps={kept}",) if capability else ()
    return (
        "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", f"--inh-caps={kept}", *ambient,
        f"--bounding-set={kept}", "--no-new-privs",
    )  # fmt: skip


def _can_be(user: int) -> bool:
    """Tell whether this interpreter can be run, and run others, as that user: it may lie in root's home."""
    if IS_ROOT and shutil.which("setpriv") is None:
        return False
    again = "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    done = subprocess.run([*as_user(user), sys.executable, "-c", again], capture_output=True, check=False)
    return done.returncode == 0


# Root without its capabilities is the next best: no right beyond those of an owner is left to it.
USER = next((user for user in (NOBODY, 0) if _can_be(user)), None) if IS_ROOT else os.geteuid()
needs_another = pytest.mark.skipif(USER is None, reason="there is no setpriv, which takes rights away")
needs_root = pytest.mark.skipif(
    not IS_ROOT, reason="only root can make another user or a file system of its own"
)


@pytest.fixture
def scene(backend: Backend) -> Iterator[Scene]:
    """A scene in a folder that everybody may look into; pytest's own are for us alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield Scene(folder / "corsproxy.yaml", free_endpoint(), free_endpoint(), backend)


def starting(scene: Scene, *before: str) -> AbstractAsyncContextManager[Program]:
    return launch("-c", scene.path, admin=scene.admin, command=(*before, *PROGRAM))


async def refused(scene: Scene, *before: str) -> str:
    """Start it, expect that it does not, and return what it said."""
    async with starting(scene, *before) as program:
        status, said = await program.ended()
    assert (status, program.lines) == (2, [])
    return said


async def served(scene: Scene, program: Program) -> None:
    await program.says("^serving ")
    assert (await get(scene.public)).endswith(b"yes")
    program.signal(signal.SIGTERM)
    assert await program.ended() == (0, "")


def privileged_port() -> int:
    """Return a port that only the privileged may listen on, and nobody does."""
    for port in range(80, PRIVILEGED_BELOW):
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)):
                return port
    pytest.skip(f"ports are free for all from {PRIVILEGED_BELOW} on")


@needs_another
async def test_a_low_port_without_the_capability(scene: Scene) -> None:
    scene.public = Endpoint("127.0.0.1", privileged_port())
    scene.path.write_text(scene.text())
    assert await refused(scene, *as_user(USER or 0)) == (
        f"corsproxy: cannot listen on {scene.public}: permission denied. "
        "Fix: ports below 1024 need CAP_NET_BIND_SERVICE; choose a port of 1024 or above.\n"
    )


@needs_root
@needs_another
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_low_port_with_nothing_but_the_capability(scene: Scene, workers: int) -> None:
    scene.public = Endpoint("127.0.0.1", privileged_port())
    scene.path.write_text(scene.text(f"workers: {workers}\n"))
    async with starting(scene, *as_user(USER or 0, capability="net_bind_service")) as program:
        await served(scene, program)


@needs_another
async def test_another_user_needs_no_rights_at_all(scene: Scene) -> None:
    scene.path.write_text(scene.text("workers: 2\n"))
    scene.path.chmod(0o444)
    async with starting(scene, *as_user(USER or 0)) as program:
        await served(scene, program)
        warnings = [line["message"] for line in program.lines if line["level"] == "warning"]
        assert warnings == ([] if USER else ["running as root, which nothing here needs"])


@needs_root
async def test_root_is_warned(scene: Scene) -> None:
    scene.path.write_text(scene.text())
    async with starting(scene) as program:
        await served(scene, program)
        (warning,) = [line for line in program.lines if line["level"] == "warning"]
    assert (warning["message"], warning["fix"]) == (
        "running as root, which nothing here needs",
        "run it as a user of its own; for ports below 1024 give it CAP_NET_BIND_SERVICE, or the socket (LISTEN_FDS)",
    )


@needs_another
async def test_a_configuration_that_the_user_may_not_read(scene: Scene) -> None:
    scene.path.write_text(scene.text())
    scene.path.chmod(0o000)
    assert await refused(scene, *as_user(USER or 0)) == (
        f"{scene.path}\n  The file may not be read.\n"
        "  Fix: give the user that runs corsproxy the right to read it\n\n1 problem; nothing was started.\n"
    )


@needs_another
async def test_a_key_that_the_user_may_not_read(scene: Scene) -> None:
    pair = Certificates.make(scene.path.parent).server_files("a.example")
    (scene.path.parent / pair.key).chmod(0o000)
    scene.path.write_text(scene.text(f"tls: {{certificate: {pair.certificate}, key: {pair.key}}}\n"))
    column = len(f"tls: {{certificate: {pair.certificate}, ") + 1
    assert await refused(scene, *as_user(USER or 0)) == (
        f"{scene.path}:4:{column}  tls.key\n  {pair.key} cannot be read: Permission denied.\n"
        "  Fix: check the path (it is relative to the configuration's folder) and who may read it\n\n"
        "1 problem; nothing was started.\n"
    )


@needs_another
async def test_a_unix_socket_is_for_owner_and_group(scene: Scene) -> None:
    folder = scene.path.parent / "run"
    folder.mkdir()
    folder.chmod(0o777)
    scene.public = Endpoint(path=str(folder / "s"))
    scene.path.write_text(scene.text())
    async with starting(scene, *as_user(USER or 0)) as program:
        await program.says("^serving ")
        made = (folder / "s").stat()
        assert stat.filemode(made.st_mode) == "srw-rw----"
        assert made.st_uid == USER
        assert (await get(scene.public)).endswith(b"yes")
        if IS_ROOT:
            knock = f"import socket; socket.socket(socket.AF_UNIX).connect({scene.public.path!r})"
            stranger = await asyncio.create_subprocess_exec(
                *as_user(STRANGER), sys.executable, "-c", knock, stderr=asyncio.subprocess.PIPE
            )
            assert b"PermissionError" in (await stranger.communicate())[1]
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")
    assert [*folder.iterdir()] == []


@needs_another
async def test_a_unix_socket_where_the_user_may_not_write(scene: Scene) -> None:
    folder = scene.path.parent / "run"
    folder.mkdir()
    folder.chmod(0o555)
    scene.public = Endpoint(path=str(folder / "s"))
    scene.path.write_text(scene.text())
    assert await refused(scene, *as_user(USER or 0)) == (
        f"corsproxy: cannot listen on {scene.public}: permission denied. "
        "Fix: give this user write permission to the socket's directory, or choose another path.\n"
    )


READ_ONLY = 'mount --make-rprivate / && mount -o remount,bind,ro / && exec "$@"'


def has_read_only() -> bool:
    if not IS_ROOT or shutil.which("unshare") is None:
        return False
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", "touch", os.fspath(ROOT / ".read-only")],
        capture_output=True,
        check=False,
    )
    return b"Read-only file system" in done.stderr


needs_read_only = pytest.mark.skipif(not has_read_only(), reason="no file system can be made read-only here")


@needs_read_only
async def test_a_read_only_file_system(scene: Scene) -> None:
    scene.path.write_text(scene.text("workers: 2\n"))
    async with starting(scene, "unshare", "--mount", "sh", "-c", READ_ONLY, "sh") as program:
        await program.says("^serving ")
        scene.path.write_text(scene.text("workers: 2\n", origin="new"))  # read-only for it, not for us
        await program.says("^configuration reloaded|^reloaded")
        assert (await get(scene.public)).endswith(b"yes")
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")


@needs_read_only
async def test_a_unix_socket_on_a_read_only_file_system(scene: Scene) -> None:
    scene.public = Endpoint(path=str(scene.path.parent / "s"))
    scene.path.write_text(scene.text())
    assert await refused(scene, "unshare", "--mount", "sh", "-c", READ_ONLY, "sh") == (
        f"corsproxy: cannot listen on {scene.public}: read-only file system. "
        "Fix: the file system is read-only; mount a writable directory there, or choose another path.\n"
    )

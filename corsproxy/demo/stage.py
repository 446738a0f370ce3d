"""Starts the parts of the demonstration as processes of their own, and stops them again, whatever happens.

Laws: a part is ready when its port accepts a connection; each runs in a session of its own, so that Ctrl-C
in the terminal reaches this process alone, which then ends the others by their ids, kindly and then not;
nobody is left behind, and no part's end goes unnoticed.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from corsproxy.demo.addresses import Addresses
from corsproxy.demo.server import page_app

__all__ = ["Part", "PartEnded", "play"]

READY_WITHIN = 60.0
KINDLY_WITHIN = 4.0  # after SIGTERM, before SIGKILL
PAUSE_AT_MOST = 10.0


class PartEnded(Exception):  # noqa: N818 -- it names what happened
    """A part ended, or did not come up, without being asked to."""


class Part:
    """One process of the demonstration. `unasked` is called once if it ends without being stopped."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environ: Mapping[str, str],
        port: int,
        unasked: Callable[[str], None],
    ) -> None:
        self._name = name
        self._argv = argv
        self._environ = environ
        self._port = port
        self._unasked = unasked
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()  # pausing and resuming wait for each other
        self._return: asyncio.TimerHandle | None = None
        self._returning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and wait until its port accepts a connection; raises PartEnded."""
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            env={**os.environ, **self._environ},
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = asyncio.get_running_loop().time() + READY_WITHIN
        while not await _accepts(self._port):
            if self._process.returncode is not None:
                raise PartEnded(
                    f"The {self._name} ended with status {self._process.returncode} before it listened."
                )
            if asyncio.get_running_loop().time() > deadline:
                raise PartEnded(
                    f"The {self._name} did not listen on port {self._port} within {READY_WITHIN:.0f} s."
                )
            await asyncio.sleep(0.03)
        self._watch = asyncio.create_task(self._await_end(self._process))

    async def _await_end(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._unasked(f"The {self._name} ended with status {status}.")

    async def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL to its whole session if that takes too long."""
        for pending in (self._return, self._watch):
            if pending:
                pending.cancel()
        if self._returning and self._returning is not asyncio.current_task():
            self._returning.cancel()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), KINDLY_WITHIN)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def pause(self) -> None:
        """Stop for a while: until `resume`, or ten seconds if that never comes."""
        async with self._turn:
            await self.stop()
            self._return = asyncio.get_running_loop().call_later(PAUSE_AT_MOST, self._resume_soon)

    async def resume(self) -> None:
        """Start again if stopped; a part that does not come up has ended unasked."""
        async with self._turn:
            if self._return:
                self._return.cancel()
            if self._process is None:
                try:
                    await self.start()
                except PartEnded as ended:
                    self._unasked(str(ended))

    def _resume_soon(self) -> None:
        self._returning = asyncio.create_task(self.resume())


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def play(
    addresses: Addresses, rules: Path, environ: Mapping[str, str], ready: Callable[[], None]
) -> None:
    """Run the demonstration until SIGINT, SIGTERM or SIGHUP; raises PartEnded if a part ends before.

    `rules` is the proxy's configuration, `environ` what its references need; `ready` is called once
    all parts listen.
    """
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    show = asyncio.create_task(_show(addresses, rules, environ, ready, over))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: show.cancel() if not show.cancelling() else None)
    with contextlib.suppress(asyncio.CancelledError):
        await show


async def _show(
    addresses: Addresses,
    rules: Path,
    environ: Mapping[str, str],
    ready: Callable[[], None],
    over: asyncio.Future[None],
) -> None:
    def unasked(sentence: str) -> None:
        if not over.done():
            over.set_exception(PartEnded(sentence))

    backend = Part("backend", _gunicorn(_port(addresses.backend)), {}, _port(addresses.backend), unasked)
    proxy_argv = (sys.executable, "-m", "corsproxy", "run", "-c", str(rules), "--upstream", addresses.backend)
    proxy = Part("proxy", proxy_argv, environ, _port(addresses.proxy), unasked)
    async with contextlib.AsyncExitStack() as stack:
        for part in (backend, proxy):
            stack.push_async_callback(part.stop)
        # Both at once, because each takes its seconds; both are awaited, so that neither is left half started.
        for failure in await asyncio.gather(backend.start(), proxy.start(), return_exceptions=True):
            if failure:
                raise failure
        await stack.enter_async_context(_serving(page_app(addresses, backend, rules), _port(addresses.page)))
        ready()
        await over


@contextlib.asynccontextmanager
async def _serving(app: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


def _port(url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"{url} names no port")
    return port


def _gunicorn(port: int) -> tuple[str, ...]:
    settings = "python:corsproxy.demo.gunicorn_settings"
    return (
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        settings,
        "--bind",
        f"127.0.0.1:{port}",
        "corsproxy.demo.witness:app",
    )

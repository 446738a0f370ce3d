"""The desk: a process beside the service that writes the page, so that what it needs is not in the serving one.

Questions are lines of JSON, and so are answers; a line of pickled Settings comes before what is asked under them.

Laws: it is started for the first view and ended when nobody has looked for a while; there is never more than
one, and it answers one question at a time. One that does not answer in time, or says nothing sensible, is
killed, and whoever asked gets a DeskError. It holds no socket and gets no traffic: if it dies, only the page does.
"""

import asyncio
import base64
import json
import os
import pickle
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

import corsproxy
from corsproxy.config.settings import Settings

__all__ = ["DESK_COMMAND", "Desk", "DeskError"]

# -P: a jinja2.py in the working directory is not ours.
DESK_COMMAND = (sys.executable, "-P", "-m", "corsproxy.admin.page")
PATIENCE = 15.0
IDLE = 60.0
FAREWELL = 1.0
_MOST_WAITING = 8
_LONGEST_ANSWER = 32 * 1024 * 1024


class DeskError(Exception):
    """The desk gave no answer; the text says why."""


class Desk:
    """Asks the process, and sees that it is there while somebody looks. `patience` and `idle` are seconds."""

    def __init__(
        self, command: Sequence[str] = DESK_COMMAND, *, patience: float = PATIENCE, idle: float = IDLE
    ) -> None:
        self._command = tuple(command)
        self._patience = patience
        self._idle = idle
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._is_closed = False
        self._child: Process | None = None
        self._killed: Process | None = None
        self._told: Settings | None = None  # what the child was told last
        self._leave: asyncio.TimerHandle | None = None
        self._leaving: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return None if self._child is None else self._child.pid

    async def ask(self, question: str, settings: Settings) -> str:
        """Have a question (an object of JSON) answered under `settings`; returns HTML. Raises DeskError."""
        if self._waiting >= _MOST_WAITING:
            raise DeskError("too many views wait already")
        self._waiting += 1
        try:
            async with self._turn:
                self._stay()
                try:
                    async with asyncio.timeout(self._patience):
                        return await self._exchange(question, settings)
                except TimeoutError:
                    await self._end(kindly=False)
                    raise DeskError(f"it had not answered after {self._patience:g} s and was ended") from None
                except asyncio.CancelledError:
                    await self._end(kindly=False)  # what it still says answers nobody's question
                    raise
                finally:
                    self._leave_later()
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the process, if there is one, and with it the question it is at; then there is none any more."""
        self._is_closed = True
        self._stay()
        if self._turn.locked() and self._child is not None:
            self._kill(self._child)  # whoever asks hears that it ended
        async with self._turn:
            self._stay()
            await self._end(kindly=True)

    async def _exchange(self, question: str, settings: Settings) -> str:
        if self._is_closed:
            raise DeskError("the service ends")
        child, line = self._child, b""
        if child is not None:
            line = await self._line(child, question, settings)
        # It may have been ended by somebody since the last question.
        if child is None or (not line and not self._is_closed):
            await self._end(kindly=False)
            child = await self._start()
            line = await self._line(child, question, settings)
        if not line.endswith(b"\n"):
            raise DeskError(f"it ended: {await self._last_words(child)}")
        try:
            answer = json.loads(line)
            if "fault" in answer:
                raise DeskError(answer["fault"])
            html = str(answer["html"])
        except (ValueError, TypeError, KeyError):
            await self._end(kindly=False)
            raise DeskError("it made no sense") from None
        return html

    async def _line(self, child: Process, question: str, settings: Settings) -> bytes:
        if child.stdin is None or child.stdout is None:
            raise DeskError("it has no pipes")  # never: both were asked for
        try:
            if self._told is not settings:
                news = {"settings": base64.b64encode(pickle.dumps(settings)).decode()}
                child.stdin.write(json.dumps(news).encode() + b"\n")
                self._told = settings
            child.stdin.write(question.encode() + b"\n")
            await child.stdin.drain()
            return await child.stdout.readline()
        # It is gone (uvloop says so by a RuntimeError), or the line is longer than any page.
        except (ConnectionError, RuntimeError, ValueError):
            return b""

    async def _start(self) -> Process:
        root = str(Path(corsproxy.__file__).parent.parent)
        paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        try:
            self._child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                limit=_LONGEST_ANSWER,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
            )
        except OSError as fault:
            raise DeskError(f"it did not start: {fault}") from None
        self._told = None
        return self._child

    async def _last_words(self, child: Process) -> str:
        await self._end(kindly=True)  # it is going by itself; to kill it would take its exit status away
        said = await child.stderr.read() if child.stderr is not None else b""
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return last or f"exit status {child.returncode}"

    async def _end(self, *, kindly: bool) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if kindly and child.stdin is not None:
            child.stdin.close()
            try:
                async with asyncio.timeout(FAREWELL):
                    await child.wait()
            except TimeoutError:
                pass
        if child.returncode is None:
            self._kill(child)
            await child.wait()

    def _kill(self, child: Process) -> None:
        """Kill it once: a second time would take its exit status away from whoever waits for it."""
        if child is not self._killed:
            self._killed = child
            child.kill()

    def _stay(self) -> None:
        if self._leave is not None:
            self._leave.cancel()
            self._leave = None

    def _leave_later(self) -> None:
        if self._child is not None:
            self._leave = asyncio.get_running_loop().call_later(self._idle, self._go)

    def _go(self) -> None:
        self._leave = None
        self._leaving = asyncio.get_running_loop().create_task(self._leave_now())

    async def _leave_now(self) -> None:
        async with self._turn:
            if self._leave is None:  # else somebody asked meanwhile
                await self._end(kindly=True)

"""Event loops whose clock does not count what the machine stands still, for tests of short timeouts.

A machine that tests run on may stop for seconds. To a loop that is late both have come then, the bytes and the
timeout, and which of them it meets first is chance. Laws: the clock goes on only between two looks at what has
come, in real time, but by no more than STEP; so before a timeout of n * STEP there are n looks at least, however
long each of them took.
"""

import asyncio
import heapq
import selectors
import time
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

import uvloop

__all__ = ["STEP", "SteadyAsyncio", "SteadyUvloop", "skip"]

STEP = 0.004  # seconds; more of them to a timeout, and slower machines are fast enough

_Ts = TypeVarTuple("_Ts")


class _Clock:
    """Goes on with real time, but by STEP at most for each time that it is told to."""

    def __init__(self) -> None:
        self.now = self._seen = time.monotonic()

    def go_on(self) -> None:
        """Count what has gone by since the last time, as far as it counts."""
        seen = time.monotonic()
        self.now += min(seen - self._seen, STEP)
        self._seen = seen


class _Selector(selectors.DefaultSelector):
    """Waits in steps, since a longer wait would count as one."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout and min(timeout, STEP))
        self._clock.go_on()
        return ready


class SteadyAsyncio(asyncio.SelectorEventLoop):
    """asyncio's own loop, by a steady clock."""

    def __init__(self) -> None:
        self.steady = _Clock()
        super().__init__(_Selector(self.steady))

    def time(self) -> float:
        return self.steady.now


class SteadyUvloop(uvloop.Loop):
    """uvloop, by a steady clock: one timer of its own beats while anything is due, and tells the time."""

    def __init__(self) -> None:
        super().__init__()
        self.steady = _Clock()
        self._due: list[asyncio.TimerHandle] = []
        self._is_beating = False

    def time(self) -> float:
        if not self._is_beating:
            self.steady.go_on()
        return self.steady.now

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._due, handle)
        if not self._is_beating:
            self._beat_later()
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it in its place: it does nothing when it is due."""

    def _beat_later(self) -> None:
        self._is_beating = True
        super().call_later(STEP, self._beat)

    def _beat(self) -> None:
        self.steady.go_on()
        while self._due and (self._due[0].cancelled() or self._due[0].when() <= self.time()):
            handle = heapq.heappop(self._due)
            self.call_soon(_run, handle)
        if self._due:
            self._beat_later()
        else:
            self._is_beating = False


def _run(handle: asyncio.TimerHandle) -> None:
    if not handle.cancelled():  # by one that came in the same turn
        handle._run()


def skip(seconds: float) -> None:
    """Let the running loop's clock go on by that many seconds at once."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteadyAsyncio | SteadyUvloop)
    loop.steady.now += seconds

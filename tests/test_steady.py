"""The clock of the tests: a stop is not counted, everything else is."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from tests.steady import STEP, SteadyAsyncio, SteadyUvloop, skip

LOOPS = pytest.mark.parametrize("loop", [SteadyAsyncio, SteadyUvloop])
Loop = Callable[[], asyncio.AbstractEventLoop]


@LOOPS
def test_what_has_come_is_met_before_a_timeout_however_long_the_machine_stood(loop: Loop) -> None:
    async def told_in_time() -> bytes:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            async with asyncio.timeout(10 * STEP):
                there.send(b"told")
                time.sleep(20 * STEP)  # noqa: ASYNC251 -- the machine
                return await asyncio.get_running_loop().sock_recv(here, 10)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(told_in_time()) == b"told"


@LOOPS
def test_timers_come_in_their_order_and_not_before_their_time(loop: Loop) -> None:
    async def order() -> list[int]:
        met: list[int] = []
        running = asyncio.get_running_loop()
        began = running.time()
        handles = [running.call_later(n * STEP, met.append, n) for n in (3, 0, 2, 1, 4)]
        handles[3].cancel()
        await asyncio.sleep(5 * STEP)
        assert running.time() >= began + 5 * STEP
        return met

    began = time.monotonic()
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(order()) == [0, 2, 3, 4]
    assert time.monotonic() - began >= 5 * STEP


@LOOPS
def test_one_that_is_cancelled_by_another_of_the_same_turn_does_not_come(loop: Loop) -> None:
    async def wait() -> tuple[list[str], list[object]]:
        met: list[str] = []
        troubles: list[object] = []
        running = asyncio.get_running_loop()
        running.set_exception_handler(lambda _, context: troubles.append(context))
        at = running.time() + STEP
        later: list[asyncio.TimerHandle] = []
        running.call_at(at, lambda: later.pop().cancel())
        later.append(running.call_at(at + STEP / 100, met.append, "second"))
        skip(1)
        await asyncio.sleep(2 * STEP)
        return met, troubles

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(wait()) == ([], [])


@LOOPS
def test_it_goes_on_where_nothing_waits(loop: Loop) -> None:
    async def spin() -> None:
        running = asyncio.get_running_loop()
        began = running.time()
        while running.time() < began + 3 * STEP:  # noqa: ASYNC110 -- it is about a loop that is busy
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(spin())


@LOOPS
def test_an_hour_can_be_skipped(loop: Loop) -> None:
    async def wait() -> list[str]:
        met: list[str] = []
        running = asyncio.get_running_loop()
        running.call_later(3600, met.append, "an hour")
        running.call_later(3700, met.append, "more")
        skip(3650)
        await asyncio.sleep(2 * STEP)
        return met

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(wait()) == ["an hour"]

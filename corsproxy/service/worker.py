"""A worker's own side: serves its slot until its supervisor says otherwise, or is gone.

Laws: it decides nothing about configuration and starts nothing. SIGTERM is a wish to leave: it keeps
serving until its supervisor has put another in its place, then drains; a second one cuts everything.
SIGINT and SIGHUP are the supervisor's. A supervisor that is gone means drain.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress

from corsproxy.observe.observer import WorkerObserver, wants_colour
from corsproxy.observe.stdlib import adopt_libraries
from corsproxy.observe.tracing import Tracing
from corsproxy.proxy.engine import Engine
from corsproxy.service.allocator import keep_freed_memory, set_aside_what_stays
from corsproxy.service.control import (
    Abort,
    Adopt,
    Adopted,
    Begin,
    Channel,
    Count,
    Counted,
    Drain,
    Failed,
    Farewell,
    FromSupervisor,
    FromWorker,
    Leaving,
    Ready,
    Tell,
    Told,
)
from corsproxy.service.member import WORKER_SIGNALS
from corsproxy.service.tracing import open_tracing

__all__ = ["work"]

RELEASED_WITHIN = 10.0  # seconds from the wish to leave to draining without leave

Line = Channel[FromWorker, FromSupervisor]


async def work(descriptor: int) -> int:
    """Serve as the supervisor at the other end of `descriptor` says; gives the exit status."""
    line: Line = await Channel.over(socket.socket(fileno=descriptor))
    begin = await line.receive()
    if not isinstance(begin, Begin):
        return 0  # the supervisor ended before it had a word for us
    keep_freed_memory(os.environ)
    observer = WorkerObserver(begin.settings, sys.stdout.fileno(), colour=wants_colour(os.environ))
    adopt_libraries(observer.event)
    try:
        return await _serve(begin, observer, line)
    finally:
        await line.part()
        observer.close()


async def _serve(begin: Begin, observer: WorkerObserver, line: Line) -> int:
    try:
        tracing = open_tracing(begin.settings, observer.event)
        engine = Engine(begin.settings, observer, tracing.tracer)
        worker = Worker(engine, observer, tracing, line)
        await engine.open([(endpoint, _inherited(number)) for endpoint, number in begin.listeners])
    except (OSError, ValueError) as fault:
        line.send(Failed(str(fault)))
        return 1
    set_aside_what_stays()
    line.send(Ready())
    await worker.serve()
    return 0


class Worker:
    """One engine under orders."""

    def __init__(self, engine: Engine, observer: WorkerObserver, tracing: Tracing, line: Line) -> None:
        self._engine = engine
        self._observer = observer
        self._tracing = tracing
        self._line = line
        self._is_over = asyncio.Event()
        self._is_leaving = False
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        # Ctrl-C and a closed terminal reach the whole process group; what they mean is the supervisor's to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WORKER_SIGNALS)

    async def serve(self) -> None:
        """Follow orders until told to drain, drain, and say farewell."""
        orders = asyncio.create_task(self._follow())
        orders.add_done_callback(lambda _: self._is_over.set())
        await self._is_over.wait()
        await self._engine.drain()
        observer = self._observer
        self._line.send(Farewell(observer.snapshot(self._engine.gauges()), observer.ledger()))
        await self._tracing.close()
        orders.cancel()
        with suppress(asyncio.CancelledError):
            await orders

    async def _follow(self) -> None:
        while (order := await self._line.receive()) is not None:
            match order:
                case Adopt():
                    self._line.send(self._adopt(order))
                case Count(number):
                    self._line.send(Counted(number, self._observer.snapshot(self._engine.gauges())))
                case Tell(number):
                    await self._line.send_long(Told(number, self._observer.ledger()))
                case Drain():
                    self._is_over.set()
                case Abort():
                    self._is_over.set()
                    self._abort()

    def _adopt(self, order: Adopt) -> Adopted:
        try:
            self._engine.adopt(order.settings)
        except Exception as fault:  # noqa: BLE001 -- whatever it is, the old settings still serve
            return Adopted(order.number, str(fault) or type(fault).__name__)
        self._observer.adopt(order.settings)
        return Adopted(order.number)

    def _abort(self) -> None:
        self._tracing.hurry()
        self._engine.abort()

    def _terminate(self) -> None:
        if self._is_leaving:
            self._is_over.set()
            self._abort()
            return
        self._is_leaving = True
        self._line.send(Leaving())
        asyncio.get_running_loop().call_later(RELEASED_WITHIN, self._is_over.set)


def _inherited(number: int) -> socket.socket:
    listener = socket.socket(fileno=number)
    listener.setblocking(False)
    listener.set_inheritable(False)
    return listener

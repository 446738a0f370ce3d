"""Time that passes only when told, with every timer in its place, and dials that the world answers."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.fuzz.transport import StoppedClock, Wire

__all__ = ["Dial", "VirtualClock"]


class Dial:
    """One connection in the making."""

    def __init__(self, make: Callable[[], asyncio.Protocol]) -> None:
        self.make = make
        self.made: asyncio.Future[tuple[Wire, asyncio.Protocol]] = asyncio.get_running_loop().create_future()


class VirtualClock(StoppedClock):
    """An event loop in which timers fire in order while time is told to pass."""

    def __init__(self) -> None:
        super().__init__()
        self.dials: list[Dial] = []

    async def create_connection(  # type: ignore[override]  # typeshed names every option
        self, protocol_factory: Callable[[], asyncio.Protocol], *_where: Any, **_options: Any
    ) -> tuple[Wire, asyncio.Protocol]:
        dial = Dial(protocol_factory)
        self.dials.append(dial)
        try:
            return await dial.made
        finally:
            if dial in self.dials:
                self.dials.remove(dial)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and all that is due on the way happen when it is due."""
        until = self.time() + seconds
        while (due := self._next_timer()) is not None and due <= until:
            self.pass_by(max(0.0, due - self.time()))
            await self.settle()
        self.pass_by(max(0.0, until - self.time()))
        await self.settle()

    def timers(self) -> list[asyncio.TimerHandle]:
        """Return those that will still fire."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio tells nobody else
        return [timer for timer in scheduled if not timer.cancelled()]

    def _next_timer(self) -> float | None:
        return min((timer.when() for timer in self.timers()), default=None)

"""A line for who waits at a terminal: what is being waited for, and for how long yet.

Laws: only on a terminal, on standard error, only after two seconds; wiped out when the wait is over.
"""

import asyncio
from collections.abc import Coroutine
from typing import Protocol, TypeVar

__all__ = ["Patience"]

AFTER = 2.0
T = TypeVar("T")


class Screen(Protocol):
    """Where the line is written."""

    def isatty(self) -> bool:
        """Tell whether somebody reads along."""

    def write(self, text: str, /) -> object:
        """Write text."""

    def flush(self) -> object:
        """Show it."""


class Patience:
    """Waits, and says so. `after` and `timeout` are in seconds."""

    def __init__(self, screen: Screen, timeout: float, *, after: float = AFTER) -> None:
        self._screen = screen
        self._timeout = timeout
        self._after = after

    async def wait(self, work: Coroutine[None, None, T], what: str) -> T:
        """Wait for some work; say what it is if it takes long."""
        task = asyncio.ensure_future(work)
        if not self._screen.isatty():
            return await task
        is_said = False
        while not (await asyncio.wait({task}, timeout=self._after))[0]:
            if not is_said:
                self._screen.write(f"waiting for {what} (gives up after {self._timeout:g} s)")
                self._screen.flush()
                is_said = True
        if is_said:
            self._screen.write("\r\x1b[K")
            self._screen.flush()
        return task.result()

"""When to stop: the first SIGTERM or SIGINT asks to drain, the second to cut everything."""

import asyncio
import signal

__all__ = ["Stop"]


class Stop:
    """Two events, in order; signals set them from the moment of construction on."""

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.aborting = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask)

    def ask(self) -> None:
        """Ask to stop, as a signal does."""
        (self.aborting if self.draining.is_set() else self.draining).set()

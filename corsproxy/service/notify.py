"""What the service manager is told: that we serve, reload, stop, and are alive (sd_notify(3), sd_watchdog_enabled(3)).

Laws: nothing is told unless it asks, by NOTIFY_SOCKET and WATCHDOG_USEC, and nobody waits for it: where its queue
is full, turns of life are told again a little later, in order, and that we are alive is not. Alive means that the
event loop of this process turns. Our own children know nothing of all this.
"""

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import MutableMapping

__all__ = ["Notify"]

_AGAIN_AFTER = 0.05
_MOST_OWED = 16


class Notify:
    """Speaks to the socket that `environ` names, if there is one, from now on until it is closed."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        address = environ.pop("NOTIFY_SOCKET", "")
        microseconds = environ.pop("WATCHDOG_USEC", "")
        is_for_us = environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._address = f"\0{address[1:]}" if address[:1] == "@" else address
        self._socket: socket.socket | None = None
        self._owed: deque[str] = deque(maxlen=_MOST_OWED)
        self._beat: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        if address[:1] in ("/", "@"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            if is_for_us and microseconds.isdecimal() and int(microseconds):
                self._live(int(microseconds) / 2_000_000)

    def ready(self, status: str) -> None:
        """Say that clients are served, for the first time or after a reload."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` says that this is over."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the drain has begun."""
        self._tell("STOPPING=1", "STATUS=draining")

    def close(self) -> None:
        """Say no more."""
        for timer in (self._beat, self._again):
            if timer is not None:
                timer.cancel()
        if self._socket is not None:
            self._socket.close()

    def _live(self, seconds: float) -> None:
        if not self._owed:
            self._send("WATCHDOG=1")
        self._beat = asyncio.get_running_loop().call_later(seconds, self._live, seconds)

    def _tell(self, *lines: str) -> None:
        if self._socket is not None:
            self._owed.append("\n".join(lines))
            if self._again is None:
                self._pay()

    def _pay(self) -> None:
        self._again = None
        while self._owed and self._send(self._owed[0]):
            self._owed.popleft()
        if self._owed:
            self._again = asyncio.get_running_loop().call_later(_AGAIN_AFTER, self._pay)

    def _send(self, message: str) -> bool:
        """Send a message; False where there is no room for it now."""
        assert self._socket is not None  # noqa: S101 -- only asked where there is one
        try:
            self._socket.sendto(message.encode(), self._address)
        except BlockingIOError:
            return False
        except OSError:  # nobody listens there
            pass
        return True

"""Whether the backend can be connected to: a real connection, made when somebody asks.

Laws: nothing is sent, so no backend logs a request; one answer serves all who ask within a second, and
at most one connection is under way.
"""

import asyncio
import os
import time
from collections.abc import Callable

from corsproxy.config.settings import Endpoint

__all__ = ["UpstreamCheck"]

_FRESH = 1.0


class UpstreamCheck:
    """Connects to a backend and lets go again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._asked: Endpoint | None = None
        self._at = 0.0
        self._failure = ""

    async def failure(self, endpoint: Endpoint, timeout: float) -> str:  # noqa: ASYNC109 -- timeouts.connect
        """Return why `endpoint` cannot be connected to within `timeout` seconds; "" where it can."""
        async with self._turn:
            if self._asked != endpoint or self._clock() - self._at >= _FRESH:
                self._failure = await _connect(endpoint, timeout)
                self._asked, self._at = endpoint, self._clock()
            return self._failure


async def _connect(endpoint: Endpoint, seconds: float) -> str:
    try:
        async with asyncio.timeout(seconds):
            if endpoint.path:
                _, writer = await asyncio.open_unix_connection(endpoint.path)
            else:
                _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except TimeoutError:
        return f"no connection within {seconds:g} s"
    except OSError as refusal:
        # For a name with several addresses asyncio has no errno, only a text with all refusals.
        code = refusal.errno or 0
        return os.strerror(code).lower() if code > 0 else str(refusal)
    writer.transport.abort()
    return ""

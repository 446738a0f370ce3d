"""Brings what libraries say through `logging` (asyncio, aiohttp) into our own log, one line each.

Laws: nothing of theirs reaches a descriptor directly, where it would block the loop and break the
format; a traceback becomes one line's field. Never raises: logging that fails is lost, not fatal.
"""

import logging
import traceback
from typing import Protocol

__all__ = ["EventRelay", "Events", "adopt_libraries"]

_LIBRARIES = ("asyncio", "aiohttp")


class Events(Protocol):
    """Takes an event, as Observer.event does."""

    def __call__(self, level: str, message: str, **details: object) -> None:
        """Log `message`."""


class EventRelay(logging.Handler):
    """A logging handler that makes an event of every record."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on, with the exception it tells of."""
        try:
            details: dict[str, object] = {"logger": record.name}
            fault = record.exc_info[1] if record.exc_info else None
            if fault is not None:
                details["error"] = f"{type(fault).__name__}: {fault}"
                # The innermost frames say most, so they come first: long lists are cut at their end.
                frames = reversed(traceback.extract_tb(fault.__traceback__))
                details["trace"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            self._events(_level(record.levelno), record.getMessage(), **details)
        except Exception:  # noqa: BLE001 -- a broken format string of a library must not end a request
            return


def adopt_libraries(events: Events) -> None:
    """Send what asyncio and aiohttp log, from warnings up, to `events` and nowhere else."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [EventRelay(events)]
        logger.setLevel(logging.WARNING)
        logger.propagate = False


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"

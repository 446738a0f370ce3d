"""The admin listener: an application on its own endpoint.

Laws: it is given bound sockets, so a port in use is told before anything serves; what aiohttp has to
say goes to our log, and a stranger's broken request is no error of ours.
"""

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from corsproxy.config.settings import Endpoint
from corsproxy.observe.stdlib import EventRelay
from corsproxy.proxy.record import Observer
from corsproxy.proxy.sockets import Listening

__all__ = ["AdminServer"]

# A scrape under way may end; after that connections are closed.
_FAREWELL = 1.0
# A form that holds a pasted command is sent as an address.
_LONGEST_LINE = 64 * 1024


class AdminServer:
    """Serves `app` on the sockets of `listening`, which it closes at the end."""

    def __init__(self, app: web.Application, listening: Listening, observer: Observer) -> None:
        self._listening = listening
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_logger(observer),
            keepalive_timeout=75.0,
            shutdown_timeout=_FAREWELL,
            max_line_size=_LONGEST_LINE,
        )

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens, with the port the system chose where 0 was asked for."""
        return self._listening.endpoints

    async def start(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        for _, bound in self._listening.slots[0]:
            await web.SockSite(self._runner, bound).start()

    async def stop(self) -> None:
        """Stop listening, let requests under way end for a moment, close the rest."""
        await self._runner.cleanup()
        self._listening.close()
        self._listening.unlink()


def _logger(observer: Observer) -> logging.Logger:
    """Return the logger for aiohttp that speaks through `observer` and nowhere else."""
    logger = logging.getLogger("corsproxy.admin")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.handlers = [EventRelay(observer.event)]
    logger.filters = [_lower_strangers]
    return logger


def _lower_strangers(record: logging.LogRecord) -> bool:
    """Make what a client did wrong a matter of debugging."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.levelno = logging.DEBUG
        record.exc_info = None
    return True

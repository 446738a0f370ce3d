"""The Observer a worker gives to its engine: every Record is counted, and logged where the log wants it.

Laws: never blocks, never raises; an exchange with nothing remarkable costs no more than its counting
unless every request is logged.
"""

import os
import sys

from corsproxy.config.settings import Settings
from corsproxy.observe.counters import Counters, Snapshot
from corsproxy.observe.log import Log
from corsproxy.observe.writer import Writer
from corsproxy.proxy.record import Gauges, Record

__all__ = ["WorkerObserver", "wants_colour"]


class WorkerObserver:
    """Feeds Counters and a Log from one Record; `descriptor` is where the lines go."""

    def __init__(self, settings: Settings, descriptor: int, *, colour: bool = False) -> None:
        self._counters = Counters(settings)
        self._log = Log(settings, colour=colour)
        self._writer = Writer(descriptor, self._log.dropped)
        self._logs_all = self._log.wants_every_request

    def finished(self, record: Record) -> None:
        """Count one finished exchange, and log it where it is remarkable or everything is wanted."""
        self._counters.count(record)
        if not self._logs_all and record.fault is None and not record.notes:
            decision = record.decision
            if decision is None or not decision.is_refusal:
                return
        if lines := self._log.exchange(record):
            self._writer.write(lines)

    def connection_opened(self) -> None:
        """Count a client's connection."""
        self._counters.count_connection()

    def event(self, level: str, message: str, **details: object) -> None:
        """Log something that is not an exchange."""
        if line := self._log.event(level, message, details):
            self._writer.write(line)

    def adopt(self, settings: Settings) -> None:
        """Follow new settings: call it beside the engine's adopt."""
        self._counters.adopt(settings)
        self._log.adopt(settings)
        self._logs_all = self._log.wants_every_request

    def snapshot(self, gauges: Gauges) -> Snapshot:
        """Return all counts so far, beside what the engine has open."""
        return self._counters.snapshot(gauges, os.getpid(), self._writer.dropped)

    def close(self, timeout: float = 2.0) -> None:
        """Write out what is queued, for at most `timeout` seconds."""
        self._writer.close(timeout)


def wants_colour(environ: dict[str, str] | os._Environ[str]) -> bool:
    """Return whether log lines on standard output should have colour: https://no-color.org."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

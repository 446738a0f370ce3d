"""The Observer a worker gives to its engine: every Record is counted, told to the ledger and logged where that is due.

Laws: never blocks, never raises; an exchange with nothing remarkable costs no more than its counting
unless every request is logged.
"""

import os
import sys

from corsproxy.config.settings import Settings
from corsproxy.observe.counters import Counters, Snapshot
from corsproxy.observe.ledger import Ledger
from corsproxy.observe.ledger_rows import LedgerSnapshot
from corsproxy.observe.log import Log
from corsproxy.observe.writer import Writer
from corsproxy.proxy.record import Gauges, Record

__all__ = ["WorkerObserver", "wants_colour"]


class WorkerObserver:
    """Feeds Counters and a Log from one Record; `descriptor` is where the lines go."""

    def __init__(self, settings: Settings, descriptor: int, *, colour: bool = False) -> None:
        self._counters = Counters(settings)
        self._ledger = Ledger(settings)
        self._log = Log(settings, colour=colour)
        self._writer = Writer(descriptor, self._log.dropped)
        self._logs_all = self._log.wants_every_request
        self._compares = settings.candidate is not None

    def finished(self, record: Record) -> None:
        """Count one finished exchange, and log it where it is remarkable or everything is wanted."""
        is_noted = self._counters.count(record)
        decision, origin = record.decision, record.origin
        if origin is not None and decision is not None:
            self._ledger.count(record, decision, origin)
            if record.dropped_cookies:
                self._ledger.remark_cookies(record, decision)
        if self._compares and record.compared is not None:
            self._counters.compare(record.compared)
            self._ledger.compare(record, record.compared)
        if is_noted or (decision is not None and decision.is_refusal):
            self._ledger.remark(record)
        elif not self._logs_all:
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
        self._ledger.adopt(settings, self._counters.by_rule())
        self._log.adopt(settings)
        self._logs_all = self._log.wants_every_request
        self._compares = settings.candidate is not None

    def snapshot(self, gauges: Gauges) -> Snapshot:
        """Return all counts so far, beside what the engine has open."""
        return self._counters.snapshot(gauges, os.getpid(), self._writer.dropped)

    def ledger(self) -> LedgerSnapshot:
        """Return what was decided so far, by origin, rule and reason."""
        return self._ledger.snapshot(self._counters.by_rule())

    def close(self, timeout: float = 2.0) -> None:
        """Write out what is queued, for at most `timeout` seconds."""
        self._writer.close(timeout)


def wants_colour(environ: dict[str, str] | os._Environ[str]) -> bool:
    """Return whether log lines on standard output should have colour: https://no-color.org."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

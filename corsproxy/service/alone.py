"""Serving from this one process: the same words as the crew's, said to one engine.

Laws: nothing here waits but for the engine; what the engine refuses to adopt changes nothing.
"""

from collections.abc import Sequence

from corsproxy.config.settings import Settings
from corsproxy.observe.counters import Snapshot
from corsproxy.observe.ledger_rows import LedgerSnapshot
from corsproxy.observe.observer import WorkerObserver
from corsproxy.proxy.engine import Engine
from corsproxy.proxy.sockets import Listening
from corsproxy.service.crew import StartError
from corsproxy.service.reload import AdoptError
from corsproxy.service.tracing import open_tracing

__all__ = ["Alone"]


class Alone:
    """One engine in this process. Raises StartError where it cannot be made."""

    def __init__(self, settings: Settings, listening: Listening, observer: WorkerObserver) -> None:
        self._listening = listening
        self._observer = observer
        try:
            self._tracing = open_tracing(settings, observer.event)
        except ValueError as fault:
            raise StartError(str(fault)) from fault
        try:
            self._engine = Engine(settings, observer, self._tracing.tracer)
        except OSError as fault:
            raise StartError(str(fault)) from fault

    async def open(self) -> None:
        """Begin to serve. Raises StartError."""
        try:
            await self._engine.open(self._listening.slots[0])
        except OSError as fault:
            raise StartError(str(fault)) from fault

    async def adopt(self, settings: Settings) -> None:
        """Serve the next request by `settings`. Raises AdoptError."""
        try:
            self._engine.adopt(settings)
        except Exception as fault:
            raise AdoptError(str(fault) or type(fault).__name__) from fault
        self._observer.adopt(settings)

    @property
    def is_serving(self) -> bool:
        """Whether this process accepts clients; it does or there is nobody to ask."""
        return True

    async def snapshots(self) -> Sequence[Snapshot]:
        """Give what was counted so far."""
        return [self._observer.snapshot(self._engine.gauges())]

    async def ledgers(self) -> Sequence[LedgerSnapshot]:
        """Give what was decided so far."""
        return [self._observer.ledger()]

    async def drain(self) -> None:
        """Close the listeners, finish, and cut what is left after timeouts.drain."""
        await self._engine.drain()
        await self._tracing.close()

    async def abort(self) -> None:
        """Cut everything."""
        self._tracing.hurry()
        self._engine.abort()

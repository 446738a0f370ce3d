"""What traces a worker's exchanges, as the service sees it; by default nothing does."""

from corsproxy.proxy.tracing import Tracer

__all__ = ["Tracing"]


class Tracing:
    """Tracing of nothing. `otel` has the other kind."""

    tracer: Tracer | None = None

    async def close(self) -> None:
        """Send what is still to be sent, within seconds."""

    def hurry(self) -> None:
        """Have `close` end at once."""

"""Whether exchanges are traced, and by what: nothing, or OpenTelemetry.

Laws: what is not configured is not imported; `otel` and all that it needs come with the extra of that
name and cost megabytes.
"""

import os

from corsproxy.config.settings import Settings
from corsproxy.observe.stdlib import Events
from corsproxy.proxy.tracing import Tracer

__all__ = ["Tracing", "open_tracing"]


class Tracing:
    """Tracing of nothing: the default."""

    tracer: Tracer | None = None

    async def close(self) -> None:
        """Send what is still to be sent, within seconds."""

    def hurry(self) -> None:
        """Have `close` end at once."""


def open_tracing(settings: Settings, events: Events) -> Tracing:
    """Set up what `tracing` asks for; raises ValueError where the environment does not let it."""
    if settings.tracing == "off":
        return Tracing()
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        events("info", "tracing is off: OTEL_SDK_DISABLED is true")
        return Tracing()
    try:
        from corsproxy.observe.otel import open_otel  # noqa: PLC0415 -- only who traces pays for it
    except ImportError as missing:
        raise ValueError(
            f"tracing: otel needs OpenTelemetry's SDK, and {missing.name} is not installed. "
            "Fix: pip install 'corsproxy[otel]'"
        ) from missing
    return open_otel(events)

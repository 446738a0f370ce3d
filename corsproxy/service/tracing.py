"""Whether a process that serves traces its exchanges.

Laws: what is not configured is not imported; OpenTelemetry's SDK comes with the extra `otel` and costs
megabytes.
"""

import os
from collections.abc import Mapping

from corsproxy.config.settings import Settings
from corsproxy.observe.stdlib import Events
from corsproxy.observe.tracing import Tracing

__all__ = ["open_tracing"]


def open_tracing(settings: Settings, events: Events, environ: Mapping[str, str] = os.environ) -> Tracing:
    """Set up what `tracing` asks for; raises ValueError where the environment does not let it."""
    if settings.tracing == "off":
        return Tracing()
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        events("info", "tracing is off: OTEL_SDK_DISABLED is true")
        return Tracing()
    try:
        from corsproxy.observe.otel import open_otel  # noqa: PLC0415 -- only who traces pays for it
    except (ImportError, ValueError) as fault:  # the SDK reads OTEL_SPAN_*_LIMIT when it is imported
        raise ValueError(f"tracing: OpenTelemetry's SDK cannot be loaded: {fault}") from fault
    return open_otel(events)

"""What an exchange asks of whoever traces it.

Laws: the proxy knows no tracing library. Neither a Tracer nor a Trace blocks or raises; a Trace is
finished once, with the Record of its exchange.
"""

from typing import Protocol

from corsproxy.cors.decision import Decision
from corsproxy.http1.request_head import RequestHead
from corsproxy.proxy.forwarded import Forwarding
from corsproxy.proxy.record import Record

__all__ = ["Trace", "Tracer"]


class Trace(Protocol):
    """One exchange's place in a trace; `traceparent` names it (W3C Trace Context §3.2)."""

    @property
    def traceparent(self) -> bytes:
        """The value of the field that names this exchange."""

    def pass_on(self, lines: list[bytes]) -> None:
        """Name this exchange as the parent in a request that is forwarded; `lines` as in RequestHead."""

    def finish(self, record: Record) -> None:
        """Take the account of the exchange."""


class Tracer(Protocol):
    """Begins a Trace for each exchange."""

    def begin(self, head: RequestHead, forwarding: Forwarding, decision: Decision) -> Trace:
        """Begin when a head was read and decided on; `lines` is empty where it could not be read."""

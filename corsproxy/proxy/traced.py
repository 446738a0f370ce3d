"""An exchange that is traced: the same, with a Trace that begins, goes on to the backend and ends with it.

Laws: chosen once for an engine, so that one that traces nothing pays nothing. The decision, the bytes and
the account are `exchange`'s.
"""

from typing import TYPE_CHECKING

from corsproxy.cors.policy import Decision
from corsproxy.http1.request import RequestHead
from corsproxy.proxy.exchange import Exchange
from corsproxy.proxy.forwarded import Forwarding
from corsproxy.proxy.record import Record
from corsproxy.proxy.tracing import Tracer

if TYPE_CHECKING:
    from corsproxy.proxy.downstream import ClientConnection

__all__ = ["TracedExchange"]


class TracedExchange(Exchange):
    """Lives as an Exchange does."""

    def __init__(
        self,
        tracer: Tracer,
        client: "ClientConnection",
        head: RequestHead,
        forwarding: Forwarding,
        decision: Decision,
    ) -> None:
        super().__init__(client, head, forwarding, decision)
        self._trace = tracer.begin(head, forwarding, decision)
        head.traceparent = self._trace.traceparent

    def begin(self) -> None:
        """Answer, refuse or forward, as decided; what is forwarded names the span it belongs to."""
        self._trace.pass_on(self.head.lines)
        super().begin()

    def _report(self) -> Record:
        record = super()._report()
        self._trace.finish(record)
        return record

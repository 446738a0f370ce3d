"""A client that speaks plain HTTP to a port of TLS: told so in what it speaks, and shown out.

Laws: nothing is read of what it asks but what its answer needs; it is never forwarded.
"""

from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.downstream import ClientConnection
from corsproxy.proxy.faults import fault

__all__ = ["PlainClient"]

_WHY = "the client speaks plain HTTP, and this port wants TLS: use https://"


class PlainClient(ClientConnection):
    """Answers whatever comes first with a 400."""

    def _next_head(self) -> int:
        self._refuse_head(self._buffer, fault(Reason.BAD_REQUEST, _WHY))
        return 0

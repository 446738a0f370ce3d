"""What takes too long with one client: looked for about once a second, and ended.

Laws: first it is found who is waited for (the client that does not take, or does not send; nobody; the backend), and
each has a limit of its own. A fault is answered where an answer can still be sent; an answer begun is cut.
"""

from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.downstream import ClientConnection
from corsproxy.proxy.exchange import Exchange
from corsproxy.proxy.faults import fault
from corsproxy.proxy.laggards import untaken

__all__ = ["sweep"]

_LINGER_SECONDS = 5.0
_GOODBYE_SECONDS = 1.0
_FORGET_SECONDS = 5.0
# While draining, an idle connection may carry one more request that is already on its way.
_DRAIN_IDLE_SECONDS = 1.0


def sweep(client: ClientConnection, now: float) -> None:
    """End what has taken too long by `now`, in the loop's seconds."""
    exchange = client.exchange
    if client.tunnel is not None:
        return  # the engine looks after those
    if client.is_ending or client.is_write_paused:
        _sweep_leaving(client, now)
    elif exchange is None:
        _sweep_idle(client, now)
    elif client.body_left and not client.held_by_upstream and exchange.awaits_body:
        if now - client.moved > client.engine.timeouts.client_body:
            exchange.failed(fault(Reason.CLIENT_TIMEOUT, "the request's body did not arrive in time"))
    elif exchange.upstream is not None:
        _sweep_answer(exchange, now)


def _sweep_leaving(client: ClientConnection, now: float) -> None:
    """Cut off who does not take what was written, or does not go."""
    if _has_said_goodbye(client, now):
        is_over = True
    elif client.lingers_since:
        is_over = now - client.lingers_since > _LINGER_SECONDS
    else:
        is_over = now - client.moved > client.engine.timeouts.client_body
    if is_over:
        if client.exchange is not None:
            client.exchange.failed(fault(Reason.CLIENT_TIMEOUT, "the client did not take its answer in time"))
        client.abort()


def _has_said_goodbye(client: ClientConnection, now: float) -> bool:
    """Tell whether TLS only waits for an answer to our close_notify, which nobody owes us (RFC 8446 §6.1)."""
    transport = client.transport
    if client.scheme != b"https" or not transport.is_closing() or untaken(transport):
        client.goodbye_since = 0.0
    elif not client.goodbye_since:
        # What TLS has given to the transport below cannot be asked for; in a second it would be with the kernel.
        client.goodbye_since = now
    return 0.0 < client.goodbye_since <= now - _GOODBYE_SECONDS


def _sweep_idle(client: ClientConnection, now: float) -> None:
    """End a connection that asks for nothing, or begins to and does not go on."""
    timeouts = client.engine.timeouts
    if client.head_since:
        if now - client.head_since > timeouts.client_header:
            client.head_overdue()
        return
    limit = timeouts.client_idle if client.served else timeouts.client_header
    if client.engine.is_draining:
        limit = min(limit, _DRAIN_IDLE_SECONDS)
    if now - client.moved > limit:
        client.end()
    elif now - client.moved > _FORGET_SECONDS:
        client.forget()


def _sweep_answer(exchange: Exchange, now: float) -> None:
    """Give up a backend that is silent."""
    timeouts = exchange.client.engine.timeouts
    limit = timeouts.upstream_idle_body if exchange.response_begun else timeouts.upstream_response
    if now - exchange.moved > limit:
        exchange.failed(fault(Reason.UPSTREAM_TIMEOUT, "the backend was silent for too long"))

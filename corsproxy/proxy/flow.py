"""How much waits for a peer, holding a connection's reading back, and letting it go on.

Laws: TLS is given no more room than TCP. What has come before an end is read before it, over TLS too:
uvloop's throws away what waits when an end comes to it while it is held; so the connection below is held
with it, from the first byte that waits.
"""

import asyncio

__all__ = ["bound_writing", "pause_reading", "resume_reading"]

_HIGH_WATER = 64 * 1024  # of asyncio's TCP; its TLS would take 512 KiB


def bound_writing(transport: asyncio.Transport) -> None:
    """Hold the other side from that many bytes on that wait for this one."""
    if _is_tls(transport):
        transport.set_write_buffer_limits(_HIGH_WATER)


def pause_reading(transport: asyncio.Transport) -> None:
    """Read no more."""
    transport.pause_reading()
    if _is_tls(transport):
        _limit(transport, 1, 0)


def resume_reading(transport: asyncio.Transport) -> None:
    """Read on."""
    transport.resume_reading()
    if _is_tls(transport):
        # Not before it has handed over what waits, which it does in the loop's next turn.
        asyncio.get_running_loop().call_soon(_unlimit, transport)


def _unlimit(transport: asyncio.Transport) -> None:
    if _is_tls(transport) and transport.is_reading():
        _limit(transport)


def _is_tls(transport: asyncio.Transport) -> bool:
    return not transport.can_write_eof() and not transport.is_closing()


def _limit(transport: asyncio.Transport, *limits: int) -> None:
    transport.set_read_buffer_limits(*limits)  # type: ignore[attr-defined]  # of TLS alone

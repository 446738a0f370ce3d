"""How a connection is broken off so that its peer cannot take that for a good end."""

import asyncio
import socket
import struct

__all__ = ["reset"]

_AT_ONCE = struct.pack("ii", 1, 0)


def reset(transport: asyncio.Transport, *, is_open: bool = False) -> None:
    """Cut a connection with a TCP reset; aborting the transport alone would send a FIN.

    One that closes may have lost its socket; `is_open` says that it still has bytes to send, and was not aborted.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None and (is_open or not transport.is_closing()):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()

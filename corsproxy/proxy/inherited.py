"""Listening sockets that a service manager holds and hands over: systemd's socket activation.

Laws: LISTEN_PID and LISTEN_FDS of sd_listen_fds(3), descriptors from 3 on; taken once, and hidden from
our own children. Who holds the socket keeps its queue, so nothing is lost while we are replaced, nor
while two of us accept from it.
"""

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress

from corsproxy.config.settings import Endpoint

__all__ = ["take_inherited"]

_FIRST = 3


def take_inherited(environ: MutableMapping[str, str]) -> dict[Endpoint, socket.socket]:
    """Give the listening sockets that were handed over to this process, by where they listen.

    Raises ValueError for descriptors that are none.
    """
    is_for_us = environ.get("LISTEN_PID") == str(os.getpid())
    count = environ.get("LISTEN_FDS", "0")
    if not is_for_us or not count.isdecimal():
        return {}
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    taken = {}
    for descriptor in range(_FIRST, _FIRST + int(count)):
        found = _stream_socket(descriptor)
        found.setblocking(False)
        found.set_inheritable(False)
        taken[_endpoint(found)] = found
    return taken


def _stream_socket(descriptor: int) -> socket.socket:
    with suppress(OSError):
        found = socket.socket(fileno=descriptor)
        if found.type == socket.SOCK_STREAM:
            return found
        found.detach()
    raise ValueError(
        f"descriptor {descriptor} was handed over (LISTEN_FDS) and is no stream socket. Fix: hand over what "
        "`listen` and `admin` name, as ListenStream=, and say in LISTEN_FDS how many these are."
    )


def _endpoint(bound: socket.socket) -> Endpoint:
    name = bound.getsockname()
    return Endpoint(path=name) if isinstance(name, str) else Endpoint(name[0], name[1])

"""Where the parts of the demonstration are: their usual ports, or the next free ones.

Laws: a port counts as taken if anybody answers on it under any name of this machine, because a browser
that is told `localhost` may try IPv6 first. Nothing here stays bound: the parts bind what is found.
"""

import errno
import socket
from collections.abc import Container
from dataclasses import dataclass

__all__ = ["SEEN_PATH", "USUAL_PORTS", "Addresses", "free_port_from", "is_taken"]

USUAL_PORTS = {"proxy": 8080, "backend": 5000, "page": 3000, "admin": 9901}
SEEN_PATH = "/-/seen"  # where the backend's witness tells what arrived
TRIED = 200


@dataclass(frozen=True, slots=True)
class Addresses:
    """URLs without a trailing slash; `page` and `stranger` are one server under two names."""

    page: str
    stranger: str
    proxy: str
    backend: str
    admin: str  # "" where the admin listener is off

    @classmethod
    def on_ports(cls, proxy: int, backend: int, page: int, admin: int) -> "Addresses":
        """Make the addresses of a demonstration on this machine; admin 0 is none."""
        return cls(
            page=f"http://localhost:{page}",
            stranger=f"http://127.0.0.1:{page}",
            proxy=f"http://localhost:{proxy}",
            backend=f"http://127.0.0.1:{backend}",
            admin=f"http://127.0.0.1:{admin}" if admin else "",
        )


def is_taken(port: int) -> bool:
    """Tell whether somebody listens on the port, on 127.0.0.1 or ::1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return True
            raise
    try:
        socket.create_connection(("::1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port_from(first: int, but_not: Container[int] = ()) -> int:
    """Return the first free port from `first` on; raises OSError if 200 in a row are taken."""
    for port in range(first, min(first + TRIED, 65536)):
        if port not in but_not and not is_taken(port):
            return port
    raise OSError(errno.EADDRINUSE, f"{TRIED} ports from {first} on are all taken")

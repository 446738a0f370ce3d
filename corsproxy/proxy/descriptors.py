"""For how many clients the system's limit of open files leaves room.

Laws: the soft limit is raised as far as the settings need it, the hard one is the operator's. What a request
needs beside its client's own descriptor is never given to clients: so one too many is told 503 as ever,
instead of being reset, and those let in find a connection to the backend.
"""

import resource
from contextlib import suppress

__all__ = ["KEPT", "clients_with_room"]

# Listeners, log, event loop, admin pages, workers, loading a configuration; clients that are being turned away.
KEPT = 64
_NO_LIMIT = resource.RLIM_INFINITY


def clients_with_room(connections: int, to_backend: int) -> int:
    """Return how many clients a process can have at once: `connections`, or fewer; 0 is no limit.

    `to_backend` is how many connections it may have to the backend.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + to_backend + KEPT if connections else hard
    if soft != _NO_LIMIT and (wanted == _NO_LIMIT or soft < wanted):
        reachable = wanted if hard == _NO_LIMIT else min(wanted, hard)
        with suppress(OSError, ValueError):  # macOS: its own limit is below the hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
            soft = reachable
    if soft == _NO_LIMIT:
        return connections
    # A client holds one connection to the backend at most.
    room = max(soft - KEPT - to_backend, (soft - KEPT) // 2, 1)
    return min(connections, room) if connections else room

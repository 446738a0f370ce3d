"""What connections cost in memory: idle ones, and clients that ask for a large answer and do not read it.

Kernel memory (socket buffers) is not in RSS and not counted.
"""

import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

from bench import accounting, rounds
from bench.arena import Arena, Running
from bench.report import Table
from bench.workloads import BY_NAME, GET, SMALL_JSON

__all__ = ["Footprint", "measure", "table"]

IDLE = 2_000
STALLED = 200
_SETTLE = 2.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory at rest, after load, then with idle connections (each has had one answer), then with stalled ones."""

    name: str
    rest: accounting.Memory
    loaded: accounting.Memory
    idle: accounting.Memory
    unread: accounting.Memory


def measure(arena: Arena, running: Running) -> Footprint:
    """Measure one peer; nothing else should run."""
    time.sleep(_SETTLE)
    rest = _now(running)
    rounds.measure(arena, running, GET, 2)
    time.sleep(_SETTLE)
    loaded = _now(running)
    with ExitStack() as stack:
        for _ in range(IDLE):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", running.port), timeout=10)
            )
            connection.sendall(GET.message)
            _read_small(connection)
        time.sleep(_SETTLE)
        idle = _now(running)
    time.sleep(_SETTLE)
    before = _now(running)
    with ExitStack() as stack:
        for _ in range(STALLED):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(10)
            connection.connect(("127.0.0.1", running.port))
            connection.sendall(BY_NAME["100m"].message)
        time.sleep(2 * _SETTLE)
        stalled = _now(running)
    unread = accounting.Memory(stalled.rss - before.rss, stalled.pss - before.pss, stalled.processes)
    return Footprint(running.peer.name, rest, loaded, idle, unread)


def _now(running: Running) -> accounting.Memory:
    return accounting.memory(running.child.pid)


def _read_small(connection: socket.socket) -> None:
    answer = b""
    while not answer.endswith(SMALL_JSON):
        block = connection.recv(65_536)
        if not block:
            raise ConnectionResetError("an idle connection was ended")
        answer += block


def table(found: list[Footprint]) -> Table:
    """Lay out what each peer needs."""
    rows = tuple(
        (
            each.name,
            f"{each.rest.rss / 2**20:.1f}",
            f"{each.rest.pss / 2**20:.1f}",
            f"{each.loaded.rss / 2**20:.1f}",
            f"{(each.idle.rss - each.loaded.rss) / IDLE / 1024:.1f}",
            f"{each.unread.rss / 2**20:.1f}",
        )
        for each in found
    )
    header = (
        "",
        "RSS at rest, MiB",
        "PSS at rest, MiB",
        "RSS after load, MiB",
        f"KiB an idle connection ({IDLE:,})",
        f"MiB more for {STALLED} that do not read",
    )
    return Table("Memory of connections", header, rows)

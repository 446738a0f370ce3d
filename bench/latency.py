"""How much later an answer comes: one connection, one request after the other, direct and through each proxy in turn."""

import socket
import time
from collections.abc import Sequence

from bench.arena import Arena, Running
from bench.report import Table
from bench.spread import percentile, spread
from bench.workloads import GET, SMALL_JSON

__all__ = ["measure", "table"]

_REQUESTS = 1_000
DIRECT = "direct"


def _block(port: int, count: int) -> list[float]:
    """Return the microseconds of each answer, in ascending order."""
    times = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            began = time.perf_counter()
            connection.sendall(GET.message)
            answer = b""
            while not answer.endswith(SMALL_JSON):
                block = connection.recv(65_536)
                if not block:
                    raise ConnectionResetError("the connection ended before the answer was whole")
                answer += block
            times.append(1e6 * (time.perf_counter() - began))
    return sorted(times)


def measure(arena: Arena, running: Sequence[Running], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return by name, "direct" first, each round's median and 99th percentile in microseconds."""
    targets = {DIRECT: arena.backend_port} | {each.peer.name: each.port for each in running}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in targets}
    for port in targets.values():
        _block(port, 200)
    for _ in range(rounds):
        for name, port in targets.items():
            times = _block(port, _REQUESTS)
            found[name].append((percentile(times, 50), percentile(times, 99)))
    return found


def table(found: dict[str, list[tuple[float, float]]]) -> Table:
    """Lay out the medians; what is added is taken round by round against the direct one."""
    direct = [median for median, _ in found[DIRECT]]
    added = {
        name: spread([median - base for (median, _), base in zip(rounds, direct, strict=True)])
        for name, rounds in found.items()
    }
    rows = []
    for name, rounds in found.items():
        median, high = spread([each[0] for each in rounds]), spread([each[1] for each in rounds])
        times = (
            f"{added[name].median / added['nginx'].median:.2f}" if "nginx" in added and name != DIRECT else ""
        )
        more = (
            f"{added[name].median:.1f} ({added[name].low:.1f}-{added[name].high:.1f})"
            if name != DIRECT
            else ""
        )
        rows.append((name, f"{median.median:.1f}", more, times, f"{high.median:.1f}"))
    header = ("", "median µs", "added µs (low-high)", "added / nginx", "p99 µs")
    title = f"Latency of {GET.title}; one connection, {len(direct)} rounds of {_REQUESTS:,} requests"
    return Table(title, header, tuple(rows))

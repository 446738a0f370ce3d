"""The others: one client that asks for a small answer every 25 ms, while somebody else is greedy.

`python -m bench.canary PORT [tls]` writes a line for each answer: when it was asked for, in seconds of the monotonic
clock that all processes share, how many milliseconds it took, and its status; 0 where there was none.
"""

import contextlib
import http.client
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.spread import percentile
from bench.workloads import SMALL_PATH

__all__ = ["Served", "main", "read"]

_EVERY = 0.025
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Served:
    """How others fared: answers with 200, all others, and milliseconds."""

    good: int
    bad: int
    median_ms: float
    worst_ms: float


def read(log: Path, began: float, ended: float) -> Served:
    """Sum up what was asked between two times."""
    rows = [line.split() for line in log.read_text().splitlines()]
    asked = [
        (float(took), status)
        for at, took, status in (row for row in rows if len(row) == 3)
        if began <= float(at) <= ended
    ]
    times = sorted(took for took, _ in asked) or [0.0]
    good = sum(status == "200" for _, status in asked)
    return Served(good, len(asked) - good, percentile(times, 50), times[-1])


def main() -> None:
    """Ask until ended."""
    port = int(sys.argv[1])
    connection: http.client.HTTPConnection
    if sys.argv[2:] == ["tls"]:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=_PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    number = 0
    while True:
        number += 1
        if number % 10 == 0:
            connection.close()  # newcomers are others too
        began = time.monotonic()
        status = 0
        try:
            connection.request("GET", SMALL_PATH, headers={"Origin": "https://app.example.com"})
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
        print(f"{began:.6f} {1000 * (time.monotonic() - began):.3f} {status}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(max(0.0, began + _EVERY - time.monotonic()))


if __name__ == "__main__":
    main()

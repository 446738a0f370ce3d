"""`python -m bench.soak`: posts with gaps around gunicorn's keep-alive of 2 s, through the proxy as it comes.

Nothing here is measured: every post must be answered with 200, and at the end nothing may be open. Exit
status 1 otherwise.
"""

import argparse
import asyncio
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from tests.processes import ROOT, Processes, free_port

__all__ = ["main"]

POST = b"POST /3 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
GAPS = (0.5, 2.5)  # seconds; gunicorn closes after 2, the proxy before


async def _client(port: int, posts: int, met: Counter[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for _ in range(posts):
            writer.write(POST)
            head = await reader.readuntil(b"\r\n\r\n")
            met[head.split(b" ", 2)[1].decode()] += 1
            if not head.startswith(b"HTTP/1.1 200 "):
                return
            await reader.readexactly(3)
            await asyncio.sleep(random.uniform(*GAPS))
    except (OSError, asyncio.IncompleteReadError) as fault:
        met[type(fault).__name__] += 1
    finally:
        writer.close()


async def _soak(port: int, posts: int, clients: int) -> Counter[str]:
    met: Counter[str] = Counter()
    await asyncio.gather(*(_client(port, -(-posts // clients), met) for _ in range(clients)))
    return met


def _open(admin: int) -> dict[str, int]:
    """Ask the proxy what is open."""
    with urlopen(f"http://127.0.0.1:{admin}/status") as answer:
        found: dict[str, int] = json.load(answer)["connections"]
    return found


def main() -> int:
    """Run, and say what came of every post."""
    asked = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    asked.add_argument("--posts", type=int, default=10_000)
    asked.add_argument("--clients", type=int, default=500)
    options = asked.parse_args()
    backend, port, admin = free_port(), free_port(), free_port()
    with TemporaryDirectory() as name:
        folder = Path(name)
        started = Processes(folder)
        try:
            started.python(
                "-m", "gunicorn", "-k", "gthread", "--threads", "8", "-b", f"127.0.0.1:{backend}",
                "application:application", ports=[backend],
                environ={"PYTHONPATH": os.fspath(ROOT / "tests" / "faults")},
            )  # fmt: skip
            (folder / "corsproxy.yaml").write_text(
                f"upstream: http://127.0.0.1:{backend}\nlisten: 127.0.0.1:{port}\n"
                f"admin: {{listen: '127.0.0.1:{admin}'}}\nrules:\n  - path: /**\n    allow_origins: []\n"
            )
            started.python("-m", "corsproxy", "run", "-c", folder / "corsproxy.yaml", ports=[port])
            met = asyncio.run(_soak(port, options.posts, options.clients))
            left = _open(admin)
        finally:
            started.end_all()
    print(f"{met.total()} posts: {dict(met)}; open at the end: {left}")
    is_good = set(met) == {"200"} and not left["upstream_queue"] and not left["upstream_connections_active"]
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())

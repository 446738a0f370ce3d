"""wrk with the browser's message; its own counters come back as JSON from `replay.lua`.

Law: wrk is a closed loop (each connection asks again when it has its answer), so p99 is a latency under exactly this
load, not at an open arrival rate.
"""

import json
import shutil
import subprocess
from pathlib import Path

from bench.load import Load
from bench.workloads import Workload

__all__ = ["missing", "parse", "run"]

_SCRIPT = Path(__file__).with_name("replay.lua")
_ERRORS = ("connect", "read", "write", "timeout", "status")


def missing() -> str:
    """Say what is missing to run it, "" when nothing is."""
    return "" if shutil.which("wrk") else "no wrk on the PATH (Debian: apt install wrk)"


def parse(output: str) -> Load:
    """Read the script's line among wrk's own; raises ValueError if it is not there."""
    line = next((line for line in output.splitlines() if line.startswith('{"requests"')), None)
    if line is None:
        raise ValueError(f"wrk printed no result: {output.strip()!r}")
    found = json.loads(line)
    return Load(
        requests=found["requests"],
        seconds=found["seconds"],
        p50_ms=found["p50_us"] / 1000,
        p99_ms=found["p99_us"] / 1000,
        errors={kind: found[kind] for kind in _ERRORS if found[kind]},
    )


def run(workload: Workload, port: int, seconds: int, *, core: int, folder: Path) -> Load:
    """Load a port for whole seconds."""
    message = folder / f"{workload.name}.http"
    message.write_bytes(workload.message)
    taskset = ["taskset", "-c", str(core)]
    wrk = ["wrk", "-t1", f"-c{workload.connections}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run(
        [*taskset, *wrk, "--latency", "-s", str(_SCRIPT), f"http://127.0.0.1:{port}", "--", str(message)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    return parse(done.stdout + done.stderr)

"""`python -m bench profile`: one peer under one workload, watched by perf (C and kernel) or py-spy (Python)."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench import accounting, rounds
from bench.arena import Arena, Running
from bench.peers.peer import CACHE
from bench.rounds import Say
from bench.workloads import Workload

__all__ = ["own_time", "run", "tool_missing"]

_SHOWN = 40
_LINE = re.compile(r"(?<=\.py):[0-9]+\)$")


def _tool(name: str) -> str:
    packaged = CACHE / "venv" / "bin" / name
    return str(packaged) if packaged.exists() else shutil.which(name) or ""


def tool_missing(tool: str) -> str:
    """Say what is missing for "perf" or "py-spy", "" when nothing is."""
    if _tool(tool):
        return ""
    return f"no {tool} ({'Debian: apt install linux-perf' if tool == 'perf' else 'python -m bench setup'})"


def run(
    arena: Arena, running: Running, workload: Workload, seconds: int, *, tool: str, folder: Path, say: Say
) -> str:
    """Load the peer under the profiler; return the text to show. The whole recording stays in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pids = accounting.tree(running.child.pid)
    rounds.measure(arena, running, workload, 1)
    recording = folder / ("profile.perf" if tool == "perf" else "profile.collapsed")
    recording.unlink(missing_ok=True)
    watcher = (
        _perf(pids, recording)
        if tool == "perf"
        else _py_spy(_busiest(arena, running, workload, pids), seconds, recording)
    )
    with subprocess.Popen(
        ["taskset", "-c", str(arena.cores.load), *watcher],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as watching:
        try:
            say(
                rounds.line(workload, 0, running.peer.name, rounds.measure(arena, running, workload, seconds))
            )
        finally:
            if tool == "perf":
                watching.terminate()  # it writes its recording and ends; py-spy ends by its own duration
            output, _ = watching.communicate(timeout=60)
    if not recording.exists():
        return f"{tool} recorded nothing: {output.strip()}"
    say(f"recorded in {recording}")
    return _perf_report(recording) if tool == "perf" else own_time(recording.read_text())


def _busiest(arena: Arena, running: Running, workload: Workload, pids: Sequence[int]) -> int:
    """Find the process that serves: py-spy watches one."""
    before = accounting.cpu_seconds(pids)
    rounds.measure(arena, running, workload, 1)
    after = accounting.cpu_seconds(pids)
    return max(after, key=lambda pid: after[pid] - before.get(pid, 0.0))


def _perf(pids: Sequence[int], recording: Path) -> list[str]:
    return [
        _tool("perf"),
        "record",
        "-q",
        "-F",
        "997",
        "-g",
        "-o",
        str(recording),
        "-p",
        ",".join(map(str, pids)),
    ]


def _perf_report(recording: Path) -> str:
    report = [
        _tool("perf"),
        "report",
        "--stdio",
        "--no-children",
        "-g",
        "none",
        "--percent-limit",
        "0.4",
        "-i",
        str(recording),
    ]
    done = subprocess.run(report, capture_output=True, text=True, check=False)
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip() and not line.startswith("#")]
    return "\n".join(lines[:_SHOWN]) or done.stderr


def _py_spy(pid: int, seconds: int, recording: Path) -> list[str]:
    watch = [
        _tool("py-spy"),
        "record",
        "--pid",
        str(pid),
        "--duration",
        str(seconds),
        "--rate",
        "500",
        "--native",
    ]
    return [*watch, "--format", "raw", "--output", str(recording)]


def own_time(collapsed: str) -> str:
    """Sum collapsed stacks ("outer;inner count") up: by Python function, C beneath it included, and by innermost frame."""
    functions: Counter[str] = Counter()
    frames: Counter[str] = Counter()
    for entry in collapsed.splitlines():
        text, _, count = entry.rpartition(" ")
        stack = text.split(";")
        frames[stack[-1]] += int(count)
        functions[
            next((_function(frame) for frame in reversed(stack) if _LINE.search(frame)), "(no Python)")
        ] += int(count)
    return "\n".join(
        [
            "By Python function, C beneath it included:",
            *_shares(functions),
            "",
            "By innermost frame:",
            *_shares(frames),
        ]
    )


def _function(frame: str) -> str:
    """Leave the line's number out: "serve (a/b.py:12)" becomes "serve (a/b.py)"."""
    return _LINE.sub(")", frame)


def _shares(counts: Counter[str]) -> list[str]:
    total = counts.total()
    return [f"{100 * count / total:6.2f} %  {name}" for name, count in counts.most_common(_SHOWN)]

"""CPU time and memory of a process and all its descendants, from the kernel's own books.

CPU time is the process's CPU clock (user + system of all its threads, ended ones included) in nanoseconds; the
10 ms ticks of /proc/<pid>/stat would be too coarse for rounds of a second. Memory is RSS and PSS from
smaps_rollup; kernel memory such as socket buffers is in neither.
"""

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Memory",
    "cpu_seconds",
    "cpu_spent",
    "memory",
    "parse_parent",
    "parse_rollup",
    "start_time",
    "tree",
]

_CPUCLOCK_SCHED = 2  # as clock_getcpuclockid(3) builds it: (~pid << 3) | CPUCLOCK_SCHED


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, summed over `processes` processes. RSS counts a shared page in each of them, PSS once."""

    rss: int
    pss: int
    processes: int


def parse_parent(stat: str) -> int:
    """Read the parent's id from /proc/<pid>/stat; the name before it may hold spaces and parentheses."""
    return int(stat.rpartition(")")[2].split()[1])


def start_time(pid: int) -> int | None:
    """When a process began, in ticks since boot; with its id that names it for good. None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def parse_rollup(text: str) -> tuple[int, int]:
    """Read RSS and PSS in bytes from /proc/<pid>/smaps_rollup."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in {"Rss", "Pss"}:
            found[name] = int(value.split()[0]) * 1024
    return found["Rss"], found["Pss"]


def tree(root: int) -> list[int]:
    """List a process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children.setdefault(parse_parent((entry / "stat").read_text()), []).append(int(entry.name))
    found = [root]
    for pid in found:  # grows as it goes
        found.extend(sorted(children.get(pid, [])))
    return found


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Read the CPU clock of each process that is still there."""
    clocks = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            clocks[pid] = time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    return clocks


def cpu_spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Add up what was spent between two readings; a process that began meanwhile counts whole.

    Raises ProcessLookupError if one ended meanwhile, because its time is lost and the sum would flatter.
    """
    if gone := before.keys() - after.keys():
        raise ProcessLookupError(f"ended during the measurement: process {sorted(gone)}")
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def memory(root: int) -> Memory:
    """Read the memory of a process and its descendants."""
    rss = pss = processes = 0
    for pid in tree(root):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            resident, proportional = parse_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text())
            rss, pss, processes = rss + resident, pss + proportional, processes + 1
    return Memory(rss, pss, processes)

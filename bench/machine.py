"""The machine: which core does what, what else ran there, and the facts that a result must carry."""

import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["CoreClock", "Cores", "facts", "parse_core_busy"]


@dataclass(frozen=True, slots=True)
class Cores:
    """The proxy under test has `proxy` for itself; with two cores the backend and the load share the other."""

    proxy: int
    backend: int
    load: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Deal out the cores we may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(proxy=usable[-1], backend=usable[0], load=usable[1 if len(usable) > 2 else 0])

    def __str__(self) -> str:
        if self.proxy == self.load:
            return f"ONE core for everything ({self.proxy}): requests a second and p99 mean little"
        if self.backend == self.load:
            return f"proxy alone on core {self.proxy}; backend and load share core {self.load}"
        return f"proxy alone on core {self.proxy}; backend on core {self.backend}; load on core {self.load}"

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def parse_core_busy(stat: str, core: int) -> int:
    """Read from /proc/stat the ticks in which a core did not idle, stolen ones included."""
    for line in stat.splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            return user + nice + system + irq + softirq + steal
    raise LookupError(f"no core {core} in /proc/stat")


class CoreClock:
    """Says how much of a core went to anybody but the process under test: the noise that is not ours."""

    def __init__(self, core: int) -> None:
        self._core = core
        self._tick = 1 / os.sysconf("SC_CLK_TCK")
        self._busy = self._read()
        self._began = time.monotonic()

    def _read(self) -> int:
        return parse_core_busy(Path("/proc/stat").read_text(), self._core)

    def foreign_share(self, own_seconds: float) -> float:
        """Return the share of the time since construction that others had, never below 0."""
        wall = time.monotonic() - self._began
        return max(0.0, (self._read() - self._busy) * self._tick - own_seconds) / wall


def facts() -> dict[str, object]:
    """Collect what a reader needs to judge the numbers; nothing that names the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }

"""`python -m bench soak`: everything mixed for some minutes, and whether anything is left afterwards.

Clients of all kinds (see `crowd`), a backend that is killed and started again, reloads good and bad; with one worker,
then with two. Now and then all rest, and that is when memory, descriptors and tasks are counted: at rest nothing may be
open that was not open at the first rest, and memory may not climb: its slope over the rests after `WARM` is told, and
its verdict is that of `CLIMB`. Before that the ledger's places and the allocator's pages fill up, as they are meant to.
"""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from bench import accounting
from bench.children import Child, Children
from bench.crowd import GOOD, Crowd
from bench.greedy import free_port, wait_for_answer
from bench.machine import Cores
from bench.peers.corsproxy_peer import interpreter
from bench.peers.peer import ROOT
from bench.report import Table

__all__ = ["CLIMB", "WARM", "Rest", "Soak", "faults", "slope", "soak", "table"]

CLIMB = 0.5  # MiB a minute and worker; less is an allocator's unrest
WARM = 240.0  # seconds
_FEWEST = 5  # rests that a slope is taken over
_CLIENTS = 60
_BUSY = 12.0  # seconds between two rests
_REST = 4.0  # connections to the backend are closed after 1.5

# Runs inside the proxy's processes: asyncio's tasks can only be counted there.
_TASKS = """
import asyncio, os, threading, time
def _count():
    path = os.path.join(os.environ["SOAK_TASKS"], str(os.getpid()))
    while True:
        tasks = getattr(asyncio.tasks, "_scheduled_tasks", None) or asyncio.tasks._all_tasks
        with open(path + ".new", "w") as file:
            file.write(str(sum(not task.done() for task in list(tasks))))
        os.replace(path + ".new", path)
        time.sleep(0.5)
threading.Thread(target=_count, daemon=True).start()
"""


@dataclass(frozen=True, slots=True)
class Rest:
    """What was there while nobody asked for anything. Bytes; counts over all processes."""

    seconds: float
    resident: int
    descriptors: int
    tasks: int
    connections: int


@dataclass(slots=True)
class Soak:
    """What came of one soak."""

    workers: int
    rests: list[Rest] = field(default_factory=list)
    met: Mapping[str, int] = field(default_factory=dict)
    kills: int = 0
    reloads: int = 0
    lost: str = ""


def soak(cores: Cores, folder: Path, workers: int, minutes: float, say: Callable[[str], None]) -> Soak:
    """Do it with so many workers; raises DidNotStart and OSError."""
    with Children(folder) as children:
        return asyncio.run(_Ground(cores, folder, children, workers).soak(60 * minutes, say))


class _Ground:
    """The proxy, its backend, and those who disturb them."""

    def __init__(self, cores: Cores, folder: Path, children: Children, workers: int) -> None:
        self._cores = cores
        self._folder = folder / f"{workers}-workers"
        self._folder.mkdir()
        (self._folder / "sitecustomize.py").write_text(_TASKS)
        self._children = children
        self._port, self._admin, self._upstream = free_port(), free_port(), free_port()
        self._config = self._folder / "corsproxy.yaml"
        self._found = Soak(workers)
        self._write(0)
        self._backend = self._start_backend()
        self._proxy = children.start(
            f"corsproxy-{workers}",
            [interpreter(), "-m", "corsproxy", "run", "-c", str(self._config)],
            core=cores.proxy,
            cwd=ROOT,
            env={"PYTHONPATH": str(self._folder), "SOAK_TASKS": str(self._folder)},
        )
        wait_for_answer(self._proxy, self._port, good=200)

    async def soak(self, seconds: float, say: Callable[[str], None]) -> Soak:
        """Work and rest in turn."""
        crowd = Crowd(self._port, _CLIENTS)
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            disturbing = asyncio.create_task(self._disturb())
            await crowd.work(_BUSY)
            disturbing.cancel()
            with suppress(asyncio.CancelledError):
                await disturbing
            await asyncio.sleep(_REST)
            if self._proxy.popen.poll() is not None:
                self._found.lost = f"it ended: {self._proxy.last_words()}"
                break
            rest = self._rest(time.monotonic() - began)
            self._found.rests.append(rest)
            say(f"{self._found.workers} worker(s), {rest.seconds:.0f} s: {rest.resident / 2**20:.1f} MiB, "
                f"{rest.descriptors} descriptors, {rest.tasks} tasks, {rest.connections} open, {dict(crowd.met)}")  # fmt: skip
        self._found.met = dict(crowd.met)
        self._children.stop(self._proxy)
        self._children.stop(self._backend)
        return self._found

    async def _disturb(self) -> None:
        """Reload, and kill the backend, again and again; it runs when this is cancelled."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5))
            self._found.reloads += 1
            self._write(self._found.reloads)
            if random.random() < 0.3:
                self._found.kills += 1
                self._backend.popen.send_signal(signal.SIGKILL)
                self._children.stop(self._backend)
                try:
                    await asyncio.sleep(random.uniform(0.0, 0.5))
                finally:
                    self._backend = self._start_backend()

    def _start_backend(self) -> Child:
        return self._children.start(
            f"backend-{self._upstream}",
            [interpreter(), "-m", "bench.greedy_backend", str(self._upstream)],
            core=self._cores.backend,
            cwd=ROOT,
        )

    def _write(self, generation: int) -> None:
        """Write a configuration; every third is a bad one, which must change nothing."""
        config = {
            "listen": f"127.0.0.1:{self._port}",
            "workers": self._found.workers,
            "admin": {"listen": f"127.0.0.1:{self._admin}"},
            "upstream": {
                "url": f"http://127.0.0.1:{self._upstream}",
                "max_connections": 100 + generation % 2,
            },
            "log": {"access": "off"},
            "rules": [{"path": "/**", "allow_origins": [f"https://app-{generation}.example.com"]}],
        }
        if generation % 3 == 2:
            config["mistake"] = generation
        new = self._config.with_suffix(".new")
        new.write_text(json.dumps(config, indent=1))
        new.replace(self._config)

    def _rest(self, seconds: float) -> Rest:
        pids = accounting.tree(self._proxy.pid)
        with urlopen(f"http://127.0.0.1:{self._admin}/status") as answer:
            open_now: dict[str, int] = json.load(answer)["connections"]
        return Rest(
            seconds=seconds,
            resident=accounting.memory(self._proxy.pid).rss,
            descriptors=sum(len([*Path(f"/proc/{pid}/fd").iterdir()]) for pid in pids),
            tasks=sum(int((self._folder / str(pid)).read_text()) for pid in pids),
            connections=sum(open_now.values()),
        )


def slope(rests: Sequence[Rest]) -> float | None:
    """Return by how many MiB a minute memory grew once warm (least squares); None where that was too short to tell."""
    later = [each for each in rests if each.seconds >= WARM]
    if len(later) < _FEWEST:
        return None
    minutes = [each.seconds / 60 for each in later]
    sizes = [each.resident / 2**20 for each in later]
    middle, mean = sum(minutes) / len(minutes), sum(sizes) / len(sizes)
    spread = sum((at - middle) ** 2 for at in minutes)
    return sum((at - middle) * (size - mean) for at, size in zip(minutes, sizes, strict=True)) / spread


def faults(found: Soak) -> list[str]:
    """Say what went wrong, or was left."""
    if found.lost or not found.rests:
        return [found.lost or "it never came to rest"]
    told = [f"clients met {name}: {count}" for name, count in found.met.items() if name not in GOOD]
    third = max(1, len(found.rests) // 3)
    for name in ("descriptors", "tasks", "connections"):
        # A look of the admin's own may be among them: what counts is what never goes away any more.
        before = max(getattr(each, name) for each in found.rests[:third])
        after = min(getattr(each, name) for each in found.rests[-third:])
        if after > before:
            told.append(f"{after - before} {name} more than at the first rests")
    climb = slope(found.rests)
    if climb is not None and climb > CLIMB * found.workers:
        told.append(f"memory climbs by {climb:.2f} MiB a minute")
    return told


def table(all_found: Sequence[Soak]) -> Table:
    """Lay out the first rest, the last one, and what lies between."""
    header = (
        "`python -m bench soak`", "minutes", "exchanges", "reloads", "backend killed", "RSS first, MiB", "last", "slope after 4 minutes, MiB a minute",
        "descriptors first", "last", "tasks first", "last", "open at the end", "verdict",
    )  # fmt: skip
    return Table("Everything mixed, for minutes", header, tuple(_row(found) for found in all_found))


def _row(found: Soak) -> tuple[str, ...]:
    climb = slope(found.rests)
    good = "nothing leaks" if climb is not None else "nothing is left open; too short to tell of memory"
    verdict = "; ".join(faults(found)) or good
    if not found.rests:
        return (_name(found), *[""] * 12, verdict)
    first, last = found.rests[0], found.rests[-1]
    return (
        _name(found),
        f"{last.seconds / 60:.1f}",
        f"{Counter(found.met).total():,}",
        str(found.reloads),
        str(found.kills),
        f"{first.resident / 2**20:.1f}",
        f"{last.resident / 2**20:.1f}",
        "" if climb is None else f"{climb:+.2f}",
        str(first.descriptors),
        str(last.descriptors),
        str(first.tasks),
        str(last.tasks),
        str(last.connections),
        verdict,
    )


def _name(found: Soak) -> str:
    return "one worker" if found.workers == 1 else f"{found.workers} workers"

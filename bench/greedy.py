"""`python -m bench greedy`: what greedy clients cost, and whether others are served meanwhile.

Each way has a fresh proxy with the defaults (access log: refusals) and a real backend. No input may cost 100 times
its size in memory or log, nor 100 times the CPU time a byte of a plain GET; and others must get their answers.
RSS is the peak during the act, as the kernel notes it. Bytes are those on the wire (see `talk`).
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from bench import accounting, canary
from bench.answers import ask
from bench.children import Child, Children, DidNotStart
from bench.greed import BASELINE, Way
from bench.machine import Cores
from bench.peers.corsproxy_peer import interpreter, rule
from bench.peers.peer import ROOT
from bench.report import Table
from bench.talk import Wire
from bench.workloads import GET

__all__ = ["CONNECTION", "HIGHEST", "Cost", "broken", "free_port", "measure", "table", "wait_for_answer"]

HIGHEST = 100  # times; the issue's own
CONNECTION = (256 + 32) * 1024  # bytes that any connection may hold: one read of the event loop, and itself
_MANY = 100  # connections, for a share of each to mean something
_PATIENCE = 20.0
_SETTLE = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way came to. Bytes and seconds; `outcome` counts statuses; `others` is the canary's."""

    name: str
    title: str
    connections: int
    requests: int
    sent: int
    memory: int
    cpu: float
    logged: int
    outcome: Mapping[str, int]
    others: canary.Served
    unexpected: tuple[str, ...] = field(default=())

    @property
    def cpu_a_byte(self) -> float:
        return self.cpu / self.sent


def measure(
    cores: Cores, folder: Path, ways: Sequence[Way], say: Callable[[str], None]
) -> tuple[Cost, list[Cost]]:
    """Measure a plain GET, then each way; raises DidNotStart and OSError."""
    usable = os.sched_getaffinity(0)
    with ExitStack() as stack:
        children = stack.enter_context(Children(folder))
        stack.callback(os.sched_setaffinity, 0, usable)
        backend = free_port()
        children.start(
            "backend",
            [interpreter(), "-m", "bench.greedy_backend", str(backend)],
            core=cores.backend,
            cwd=ROOT,
        )
        os.sched_setaffinity(0, {cores.load})
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 10)  # the canary and the backend share our core, and go first
        stand = _Stand(cores, folder, children, backend)
        plain = stand.cost(BASELINE)
        say(f"get: {1e6 * plain.cpu / plain.requests:.1f} µs CPU a request")
        found = []
        for way in ways:
            cost = stand.cost(way)
            found.append(cost)
            say(
                f"{way.name}: {cost.memory / 2**20:.1f} MiB, {cost.cpu:.2f} s CPU, {dict(cost.outcome)}, "
                f"others {cost.others.median_ms:.1f} ms, worst {cost.others.worst_ms:.0f} ms"
                f"{'; BROKEN: ' + '; '.join(why) if (why := broken(cost, plain)) else ''}"
            )
    return plain, found


class _Stand:
    """Starts a proxy for each way, and reads its books."""

    def __init__(self, cores: Cores, folder: Path, children: Children, backend: int) -> None:
        self._cores = cores
        self._folder = folder
        self._children = children
        self._backend = backend

    def cost(self, way: Way) -> Cost:
        """Do it to a fresh proxy; return what it came to."""
        port = free_port()
        proxy = self._proxy(way, port)
        watching = self._children.start(
            f"canary-{way.name}",
            [sys.executable, "-m", "bench.canary", str(port), *(["tls"] if way.tls else [])],
            core=self._cores.backend,
            cwd=ROOT,
        )
        time.sleep(_SETTLE)
        with ExitStack() as stack:
            wire = Wire(port, stack)
            fed = _fed(self._backend)
            before = _Books.open(proxy)
            began = time.monotonic()
            way.act(wire)
            ended = time.monotonic()
            memory, cpu, logged = before.since()
            if way.is_fed:
                wire.sent += _fed(self._backend) - fed
        self._children.stop(watching)
        others = canary.read(watching.log, began, ended)
        self._children.stop(proxy)
        return Cost(
            name=way.name,
            title=f"{way.title} ({wire.shortage})" if wire.shortage else way.title,
            connections=wire.connections,
            requests=wire.requests,
            sent=wire.sent,
            memory=memory,
            cpu=cpu,
            logged=logged,
            outcome=dict(wire.outcome),
            others=others,
            unexpected=tuple(sorted(wire.outcome.keys() - way.expected)),
        )

    def _proxy(self, way: Way, port: int) -> Child:
        config = {
            "listen": f"127.0.0.1:{port}",
            "admin": {"listen": f"127.0.0.1:{free_port()}"},
            "log": {"access": "refused"},
            "rules": [rule()],
            **way.settings,
        }
        upstream = {"url": f"http://127.0.0.1:{self._backend}"}
        config["upstream"] = {**upstream, **(way.settings.get("upstream") or {})}  # type: ignore[dict-item]
        if way.tls:
            config["tls"] = _certificate(self._folder)
        path = self._folder / f"{way.name}.yaml"
        path.write_text(json.dumps(config, indent=1))
        child = self._children.start(
            way.name,
            [interpreter(), "-m", "corsproxy", "run", "-c", str(path)],
            core=self._cores.proxy,
            cwd=ROOT,
        )
        wait_for_answer(child, port, good=400 if way.tls else 200)  # plain HTTP on a TLS port
        return child


@dataclass(frozen=True, slots=True)
class _Books:
    """Where a process stood: resident bytes, CPU seconds, size of its log."""

    child: Child
    resident: int
    cpu: Mapping[int, float]
    logged: int

    @classmethod
    def open(cls, child: Child) -> "_Books":
        with suppress(OSError):  # else the peak is that since its start, which is no smaller
            Path(f"/proc/{child.pid}/clear_refs").write_text("5")
        return cls(
            child, _status(child.pid, "VmRSS"), accounting.cpu_seconds([child.pid]), child.log.stat().st_size
        )

    def since(self) -> tuple[int, float, int]:
        """Return peak memory, CPU time and log since then."""
        pid = self.child.pid
        return (
            max(0, _status(pid, "VmHWM") - self.resident),
            accounting.cpu_spent(self.cpu, accounting.cpu_seconds([pid])),
            self.child.log.stat().st_size - self.logged,
        )


def _fed(backend: int) -> int:
    """Ask the backend how many bytes of large answers it has sent."""
    with urlopen(f"http://127.0.0.1:{backend}/written") as answer:
        return int(answer.read())


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise LookupError(f"no {name} in /proc/{pid}/status")


def _certificate(folder: Path) -> dict[str, str]:
    """Make one that signs itself, once a folder."""
    paths = {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}
    if not Path(paths["key"]).exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-keyout", paths["key"], "-out", paths["certificate"]],
            check=True, capture_output=True,
        )  # fmt: skip
    return paths


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for_answer(child: Child, port: int, *, good: int) -> None:
    """Wait for a first answer with that status. Raises DidNotStart."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and child.popen.poll() is None:
        with suppress(OSError):
            if ask(port, GET.message, timeout=5).status == good:
                return
        time.sleep(0.02)
    raise DidNotStart(f"{child.name}: {child.last_words()}")


def broken(cost: Cost, plain: Cost) -> list[str]:
    """Say which of the laws a cost breaks."""
    found = [f"clients got {outcome}" for outcome in cost.unexpected]
    ratios = {
        "memory": cost.memory / cost.sent,
        "CPU": cost.cpu_a_byte / plain.cpu_a_byte,
        "log": cost.logged / cost.sent,
    }
    if cost.memory <= CONNECTION * cost.connections:
        del ratios["memory"]
    found += [f"{name} is {times:.0f} times" for name, times in ratios.items() if times > HIGHEST]
    if cost.others.bad or not cost.others.good:
        found.append(f"others: {cost.others.bad} of {cost.others.bad + cost.others.good} were not served")
    return found


def table(plain: Cost, found: Sequence[Cost]) -> Table:
    """Lay out what each way costs."""
    header = (
        "`python -m bench greedy …`", "", "sent, MB", "MiB more at the peak", "memory / sent", "KiB a connection",
        "CPU s", "CPU a byte / a GET's", "log / sent", "others: median ms", "worst ms", "broken",
    )  # fmt: skip
    rows = tuple(_row(each, plain) for each in (plain, *found))
    return Table("Greedy clients", header, rows)


def _row(cost: Cost, plain: Cost) -> tuple[str, ...]:
    return (
        f"`{cost.name}`" if cost is not plain else "",
        cost.title,
        f"{cost.sent / 1e6:,.1f}",
        f"{cost.memory / 2**20:,.1f}",
        f"{cost.memory / cost.sent:.1f}",
        f"{cost.memory / cost.connections / 1024:,.1f}" if cost.connections >= _MANY else "",
        f"{cost.cpu:.2f}",
        f"{cost.cpu_a_byte / plain.cpu_a_byte:.1f}",
        f"{cost.logged / cost.sent:.1f}",
        f"{cost.others.median_ms:.1f}",
        f"{cost.others.worst_ms:.0f}",
        "; ".join(broken(cost, plain)) or "-",
    )

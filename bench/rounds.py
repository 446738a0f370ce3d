"""The comparison: each peer alone first (memory at rest, right answers, memory after load), then all in turn.

Laws: the same workload goes to A B C, A B C, …, so that whatever disturbs the machine disturbs all alike; a round with
any error, or in which a process of the peer ended, is rejected and counted, never averaged in; nothing is retried.
"""

import time
from collections.abc import Callable, Sequence

from bench import accounting, sink, wrk
from bench.answers import faults
from bench.arena import Arena, Running
from bench.children import DidNotStart
from bench.load import Load
from bench.machine import CoreClock
from bench.peers import BY_NAME
from bench.peers.peer import Peer, takes_part
from bench.results import Account, Round, rejected_round
from bench.workloads import GET, PREFLIGHT, Workload

__all__ = ["Say", "compare", "inspect", "line", "measure"]

Say = Callable[[str], None]

_SETTLE = 1.5  # seconds for a started proxy to come to rest
_LOAD_BEFORE_MEMORY = 3


def measure(arena: Arena, running: Running, workload: Workload, seconds: int) -> Round:
    """Load a running peer once and charge it the CPU time of all its processes."""
    before = accounting.cpu_seconds(accounting.tree(running.child.pid))
    clock = CoreClock(arena.cores.proxy)
    try:
        load = _load(arena, running.port, workload, seconds)
        spent = accounting.cpu_spent(before, accounting.cpu_seconds(accounting.tree(running.child.pid)))
    except (OSError, ValueError) as error:
        return rejected_round(str(error))
    rejected = ", ".join(f"{count} {kind} errors" for kind, count in load.errors.items())
    if not load.requests:
        return rejected_round(rejected or "no whole answer")
    return Round(
        cpu_us=1e6 * spent / load.requests,
        rps=load.requests / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        requests=load.requests,
        busy=spent / load.seconds,
        foreign=clock.foreign_share(spent),
        rejected=rejected,
    )


def _load(arena: Arena, port: int, workload: Workload, seconds: int) -> Load:
    if workload.client == "sink":
        return sink.run(workload, port, seconds)
    return wrk.run(workload, port, seconds, core=arena.cores.load, folder=arena.folder)


def inspect(arena: Arena, peer: Peer, workloads: Sequence[Workload]) -> Account:
    """Start a peer alone; take its memory and judge its answers."""
    account = Account(peer.name, differences=list(peer.differences))
    if missing := peer.missing():
        account.state, account.why = "missing", [missing]
        return account
    account.version = peer.version()
    try:
        running = arena.start(peer)
    except DidNotStart as error:
        account.state, account.why = "broken", [str(error)]
        return account
    try:
        time.sleep(_SETTLE)
        account.rest = accounting.memory(running.child.pid)
        account.why = faults(
            running.port, arena.backend_port, workloads, only_preflights=peer.takes == "preflights"
        )
        if account.why:
            account.state = "broken"
        else:
            measure(arena, running, PREFLIGHT if peer.takes == "preflights" else GET, _LOAD_BEFORE_MEMORY)
            account.loaded = accounting.memory(running.child.pid)
    finally:
        arena.stop(running)
    return account


def compare(
    arena: Arena,
    accounts: Sequence[Account],
    workloads: Sequence[Workload],
    *,
    count: int,
    seconds: int,
    say: Say,
) -> dict[str, dict[str, list[Round]]]:
    """Measure the good peers in turn. Returns the rounds by workload and peer."""
    ready: list[Running] = []
    for account in accounts:
        if account.state == "measured":
            try:
                ready.append(arena.start(BY_NAME[account.name]))
            except DidNotStart as error:
                account.state, account.why = "broken", [f"at its second start: {error}"]
    found: dict[str, dict[str, list[Round]]] = {}
    for workload in workloads:
        takers = [running for running in ready if takes_part(running.peer, workload)]
        found[workload.name] = {running.peer.name: [] for running in takers}
        for running in takers:  # unmeasured: pools fill, compilers and allocators warm up
            measure(arena, running, workload, 1)
        for number in range(count):
            for running in takers:
                result = measure(arena, running, workload, seconds)
                found[workload.name][running.peer.name].append(result)
                say(line(workload, number, running.peer.name, result))
    for running in ready:
        arena.stop(running)
    return found


def line(workload: Workload, number: int, peer: str, result: Round) -> str:
    """Say in one line how a round went."""
    if result.rejected:
        return f"{workload.name} round {number + 1}: {peer} REJECTED: {result.rejected}"
    return f"{workload.name} round {number + 1}: {peer} {result.cpu_us:.1f} µs CPU, {result.rps:.0f}/s, p99 {result.p99_ms:.2f} ms"

"""Does a large policy cost a request anything? One rule, 10 000 exact origins and 1 000 rules, in turn.

The origin or the rule that matches is the last one.
"""

from dataclasses import dataclass

from bench import accounting, policy, rounds
from bench.arena import Arena, Running
from bench.peers.corsproxy_peer import Corsproxy, rule
from bench.report import Table
from bench.results import Round
from bench.spread import ratio, spread
from bench.workloads import GET, PREFLIGHT, Workload

__all__ = ["VARIANTS", "Cost", "measure", "table"]

ORIGINS = 10_000
RULES = 1_000

VARIANTS = (
    Corsproxy("one-rule"),
    Corsproxy(
        "many-origins",
        rules=(
            rule(
                origins=(
                    *(f"https://site-{number}.example.com" for number in range(ORIGINS - 1)),
                    policy.ORIGIN,
                )
            ),
        ),
    ),
    Corsproxy(
        "many-rules",
        rules=(*(rule(path=f"/service-{number}/**") for number in range(RULES - 1)), rule(path="/**")),
    ),
)
_WORKLOADS: tuple[Workload, ...] = (GET, PREFLIGHT)


@dataclass(slots=True)
class Cost:
    """What one variant took: its start, its memory at rest, and its rounds by workload."""

    start_seconds: float
    rest: accounting.Memory
    rounds: dict[str, list[Round]]


def measure(arena: Arena, *, count: int, seconds: int, say: rounds.Say) -> dict[str, Cost]:
    """Start all variants and measure them in turn; raises DidNotStart."""
    ready: list[Running] = [arena.start(variant) for variant in VARIANTS]
    costs = {
        each.peer.name: Cost(
            each.start_seconds, accounting.memory(each.child.pid), {load.name: [] for load in _WORKLOADS}
        )
        for each in ready
    }
    for workload in _WORKLOADS:
        for each in ready:
            rounds.measure(arena, each, workload, 1)
        for number in range(count):
            for each in ready:
                found = rounds.measure(arena, each, workload, seconds)
                costs[each.peer.name].rounds[workload.name].append(found)
                say(rounds.line(workload, number, each.peer.name, found))
    return costs


def table(costs: dict[str, Cost]) -> Table:
    """Lay out each variant beside the one with one rule."""
    rows = []
    one = costs[VARIANTS[0].name]
    for name, cost in costs.items():
        cells = [name, f"{cost.start_seconds:.2f}", f"{cost.rest.rss / 2**20:.1f}"]
        for name_of_load, measured in cost.rounds.items():
            good = [each.cpu_us for each in measured if not each.rejected]
            times = ratio(_cpu(measured), _cpu(one.rounds[name_of_load]))
            cells += [
                f"{spread(good).median:.1f}" if good else "none",
                f"{times.median:.2f}" if times else "",
            ]
        rows.append(tuple(cells))
    header = ["", "start s", "RSS at rest, MiB"]
    for workload in _WORKLOADS:
        header += [f"{workload.name}: CPU µs", "/ one rule"]
    return Table(f"One rule, {ORIGINS:,} exact origins, {RULES:,} rules", tuple(header), tuple(rows))


def _cpu(measured: list[Round]) -> list[float | None]:
    return [None if each.rejected else each.cpu_us for each in measured]

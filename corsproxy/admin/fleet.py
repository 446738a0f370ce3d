"""What the admin pages may ask of the running proxy, be it one process or a supervisor with workers.

Laws: asking changes nothing. `snapshots` waits for workers no longer than a scrape can bear; one that
does not answer in time is left out, one that ended keeps its counts (Snapshot.departed).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from corsproxy.config.problem import Problem
from corsproxy.config.settings import Settings
from corsproxy.observe.counters import Snapshot
from corsproxy.observe.ledger_rows import LedgerSnapshot

__all__ = ["Facts", "Fleet", "ReloadOutcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadOutcome:
    """The last attempt to reload, good where there are no problems. `at` is Unix time."""

    at: float
    problems: tuple[Problem, ...] = ()
    waits_for_restart: tuple[str, ...] = ()  # keys that changed and cannot be adopted


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How the running configuration came about. Times are Unix time in seconds."""

    started_at: float
    loaded_at: float  # when the running configuration was adopted; at first the start
    generation: int  # 1 at the start, one more with every good reload
    reloads_succeeded: int = 0
    reloads_failed: int = 0
    last_reload: ReloadOutcome | None = None


class Fleet(Protocol):
    """The running proxy."""

    @property
    def settings(self) -> Settings:
        """The settings that are in force."""

    @property
    def is_draining(self) -> bool:
        """True from the first signal to stop."""

    @property
    def is_serving(self) -> bool:
        """True while there is a process that accepts clients."""

    def facts(self) -> Facts:
        """Say how the running configuration came about."""

    async def snapshots(self) -> Sequence[Snapshot]:
        """Collect the counts and gauges of all workers."""

    async def ledgers(self) -> Sequence[LedgerSnapshot]:
        """Collect what all workers decided, by origin, rule and reason."""

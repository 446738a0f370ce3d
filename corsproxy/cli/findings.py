"""What checking one file came to, before anybody writes it down."""

from dataclasses import dataclass
from enum import IntEnum

from corsproxy.config.problem import Code, Problem
from corsproxy.config.settings import Settings

__all__ = ["Checked", "Status"]


class Status(IntEnum):
    """The exit statuses of `corsproxy check`, the worst last."""

    FINE = 0
    FAILED = 1
    REFUSED = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """One file: its problems, or else its warnings and what it holds; `tests` is how many passed."""

    file: str
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    rules: int = 0
    tests: int = 0
    is_strict: bool = False
    settings: Settings | None = None  # where nothing was refused

    @property
    def status(self) -> Status:
        """The exit status that this file asks for."""
        if any(problem.code is not Code.TEST_FAILED for problem in self.problems):
            return Status.REFUSED
        return Status.FAILED if self.problems or (self.is_strict and self.warnings) else Status.FINE

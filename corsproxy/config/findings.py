"""What the checks found: refusals and warnings, each once, in the order of the file.

Laws: a check says what is wrong by the path of the key; the place and the spelling of the path come
from the document. The same mistake at the same place is told once, however many rules share it.
"""

from collections.abc import Callable
from operator import attrgetter

from corsproxy.config.problem import Code, KeyPath, Problem

__all__ = ["Findings"]

Describe = Callable[..., Problem]


class Findings:
    """Collects; `describe` is the document's way to make a Problem of a path."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._refused: dict[Problem, None] = {}
        self._warned: dict[Problem, None] = {}

    def refuse(
        self, path: KeyPath, what: str, *, why: str = "", fix: str = "", code: Code = Code.WRONG_VALUE
    ) -> None:
        """Add a reason not to start."""
        self._refused[self._describe(path, what, why=why, fix=fix, code=code)] = None

    def warn(self, path: KeyPath, what: str, *, why: str = "", fix: str = "", code: Code) -> None:
        """Add something that is allowed, and that its owner should know."""
        self._warned[self._describe(path, what, why=why, fix=fix, code=code)] = None

    def silence(self, code: Code) -> bool:
        """Drop the warnings of a code; tell whether there were any."""
        kept = {problem: None for problem in self._warned if problem.code is not code}
        is_any = len(kept) < len(self._warned)
        self._warned = kept
        return is_any

    def add(self, problem: Problem) -> None:
        """Add a Problem that has its place already."""
        self._refused[problem] = None

    @property
    def refused(self) -> tuple[Problem, ...]:
        """All reasons not to start, by place."""
        return _sorted(self._refused)

    @property
    def warned(self) -> tuple[Problem, ...]:
        """All warnings, by place."""
        return _sorted(self._warned)


def _sorted(problems: dict[Problem, None]) -> tuple[Problem, ...]:
    """Sort by place; the same text at the same place, reached by an alias or by defaults, stays once."""
    unique: dict[tuple[int, int, str], Problem] = {}
    for problem in problems:
        unique.setdefault((problem.line, problem.column, problem.what), problem)
    return tuple(sorted(unique.values(), key=attrgetter("file", "line", "column")))

"""Reads a Dockerfile as far as the tests ask."""

import re
from pathlib import Path

__all__ = ["instructions", "last_stage", "value"]


def instructions(path: Path) -> list[tuple[str, str]]:
    """Parse a Dockerfile into (instruction, rest), comments dropped and continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    words = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(word.upper(), re.sub(r"\s+", " ", rest)) for word, rest in words]


def last_stage(path: Path) -> list[tuple[str, str]]:
    found = instructions(path)
    starts = [i for i, (word, _) in enumerate(found) if word == "FROM"]
    return found[starts[-1] :]


def value(stage: list[tuple[str, str]], word: str) -> str:
    (only,) = [rest for name, rest in stage if name == word]
    return only

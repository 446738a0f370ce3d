"""The kept inputs: read, and made few and short again.

An input is kept if it takes a step, from one line of corsproxy to the next, that no shorter one takes, or takes it
more than once. That is asked of Python itself, so it needs no fuzzer. Inputs written by hand, whose names say what
they are for, are always kept.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz.targets import TARGETS, Target, target

__all__ = ["inputs", "keep"]

_CORPUS = Path(__file__).parent / "corpus"
_OURS = str(Path(__file__).parents[2] / "corsproxy")

_IS_FOUND = re.compile(r"[0-9a-f]{16,40}").fullmatch
_OFTEN = 2
_Step = tuple[CodeType, int, int]


def inputs(name: str, folder: Path = _CORPUS) -> Iterator[Path]:
    """Walk the inputs of one target."""
    return iter(sorted(path for path in (folder / name).glob("*") if path.is_file()))


def keep(found: Path) -> None:
    """Make the corpus of every target anew from itself and from what was found."""
    for name in TARGETS:
        known = {path.read_bytes(): path.name for path in inputs(name, found)}
        known |= {path.read_bytes(): path.name for path in inputs(name)}
        reached: set[tuple[_Step, int]] = set()
        kept: dict[bytes, str] = {}
        for data in sorted(known, key=lambda data: (len(data), data)):
            steps = _steps(target(name), data)
            if not steps <= reached or not _IS_FOUND(known[data]):
                reached |= steps
                kept[data] = known[data]
        for path in inputs(name):
            path.unlink()
        (_CORPUS / name).mkdir(parents=True, exist_ok=True)
        for data, file in kept.items():
            (_CORPUS / name / file).write_bytes(data)
        sys.stdout.write(f"{name}: {len(kept)} of {len(known)} inputs, {sum(map(len, kept))} bytes\n")


def _steps(takes: Target, data: bytes) -> set[tuple[_Step, int]]:
    """Return the steps that an input takes, each with whether it takes it more than once."""
    steps = Counter[_Step]()

    def enter(frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        last = frame.f_lineno

        def walk(frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any]:
            nonlocal last
            steps[frame.f_code, last, frame.f_lineno] += 1
            last = frame.f_lineno
            return walk

        return walk

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        takes(data)
    finally:
        sys.settrace(before)
    return {(step, min(times.bit_length(), _OFTEN)) for step, times in steps.items()}

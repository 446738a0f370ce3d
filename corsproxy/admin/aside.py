"""Work beside the event loop, which also serves the proxied requests: in a thread, and in small pieces.

Laws: while such work is done, threads take turns every TURN seconds and not every 5 ms, so that the loop never
waits longer for the interpreter; what is one call in C, and so cannot be interrupted, is kept small.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["TURN", "aside", "encoded"]

TURN = 0.0005

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Turns:
    """How many works are done, and how long a thread's turn was before the first."""

    works = 0
    usual = 0.0


async def aside(work: Callable[_P, _T], *args: _P.args, **keywords: _P.kwargs) -> _T:
    """Do `work` in a thread. Call it in the event loop's thread only."""
    if not _Turns.works:
        _Turns.usual = sys.getswitchinterval()
        sys.setswitchinterval(TURN)
    _Turns.works += 1
    try:
        return await asyncio.to_thread(work, *args, **keywords)
    finally:
        _Turns.works -= 1
        if not _Turns.works:
            sys.setswitchinterval(_Turns.usual)


def encoded(value: object) -> str:
    """Write plain values as json.dumps does, which would not let go of the interpreter before it is done."""
    if isinstance(value, dict) and any(isinstance(one, list | dict) for one in value.values()):
        return f"{{{', '.join(f'{json.dumps(name)}: {encoded(one)}' for name, one in value.items())}}}"
    if isinstance(value, list) and any(isinstance(one, list | dict) for one in value):
        return f"[{', '.join(map(encoded, value))}]"
    return json.dumps(value)

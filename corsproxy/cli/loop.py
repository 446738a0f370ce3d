"""Which event loop serves: uvloop where it is installed, asyncio's own where it is not.

CORSPROXY_LOOP=asyncio takes asyncio's own in any case; tests and comparisons want both.
"""

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Mapping

__all__ = ["LOOPS", "LOOP_VARIABLE", "LoopFactory", "loop_factory"]

LOOP_VARIABLE = "CORSPROXY_LOOP"
LOOPS = ("uvloop", "asyncio")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factory(environ: Mapping[str, str]) -> LoopFactory:
    """Give the factory of the loop to serve on. Raises ValueError for a name that is none of LOOPS."""
    asked = environ.get(LOOP_VARIABLE, "")
    if asked and asked not in LOOPS:
        raise ValueError(
            f"{LOOP_VARIABLE}={asked} is no event loop. Fix: {' or '.join(LOOPS)}, or leave it unset."
        )
    has_uvloop = importlib.util.find_spec("uvloop") is not None
    if asked == "uvloop" and not has_uvloop:
        raise ValueError(f"{LOOP_VARIABLE}=uvloop, but uvloop is not installed. Fix: pip install uvloop.")
    if asked == "asyncio" or not has_uvloop:
        return asyncio.new_event_loop
    factory: LoopFactory = importlib.import_module("uvloop").new_event_loop
    return factory

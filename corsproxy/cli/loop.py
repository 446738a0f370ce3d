"""Which event loop serves: uvloop where it is installed, asyncio's own where it is not.

CORSPROXY_LOOP=asyncio takes asyncio's own in any case; tests and comparisons want both.
"""

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Mapping

__all__ = ["LOOPS", "LOOP_VARIABLE", "LoopError", "LoopFactory", "loop_factory"]

LOOP_VARIABLE = "CORSPROXY_LOOP"
LOOPS = ("uvloop", "asyncio")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class LoopError(Exception):
    """The environment asks for a loop that cannot be had; the text says how to mend it."""


def loop_factory(environ: Mapping[str, str]) -> LoopFactory:
    """Give the factory of the loop to serve on. Raises LoopError."""
    asked = environ.get(LOOP_VARIABLE, "")
    if asked and asked not in LOOPS:
        raise LoopError(
            f"{LOOP_VARIABLE}={asked} is no event loop. Fix: {' or '.join(LOOPS)}, or leave it unset."
        )
    has_uvloop = importlib.util.find_spec("uvloop") is not None
    if asked == "uvloop" and not has_uvloop:
        raise LoopError(f"{LOOP_VARIABLE}=uvloop, but uvloop is not installed. Fix: pip install uvloop.")
    if asked == "asyncio" or not has_uvloop:
        return asyncio.new_event_loop
    factory: LoopFactory = importlib.import_module("uvloop").new_event_loop
    return factory

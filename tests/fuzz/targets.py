"""What is fuzzed: a name, and where what takes the bytes stands; it raises where something does not hold."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

__all__ = ["TARGETS", "Target", "target"]

Target = Callable[[bytes], None]

# By module of this folder; imported one by one, because what is imported is instrumented, and that takes its time.
TARGETS = {
    "chunks": "framing",
    "configuration": "configuration",
    "exchanges": "exchanges",
    "origins": "origins",
    "request_heads": "heads",
    "response_heads": "heads",
    "set_cookie": "values",
    "vary": "values",
}


def target(name: str) -> Target:
    """Return the target of that name."""
    return cast("Target", getattr(import_module(f"tests.fuzz.{TARGETS[name]}"), name))

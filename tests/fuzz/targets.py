"""What is fuzzed: a name, and what takes the bytes and raises where something does not hold."""

from collections.abc import Callable

from tests.fuzz.configuration import configuration
from tests.fuzz.exchanges import exchanges
from tests.fuzz.framing import chunks
from tests.fuzz.heads import request_heads, response_heads
from tests.fuzz.origins import origins
from tests.fuzz.values import set_cookie, vary

__all__ = ["TARGETS", "Target"]

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {
    "chunks": chunks,
    "configuration": configuration,
    "exchanges": exchanges,
    "origins": origins,
    "request_heads": request_heads,
    "response_heads": response_heads,
    "set_cookie": set_cookie,
    "vary": vary,
}

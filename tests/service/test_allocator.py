"""Freed memory is used again: seen in the page faults of a process that relays, in small, as the proxy does."""

import os
import platform
import subprocess
import sys

import pytest

# What relaying does to the heap: pieces of up to 256 KiB, the few of one turn of the loop freed together.
RELAY = """
import os, resource, sys
from corsproxy.service.allocator import keep_freed_memory
print(keep_freed_memory(os.environ) if sys.argv[1] == "keep" else None)
def relay():
    for turn in range(100):
        held = [bytes(250_000 + turn) for _ in range(6)]
        held.clear()
relay()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
relay()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


LONG_LIVED = """
import gc
from corsproxy.service.allocator import set_aside_what_stays
def kept():
    return [made for made in gc.get_objects() if type(made) is dict and "made before" in made]
before = {"made before": 1}
before["itself"] = before
print(len(kept()))
set_aside_what_stays()
print(len(kept()))
"""


def test_what_was_made_at_the_start_is_never_walked_through_again() -> None:
    done = subprocess.run([sys.executable, "-c", LONG_LIVED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]


def faults(how: str, **variables: str) -> tuple[str, int]:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", RELAY, how],
        env={**environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    said, count = done.stdout.split()
    return said, int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the thresholds are those of glibc")
def test_what_bodies_free_is_used_again() -> None:
    pieces = 600
    without, many = faults("leave")
    kept, few = faults("keep")
    assert (without, kept) == ("None", "True")
    assert many > 20 * pieces  # 62 pages a piece, if each is faulted in
    assert few < pieces


def test_own_thresholds_are_respected() -> None:
    assert faults("keep", MALLOC_TRIM_THRESHOLD_="100000")[0] == "False"
    assert faults("keep", GLIBC_TUNABLES="glibc.malloc.trim_threshold=100000")[0] == "False"

"""Tells the C library to keep what the relaying of bodies frees, instead of giving it back at once.

Every read of a large body is a bytes object of up to 256 KiB, freed when it is written. With glibc's own
thresholds each of them is fresh from the kernel, zeroed and faulted in page by page: measured, a third of
all CPU time at 1 MB. Laws: what is kept is bounded (KEPT); who sets glibc's variables decides himself.
And tells Python's collector of garbage to leave alone what was there at the start.
"""

import ctypes
import gc
from collections.abc import Mapping

__all__ = ["KEPT", "keep_freed_memory", "set_aside_what_stays"]

KEPT = 2 * 1024 * 1024  # bytes of free heap that are not given back
_FROM_KERNEL = 512 * 1024  # a single piece of at least this size is still mapped for itself

# https://man7.org/linux/man-pages/man3/mallopt.3.html
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_VARIABLES = frozenset({"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"})


def keep_freed_memory(environ: Mapping[str, str]) -> bool:
    """Set the thresholds for this process; return False where the C library has none, or they are set already."""
    if not _VARIABLES.isdisjoint(environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl, macOS
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _FROM_KERNEL) and mallopt(_M_TRIM_THRESHOLD, KEPT))


def set_aside_what_stays() -> None:
    """Have modules and settings never walked through for garbage again: 25 ms each time, when all wait; 2 without them."""
    gc.collect()
    gc.freeze()

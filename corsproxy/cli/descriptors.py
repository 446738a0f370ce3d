"""Descriptors 0, 1 and 2 exist from the first moment on.

Where one was closed by whoever started us, a socket would take its place: libuv aborts on closing that,
and what is printed would go to a client. The null device takes the place instead.
"""

import os
import sys

__all__ = ["hold_standard_descriptors"]


def hold_standard_descriptors() -> None:
    """Open the null device in place of each standard descriptor that is closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number: this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)

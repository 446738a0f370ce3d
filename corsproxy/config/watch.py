"""Watch: when the content of a configuration file has changed.

Laws: content counts, not time stamps: a touched file is no change, and a ConfigMap's symlink swap, an
editor's rename and a copy over the old file all are. A new content counts once two looks agree on it,
so that a file in the middle of being written is not taken. A file that is away is no change; what runs
keeps running; so is what is no file. No more is read than a configuration may have. Looking happens in a
thread of its own: a file system that hangs never stops the proxy.
"""

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from corsproxy.config.source import LARGEST_FILE, without_waiting

__all__ = ["Glance", "Watch", "fingerprint"]

INTERVAL = 0.5
SETTLE = 0.05
# A file can change twice within one tick of its file system's clock, so a young time stamp proves nothing.
RACY_NANOSECONDS = 2_000_000_000


def fingerprint(path: Path) -> str:
    """Give the SHA-256 of what would be loaded, in hex, or "" where there is no file that can be read now."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            return hashlib.sha256(file.read(LARGEST_FILE + 1)).hexdigest()
    except OSError:
        return ""


class Glance:
    """Looks at a file without reading it unless its place, size or times moved."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] = ()
        self._is_racy = True
        self._fingerprint = ""

    def fingerprint(self) -> str:
        """Give the content's SHA-256 as of now, or "" where the file is away."""
        try:
            found = self._path.stat()
        except OSError:
            return ""
        seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if seen != self._seen or self._is_racy:
            # Read after the stat: a write in between makes the next stat differ.
            self._seen = seen
            self._is_racy = time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < RACY_NANOSECONDS
            self._fingerprint = fingerprint(self._path)
        return self._fingerprint


class Watch:
    """Calls `changed(fingerprint)` from its thread whenever the file at `path` has a new, settled content.

    `known` is the fingerprint of the content that was loaded before the watch began.
    """

    def __init__(
        self, path: Path, known: str, changed: Callable[[str], object], *, interval: float = INTERVAL
    ) -> None:
        self._glance = Glance(path)
        self._known = known
        self._changed = changed
        self._interval = interval
        self._stopped = threading.Event()
        self._reporting = threading.Lock()
        # A daemon: one that hangs in a stat must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="config-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; once this returns nothing is reported."""
        with self._reporting:
            self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            found = self._glance.fingerprint()
            while found not in {"", self._known}:
                if self._stopped.wait(SETTLE):
                    return
                again = self._glance.fingerprint()
                if again == found:
                    self._report(found)
                    break
                found = again

    def _report(self, found: str) -> None:
        self._known = found
        with self._reporting:
            if not self._stopped.is_set():
                self._changed(found)

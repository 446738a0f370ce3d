"""How many processors `workers: auto` means: those that this process may run on, and is given time of.

Laws: an affinity mask and a cgroup's CPU quota both bound; the smallest counts, and a part of a processor is
a whole one, because a worker too few leaves time unused. What cannot be read bounds nothing.
https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["quota", "usable"]


def usable(root: Path = Path("/")) -> int:
    """Count the processors; `root` is where /proc and /sys are. At least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    here = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, min(here, quota(root) or here))


def quota(root: Path) -> int:
    """Return the processors' worth of time that the cgroups allow, rounded up; 0 where they set no bound."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return 0
    bounds = [bound for line in lines for bound in _bounds(root / "sys/fs/cgroup", line)]
    return min(bounds, default=0)


def _bounds(mount: Path, line: str) -> Iterator[int]:
    """Yield the bound of a group and of each that it lies in; `line` is `id:controllers:path`."""
    number, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    # In a container the path may be the host's, which is not mounted; then the mount itself is our group.
    groups = [path.lstrip("/"), *(str(above) for above in PurePosixPath(path.lstrip("/")).parents)]
    for group in groups:
        if number == "0" and not controllers:
            yield from _ratio(*_words(mount / group / "cpu.max", 2))
        elif "cpu" in controllers.split(","):
            folder = mount / controllers / group
            if not folder.is_dir():
                folder = mount / "cpu" / group
            yield from _ratio(
                *_words(folder / "cpu.cfs_quota_us", 1), *_words(folder / "cpu.cfs_period_us", 1)
            )


def _words(file: Path, count: int) -> list[str]:
    try:
        found = file.read_text().split()
    except (OSError, ValueError):
        return []
    return found if len(found) == count else []


def _ratio(*words: str) -> Iterator[int]:
    """Yield quota by period, rounded up; nothing for `max`, -1 and whatever else is no bound."""
    if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]):
        yield max(1, -(-int(words[0]) // int(words[1])))

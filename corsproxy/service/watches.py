"""Which files are watched: the configuration's own, and the candidate and the PEM files that the one in force names.

Laws: a changed configuration is loaded once for its content; a changed candidate or PEM file has the
configuration loaded as SIGHUP does, since its own text is the same. What is named no longer is watched no longer.
What a file held is noted before it is read, so that one which changes in between has changed.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from corsproxy.config.settings import Settings
from corsproxy.config.watch import Watch, fingerprint

__all__ = ["Watches", "named_files"]


class Watches:
    """Calls `notice(fingerprint)` for the configuration at `path`, if there is one, and `ask()` for the files it names."""

    def __init__(self, path: Path | None, notice: Callable[[str], object], ask: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._path = path
        self._notice = notice
        self._ask = ask
        self._own: Watch | None = None
        self._named: dict[Path, Watch] = {}

    def start(self, loaded: str, named: Mapping[Path, str]) -> None:
        """Begin to look, knowing what was loaded (SHA-256, hex), and as `follow`."""
        if self._path is not None:
            self._own = self._watch(self._path, loaded, self._notice)
        self.follow(named)

    def follow(self, named: Mapping[Path, str]) -> None:
        """Look at these of `named_files`, and at no others."""
        for path in self._named.keys() - named.keys():
            self._named.pop(path).stop()
        for path in named.keys() - self._named.keys():
            self._named[path] = self._watch(path, named[path], lambda _: self._ask())

    def stop(self) -> None:
        """Look no more; once this returns nothing is reported."""
        for watch in (self._own, *self._named.values()):
            if watch is not None:
                watch.stop()

    def _watch(self, path: Path, known: str, tell: Callable[[str], object]) -> Watch:
        watch = Watch(path, known, lambda found: self._loop.call_soon_threadsafe(tell, found))
        watch.start()
        return watch


def named_files(settings: Settings) -> dict[Path, str]:
    """Give the files that settings name with the fingerprint of each: a candidate's as loaded, a PEM file's as of now."""
    named = {path: fingerprint(path) for path in _pem_files(settings)}
    if settings.candidate is not None:
        source = settings.candidate.source
        named[Path(source.path)] = source.sha256
    return named


def _pem_files(settings: Settings) -> set[Path]:
    names = [] if settings.tls is None else [settings.tls.certificate, settings.tls.key]
    if settings.upstream.tls is not None:
        names.append(settings.upstream.tls.ca)
    return {Path(name) for name in names if name}

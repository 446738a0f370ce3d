"""Which files are watched: the configuration's own, and the candidate and the PEM files that the one in force names.

Laws: a changed configuration is loaded once for its content; a changed candidate or PEM file has the
configuration loaded as SIGHUP does, since its own text is the same. What is named no longer is watched no longer.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from corsproxy.config.settings import Settings
from corsproxy.config.watch import Watch, fingerprint

__all__ = ["Watches"]


class Watches:
    """Calls `notice(fingerprint)` for the configuration at `path`, if there is one, and `ask()` for the files it names."""

    def __init__(self, path: Path | None, notice: Callable[[str], object], ask: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._path = path
        self._notice = notice
        self._ask = ask
        self._own: Watch | None = None
        self._named: dict[Path, Watch] = {}

    def start(self, settings: Settings) -> None:
        """Begin to look, knowing what was loaded."""
        if self._path is not None:
            self._own = self._watch(self._path, settings.source.sha256, self._notice)
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Look at the files that these settings name, and at no others."""
        named: dict[Path, str | None] = dict.fromkeys(_pem_files(settings))
        if settings.candidate is not None:
            source = settings.candidate.source
            named[Path(source.path)] = source.sha256
        for path in self._named.keys() - named.keys():
            self._named.pop(path).stop()
        for path in named.keys() - self._named.keys():
            loaded = named[path]
            known = fingerprint(path) if loaded is None else loaded
            self._named[path] = self._watch(path, known, lambda _: self._ask())

    def stop(self) -> None:
        """Look no more; once this returns nothing is reported."""
        for watch in (self._own, *self._named.values()):
            if watch is not None:
                watch.stop()

    def _watch(self, path: Path, known: str, tell: Callable[[str], object]) -> Watch:
        watch = Watch(path, known, lambda found: self._loop.call_soon_threadsafe(tell, found))
        watch.start()
        return watch


def _pem_files(settings: Settings) -> set[Path]:
    names = [] if settings.tls is None else [settings.tls.certificate, settings.tls.key]
    if settings.upstream.tls is not None:
        names.append(settings.upstream.tls.ca)
    return {Path(name) for name in names if name}

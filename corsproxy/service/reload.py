"""Which configuration runs: loads it again when asked or when its content changed, and remembers the outcome.

Laws: loads never overlap, and what happens during one causes another. A good configuration is adopted
whole, but for what needs a restart, which is named; a bad one changes nothing and is remembered with its
problems. Being asked (SIGHUP) always loads; a noticed content is loaded once, good or bad.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from corsproxy.admin.fleet import Facts, ReloadOutcome
from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.settings import Settings
from corsproxy.proxy.record import Observer
from corsproxy.service.candidate import tell_candidate
from corsproxy.service.notify import Notify
from corsproxy.service.room import tell_room

__all__ = ["NEEDS_RESTART", "Adopt", "AdoptError", "Load", "Reload", "adoptable"]

Load = Callable[[], Awaitable[Settings]]
Adopt = Callable[[Settings], Awaitable[None]]

# Sockets are bound once, before anything starts; so is what listens on them. A process has one tracing SDK.
NEEDS_RESTART = ("listen", "workers", "admin", "tracing")

_REFUSED = "serving; the configuration that came last was refused"


class AdoptError(Exception):
    """Good settings that the proxy could not take over, such as a certificate that went missing meanwhile."""


def adoptable(running: Settings, loaded: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Give what of `loaded` can take over from `running` now, and the names of what cannot."""
    stuck = tuple(name for name in NEEDS_RESTART if getattr(running, name) != getattr(loaded, name))
    if (running.tls is None) != (loaded.tls is None):  # certificates may change, http to https may not
        stuck = (*stuck, "tls")
    kept = {name: getattr(running, name) for name in stuck}
    return replace(loaded, **kept), stuck


class Reload:
    """Turns requests to reload and noticed changes into loads, one at a time."""

    def __init__(
        self, running: Settings, load: Load, adopt: Adopt, observer: Observer, notify: Notify | None = None
    ) -> None:
        self.settings = running
        now = time.time()
        self.facts = Facts(started_at=now, loaded_at=now, generation=1)
        self._load = load
        self._adopt = adopt
        self._observer = observer
        self._notify = notify or Notify({})
        self._tried = running.source.sha256
        self._noticed = self._tried
        self._is_asked = False
        self._wake = asyncio.Event()

    def ask(self) -> None:
        """Load at the next opportunity, whatever the content."""
        self._is_asked = True
        self._wake.set()

    def notice(self, fingerprint: str) -> None:
        """Load if this content (SHA-256, hex) is not the one that was tried last."""
        self._noticed = fingerprint
        self._wake.set()

    async def run(self) -> None:
        """Load whenever there is reason to; until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            is_asked, self._is_asked = self._is_asked, False
            if is_asked or self._noticed != self._tried:
                self._notify.reloading()
                await self._attempt(self._noticed)
                last = self.facts.last_reload
                is_refused = last is not None and last.problems
                self._notify.ready(_REFUSED if is_refused else "serving")

    async def _attempt(self, noticed: str) -> None:
        self._tried = noticed
        try:
            loaded = await self._load()
            settings, stuck = adoptable(self.settings, loaded)
            settings = replace(settings, generation=self.facts.generation + 1)
            await self._adopt(settings)
        except ConfigError as refused:
            self._refuse(refused.problems)
        except AdoptError as refused:
            self._refuse((self._problem(str(refused), "mend that and reload"),))
        except Exception as fault:  # noqa: BLE001 -- whatever went wrong with the new, the old keeps running
            self._refuse(
                (
                    self._problem(
                        f"{type(fault).__name__}: {fault}", "report it: this is a mistake in corsproxy"
                    ),
                )
            )
        else:
            # The file may have changed again after it was noticed: what counts is what was read.
            self._tried = loaded.source.sha256
            self._take(settings, stuck)

    def _take(self, settings: Settings, stuck: tuple[str, ...]) -> None:
        self.settings = settings
        now = time.time()
        self.facts = replace(
            self.facts,
            loaded_at=now,
            generation=settings.generation,
            reloads_succeeded=self.facts.reloads_succeeded + 1,
            last_reload=ReloadOutcome(at=now, waits_for_restart=stuck),
        )
        self._observer.event(
            "info",
            "configuration reloaded",
            file=settings.source.path,
            generation=self.facts.generation,
            rules=len(settings.rules),
            sha256=settings.source.sha256,
        )
        if stuck:
            names = ", ".join(stuck)
            self._observer.event(
                "warning", f"restart corsproxy to change {names}; the rest is adopted", keys=list(stuck)
            )
        for warning in settings.warnings:
            self._observer.event("warning", warning)
        tell_room(settings, self._observer)
        tell_candidate(settings, self._observer)

    def _refuse(self, problems: tuple[Problem, ...]) -> None:
        self.facts = replace(
            self.facts,
            reloads_failed=self.facts.reloads_failed + 1,
            last_reload=ReloadOutcome(at=time.time(), problems=problems),
        )
        for problem in problems:
            details = {"place": problem.place, "key": problem.path, "why": problem.why, "fix": problem.fix}
            self._observer.event(
                "error", problem.what, **{name: text for name, text in details.items() if text}
            )
        noun = "problem" if len(problems) == 1 else "problems"
        self._observer.event(
            "error",
            f"configuration refused for {len(problems)} {noun}; the running one stays",
            file=self.settings.source.path,
            generation=self.facts.generation,
        )

    def _problem(self, what: str, fix: str) -> Problem:
        return Problem(self.settings.source.path, 0, 0, "", what, fix=fix, code=Code.LOADER_FAILED)

"""The life of a service: bind, serve, reload, drain, end.

Laws: everything is bound before anything serves, so a refusal leaves nothing behind. The admin listener
outlives the drain, to tell that it goes on. The first signal to stop drains, the second cuts; both end
with exit status 0 and without the files that were made.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from corsproxy import __version__
from corsproxy.admin.app import build
from corsproxy.admin.fleet import Facts
from corsproxy.admin.server import AdminServer
from corsproxy.config.settings import Endpoint, Settings
from corsproxy.observe.counters import Snapshot
from corsproxy.observe.ledger_rows import LedgerSnapshot
from corsproxy.observe.observer import WorkerObserver, wants_colour
from corsproxy.observe.stdlib import adopt_libraries
from corsproxy.proxy.inherited import take_inherited
from corsproxy.proxy.sockets import ListenError, Listening, bind
from corsproxy.service.allocator import keep_freed_memory, set_aside_what_stays
from corsproxy.service.alone import Alone
from corsproxy.service.candidate import tell_candidate
from corsproxy.service.crew import Crew, StartError
from corsproxy.service.notify import Notify
from corsproxy.service.reload import Load, Reload
from corsproxy.service.room import tell_room
from corsproxy.service.stop import Stop
from corsproxy.service.watches import Watches, named_files

__all__ = ["Plan", "serve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to serve, and how to get at newer settings and at workers.

    `watched` is the file whose content is watched, None where there is none; `worker_command` starts a
    worker process once its control descriptor is appended.
    """

    settings: Settings
    load: Load
    watched: Path | None
    worker_command: Sequence[str]


class Workers(Protocol):
    """Who serves: this process alone, or a crew."""

    async def open(self) -> None:
        """Begin to serve."""

    async def adopt(self, settings: Settings) -> None:
        """Serve the next request by these settings."""

    @property
    def is_serving(self) -> bool:
        """Whether anybody accepts clients."""

    async def snapshots(self) -> Sequence[Snapshot]:
        """Collect what was counted."""

    async def ledgers(self) -> Sequence[LedgerSnapshot]:
        """Collect what was decided."""

    async def drain(self) -> None:
        """Finish."""

    async def abort(self) -> None:
        """Cut."""


class Service:
    """The running proxy as the admin pages see it (`admin.fleet.Fleet`)."""

    def __init__(self, workers: Workers, reload: Reload) -> None:
        self._workers = workers
        self._reload = reload
        self.is_draining = False

    @property
    def settings(self) -> Settings:
        """The settings that are in force."""
        return self._reload.settings

    @property
    def is_serving(self) -> bool:
        """Whether anybody accepts clients."""
        return self._workers.is_serving

    def facts(self) -> Facts:
        """Say how the running configuration came about."""
        return self._reload.facts

    async def snapshots(self) -> Sequence[Snapshot]:
        """Collect the counts and gauges of all workers."""
        return await self._workers.snapshots()

    async def ledgers(self) -> Sequence[LedgerSnapshot]:
        """Collect what all workers decided."""
        return await self._workers.ledgers()


async def serve(plan: Plan) -> None:
    """Serve until told to stop. Raises ListenError and StartError, and then nothing was started."""
    stop = Stop()
    settings = plan.settings
    try:
        inherited = take_inherited(os.environ)
    except ValueError as fault:
        raise StartError(str(fault)) from fault
    with (
        _bound(settings.listen, inherited, settings.workers) as public,
        _bound(_admin_endpoints(settings), inherited) as admin,
    ):
        for endpoint in inherited:
            raise ListenError(
                endpoint,
                "a socket there was handed over (LISTEN_FDS), and neither `listen` nor `admin` names it",
                "add it to `listen`, written just so, or hand over no such socket.",
            )
        notify = Notify(os.environ)
        observer = WorkerObserver(settings, sys.stdout.fileno(), colour=wants_colour(os.environ))
        adopt_libraries(observer.event)
        try:
            await _serve(plan, public, admin, observer, notify=notify, stop=stop)
        finally:
            observer.close()
            notify.close()


async def _serve(
    plan: Plan, public: Listening, admin: Listening, observer: WorkerObserver, *, notify: Notify, stop: Stop
) -> None:
    settings = plan.settings
    workers: Workers
    if settings.workers > 1:
        workers = Crew(settings, public, plan.worker_command, observer)
    else:
        keep_freed_memory(os.environ)  # of the process that relays
        workers = Alone(settings, public, observer)

    async def adopt(settings: Settings) -> None:
        named = named_files(settings)
        await workers.adopt(settings)
        watches.follow(named)

    reload = Reload(settings, plan.load, adopt, observer, notify)
    watches = Watches(plan.watched, reload.notice, reload.ask)
    service = Service(workers, reload)
    named = named_files(settings)
    await workers.open()
    try:
        async with _admin_pages(settings, service, admin, observer):
            async with _reloading(reload, watches, named):
                set_aside_what_stays()
                _announce(settings, public, admin, observer)
                notify.ready("serving")
                await stop.draining.wait()
                service.is_draining = True
            notify.stopping()
            observer.event("info", "draining", at_most_seconds=service.settings.timeouts.drain)
            await _drain(workers, stop)
    except BaseException:
        await workers.abort()
        raise
    observer.event("info", "stopped")


@contextmanager
def _bound(
    endpoints: Sequence[Endpoint], inherited: dict[Endpoint, socket.socket], slots: int = 1
) -> Iterator[Listening]:
    listening = bind(endpoints, slots, inherited)
    try:
        yield listening
    finally:
        listening.close()
        listening.unlink()


def _admin_endpoints(settings: Settings) -> tuple[Endpoint, ...]:
    return (settings.admin.endpoint,) if settings.admin is not None else ()


@asynccontextmanager
async def _admin_pages(
    settings: Settings, service: Service, listening: Listening, observer: WorkerObserver
) -> AsyncIterator[None]:
    if settings.admin is None:
        yield
        return
    server = AdminServer(build(service, settings.admin, observer), listening, observer)
    await server.start()
    try:
        yield
    finally:
        await server.stop()


@asynccontextmanager
async def _reloading(reload: Reload, watches: Watches, named: Mapping[Path, str]) -> AsyncIterator[None]:
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.ask)
    watches.start(reload.settings.source.sha256, named)
    task = asyncio.create_task(reload.run())
    try:
        yield
    finally:
        watches.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _drain(workers: Workers, stop: Stop) -> None:
    draining = asyncio.create_task(workers.drain())
    aborting = asyncio.create_task(stop.aborting.wait())
    await asyncio.wait({draining, aborting}, return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        await workers.abort()
    aborting.cancel()
    await draining


def _announce(settings: Settings, public: Listening, admin: Listening, observer: WorkerObserver) -> None:
    """Say what runs: once all of it does."""
    scheme = "https" if settings.tls is not None else "http"
    listens = [_url(endpoint, scheme) for endpoint in public.endpoints]
    upstream = _url(settings.upstream.endpoint, "http" if settings.upstream.tls is None else "https")
    observer.event(
        "info",
        f"serving {', '.join(listens)} in front of {upstream}",
        version=__version__,
        config=settings.source.path,
        rules=len(settings.rules),
        workers=settings.workers,
        admin=[_url(endpoint, "http") for endpoint in admin.endpoints] or "off",
        listen=listens,
        upstream=upstream,
        pid=os.getpid(),
    )
    for warning in settings.warnings:
        observer.event("warning", warning)
    if os.geteuid() == 0:
        observer.event(
            "warning",
            "running as root, which nothing here needs",
            fix="run it as a user of its own; for ports below 1024 give it CAP_NET_BIND_SERVICE, or the socket (LISTEN_FDS)",
        )
    tell_room(settings, observer)
    tell_candidate(settings, observer)


def _url(endpoint: Endpoint, scheme: str) -> str:
    return str(endpoint) if endpoint.path else f"{scheme}://{endpoint}"

"""Serving from several processes: every slot has a worker, whatever happens to the one it had.

Laws: the crew holds the sockets, so connections that wait in a slot's queue wait for the slot's next
worker. One that ends is replaced, at once the first time and with growing pauses when they end young;
one that wishes to leave goes on until its successor serves; one that no longer answers is killed. New settings count when every worker has
them, or none: a refusal by one takes them back from all. What departed workers counted is kept.
"""

import asyncio
from collections.abc import Coroutine, Sequence

from corsproxy.config.settings import Settings
from corsproxy.observe.counters import Snapshot, merge_departed
from corsproxy.observe.ledger import is_same_policy
from corsproxy.observe.ledger_rows import LedgerSnapshot, merge_ledgers
from corsproxy.observe.observer import WorkerObserver
from corsproxy.proxy.record import Gauges
from corsproxy.proxy.sockets import Listening
from corsproxy.service.member import Member
from corsproxy.service.reload import AdoptError

__all__ = ["Crew", "StartError", "pause_before"]

YOUNG = 10.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
# After timeouts.drain a worker cuts what is left by itself; one that has not ended by then is stuck.
GRACE = 5.0
# A worker answers in milliseconds. Looks that fail must follow each other: the whole group may have been paused.
LOOKS_EVERY = 10.0
MISSED = 3
NOTHING_OPEN = Gauges(0, 0, 0, 0, 0)


class StartError(Exception):
    """A worker could not begin to serve; the text is its reason."""


def pause_before(early_ends: int) -> float:
    """Give the seconds to wait before the next worker of a slot whose last `early_ends` workers died young."""
    return 0.0 if early_ends <= 1 else min(FIRST_PAUSE * 2.0 ** min(early_ends - 2, 16), LONGEST_PAUSE)


class Crew:
    """The workers, one or more a slot: one that serves, and those that finish what they began."""

    def __init__(
        self, settings: Settings, listening: Listening, command: Sequence[str], observer: WorkerObserver
    ) -> None:
        self.settings = settings
        self.replaced = 0
        self._listening = listening
        self._command = command
        self._observer = observer
        self._members: set[Member] = set()
        self._departed = Snapshot()
        self._departed_ledger = LedgerSnapshot()
        self._ending = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start a worker in every slot; returns when all serve. Raises StartError, and then none is left."""
        try:
            first = [await self._hire(slot) for slot in range(len(self._listening.slots))]
        except OSError as fault:
            await self.abort()
            raise StartError(f"a worker could not be started: {fault}") from fault
        for member in first:
            await member.ready.wait()
        lost = [member for member in first if member.gone.is_set()]
        if lost:
            await self.abort()
            raise StartError(lost[0].why or f"a worker ended before it served ({ending(lost[0].status)})")
        for member in first:
            self._begin(self._keep(member))

    async def adopt(self, settings: Settings) -> None:
        """Have all workers serve the next request by `settings`. Raises AdoptError when one refuses."""
        before, self.settings = self.settings, settings
        members = [member for member in self._members if not member.gone.is_set()]
        answers = await asyncio.gather(*(member.adopt(settings) for member in members))
        if refusals := [answer.why for answer in answers if answer is not None and answer.why]:
            self.settings = before
            # Whoever is there now: a successor may have begun with what is taken back.
            await asyncio.gather(*(member.adopt(before) for member in self._members))
            raise AdoptError(refusals[0])
        self._observer.adopt(settings)
        if is_same_policy(before, settings):
            self._departed_ledger = self._departed_ledger.carried(before.generation, settings.generation)
        for member, answer in zip(members, answers, strict=True):
            if answer is None and not member.gone.is_set():
                self._observer.event(
                    "warning", "a worker does not answer; it adopts when it can", pid=member.pid
                )

    @property
    def is_serving(self) -> bool:
        """Whether there is a worker that accepts clients."""
        return any(member.ready.is_set() and not member.gone.is_set() for member in self._members)

    async def snapshots(self) -> Sequence[Snapshot]:
        """Collect what all workers counted, those that departed included."""
        await asyncio.gather(*(member.count() for member in self._members))
        # Looked at again after the wait: one that ended meanwhile is among the departed now.
        present = [member.counts for member in self._members if member.counts is not None]
        # Our own observer saw no request, but it may have lost lines.
        return [self._observer.snapshot(NOTHING_OPEN).departed(), self._departed, *present]

    async def ledgers(self) -> Sequence[LedgerSnapshot]:
        """Collect what all workers decided, those that departed included."""
        await asyncio.gather(*(member.tell() for member in self._members))
        present = [member.ledger for member in self._members if member.ledger is not None]
        return [self._departed_ledger, *present]

    async def drain(self) -> None:
        """Close the listeners, have every worker finish, and wait for the last; kills those that hang."""
        self._end()
        for member in self._members:
            member.drain()
        await self._see_off(self.settings.timeouts.drain + GRACE)

    async def abort(self) -> None:
        """Have every worker cut everything, and wait for the last; kills those that hang."""
        self._end()
        for member in self._members:
            member.abort()
        await self._see_off(GRACE)

    def _end(self) -> None:
        self._ending.set()
        self._listening.close()

    async def _see_off(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for member in list(self._members):
            self._observer.event("error", "a worker hangs and is killed", pid=member.pid)
            member.kill()
        await asyncio.gather(*self._tasks)

    async def _keep(self, member: Member) -> None:
        """See that the member's slot has a worker that serves, until the end."""
        early_ends = 0
        while True:
            began = asyncio.get_running_loop().time()
            await member.departing.wait()
            if member.is_leaving:
                early_ends = 0
            else:
                is_young = asyncio.get_running_loop().time() - began < YOUNG
                early_ends = early_ends + 1 if is_young else 1
            successor = await self._successor(member.slot, early_ends)
            if successor is None:
                return
            self.replaced += 1
            await successor.ready.wait()
            if not successor.gone.is_set():
                member.drain()
            member = successor

    async def _look_after(self, member: Member) -> None:
        """Kill the worker once it does not answer any more: its slot's clients would wait for it for ever."""
        await member.ready.wait()
        missed = 0
        while not await _happens_within(member.gone, LOOKS_EVERY):
            missed = 0 if await member.answers() else missed + 1
            if missed >= MISSED and not member.gone.is_set():
                self._observer.event("error", "a worker hangs and is killed", pid=member.pid)
                member.kill()
                return

    async def _successor(self, slot: int, early_ends: int) -> Member | None:
        """Hire a slot's next worker as soon as there is room for one; None where the end comes first."""
        while not await _happens_within(self._ending, pause_before(early_ends)):
            try:
                return await self._hire(slot)
            except OSError as fault:
                early_ends = max(early_ends, 1) + 1
                self._observer.event("error", "a worker could not be started", slot=slot, why=str(fault))
        return None

    async def _hire(self, slot: int) -> Member:
        member = await Member.hire(self._command, slot, self._listening.slots[slot])
        # Without a wait in between: whatever is adopted from now on, this one hears of it.
        self._members.add(member)
        member.begin(self.settings)
        self._begin(self._await_end(member))
        self._begin(self._look_after(member))
        self._observer.event("debug", "worker started", slot=slot, pid=member.pid)
        if self._ending.is_set():
            member.drain()
        return member

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _await_end(self, member: Member) -> None:
        await member.gone.wait()
        self._members.discard(member)
        if member.counts is not None:
            self._departed = merge_departed(self._departed, member.counts, self.settings)
        if member.ledger is not None:
            known = [self._departed_ledger, member.ledger]
            self._departed_ledger = merge_ledgers(known, member.ledger.comparing.pair)
        if member.status == 0 and self._ending.is_set():
            return
        level = "info" if member.status == 0 and member.is_leaving else "error"
        details: dict[str, object] = {"slot": member.slot, "pid": member.pid, "status": ending(member.status)}
        if member.why:
            details["why"] = member.why
        self._observer.event(level, "worker ended", **details)


async def _happens_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def ending(status: int | None) -> str:
    """Say in words how a process ended."""
    if status is None:
        return "it still runs"
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"

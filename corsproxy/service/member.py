"""One worker process as its supervisor sees it: hired, spoken to, and seen off.

Laws: a worker inherits its slot's sockets and one end of the channel, nothing else; its life ends when
the channel does. Signals are blocked while it is born and until it listens for them, so that none
(Ctrl-C reaches the whole process group) kills it in between.
"""

import asyncio
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from corsproxy.config.settings import Settings
from corsproxy.observe.counters import Snapshot
from corsproxy.observe.ledger_rows import LedgerSnapshot
from corsproxy.proxy.sockets import Slot
from corsproxy.service.control import (
    Abort,
    Adopt,
    Adopted,
    Begin,
    Channel,
    Count,
    Counted,
    Drain,
    Failed,
    Farewell,
    FromSupervisor,
    FromWorker,
    Leaving,
    Ready,
    Tell,
    Told,
)

__all__ = ["WORKER_SIGNALS", "Member"]

# What a worker minds, or must ignore, from its first moment on.
WORKER_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ANSWER_WITHIN = 5.0
ENDS_WITHIN = 5.0  # after it closed the channel


class Member:
    """A worker process. `why` is what it said when it could not serve; `counts` and `ledger` what it last said it counted."""

    def __init__(self, slot: int, sockets: Slot, popen: subprocess.Popen[bytes]) -> None:
        self.slot = slot
        self.pid = popen.pid
        self.is_leaving = False
        self.why = ""
        self.counts: Snapshot | None = None
        self.ledger: LedgerSnapshot | None = None
        self.ready = asyncio.Event()  # set too when it is gone; see is_gone
        self.departing = asyncio.Event()  # it leaves or is gone
        self.gone = asyncio.Event()
        self.status: int | None = None  # of its exit; -N: killed by signal N
        self._listeners = tuple((endpoint, listener.fileno()) for endpoint, listener in sockets)
        self._popen = popen
        self._number = 0
        self._is_silent = False  # the channel has ended
        self._awaited: dict[int, asyncio.Future[Adopted | Counted | Told | None]] = {}
        self._channel: Channel[FromSupervisor, FromWorker]
        self._listening: asyncio.Task[None]

    @classmethod
    async def hire(cls, command: Sequence[str], slot: int, sockets: Slot) -> "Member":
        """Start a worker process for `sockets`; its control descriptor is appended to `command`. Raises OSError.

        It serves once it is told to `begin`.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = [theirs.fileno(), *(listener.fileno() for _, listener in sockets)]
            try:
                with _signals_blocked():
                    # Not asyncio's: its transports reset the signal mask. vfork makes this a matter of a millisecond.
                    popen = subprocess.Popen(  # noqa: S603, ASYNC220 -- our own command; as said above
                        [*command, str(theirs.fileno())], stdin=subprocess.DEVNULL, pass_fds=descriptors
                    )
            except OSError:
                ours.close()
                raise
        member = cls(slot, sockets, popen)
        ours.setblocking(False)
        member._channel = await Channel.over(ours)
        member._listening = asyncio.create_task(member._listen())
        return member

    def begin(self, settings: Settings) -> None:
        """Tell it what to serve."""
        self._channel.send(Begin(settings, self._listeners))

    async def adopt(self, settings: Settings) -> Adopted | None:
        """Have it adopt settings; None where it is gone or does not answer in time."""
        answer = await self._ask(Adopt, settings)
        return answer if isinstance(answer, Adopted) else None

    async def answers(self) -> bool:
        """Tell whether it still answers in time."""
        return await self._ask(Count) is not None

    async def count(self) -> Snapshot | None:
        """Ask what it counted; what it last said where it does not answer."""
        await self._ask(Count)
        return self.counts

    async def tell(self) -> LedgerSnapshot | None:
        """Ask for its ledger; what it last said where it does not answer."""
        await self._ask(Tell)
        return self.ledger

    def drain(self) -> None:
        """Tell it to finish and end."""
        self._channel.send(Drain())

    def abort(self) -> None:
        """Tell it to cut everything and end."""
        self._channel.send(Abort())

    def kill(self) -> None:
        """End it whatever it does."""
        self._popen.kill()

    async def _ask(
        self, kind: type[Adopt] | type[Count] | type[Tell], *values: Settings
    ) -> Adopted | Counted | Told | None:
        if self._is_silent:
            return None
        self._number += 1
        number = self._number
        future: asyncio.Future[Adopted | Counted | Told | None] = asyncio.get_running_loop().create_future()
        self._awaited[number] = future
        self._channel.send(kind(number, *values))
        try:
            return await asyncio.wait_for(future, ANSWER_WITHIN)
        except TimeoutError:
            return None
        finally:
            del self._awaited[number]

    async def _listen(self) -> None:
        while (message := await self._channel.receive()) is not None:
            self._hear(message)
        self._is_silent = True
        for future in self._awaited.values():
            if not future.done():
                future.set_result(None)
        await self._channel.close()
        self.status = await asyncio.get_running_loop().run_in_executor(None, self._see_off)
        self.gone.set()
        self.ready.set()
        self.departing.set()

    def _hear(self, message: FromWorker) -> None:
        match message:
            case Ready():
                self.ready.set()
            case Failed(why):
                self.why = why
            case Adopted(number) | Counted(number) | Told(number):
                if isinstance(message, Counted):
                    self.counts = message.snapshot
                elif isinstance(message, Told):
                    self.ledger = message.ledger
                if number in self._awaited and not self._awaited[number].done():
                    self._awaited[number].set_result(message)
            case Leaving():
                self.is_leaving = True
                self.departing.set()
            case Farewell(snapshot, ledger):
                self.counts, self.ledger = snapshot, ledger

    def _see_off(self) -> int:
        try:
            return self._popen.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, WORKER_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

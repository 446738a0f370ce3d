"""The backend's connections: which one serves whom, who waits, and what is closed when.

Laws: one synchronous method decides; at most `max_connections` exist (tunnels count), at most
`max_queue` exchanges wait beyond those for whom a connection is being made; first come, first served,
save that requests whose body is still on its way have three quarters of both at most: how long they
take is their clients' to say.
The connection used last is used next, so that the others grow old and are closed before the backend
closes them. A pool that was replaced by a reload serves out what it has and keeps nothing idle.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol

from corsproxy.config.settings import Upstream
from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.faults import NOT_ACCEPTED, Fault, fault, fault_of_dialling

__all__ = ["Pool", "Pooled", "Waiting", "tls_context"]

_WANT = 1.0  # seconds
_NONE_FREE = fault(Reason.QUEUE_FULL, "no connection to the backend became free in time")


class Pooled(Protocol):
    """What the pool asks of a connection to the backend."""

    idle_since: float
    is_reused: bool  # it has carried an exchange before

    @property
    def is_closing(self) -> bool:
        """Whether it is on its way out and must not be used."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come, no byte and no end, that was not yet looked at."""

    @property
    def is_uploading(self) -> bool:
        """Whether the request that it carries is still on its way."""

    def serve(self, waiting: "Waiting") -> None:
        """Carry this exchange."""

    def close(self) -> None:
        """Close; `Pool.gone` is called when it is."""


class Waiting(Protocol):
    """An exchange that wants a connection."""

    waiting_since: float
    is_sent: bool  # the request is whole
    wants_fresh: bool  # a connection that was used before has failed it

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent twice."""

    def failed(self, fault: Fault) -> None:
        """Do without."""


def tls_context(upstream: Upstream) -> ssl.SSLContext | None:
    """Return how the backend's certificate is judged; None for plain HTTP. Raises OSError for a bad `ca`."""
    if upstream.tls is None:
        return None
    context = ssl.create_default_context(cafile=upstream.tls.ca or None)
    context.set_alpn_protocols(["http/1.1"])
    if not upstream.tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Pool:
    """All connections to one backend. `make` returns a fresh protocol, which is a Pooled."""

    def __init__(
        self,
        upstream: Upstream,
        connect_timeout: float,
        make: Callable[["Pool"], asyncio.Protocol],
    ) -> None:
        self.upstream = upstream
        self.connect_timeout = connect_timeout
        self._make = make
        self._clock = asyncio.get_running_loop().time
        self.tls = tls_context(upstream)
        self._idle: list[Pooled] = []
        self._active: set[Pooled] = set()
        self._waiting: deque[Waiting] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._is_retired = False

    def acquire(self, exchange: Waiting) -> bool:
        """Give `exchange` a connection now or as soon as one is there; return False where the queue is full.

        What cannot be sent twice goes over no connection whose end has already come to the kernel.
        """
        if not exchange.is_sent and self._has_many_uploads:
            # Its body may be here already and only wait to be read: looked at again in the loop's next turn.
            asyncio.get_running_loop().call_soon(self._serve_waiting)
            return self._queue(exchange)
        connection = self._take_idle(is_repeatable=exchange.is_repeatable)
        if connection is None:
            return self.acquire_fresh(exchange)
        connection.serve(exchange)
        return True

    def _take_idle(self, *, is_repeatable: bool) -> Pooled | None:
        """Take the connection that was used last and may be used again; close those that may not."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closing:
                continue
            is_old = self._clock() - connection.idle_since > self.upstream.idle_timeout
            if is_old or not (is_repeatable or connection.is_quiet):
                connection.close()
                continue
            self._active.add(connection)
            return connection
        return None

    def acquire_fresh(self, exchange: Waiting) -> bool:
        """As `acquire`, without the connections that have been used before."""
        if self._has_room:
            self._connect()
        elif not self._has_place(exchange):
            return False
        exchange.waiting_since = self._clock()
        self._waiting.append(exchange)
        return True

    def _queue(self, exchange: Waiting) -> bool:
        if not self._has_place(exchange):
            return False
        exchange.waiting_since = self._clock()
        self._waiting.append(exchange)
        return True

    def forget(self, exchange: Waiting) -> None:
        """Take an exchange out of the queue whose client has gone; its connection, if any, will idle."""
        if exchange in self._waiting:
            self._waiting.remove(exchange)

    def release(self, connection: Pooled) -> None:
        """Take back a connection that can be used again."""
        at = self._due() if self._waiting else -1
        if at >= 0 and _suits(connection, self._waiting[at]):
            waiting = self._waiting[at]
            del self._waiting[at]
            connection.serve(waiting)
            return
        self._active.discard(connection)
        if at >= 0:
            connection.close()
            self._connect_if_due()
            return
        if self._is_retired:
            connection.close()
            return
        connection.idle_since = self._clock()
        self._idle.append(connection)

    def gone(self, connection: Pooled) -> None:
        """Note that a connection is no more; make another if somebody waits for its place."""
        self._active.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._connect_if_due()

    def sweep(self, now: float, longest_wait: float) -> None:
        """Close what has idled too long, and tell those who have waited too long. Times in seconds."""
        oldest_allowed = now - self.upstream.idle_timeout
        while self._idle and self._idle[0].idle_since <= oldest_allowed:
            self._idle.pop(0).close()
        # Those in front have a connection in the making; where there is no other, all wait for the backend to accept.
        dialled = len(self._connecting) if self._active else len(self._connecting) and len(self._waiting)
        while self._waiting and now - self._waiting[0].waiting_since > longest_wait:
            self._waiting.popleft().failed(NOT_ACCEPTED if dialled > 0 else _NONE_FREE)
            dialled -= 1
        if self._waiting:
            self._serve_waiting()

    def _due(self) -> int:
        """Return the place of who is to be served next in a queue that is not empty; -1 for nobody."""
        if self._waiting[0].is_sent or not self._has_many_uploads:
            return 0
        return next((at for at, waiting in enumerate(self._waiting) if waiting.is_sent), -1)

    def _serve_waiting(self) -> None:
        """Serve those whose turn has come without a connection having been given back."""
        while self._waiting and (at := self._due()) >= 0 and not self._waiting[at].wants_fresh:
            connection = self._take_idle(is_repeatable=False)
            if connection is None:
                break
            self.release(connection)
        self._connect_if_due()

    def _connect_if_due(self) -> None:
        if len(self._waiting) > len(self._connecting) and self._has_room and self._due() >= 0:
            self._connect()

    def retire(self) -> None:
        """Serve out what there is and keep nothing."""
        self._is_retired = True
        while self._idle:
            self._idle.pop().close()

    def abort(self) -> None:
        """Give up connections in the making; those in use are their exchanges' to cut."""
        self.retire()
        for task in tuple(self._connecting):
            task.cancel()

    @property
    def idle(self) -> int:
        """How many connections wait for work."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """How many connections carry an exchange or a tunnel."""
        return len(self._active)

    @property
    def queued(self) -> int:
        """How many exchanges wait for a connection."""
        return len(self._waiting)

    def is_wanting(self, now: float) -> bool:
        """Tell whether somebody has waited for a while because all connections are in use."""
        return bool(self._waiting) and now - self._waiting[0].waiting_since > _WANT and not self._has_room

    def _has_place(self, exchange: Waiting) -> bool:
        """Tell whether the queue takes one more."""
        most = self.upstream.max_queue
        return len(self._waiting) - len(self._connecting) < (most if exchange.is_sent else _share(most))

    @property
    def _has_many_uploads(self) -> bool:
        most = _share(self.upstream.max_connections)
        return len(self._active) >= most and sum(one.is_uploading for one in self._active) >= most

    @property
    def _has_room(self) -> bool:
        used = len(self._idle) + len(self._active) + len(self._connecting)
        return used < self.upstream.max_connections

    def _connect(self) -> None:
        task = asyncio.get_running_loop().create_task(self._open())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(self.connect_timeout):
                connection = await self._dial()
        except (OSError, UnicodeError) as failure:  # TimeoutError and ssl.SSLError are of the first kind
            self._connect_failed(fault_of_dialling(failure, is_tls=self.upstream.tls is not None))
        else:
            if connection.is_closing:
                why = "the backend closed the connection as soon as it had accepted it"
                self._connect_failed(fault(Reason.UPSTREAM_CLOSED, why))
                return
            self._connecting.discard(_this_task())
            self._active.add(connection)
            self.release(connection)

    async def _dial(self) -> Pooled:
        loop = asyncio.get_running_loop()
        endpoint = self.upstream.endpoint
        name = None
        if self.tls is not None and self.upstream.tls is not None:
            name = self.upstream.tls.server_name or endpoint.host or "localhost"
        if endpoint.path:
            _, protocol = await loop.create_unix_connection(
                lambda: self._make(self), endpoint.path, ssl=self.tls, server_hostname=name
            )
        else:
            _, protocol = await loop.create_connection(
                lambda: self._make(self), endpoint.host, endpoint.port, ssl=self.tls, server_hostname=name
            )
        return protocol  # type: ignore[return-value]  # what `make` made is a Pooled

    def _connect_failed(self, why: Fault) -> None:
        self._connecting.discard(_this_task())
        if self._waiting:
            self._waiting.popleft().failed(why)
        self._connect_if_due()


def _suits(connection: Pooled, waiting: Waiting) -> bool:
    """Tell whether it may carry what waits: where it was used before, its end may be on the way, or here already."""
    if not connection.is_reused:
        return True
    return not waiting.wants_fresh and (waiting.is_repeatable or connection.is_quiet)


def _share(whole: int) -> int:
    """Return how much of it uploads may have."""
    return whole - whole // 4


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 -- only called from within one
    return task

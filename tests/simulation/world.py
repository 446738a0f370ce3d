"""The world around one engine: many clients, many connections to the backend, a clock, and chance that moves them all.

Laws: a seed says all; nothing happens that is not an event of the world. What must hold at any moment is asserted
where it happens; what must hold in the end is `judgement`'s.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.downstream import ClientConnection
from corsproxy.proxy.engine import Engine
from corsproxy.proxy.exchange import Exchange
from corsproxy.proxy.record import Record
from corsproxy.proxy.upstream import UpstreamConnection
from tests.simulation.answers import Answer
from tests.simulation.backend import Attempt, Backend, BackendLink
from tests.simulation.client import Client
from tests.simulation.clock import VirtualClock
from tests.simulation.link import Link, Traits
from tests.simulation.requests import Request
from tests.simulation.scene import KEPT, PIPELINE, Scene

__all__ = ["Account", "Ordered", "World"]


class Ordered(dict[Any, None]):
    """A set that is walked through in the order in which its members came: sets go by addresses in memory."""

    def add(self, member: Any) -> None:
        self[member] = None

    def discard(self, member: Any) -> None:
        self.pop(member, None)


@dataclass
class Account:
    """An exchange as the world saw it."""

    exchange: Exchange
    client: str
    began: float
    record: Record | None = None
    ended: float = -1.0


class World:
    """Everything there is."""

    def __init__(self, scene: Scene, random: Random, trace: list[str]) -> None:
        self.scene = scene
        self.random = random
        self.loop = cast("VirtualClock", asyncio.get_running_loop())
        self.trace = trace
        self.troubles: list[dict[str, Any]] = []
        self.accounts: list[Account] = []
        self.clients: list[Client] = []
        self.backends: list[Backend] = []
        self.answers: dict[bytes, Answer] = {}
        self.requests: dict[bytes, Request] = {}
        self.attempts: dict[bytes, list[Attempt]] = {}
        self.has_refused = False
        self.has_stalled = False
        self._due_since = 0.0
        self._longest_wait = scene.settings.timeouts.upstream_response
        self.moods = scene.moods
        self.draining: asyncio.Task[None] | None = None
        self.was_drained_at = -1.0
        self.engine = Engine(scene.settings, self)
        self._make_exchange = self.engine.exchange
        self.engine.exchange = self._begin_exchange  # type: ignore[assignment]  # it makes one, and notes it
        self.engine.clients = Ordered()  # type: ignore[assignment]  # as far as the engine uses a set
        self.engine.tunnels = Ordered()  # type: ignore[assignment]  # as above
        self._kinds: dict[str, Callable[[], str | None]] = {
            "connects": self._connects,
            "client sends": self._client_sends,
            "client takes": self._client_takes,
            "client ends": self._client_ends,
            "client leaves": self._client_leaves,
            "client turns": self._client_turns,
            "backend takes": self._backend_takes,
            "backend says": self._backend_says,
            "backend leaves": self._backend_leaves,
            "delivered": self._delivered,
            "flushed": self._flushed,
            "dialled": self._dialled,
        }

    # --- as the observer -----------------------------------------------------------------------

    def finished(self, record: Record) -> None:
        account = self._account_of(record)
        assert account.record is None, "an exchange that is reported twice"
        account.record = record
        if record.fault is Reason.QUEUE_FULL and "queue is full" in record.detail:
            pool = self.engine.pool
            most = pool.upstream.max_queue
            assert pool.queued - len(pool._connecting) >= most - most // 4, (
                "turned away from a queue with room"
            )
        account.ended = self.loop.time()
        self.note(f"finished {record.client} {record.path!r} {record.status} {record.fault} {record.detail}")

    def connection_opened(self) -> None:
        """Connections are not counted."""

    def event(self, level: str, message: str, **details: object) -> None:
        """Events are not kept."""

    def _begin_exchange(self, client: ClientConnection, *with_: Any) -> Exchange:
        exchange = self._make_exchange(client, *with_)
        self.accounts.append(Account(exchange, client._address, self.loop.time()))
        return exchange

    def _account_of(self, record: Record) -> Account:
        """Find the exchange that is being reported: a client has one at a time."""
        found = [one for one in self.accounts if one.client == record.client and one.record is None]
        assert len(found) == 1, f"{len(found)} exchanges of one client at a time"
        return found[0]

    # --- the run -------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        self.trace.append(f"{self.loop.time() - 1000:.3f} {text}")

    async def begin(self) -> None:
        self.loop.set_exception_handler(lambda _, context: self._trouble(context))
        await self.engine.open([])
        await self.loop.settle()

    def _trouble(self, context: dict[str, Any]) -> None:
        self.troubles.append(context)
        self.note(f"trouble {context.get('exception')!r}")

    async def step(self) -> None:
        """Let something happen, and then some of what follows from it."""
        random = self.random
        name = random.choices(self.scene.names, self.scene.weights)[0]
        if name == "time":
            await self._time()
        elif name == "adopts":
            self._adopts()
        elif name == "drains":
            self._drains()
        elif not self._happens(name):
            return
        if random.random() < self.scene.haste:
            for _ in range(random.randrange(3)):
                await asyncio.sleep(0)
        else:
            await self.loop.settle()
            self.check_queue()
        self.check()

    def _happens(self, name: str) -> bool:
        """Let an event of that kind happen, if one can."""
        what = self._kinds[name]()
        if what is not None:
            self.note(f"{name} {what}")
        return what is not None

    def check(self) -> None:
        """Hold what must hold at any moment."""
        if self.troubles:
            raise AssertionError(self.troubles[0]) from self.troubles[0].get("exception")
        engine = self.engine
        for pool in (engine.pool, *engine._retired):
            connections = pool.active + pool.idle + len(pool._connecting)
            assert connections <= pool.upstream.max_connections, "more connections than there may be"
            most = pool.upstream.max_queue + len(pool._connecting)
            assert pool.queued <= most, "more wait than may"
        self._check_memory()
        self._check_flow()

    def check_queue(self) -> None:
        """Hold, where all is done that was due, that nobody waits where there is a place, nor for too long."""
        now = self.loop.time()
        engine = self.engine
        is_due = False
        for pool in (engine.pool, *engine._retired):
            may_dial = pool._has_room and pool.queued > len(pool._connecting)
            assert not (pool._waiting and pool._waiting[0].is_sent and may_dial), "a wake-up was lost"
            # A place of those for uploads falls free when one is sent, and that is looked for once a period.
            if pool._waiting and (at := pool._due()) >= 0:
                # One that was used before is no place for who is sent once more: that one waits for its own dial.
                is_due = is_due or may_dial or bool(pool._idle and not pool._waiting[at].wants_fresh)
            for waiting in pool._waiting:
                limit = self._longest_wait + 2 * engine._period
                assert now - waiting.waiting_since <= limit, "the queue keeps somebody past the timeout"
        self._due_since = (self._due_since or now) if is_due else 0.0
        assert now - (self._due_since or now) <= 2 * engine._period, "somebody waits beside a free place"

    def _check_flow(self) -> None:
        """Hold that who does not take what is written is not written to: the other side is not read."""
        for client in self.clients:
            connection = cast("ClientConnection", client.link.protocol)
            exchange, tunnel = connection.exchange, connection.tunnel
            if client.link.is_over or not client.link.is_stuck:
                continue
            for upstream in (exchange and exchange.upstream, tunnel and tunnel._upstream):
                assert not upstream or not upstream.transport.is_reading() or upstream.is_closing
        for backend in self.backends:
            upstream = cast("UpstreamConnection", backend.link.protocol)
            if backend.link.is_over or not backend.link.is_stuck:
                continue
            for client_ in (
                upstream.exchange and upstream.exchange.client,
                upstream.tunnel and upstream.tunnel._client,
            ):
                assert not client_ or not client_.transport.is_reading() or client_.transport.is_closing()

    def _check_memory(self) -> None:
        """Hold that what is kept for one connection is the mark of its transport, and what one read may add."""
        read = max((link.most_read for link in self._links()), default=0)
        for client in self.clients:
            connection = cast("ClientConnection", client.link.protocol)
            # Beside the backend's head, or the answers of our own to the heads of one turn.
            assert client.link.held <= client.link.traits.high + read + 2500, "too much waits for a client"
            # An unfinished head may be as long as heads may be.
            most = PIPELINE if connection.exchange else self.engine.limits.header_bytes
            assert len(connection._buffer) <= most + read, "too much of what a client sent is kept"
            exchange = connection.exchange
            if exchange is not None and exchange._kept is not None:
                assert len(exchange._kept._content) <= PIPELINE + KEPT + 3 * read, (
                    "too much of a body is kept"
                )
        for backend in self.backends:
            most = backend.link.traits.high + PIPELINE + KEPT + 3 * read + 1000
            assert backend.link.held <= most, "too much waits for a backend"

    async def _time(self) -> None:
        random = self.random
        seconds = random.choice((0.01, 0.3, 0.3, 1.0, 1.0, 3.0, 8.0))
        if random.random() < 0.1:
            self.note(f"stalls {seconds}")
            self.has_stalled = True
            self.loop.pass_by(seconds)
            await self.loop.settle()
            self._due_since = 0.0
        else:
            self.note(f"time {seconds}")
            await self.loop.advance(seconds)

    def _adopts(self) -> None:
        settings = self.scene.other_settings(self.random, self.engine.settings)
        self._longest_wait = max(self._longest_wait, settings.timeouts.upstream_response)
        self.engine.adopt(settings)
        self.note("adopts")

    def _drains(self) -> None:
        if self.draining is None:
            self.was_drained_at = self.loop.time()
            self.draining = self.loop.create_task(self.engine.drain())
            self.note("drains")

    # --- links ---------------------------------------------------------------------------------

    def _links(self) -> Iterator[Link]:
        for client in self.clients:
            yield client.link
        for backend in self.backends:
            yield backend.link

    def _name(self, link: Link) -> str:
        if isinstance(link, BackendLink):
            return f"backend {next(at for at, one in enumerate(self.backends) if one.link is link)}"
        return link.address

    def _traits(self) -> Traits:
        random = self.random
        return Traits(
            room=random.choice((40, 200, 1 << 20, 1 << 20, 1 << 20)),
            high=random.choice((64, 64, 300)),
            is_lazy=self.scene.is_lazy,
        )

    def _pick(self, able: list[Any]) -> Any:
        return self.random.choice(able) if able else None

    def _delivered(self) -> str | None:
        link = self._pick([link for link in self._links() if link.has_news])
        if link is None:
            return None
        name = self._name(link)
        before = len(link.said)
        link.deliver(is_merged=self.random.random() < 0.5)
        return f"to the proxy by {name}: {bytes(link.said[before:])!r}"

    def _flushed(self) -> str | None:
        link = self._pick([link for link in self._links() if link.can_flush])
        if link is None:
            return None
        link.flush()
        return self._name(link)

    # --- clients -------------------------------------------------------------------------------

    def _connects(self) -> str | None:
        if self.draining is not None or len(self.clients) >= self.scene.most_clients:
            return None
        return self.connect(self.scene.draw_requests(self.random, b"c%d" % len(self.clients))).link.address

    def connect(self, requests: list[Request]) -> Client:
        """Connect a client that will ask for these."""
        for request in requests:
            self.requests[request.mark] = request
        connection = ClientConnection(self.engine, scheme=b"http", port=80, local=False)
        link = Link(connection, f"10.0.0.{len(self.clients) + 1}", self._traits())
        client = Client(
            link, requests, self.answers, self.random, longest=self.random.choice((15, 100, 2000, 2000, 2000))
        )
        self.clients.append(client)
        return client

    def _client_sends(self) -> str | None:
        client = self._pick([client for client in self.clients if client.can_send and client.link.has_room])
        return None if client is None else f"{client.link.address} {client.send()!r}"

    def _client_takes(self) -> str | None:
        client = self._pick([client for client in self.clients if client.is_reading and client.can_take])
        if client is None:
            return None
        before = len(client.link.out)
        client.take(self.random.choice((1, 30, 1 << 20, 1 << 20)))
        return f"{client.link.address} {bytes(client.link.out[before:])!r}"

    def _client_ends(self) -> str | None:
        client = self._pick(
            [one for one in self.clients if one.has_sent_all and not one.has_ended and not one.has_left]
        )
        if client is None:
            return None
        client.end()
        return cast("str", client.link.address)

    def _client_leaves(self) -> str | None:
        here = [one for one in self.clients if not one.has_left]
        client = self._pick(
            [one for one in here if one.saw_end or one.is_served or self.random.random() < 0.2]
        )
        if client is None:
            return None
        client.leave(by_reset=self.random.random() < 0.5)
        return cast("str", client.link.address)

    def _client_turns(self) -> str | None:
        client = self._pick(self.clients)
        if client is None:
            return None
        client.is_reading = not client.is_reading
        return f"{client.link.address} reads: {client.is_reading}"

    # --- the backend ---------------------------------------------------------------------------

    def _dialled(self) -> str | None:
        if not self.loop.dials:
            return None
        dial = self.loop.dials.pop(self.random.randrange(len(self.loop.dials)))
        if dial.made.done():
            return None
        if self.random.random() < self.scene.refuses:
            self.has_refused = True
            dial.made.set_exception(ConnectionRefusedError(111, "refused"))
            return "refused"
        protocol = dial.make()
        link = BackendLink(protocol, self._traits(), self._began)
        self.backends.append(Backend(link, self.random, self.moods, self.answers))
        dial.made.set_result((link, protocol))
        return f"backend {len(self.backends) - 1}"

    def _began(self, attempt: Attempt) -> Request | None:
        """Hold that a request may go out, now and over this connection."""
        mark = attempt.sent.head.split(b" ", 2)[1].rpartition(b"/")[2]
        request = self.requests.get(mark)
        if request is None:
            return None
        self.note(f"begins {mark!r} over a {'fresh' if attempt.is_fresh else 'used'} connection")
        assert b"\r\nCookie: of=%b\r\n" % mark in attempt.sent.head
        assert attempt.is_fresh or request.is_idempotent or not attempt.link.has_due, (
            "sent over what has ended"
        )
        assert not request.own_status, "forwarded, and should have been answered"
        others = self.attempts.setdefault(mark, [])
        for other in others:
            assert request.is_idempotent, "sent twice, and may not be"
            assert not other.has_heard, "sent again after a byte of an answer had come"
            assert not other.is_fresh, "sent again after a fresh connection had failed"
            assert other.has_failed, "sent again though nothing had failed"
            assert attempt.is_fresh, "sent again over a connection that was used before"
        assert len(others) < 2, "sent three times"
        others.append(attempt)
        return request

    def _backend_takes(self) -> str | None:
        backend = self._pick([backend for backend in self.backends if backend.can_take])
        if backend is None:
            return None
        before = len(backend.link.out)
        backend.take(self.random.choice((1, 50, 1 << 20, 1 << 20)))
        return f"{self._name(backend.link)} {bytes(backend.link.out[before:])!r}"

    def _backend_says(self) -> str | None:
        backend = self._pick([one for one in self.backends if one.can_say and one.link.has_room])
        return None if backend is None else f"{self._name(backend.link)} {backend.say()!r}"

    def _backend_leaves(self) -> str | None:
        """One that has nothing to say leaves, or one in the middle of something."""
        backend = self._pick(
            [one for one in self.backends if not one.link.peer_has_left and one.answer is None]
        )
        if backend is None:
            return None
        if backend.link.is_idle and self.random.random() < 0.5:
            backend.link.peer_adds(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            return f"{self._name(backend.link)} not, but says something"
        backend.link.peer_leaves(by_reset=self.random.random() < 0.3)
        return self._name(backend.link)

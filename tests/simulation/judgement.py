"""How a run ends, and what must hold then.

Laws: whatever happened, in the end nothing is left: no exchange, no connection, nobody who waits, no timer, no task.
Where all behave from some moment on, everybody is served without the help of a timeout; where all fall silent, every
exchange ends within the timeouts.
"""

import asyncio
from dataclasses import replace

from corsproxy.cors.vocabulary import Reason
from corsproxy.proxy.record import Gauges
from tests.simulation.backend import Attempt, Backend, BackendLink
from tests.simulation.client import Client
from tests.simulation.requests import plain
from tests.simulation.scene import KEPT
from tests.simulation.world import Account, World

__all__ = ["end"]

_ROUNDS = 6
_MOVES = (
    "connects",
    "client sends",
    "client takes",
    "backend takes",
    "backend says",
    "delivered",
    "flushed",
    "dialled",
)


async def end(world: World) -> None:
    """End the run as its scene says, and judge."""
    ending = world.scene.ending
    world.note(f"the end: {ending}")
    await world.loop.settle()
    if ending == "well":
        await _all_behave(world)
    elif ending == "silence":
        await _all_are_silent(world)
    elif ending == "drain":
        await _drain(world)
    await _all_leave(world)
    _judge(world)


async def _all_behave(world: World) -> None:
    """Let everybody read, send what is left and answer well: then all are served, and nobody waits for a timeout."""
    world.moods = replace(world.moods, dies=0.0, stray=0.0, garbage=0.0, early=0.0, silent=0.0)
    world.scene = replace(world.scene, refuses=0.0, most_clients=0)
    for backend in world.backends:
        backend.calm_down()
        backend.moods = world.moods
    for client in world.clients:
        client.is_reading = client.is_impatient = True
    quiet = 0
    period = world.engine._period
    while quiet < _ROUNDS and any(_waits(world, client) for client in world.clients):
        quiet = 0 if await _move(world) else quiet + 1
        await world.loop.advance(1.1 * period)
        world.check()
    waiting = [client.link.address for client in world.clients if _waits(world, client)]
    assert not waiting, f"{waiting} are never served"
    if world.draining is None:
        await _serve_one_more(world)


def _waits(world: World, client: Client) -> bool:
    """Tell whether a client still waits for an answer that it may expect."""
    if client.has_left or client.saw_end or client.is_tunnel or client.is_over:
        return False
    return (
        not client.is_served
        and not client.link.peer_has_left
        and (not client.has_ended or _asked(world, client))
    )


def _asked(world: World, client: Client) -> bool:
    return any(one.record is None and one.client == client.link.address for one in world.accounts)


async def _move(world: World) -> bool:
    """Let all happen that can; return whether anything did."""
    moved = False
    while True:
        before = len(world.trace)
        for name in _MOVES:
            world._happens(name)
            await world.loop.settle()
            world.check()
        if len(world.trace) == before and not _close_tunnels(world):
            return moved
        moved = True


def _close_tunnels(world: World) -> bool:
    """Let both sides go, who would keep their connections to the backend; return whether any did."""
    before = sum(link.peer_has_left for link in world._links())
    for backend in world.backends:
        if backend.link.sees_end:
            backend.link.peer_leaves(by_reset=False)
        if backend.is_tunnel and not backend.link.peer_has_left:
            _judge_open_tunnel(world, backend)
    for client in world.clients:
        if client.is_tunnel:
            client.leave(by_reset=False)
    return sum(link.peer_has_left for link in world._links()) > before


def _judge_open_tunnel(world: World, backend: Backend) -> None:
    """Hold that all has come through where nobody has anything to say any more, and nobody has left."""
    request = backend.link.attempts[-1].request
    (client,) = (client for client in world.clients if request in client.requests)
    if not client.has_left and not client.link.is_over and client.is_tunnel:
        assert bytes(backend.heard) == client.up[: client.up_sent], "lost on the way to the backend"
        assert client.tunnel_heard_all, "lost on the way to the client"


async def _serve_one_more(world: World) -> None:
    """Serve somebody new as if nothing had been."""
    client = world.connect([plain(b"last")])
    quiet = 0
    while quiet < _ROUNDS and _waits(world, client):
        quiet = 0 if await _move(world) else quiet + 1
        await world.loop.advance(world.engine._period)
    assert client.is_served, "nobody is served any more"


async def _all_are_silent(world: World) -> None:
    """Let time alone pass."""
    since = world.loop.time()
    timeouts = world.engine.timeouts
    slack = 3 * world.engine._period + 1.0
    longest = (
        timeouts.client_body * 2
        + timeouts.connect
        + 2 * timeouts.upstream_response
        + timeouts.upstream_idle_body
        + slack
    )
    while any(one.record is None for one in world.accounts):
        before = [one for one in world.accounts if one.record is None]
        await world.loop.advance(1.0)
        world.check()
        world.check_queue()
        for one in before:
            limit = timeouts.tunnel_idle + longest if one.exchange.client.tunnel is not None else longest
            assert world.loop.time() - max(since, one.began) <= limit, f"{one.client} waits past all timeouts"
    rest = timeouts.client_idle + timeouts.client_header + timeouts.client_body + timeouts.tunnel_idle + slack
    await world.loop.advance(rest)
    assert not world.engine.clients, "clients that say nothing are kept"


async def _drain(world: World) -> None:
    if world.draining is None:
        world._drains()
    await world.loop.settle()
    assert world.draining is not None
    await world.loop.advance(20.1)  # the longest that a scene draws, if it was begun before a reload
    assert world.draining.done(), "a drain that never ends"
    gauges = world.engine.gauges()
    assert gauges._replace(upstream_connections_active=0) == Gauges(0, 0, 0, 0, 0), gauges


async def _all_leave(world: World) -> None:
    """Let every client reset, and the rest idle out."""
    for client in world.clients:
        client.leave(by_reset=True)
        client.link.reset_at_once()
    await world.loop.settle()
    gauges = world.engine.gauges()
    assert (gauges.client_connections, gauges.upstream_queue, gauges.tunnels) == (0, 0, 0), gauges
    assert not gauges.upstream_connections_active, gauges
    while world.loop.dials:
        world._happens("dialled")
    await world.loop.advance(world.engine.pool.upstream.idle_timeout + world.engine._period + 6.0)
    for backend in world.backends:
        while backend.link.can_flush:
            backend.link.peer_takes(1 << 20)
            backend.link.flush()
    await world.loop.settle()
    world.check()
    assert world.engine.gauges() == Gauges(0, 0, 0, 0, 0), world.engine.gauges()
    assert len(asyncio.all_tasks()) == 1 + (world.draining is not None and not world.draining.done())
    assert len(world.loop.timers()) <= 1 + (world.draining is not None), world.loop.timers()
    world.engine.abort()
    if world.draining is not None:
        await world.draining
    await world.loop.settle()
    assert not world.loop.timers(), world.loop.timers()
    assert len(asyncio.all_tasks()) == 1
    assert not [link for link in world._links() if link.is_open], "connections that nobody closes"


# --- the accounts ------------------------------------------------------------------------------


def _judge(world: World) -> None:
    assert all(one.record is not None for one in world.accounts), "an exchange that is not reported"
    for client in world.clients:
        _judge_client(client, [one for one in world.accounts if one.client == client.link.address])
    for attempts in world.attempts.values():
        for attempt in attempts:
            limit = world.scene.settings.limits.body_bytes
            assert not limit or len(attempt.sent.body) <= limit, "a longer body than may be"
            assert attempt.sent.is_whole or attempt.link.is_over, "half a request on a connection that stays"
    for backend in world.backends:
        _judge_tunnel(world, backend.link)
    for one in world.accounts:
        _judge_fault(world, one)


def _judge_client(client: Client, accounts: list[Account]) -> None:
    """Hold that what was reported is what the client saw, as far as it looked."""
    link = client.link
    looked = client.saw_end and not link.sees_reset and not link.has_lost
    assert len(client.statuses) <= len(accounts), "an answer that nobody accounts for"
    for at, one in enumerate(accounts):
        record = one.record
        assert record is not None
        if at < len(client.statuses):
            assert record.status == client.statuses[at], (record, client.statuses)
            answered_by_us = record.upstream_seconds < 0 or record.status == 101
            assert record.fault is None or answered_by_us, "whole, and reported as cut"
            continue
        assert at >= len(accounts) - 1 or not looked, "an answer that the client never saw"
        if looked and record.status:
            assert record.fault is not None or link.was_left, "cut, and nobody is at fault"


def _judge_tunnel(world: World, link: BackendLink) -> None:
    """Hold that the backend heard through a tunnel what that client said, from its beginning."""
    if link.is_tunnel:
        request = link.attempts[-1].request
        (said,) = (client.up for client in world.clients if request in client.requests)
        assert said.startswith(bytes(link.tunnel_said)), "a tunnel's bytes are not its client's"


def _judge_fault(world: World, one: Account) -> None:
    """Hold that an error has a cause."""
    record = one.record
    assert record is not None
    lasted = one.ended - one.began
    timeouts = world.scene.settings.timeouts
    attempts = world.attempts.get(record.path.rpartition(b"/")[2], [])
    if record.fault is Reason.UPSTREAM_REFUSED:
        assert world.has_refused
    elif record.fault in (Reason.UPSTREAM_CLOSED, Reason.UPSTREAM_INVALID):
        if "as soon as it had accepted" in record.detail:
            return
        assert attempts, "the backend is blamed, and was never asked"
        assert attempts[-1].has_failed, f"the backend is blamed for nothing: {record}"
        _judge_repetition(attempts[-1])
    elif record.fault is Reason.UPSTREAM_TIMEOUT and "accept" not in record.detail and not world.has_stalled:
        # The clock is coarse: a wait may have begun up to a period before it is said to.
        assert lasted >= min(timeouts.upstream_response, timeouts.upstream_idle_body, 4.0) - 1.0


def _judge_repetition(attempt: Attempt) -> None:
    """Hold that what may be sent again was sent again; `attempt` was the last."""
    request = attempt.request
    assert request is not None
    may_be_repeated = (
        request.is_idempotent
        and not attempt.is_fresh
        and not attempt.has_heard
        and attempt.sent.is_whole
        and 7 * len(request.body) < KEPT  # each byte may have come as a chunk
    )
    assert not may_be_repeated, "not sent again, and could have been"

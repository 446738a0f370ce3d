"""A worker process alone, under a supervisor that gives no orders."""

import asyncio
import os
import signal
import sys

from corsproxy.config.settings import Endpoint, Settings, Source, Timeouts, Upstream
from corsproxy.observe.counters import merge
from corsproxy.proxy.sockets import bind
from corsproxy.service.member import Member
from tests.service.backend import Backend, get

WORKER = (sys.executable, "-m", "corsproxy.cli.worker")


async def test_told_to_end_twice_it_cuts_everything_and_ends_at_once(backend: Backend) -> None:
    settings = Settings(
        source=Source("x", "0" * 64),
        upstream=Upstream(endpoint=backend.endpoint, authority=str(backend.endpoint)),
        rules=(),
        timeouts=Timeouts(drain=3600.0),  # so that nothing else cuts
    )
    listening = bind([Endpoint("127.0.0.1", 0)])
    member = await Member.hire(WORKER, 0, listening.slots[0])
    try:
        member.begin(settings)
        await member.ready.wait()
        held = asyncio.create_task(get(listening.endpoints[0], "/hold"))
        await backend.held.wait()
        os.kill(member.pid, signal.SIGTERM)
        await member.departing.wait()
        assert member.is_leaving
        # Nobody has taken its place, so it serves on.
        assert (await get(listening.endpoints[0]))[-3:] == b"yes"
        assert not held.done()
        os.kill(member.pid, signal.SIGTERM)
        async with asyncio.timeout(120):
            assert await held == b""
            await member.gone.wait()
        assert member.status == 0
        assert member.counts is not None
        assert merge([member.counts]).responses == {200: 1}
    finally:
        member.kill()
        await member.gone.wait()
        listening.close()

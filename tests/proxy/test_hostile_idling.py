"""Clients that ask for nothing and will not go: empty lines, which are passed over, gain no time."""

import asyncio
from contextlib import suppress

import pytest

from corsproxy.config.settings import Timeouts
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, OK, Peer, until

SHORT = 0.2


async def drips_until_it_is_over(client: Peer) -> None:
    with suppress(ConnectionError):
        while client.has_nothing():
            await client.send(b"\r\n")
            await asyncio.sleep(0)
    assert await client.rest_or_reset() == b""


@pytest.mark.parametrize("is_served", [False, True], ids=["at first", "after an answer"])
async def test_empty_lines_that_drip_gain_no_time(staged: Staged, *, is_served: bool) -> None:
    stage = await staged(timeouts=Timeouts(client_header=SHORT))
    client = await stage.connect()
    if is_served:
        peer = await stage.ask(client, GET)
        await peer.request()
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
        assert await stage.book.ends() == (200, None)
    await drips_until_it_is_over(client)
    await until(lambda: not stage.engine.clients)
    assert stage.book.is_empty


async def test_an_empty_line_before_each_request_is_no_reason_to_end(staged: Staged) -> None:
    stage = await staged(timeouts=Timeouts(client_header=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, b"\r\n" + GET)
    for _ in range(3):
        await peer.request()
        await peer.send(OK)
        assert (await client.response()).body == b"ok"
        now = stage.engine.now
        await until(lambda now=now: stage.engine.now > now + 2 * SHORT)  # type: ignore[misc]
        await client.send(b"\r\n" + GET)
    await peer.request()

"""Clients that ask for nothing and will not go: what they send meanwhile gains no time."""

import asyncio
from contextlib import suppress

import pytest

from corsproxy.config.settings import Timeouts
from corsproxy.cors.vocabulary import Reason
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


async def test_who_does_not_read_gains_no_time_by_sending(staged: Staged) -> None:
    stage = await staged(buffer=8192, timeouts=Timeouts(client_body=SHORT))
    client = await stage.connect()
    peer = await stage.ask(client, GET)
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 200_000)
    await until(lambda: any(one.is_write_paused for one in stage.engine.clients))

    dripped = 0.0

    def drips_in_vain() -> bool:
        """Send a byte for each look at the clock: far more often than the timeout, and little in all."""
        nonlocal dripped
        if dripped != stage.engine.now:
            dripped = stage.engine.now
            with suppress(ConnectionError):
                client.send_some(b"G")
        return not stage.engine.clients

    await until(drips_in_vain)
    assert await stage.book.ends() == (200, Reason.CLIENT_TIMEOUT)
    assert await peer.is_gone()

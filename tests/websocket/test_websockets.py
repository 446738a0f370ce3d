"""WebSockets through the proxy, spoken by the `websockets` library at both ends: what one says the other hears."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import CloseCode
from websockets.typing import Origin, Subprotocol

from corsproxy.config.settings import Timeouts
from tests.proxy.certificates import Certificates
from tests.proxy.wire import NONE_OPEN, PATIENCE, until
from tests.websocket.ends import Ends

Speaker = str
SPEAKERS = pytest.mark.parametrize("speaker", ["client", "backend"])
SIXTEEN_MEBIBYTES = 16 * 1024 * 1024

MESSAGES: dict[str, str | bytes] = {
    "empty text": "",
    "empty bytes": b"",
    "text": "Grüße, 世界, 🙂",
    "every byte": bytes(range(256)),
    "looks like HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "125 bytes": bytes(125),
    "126 bytes": bytes(126),
    "65535 bytes": bytes(65535),
    "65536 bytes": bytes(65536),
}


@SPEAKERS
@pytest.mark.parametrize("compression", [None, "deflate"], ids=["plain", "deflated"])
async def test_messages_of_every_kind(ends: Ends, speaker: Speaker, compression: str | None) -> None:
    await ends.open(server={"compression": compression})
    both = await ends.pair(compression=compression)
    says, hears = both if speaker == "client" else both[::-1]
    for message in MESSAGES.values():
        await says.send(message)
    for name, message in MESSAGES.items():
        assert await hears.recv() == message, name


@SPEAKERS
async def test_fragments_arrive_as_they_were_cut(ends: Ends, speaker: Speaker) -> None:
    await ends.open(server={"compression": None})
    both = await ends.pair(compression=None)
    says, hears = both if speaker == "client" else both[::-1]
    fragments = [b"one", b"", b"\x00\xff" * 70_000, b"four"]
    await says.send(fragments)
    assert [piece async for piece in hears.recv_streaming()] == [*fragments, b""]
    texts = ["ein", "Stück", "世界"]
    await says.send(texts)
    assert [piece async for piece in hears.recv_streaming()] == [*texts, ""]


@SPEAKERS
@pytest.mark.parametrize("compression", [None, "deflate"], ids=["plain", "deflated"])
async def test_large_messages(ends: Ends, speaker: Speaker, compression: str | None) -> None:
    await ends.open(server={"compression": compression})
    both = await ends.pair(compression=compression)
    says, hears = both if speaker == "client" else both[::-1]
    # Half of it cannot be compressed, half of it can.
    message = random.Random(16).randbytes(SIXTEEN_MEBIBYTES // 2) + bytes(SIXTEEN_MEBIBYTES // 2)
    async with asyncio.timeout(6 * PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(says.send(message))
        assert await hears.recv() == message


async def test_both_speak_at_once(ends: Ends) -> None:
    await ends.open(server={"compression": None})
    client, backend = await ends.pair(compression=None)
    up, down = random.Random(1).randbytes(1_000_000), random.Random(2).randbytes(1_000_000)
    async with asyncio.TaskGroup() as group:
        for says, message in ((client, up), (backend, down)):
            group.create_task(says.send(message))
        heard = [group.create_task(hears.recv()) for hears in (backend, client)]
    assert [task.result() for task in heard] == [up, down]


async def test_what_is_negotiated_is_between_the_ends(ends: Ends) -> None:
    await ends.open(server={"subprotocols": [Subprotocol("b"), Subprotocol("c")]})
    client, backend = await ends.pair(
        subprotocols=[Subprotocol("a"), Subprotocol("b")], path="/chat?room=%2F"
    )
    assert (client.subprotocol, backend.subprotocol) == ("b", "b")
    assert [type(extension) for extension in client.protocol.extensions] == [PerMessageDeflate]
    assert [type(extension) for extension in backend.protocol.extensions] == [PerMessageDeflate]
    assert backend.request is not None
    assert backend.request.path == "/chat?room=%2F"


@SPEAKERS
async def test_pings_are_answered_by_the_other_end(ends: Ends, speaker: Speaker) -> None:
    await ends.open()
    both = await ends.pair()
    says, _ = both if speaker == "client" else both[::-1]
    async with asyncio.timeout(PATIENCE):
        for payload in (b"", b"\x00\r\n", bytes(125)):
            assert await (await says.ping(payload)) >= 0


# RFC 6455 §7.4: codes for anybody, for libraries, for applications.
CLOSES = {
    CloseCode.NORMAL_CLOSURE: "",
    CloseCode.GOING_AWAY: "gone",
    CloseCode.POLICY_VIOLATION: "Grüße",
    CloseCode.INTERNAL_ERROR: "x" * 123,
    3000: "a library's",
    4999: "an application's",
}


@SPEAKERS
@pytest.mark.parametrize(("code", "reason"), CLOSES.items(), ids=[str(int(code)) for code in CLOSES])
async def test_codes_of_closing(ends: Ends, speaker: Speaker, code: int, reason: str) -> None:
    await ends.open()
    both = await ends.pair()
    says, hears = both if speaker == "client" else both[::-1]
    await says.send("last words")
    async with asyncio.timeout(PATIENCE):
        await says.close(code, reason)
        assert await hears.recv() == "last words"
        await hears.wait_closed()
    assert [(end.close_code, end.close_reason) for end in both] == [(code, reason)] * 2
    assert await ends.stage.book.ends() == (101, None)
    await until(lambda: ends.stage.engine.gauges() == NONE_OPEN)


@SPEAKERS
async def test_a_message_that_is_too_large_for_the_other_end(ends: Ends, speaker: Speaker) -> None:
    small = {"max_size": 1000}
    await ends.open(server=small if speaker == "client" else {})
    both = await ends.pair(**(small if speaker == "backend" else {}))
    says, _ = both if speaker == "client" else both[::-1]
    await says.send(bytes(1001))
    async with asyncio.timeout(PATIENCE):
        await says.wait_closed()
    assert says.close_code == CloseCode.MESSAGE_TOO_BIG


@SPEAKERS
async def test_an_abrupt_end_is_no_good_end(ends: Ends, speaker: Speaker) -> None:
    await ends.open()
    both = await ends.pair()
    leaves, stays = both if speaker == "client" else both[::-1]
    leaves.transport.abort()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ConnectionClosedError) as ended:
            await stays.recv()
    assert (ended.value.rcvd, stays.close_code) == (None, CloseCode.ABNORMAL_CLOSURE)
    assert await ends.stage.book.ends() == (101, None)
    await until(lambda: ends.stage.engine.gauges() == NONE_OPEN)


@SPEAKERS
async def test_an_abrupt_end_within_a_message(ends: Ends, speaker: Speaker) -> None:
    await ends.open()
    both = await ends.pair(compression=None)
    leaves, stays = both if speaker == "client" else both[::-1]

    async def half() -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            leaves.transport.abort()
            yield b"never"

        with pytest.raises(ConnectionClosed):
            await leaves.send(pieces())

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(half())
        with pytest.raises(ConnectionClosedError):
            await stays.recv()


async def test_silence_ends_it(ends: Ends) -> None:
    await ends.open(timeouts=Timeouts(tunnel_idle=0.2))
    both = await ends.pair()
    async with asyncio.timeout(PATIENCE):
        for end in both:
            with pytest.raises(ConnectionClosedError):
                await end.recv()
            assert end.close_code == CloseCode.ABNORMAL_CLOSURE
    assert await ends.stage.book.ends() == (101, None)


async def test_pings_keep_it(ends: Ends) -> None:
    await ends.open(timeouts=Timeouts(tunnel_idle=0.4))
    client, backend = await ends.pair()
    engine = ends.stage.engine
    began = engine.now
    while (now := engine.now) < began + 1.2:  # three times what silence is allowed
        await (await client.ping())
        await until(lambda now=now: engine.now > now)  # type: ignore[misc]
    await client.send("still here")
    assert await backend.recv() == "still here"


async def test_a_drain_lets_it_finish(ends: Ends) -> None:
    await ends.open()
    client, backend = await ends.pair()
    draining = asyncio.ensure_future(ends.stage.engine.drain())
    await until(lambda: ends.stage.engine.is_draining)
    await backend.send("one more")
    assert await client.recv() == "one more"
    assert not draining.done()
    await client.close(1001, "gone")
    async with asyncio.timeout(PATIENCE):
        await draining  # long before timeouts.drain
        await backend.wait_closed()
    assert (backend.close_code, backend.close_reason) == (1001, "gone")


async def test_a_drain_cuts_what_does_not(ends: Ends) -> None:
    await ends.open(timeouts=Timeouts(drain=0.2))
    both = await ends.pair()
    async with asyncio.timeout(PATIENCE):
        await ends.stage.engine.drain()
        for end in both:
            await end.wait_closed()
    assert [end.close_code for end in both] == [CloseCode.ABNORMAL_CLOSURE] * 2
    assert await ends.stage.book.ends() == (101, None)


async def test_two_hundred_at_once(ends: Ends) -> None:
    await ends.open(max_connections=200)
    async with asyncio.timeout(6 * PATIENCE):
        clients = await asyncio.gather(*(ends.connect(f"/{number}") for number in range(200)))
        assert ends.stage.engine.gauges().tunnels == 200
        backends = [await ends.accepted() for _ in clients]
        for backend in backends:
            assert backend.request is not None
            await backend.send(f"to {backend.request.path}")
        for number, client in enumerate(clients):
            assert await client.recv() == f"to /{number}"
            await client.send(f"from /{number}")
        for backend in backends:
            assert backend.request is not None
            assert await backend.recv() == f"from {backend.request.path}"
        await asyncio.gather(*(client.close() for client in clients))
    await until(lambda: ends.stage.engine.gauges() == NONE_OPEN)


async def test_an_origin_that_is_refused(ends: Ends) -> None:
    await ends.open()
    with pytest.raises(InvalidStatus) as refused:
        await ends.connect(origin=Origin("https://evil.example"))
    response = refused.value.response
    assert (response.status_code, response.headers["Content-Type"]) == (403, "application/problem+json")
    assert b'"code": "websocket_origin_not_allowed"' in response.body
    assert ends.nobody_came()
    client, backend = await ends.pair(origin=Origin("https://app.example"))
    assert backend.request is not None
    assert backend.request.headers["Origin"] == "https://app.example"
    await client.send("welcome")
    assert await backend.recv() == "welcome"


async def test_over_tls(ends: Ends, tmp_path: Path) -> None:
    certificates = Certificates.make(tmp_path)
    await ends.open(tls=certificates.server_files("a.example"))
    client, backend = await ends.pair(tls=certificates.client())
    message = bytes(range(256)) * 4096
    for says, hears in ((client, backend), (backend, client)):
        async with asyncio.TaskGroup() as group:
            group.create_task(says.send(message))
            assert await hears.recv() == message
    await client.close(4000, "done")
    async with asyncio.timeout(PATIENCE):
        await backend.wait_closed()
    assert (backend.close_code, backend.close_reason) == (4000, "done")

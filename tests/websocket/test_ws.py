"""WebSockets through the proxy, spoken by npm's `ws` at one end and the `websockets` library at the other.

Node and `ws` are those that Playwright brings along for its own use.
"""

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from corsproxy.config.settings import Endpoint, Upstream
from tests.processes import Process, Processes
from tests.proxy.conftest import Staged
from tests.proxy.wire import PATIENCE, RULE, Stage
from tests.websocket.ends import LARGEST, Ends

SCRIPT = Path(__file__).with_name("ws_end.js")
LARGE = b"corsproxy " * (16 * 1024 * 1024 // 10) + b"corspr"


def start(running: Processes, *words: str) -> Process:
    node, cli = compute_driver_executable()
    return running.start(node, SCRIPT, Path(cli).parent / "lib" / "utilsBundle.js", *words)


def told(process: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.text().splitlines()]


async def proxied(staged: Staged, server: Process) -> Stage:
    """Put a proxy before a server of `ws`."""
    await asyncio.to_thread(server.wait_for_text, '"port"')
    endpoint = Endpoint("127.0.0.1", told(server)[0]["port"])
    return await staged(upstream=Upstream(endpoint=endpoint, authority="b.example"), rules=(RULE,))


def reach(stage: Stage) -> connect:
    url = f"ws://127.0.0.1:{stage.endpoints[0].port}/"
    return connect(url, ping_interval=None, max_size=LARGEST, proxy=None)


async def test_a_server_of_ws(staged: Staged, running: Processes) -> None:
    server = start(running, "server")
    stage = await proxied(staged, server)
    async with asyncio.timeout(6 * PATIENCE), reach(stage) as client:
        for message in ("Grüße", "", b"", bytes(range(256)), bytes(65536), LARGE):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["in ", "", "pieces"])
        assert await client.recv() == "in pieces"
        assert await (await client.ping(b"are you there")) >= 0
        await client.send('{"close": 4002, "reason": "Grüße"}')
        await client.wait_closed()
    assert (client.close_code, client.close_reason) == (4002, "Grüße")
    await asyncio.to_thread(server.wait_for_text, '"closed":4002')
    assert told(server)[1:] == [{"closed": 4002, "reason": "Grüße"}]


async def test_a_server_of_ws_that_breaks_off(staged: Staged, running: Processes) -> None:
    stage = await proxied(staged, start(running, "server"))
    async with asyncio.timeout(6 * PATIENCE), reach(stage) as client:
        await client.send('{"terminate": true}')
        with pytest.raises(ConnectionClosedError):
            await client.recv()
    assert client.close_code == 1006


async def test_a_client_that_breaks_off(staged: Staged, running: Processes) -> None:
    server = start(running, "server")
    stage = await proxied(staged, server)
    client: ClientConnection
    async with asyncio.timeout(6 * PATIENCE), reach(stage) as client:
        await client.send("hello")
        assert await client.recv() == "hello"
        client.transport.abort()
        await client.wait_closed()
    await asyncio.to_thread(server.wait_for_text, '"closed"')
    assert {"closed": 1006, "reason": ""} in told(server)


async def test_a_client_of_ws(ends: Ends, running: Processes) -> None:
    await ends.open()
    speaker = start(running, "client", f"ws://127.0.0.1:{ends.stage.endpoints[0].port}/")
    backend = await ends.accepted()
    async with asyncio.timeout(6 * PATIENCE):
        assert await backend.recv() == "Grüße"
        assert [piece async for piece in backend.recv_streaming()] == ["one ", "", "message"]
        large = await backend.recv()
        assert large == LARGE
        await backend.wait_closed()
    assert (backend.close_code, backend.close_reason) == (4001, "Grüße")
    assert await asyncio.to_thread(speaker.popen.wait, 6 * PATIENCE) == 0
    assert told(speaker) == [
        {"pong": "are you there", "extensions": "permessage-deflate", "large": sha256(LARGE).hexdigest()},
        {"closed": 4001, "reason": "Grüße"},
    ]

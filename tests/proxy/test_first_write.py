"""What came with a request's head leaves with it: in one write, so that the backend is not woken twice for it."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.proxy.wire import HOST, OK, Peer, Stage, forwarded, get

CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
SENT = forwarded(b"POST / HTTP/1.1\r\n" + HOST + b"\r\n")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Noting:
    """A transport whose writes are noted."""

    real: Any
    writes: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.real.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


async def warm(stage: Stage, client: Peer) -> tuple[Peer, Noting]:
    """Have a connection to the backend that idles, and note what is written to it from now on."""
    peer = await stage.ask(client, get())
    await peer.request()
    await peer.send(OK)
    await client.response()
    (connection,) = stage.engine.pool._idle
    noting = Noting(connection.transport)  # type: ignore[attr-defined]  # Pooled does not tell
    connection.transport = noting  # type: ignore[attr-defined]
    return peer, noting


@pytest.mark.parametrize("method", [b"POST", b"PUT"])
async def test_a_head_and_the_body_that_came_with_it_are_one_write(stage: Stage, method: bytes) -> None:
    client = await stage.connect()
    peer, noting = await warm(stage, client)
    request = method + b" / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"
    await client.send(request)
    assert await peer.take(len(forwarded(request))) == forwarded(request)
    assert noting.writes == [forwarded(request)]
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


async def test_what_comes_later_is_passed_on_when_it_comes(stage: Stage) -> None:
    client = await stage.connect()
    peer, noting = await warm(stage, client)
    first = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbo"
    await client.send(first)
    assert await peer.take(len(forwarded(first))) == forwarded(first)
    await client.send(b"dy")
    assert await peer.take(2) == b"dy"
    assert noting.writes == [forwarded(first), b"dy"]


async def test_a_head_goes_on_though_no_whole_chunk_came_with_it(stage: Stage) -> None:
    client = await stage.connect()
    peer, noting = await warm(stage, client)
    await client.send(CHUNKED + b"4\r")
    assert await peer.take(len(SENT)) == SENT
    await client.send(b"\nbody\r\n0\r\n\r\n")
    assert await peer.take(14) == b"4\r\nbody\r\n0\r\n\r\n"
    assert noting.writes == [SENT, b"4\r\nbody\r\n0\r\n\r\n"]


async def test_a_head_whose_body_is_broken_from_the_start_never_goes_on(stage: Stage) -> None:
    client = await stage.connect()
    peer, noting = await warm(stage, client)
    await client.send(CHUNKED + b"no chunk\r\n")
    assert (await client.response()).status == 400
    assert await peer.ended()
    assert noting.writes == []

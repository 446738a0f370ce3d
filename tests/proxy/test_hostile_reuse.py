"""A backend that may have left part of a body unread is not given another request to find it in front of.

A server may answer before it has read what it was sent: early, or in place of the 100 that was waited for (RFC 9110
§10.1.1). Some take what they left for the next request; then its answer is somebody else's. Some close, having said that
they would not; then the next request is lost, and who may be sent only once is told 502.
"""

import pytest

from tests.proxy.wire import GET, HOST, OK, Peer, Stage, get

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n"
BODIES = {
    "counted": (b"Content-Length: %d\r\n\r\n" % len(HIDDEN), HIDDEN),
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)),
}
each_body = pytest.mark.parametrize(("framing", "body"), BODIES.values(), ids=BODIES)


async def serves_anew(stage: Stage, client: Peer, used: Peer) -> None:
    """Require that the next request of this client goes over another connection to the backend."""
    assert await used.is_gone()
    fresh = await stage.ask(client, get(b"/next"))
    assert (await fresh.request()).head.startswith(b"GET /next ")
    await fresh.send(OK)
    assert (await client.response()).body == b"ok"


@each_body
async def test_an_answer_in_place_of_100(stage: Stage, framing: bytes, body: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(
        client, b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n" + framing + body
    )
    assert (await peer.request()).body == HIDDEN
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    await serves_anew(stage, client, peer)


@each_body
async def test_an_answer_after_100(stage: Stage, framing: bytes, body: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(
        client, b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n" + framing + body
    )
    await peer.request()
    await peer.send(CONTINUE + OK)
    assert (await client.response()).body == b"ok"
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 65536\r\n\r\n" + b"x" * 65536,
        b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b"x" * 32768 + b"\r\n") * 2 + b"0\r\n\r\n",
    ],
    ids=["counted", "chunked"],
)
async def test_an_answer_to_a_body_that_is_longer_than_servers_read_over(stage: Stage, body: bytes) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, b"POST / HTTP/1.1\r\n" + HOST + body)
    assert len((await peer.request()).body) == 65536
    await peer.send(OK)
    assert (await client.response()).body == b"ok"
    await serves_anew(stage, client, peer)


@each_body
async def test_an_answer_that_began_before_the_body_had_ended(
    stage: Stage, framing: bytes, body: bytes
) -> None:
    client = await stage.connect()
    peer = await stage.ask(client, b"PUT / HTTP/1.1\r\n" + HOST + framing + body[:3])
    await peer.head()
    await peer.send(OK[:-1])
    assert b"\r\nConnection: close\r\n" in await client.head()
    await client.send(body[3:])
    # The last of it is on its way to the backend before the answer ends.
    while len(got := await peer.some()) and not got.endswith((b"\r\n\r\n", b"0\r\n\r\n")):
        pass
    await peer.send(OK[-1:])
    assert await client.take(2) == b"ok"
    assert await client.ended()
    assert await peer.is_gone()
    assert stage.engine.gauges().upstream_connections_idle == 0

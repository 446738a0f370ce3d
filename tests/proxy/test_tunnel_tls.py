"""Tunnels with TLS on either side, or on both: what passes, and how each end reaches the other side.

TLS as asyncio speaks it has no half-close: whoever ends it has ended both ways.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from corsproxy.config.settings import Upstream, UpstreamTls
from corsproxy.cors.vocabulary import Reason
from tests.proxy.certificates import Certificates
from tests.proxy.conftest import Staged
from tests.proxy.test_flow import BODY, SMALL
from tests.proxy.test_tunnel import HANDSHAKE, SWITCH, SWITCHED
from tests.proxy.tls_by_hand import TlsByHand
from tests.proxy.wire import NONE_OPEN, Backend, Peer, Stage, until
from tests.steady import skip

# What is secured: the client's connection, the backend's, or both.
SECURED = {"client": (True, False), "backend": (False, True), "both": (True, True)}
END = Peer | TlsByHand
# More than is taken in for a side that does not read: the stage bounds what the kernel holds for clients alone.
MUCH = {"client": BODY, "backend": BODY[: 1 << 20]}


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.make(tmp_path)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    backend = Backend(buffer=SMALL)
    yield backend
    backend.close()


@dataclass
class Scene:
    """Makes tunnels between ends that are secured or not."""

    staged: Staged
    backend: Backend
    certificates: Certificates

    async def open(self, *, client: bool, backend: bool) -> Stage:
        made = self.certificates
        tls = UpstreamTls(made.ca, "b.example") if backend else None
        self.is_secure = (client, backend)
        self.stage: Stage = await self.staged(
            tls=made.server_files("a.example") if client else None,
            upstream=Upstream(endpoint=self.backend.endpoint, authority="b.example", tls=tls),
            buffer=SMALL,
        )
        return self.stage

    async def switched(self, early_up: bytes = b"", early_down: bytes = b"") -> tuple[END, END]:
        """Return both ends of a tunnel."""
        client: END = await self.stage.connect()
        if self.is_secure[0]:
            client = TlsByHand(raw(client), self.certificates.client(), name="a.example")
            await client.handshake()
        await client.send(HANDSHAKE + early_up)
        peer: END = await self.backend.accept()
        if self.is_secure[1]:
            peer = TlsByHand(raw(peer), self.certificates.server("b.example"))
            await peer.handshake()
        await peer.head()
        await peer.send(SWITCH + early_down)
        assert await taken(client, len(SWITCHED) + len(early_down)) == SWITCHED + early_down
        return client, peer


@pytest.fixture
def scene(staged: Staged, backend: Backend, certificates: Certificates) -> Scene:
    return Scene(staged, backend, certificates)


def raw(end: END) -> Peer:
    return end.peer if isinstance(end, TlsByHand) else end


async def taken(end: END, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        data = await end.some()
        assert data
        got += data
    return bytes(got)


async def finish(end: END) -> None:
    """End as its kind of connection ends, with all that was sent."""
    if isinstance(end, TlsByHand):
        await end.notify()
    raw(end).half_close()


@pytest.mark.parametrize(("client", "backend_"), SECURED.values(), ids=SECURED)
async def test_bytes_pass_and_no_end_is_worth_a_line(
    scene: Scene, caplog: pytest.LogCaptureFixture, client: bool, backend_: bool
) -> None:
    caplog.set_level(logging.INFO)
    stage = await scene.open(client=client, backend=backend_)
    for leaves in (0, 1):
        ends = await scene.switched(b"early up", b"early down")
        assert await taken(ends[1], 8) == b"early up"
        for end, other in (ends, ends[::-1]):
            await end.send(bytes(range(256)) * 300)
            assert await taken(other, 256 * 300) == bytes(range(256)) * 300
        await ends[leaves].send(b"last words")
        await finish(ends[leaves])
        assert (await ends[1 - leaves].rest()) == b"last words"
        raw(ends[1 - leaves]).close()
        raw(ends[leaves]).close()
        assert await stage.book.ends() == (101, None)
        await until(lambda: stage.engine.gauges() == NONE_OPEN)
    assert (stage.book.events, caplog.messages) == ([], [])


@pytest.mark.parametrize("leaves", ["client", "backend"])
@pytest.mark.parametrize(("client", "backend_"), SECURED.values(), ids=SECURED)
async def test_who_leaves_is_heard_to_the_last_byte(
    scene: Scene, client: bool, backend_: bool, leaves: str
) -> None:
    """The other side begins to read only when everything has been said."""
    stage = await scene.open(client=client, backend=backend_)
    ends = await scene.switched()
    leaving, staying = ends if leaves == "client" else ends[::-1]

    body = MUCH[leaves]

    async def speak() -> None:
        for at in range(0, len(body), 1 << 20):
            await leaving.send(body[at : at + (1 << 20)])
        await finish(leaving)

    speaking = asyncio.ensure_future(speak())
    (connection,) = stage.engine.clients
    tunnel = connection.tunnel
    assert tunnel is not None
    upstream = tunnel._upstream.transport
    held = upstream if leaves == "client" else connection.transport
    await until(lambda: held.get_write_buffer_size() > 0)
    assert await staying.rest() == body
    await speaking


@pytest.mark.parametrize("leaves", ["client", "backend"])
@pytest.mark.parametrize(("client", "backend_"), SECURED.values(), ids=SECURED)
async def test_a_reset_is_passed_on(scene: Scene, client: bool, backend_: bool, leaves: str) -> None:
    stage = await scene.open(client=client, backend=backend_)
    ends = await scene.switched()
    leaving, staying = ends if leaves == "client" else ends[::-1]
    raw(leaving).reset()
    with pytest.raises(ConnectionResetError):
        await staying.rest()
    assert await stage.book.ends() == (101, None)
    await until(lambda: stage.engine.gauges() == NONE_OPEN)


@pytest.mark.parametrize("silent", ["client", "backend"])
@pytest.mark.parametrize(("client", "backend_"), SECURED.values(), ids=SECURED)
async def test_a_side_that_does_not_read_holds_the_other(
    scene: Scene, client: bool, backend_: bool, silent: str
) -> None:
    stage = await scene.open(client=client, backend=backend_)
    ends = await scene.switched()
    reading, sending = ends if silent == "client" else ends[::-1]

    body = MUCH["backend" if silent == "client" else "client"]

    async def speak() -> None:
        for at in range(0, len(body), 1 << 20):
            await sending.send(body[at : at + (1 << 20)])

    speaking = asyncio.ensure_future(speak())
    (connection,) = stage.engine.clients
    tunnel = connection.tunnel
    assert tunnel is not None
    upstream = tunnel._upstream.transport
    held = connection.transport if silent == "client" else upstream
    await until(lambda: held.get_write_buffer_size() > 64 * 1024)
    most = 0
    for _ in range(500):
        most = max(most, held.get_write_buffer_size())
        await asyncio.sleep(0)
    assert most < 64 * 1024 + 256 * 1024 + 16 * 1024  # its limit, a read, and what TLS adds to that
    assert await taken(reading, len(body)) == body
    await speaking


@pytest.mark.parametrize(("client", "backend_"), SECURED.values(), ids=SECURED)
async def test_a_drain_cuts_it_at_its_end(scene: Scene, client: bool, backend_: bool) -> None:
    stage = await scene.open(client=client, backend=backend_)
    ends = await scene.switched()
    draining = asyncio.ensure_future(stage.engine.drain())
    await until(lambda: stage.engine.is_draining)
    await ends[0].send(b"still")
    assert await taken(ends[1], 5) == b"still"
    skip(stage.settings.timeouts.drain)
    await until(draining.done)
    for end in ends:
        assert await raw(end).is_gone()
    assert await stage.book.ends() == (101, None)
    await until(lambda: stage.engine.gauges() == NONE_OPEN)


async def test_an_unasked_switch_of_a_secured_backend(scene: Scene) -> None:
    stage = await scene.open(client=False, backend=True)
    client = await stage.connect()
    await client.send(HANDSHAKE)
    peer = TlsByHand(await scene.backend.accept(), scene.certificates.server("b.example"))
    await peer.handshake()
    await peer.head()
    await peer.send(SWITCH.replace(b"websocket", b"h2c"))
    assert (await client.response()).status == 502
    assert await stage.book.ends() == (502, Reason.UPSTREAM_INVALID)

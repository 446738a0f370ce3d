"""What goes wrong between us and a backend that is well: each fault has its status and reason, and passes."""

import socket

import pytest

from corsproxy.config.settings import Endpoint, Timeouts
from corsproxy.cors.vocabulary import Reason
from tests.faults.between import Between
from tests.faults.conftest import before
from tests.proxy.wire import Stage, get, until

# deed, bytes that pass first, status, reason
BEFORE_AN_ANSWER = [
    ("reset", 0, 502, Reason.UPSTREAM_CLOSED),
    ("close", 0, 502, Reason.UPSTREAM_CLOSED),
    ("half-close", 0, 502, Reason.UPSTREAM_CLOSED),
    ("hole", 0, 504, Reason.UPSTREAM_TIMEOUT),
    ("reset", 20, 502, Reason.UPSTREAM_CLOSED),
    ("close", 20, 502, Reason.UPSTREAM_CLOSED),
    ("half-close", 20, 502, Reason.UPSTREAM_CLOSED),
    ("hole", 20, 504, Reason.UPSTREAM_TIMEOUT),
]
WITHIN_AN_ANSWER = [
    ("reset", Reason.UPSTREAM_CLOSED),
    ("close", Reason.UPSTREAM_CLOSED),
    ("half-close", Reason.UPSTREAM_CLOSED),
    ("hole", Reason.UPSTREAM_TIMEOUT),
]


async def heals(stage: Stage, between: Between) -> None:
    """Expect that the next request is answered, with nothing left of the fault."""
    between.deed, between.after = "pass", 0
    client = await stage.connect()
    await client.send(get(b"/3"))
    assert (await client.response()).body == b"xxx"
    assert (await stage.book.next()).status == 200
    assert stage.engine.gauges().upstream_connections_active == 0
    await until(lambda: between.open == stage.engine.gauges().upstream_connections_idle == 1)


@pytest.mark.parametrize(("deed", "after", "status", "reason"), BEFORE_AN_ANSWER)
async def test_before_an_answer(
    stage: Stage, between: Between, deed: str, after: int, status: int, reason: Reason
) -> None:
    between.deed, between.after = deed, after
    client = await stage.connect()
    await client.send(get(b"/3"))
    response = await client.response()
    assert response.status == status
    assert reason.value.encode() in response.body
    assert await stage.book.ends() == (status, reason)
    await heals(stage, between)


@pytest.mark.parametrize(("deed", "reason"), WITHIN_AN_ANSWER)
@pytest.mark.parametrize("path", [b"/100000", b"/pieces"])
async def test_within_an_answer(
    stage: Stage, between: Between, deed: str, reason: Reason, path: bytes
) -> None:
    between.deed, between.after = deed, 150 if path == b"/pieces" else 1000
    client = await stage.connect()
    await client.send(get(path))
    response = await client.response()
    assert (response.status, response.is_whole) == (200, False)
    assert await client.is_gone()
    assert await stage.book.ends() == (200, reason)
    await heals(stage, between)


@pytest.mark.parametrize("path", [b"/9", b"/pieces"])
@pytest.mark.parametrize("deed", ["close", "reset"])
async def test_cut_at_any_byte_it_never_looks_whole(
    stage: Stage, between: Between, path: bytes, deed: str
) -> None:
    client = await stage.connect()
    await client.send(get(path))
    whole = await client.response()
    # With no connection left of that, and silence being none of the faults.
    before(stage, between.endpoint, idle_timeout=59.0, timeouts=Timeouts())
    await until(lambda: between.open == 0)
    between.deed = deed
    statuses = set()
    between.after = 0
    while True:
        client = await stage.connect()
        await client.send(get(path))
        response = await client.response()
        statuses.add(response.status)
        if response.status == 200 and response.is_whole:
            break
        assert response.status == 502 or whole.body.startswith(response.body)
        client.close()
        between.after += 1
    assert response.body == whole.body
    assert between.after > 100  # not before the last byte: see the next line
    assert statuses == {200, 502}
    await until(lambda: between.open == 0)


async def test_byte_by_byte_all_arrives(stage: Stage, between: Between) -> None:
    between.deed = "bytewise"
    client = await stage.connect()
    await client.send(get(b"/5000"))
    assert (await client.response()).body == b"x" * 5000
    await client.send(get(b"/pieces"))
    assert (await client.response()).body == b"piece" * 4


@pytest.mark.parametrize("after", [0, 20, 1000], ids=["before", "in the head", "in the body"])
async def test_what_is_held_back_is_only_late(stage: Stage, between: Between, after: int) -> None:
    before(stage, between.endpoint, timeouts=Timeouts())  # silence is none of the faults
    between.deed, between.after = "delay", after
    client = await stage.connect()
    await client.send(get(b"/100000"))
    await until(lambda: between.open == 1)
    between.deed = "pass"
    other = await stage.connect()  # who asks meanwhile is not held up
    await other.send(get(b"/3"))
    assert (await other.response()).body == b"xxx"
    assert stage.engine.gauges().upstream_connections_active == 1
    between.released.set()
    assert (await client.response()).body == b"x" * 100_000
    assert [await stage.book.ends(), await stage.book.ends()] == [(200, None)] * 2
    await client.send(get(b"/3"))  # and its connection is as good as before
    assert (await client.response()).body == b"xxx"
    await until(lambda: between.open == stage.engine.gauges().upstream_connections_idle == 2)


async def test_a_backend_that_does_not_take_the_connection(stage: Stage) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        # The queue has room for one; from then on the kernel answers nobody.
        with socket.create_connection((host, port)):
            before(stage, Endpoint(host, port))
            client = await stage.connect()
            await client.send(get())
            assert (await client.response()).status == 504
            assert await stage.book.ends() == (504, Reason.UPSTREAM_TIMEOUT)
            assert stage.engine.gauges().upstream_queue == 0

"""Uploads that take their time leave a quarter of connections and queue to requests that are whole."""

from corsproxy.proxy.faults import Fault
from corsproxy.proxy.pool import Waiting
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, HOST, OK, Peer, Stage, get, until

POST = b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\n"


async def narrow(staged: Staged, connections: int = 4, queue: int = 8) -> Stage:
    stage: Stage = await staged()
    stage.engine.adopt(stage.with_upstream(max_connections=connections, max_queue=queue))
    return stage


async def uploading(stage: Stage) -> tuple[Peer, Peer]:
    """Begin an upload; return the client and the connection that it holds."""
    client = await stage.connect()
    peer = await stage.ask(client, POST)
    await peer.head()
    return client, peer


async def finish(client: Peer, peer: Peer) -> None:
    await client.send(b"body")
    assert await peer.take(4) == b"body"
    await peer.send(OK)
    assert (await client.response(b"POST")).body == b"ok"


async def test_whole_requests_are_served_beside_uploads_that_wait(staged: Staged) -> None:
    stage = await narrow(staged)
    held = [await uploading(stage) for _ in range(3)]
    waiting = [await stage.connect() for _ in range(3)]
    for client in waiting:
        await client.send(POST)
    await until(lambda: stage.engine.pool.queued == 3)
    other = await stage.connect()
    await other.send(get(b"*", b"Max-Forwards: 0\r\n", method=b"OPTIONS"))
    assert (await other.response(b"OPTIONS")).status == 200
    assert stage.backend.is_untouched()  # nothing is dialled for those that may not be served
    peer = await stage.ask(other, GET)
    for request, method in ((b"", b"GET"), (GET, b"GET"), (POST + b"body", b"POST")):
        if request:
            await other.send(request)
        await peer.request()
        await peer.send(OK)
        assert (await other.response(method)).body == b"ok"
    assert stage.engine.pool.queued == 3
    # Who ends makes room for the next of them, first come first served.
    client, connection = held[0]
    for next_client in waiting:
        await finish(client, connection)
        await connection.head()
        client = next_client
    await finish(client, connection)
    assert stage.engine.pool.queued == 0


async def test_an_upload_that_has_become_whole_in_the_queue_is_served(staged: Staged) -> None:
    stage = await narrow(staged)
    for _ in range(3):
        await uploading(stage)
    late = await stage.connect()
    await late.send(POST)
    await until(lambda: stage.engine.pool.queued == 1)
    await late.send(b"body")
    peer = await stage.backend.accept()
    assert (await peer.request()).body == b"body"
    await peer.send(OK)
    assert (await late.response(b"POST")).body == b"ok"


async def test_the_queue_keeps_places_for_whole_requests(staged: Staged) -> None:
    stage = await narrow(staged, connections=1, queue=4)
    await uploading(stage)
    clients = [await stage.connect() for _ in range(5)]
    for number, client in enumerate(clients[:3]):
        await client.send(POST)
        await until(lambda number=number: stage.engine.pool.queued == number + 1)  # type: ignore[misc]
    await clients[3].send(POST)
    response = await clients[3].response(b"POST")
    assert (response.status, b'"code": "queue_full"' in response.body) == (503, True)
    await clients[4].send(GET)
    await until(lambda: stage.engine.pool.queued == 4)
    assert clients[4].has_nothing()


async def test_one_connection_is_for_all(staged: Staged) -> None:
    stage = await narrow(staged, connections=1)
    client, peer = await uploading(stage)
    second = await stage.connect()
    await second.send(POST)
    await until(lambda: stage.engine.pool.queued == 1)
    await finish(client, peer)
    await peer.head()
    await finish(second, peer)


async def test_an_upload_whose_client_leaves_makes_room(staged: Staged) -> None:
    stage = await narrow(staged)
    held = [await uploading(stage) for _ in range(3)]
    late = await stage.connect()
    await late.send(POST)
    await until(lambda: stage.engine.pool.queued == 1)
    held[0][0].close()
    assert await held[0][1].is_gone()
    peer = await stage.backend.accept()
    await peer.head()
    await finish(late, peer)


class Held:
    """A connection in use, or on its way out."""

    idle_since = float("inf")
    is_uploading = False
    is_quiet = True

    def __init__(self, *, is_closing: bool = False) -> None:
        self.is_closing = is_closing
        self.is_reused = True

    def serve(self, waiting: Waiting) -> None:
        raise AssertionError(waiting)

    def close(self) -> None:
        """Close."""


class Queued:
    def __init__(self, *, is_sent: bool) -> None:
        self.waiting_since = 1.0
        self.is_sent = is_sent
        self.is_repeatable = True
        self.wants_fresh = False

    def failed(self, fault: Fault) -> None:
        raise AssertionError(fault)


async def test_who_is_taken_out_of_the_queue_for_nothing_goes_back(staged: Staged) -> None:
    """What seemed idle was on its way out, and the queue's end has no place for an upload."""
    pool = (await narrow(staged, connections=1, queue=4)).engine.pool
    queue = [Queued(is_sent=False), *(Queued(is_sent=True) for _ in range(3))]
    busy = Held()
    pool._active.add(busy)
    pool._idle.append(Held(is_closing=True))
    pool._waiting.extend(queue)
    pool._serve_waiting()
    assert [*pool._waiting] == queue
    pool._active.discard(busy)
    pool._waiting.clear()


async def test_who_waits_stays_in_front_though_what_idled_was_on_its_way_out(staged: Staged) -> None:
    stage = await narrow(staged, connections=4)
    uploads = [await uploading(stage) for _ in range(3)]
    idler = await stage.connect()
    peer = await stage.ask(idler, GET)
    await peer.request()
    await peer.send(OK)
    await idler.response()
    waiting = [await stage.connect() for _ in range(2)]
    for number, client in enumerate(waiting):
        await client.send(POST)
        await until(lambda number=number: stage.engine.pool.queued == number + 1)  # type: ignore[misc]
    first, second = stage.engine.pool._waiting
    await uploads[0][0].send(b"body")
    await until(lambda: not stage.engine.pool._has_many_uploads)
    peer.close()  # the loop has no turn to notice it in
    stage.engine.pool._serve_waiting()
    assert list(stage.engine.pool._waiting) == [first, second]

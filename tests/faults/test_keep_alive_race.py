"""Posts with gaps around the backend's keep-alive: none may meet a connection that is being closed."""

import asyncio
import random

from corsproxy.config.settings import Endpoint, Timeouts
from tests.faults.conftest import HERE, before
from tests.processes import Processes, free_port
from tests.proxy.wire import HOST, Stage

CLIENTS = 60
POSTS = 4
KEEP_ALIVE = 1  # seconds, of gunicorn
POST = b"POST /3 HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"


async def test_no_post_is_lost_to_a_connection_that_gunicorn_closes(stage: Stage, running: Processes) -> None:
    port = free_port()
    running.python(
        "-m", "gunicorn", "-k", "gthread", "--threads", "4", "--keep-alive", str(KEEP_ALIVE),
        "-b", f"127.0.0.1:{port}", "application:application",
        ports=[port], environ={"PYTHONPATH": str(HERE)},
    )  # fmt: skip
    # How fast it answers sixty at once is not the question.
    before(stage, Endpoint("127.0.0.1", port), idle_timeout=KEEP_ALIVE * 0.75, timeouts=Timeouts())
    drawn = random.Random(3)
    met = []

    async def post_now_and_then() -> None:
        client = await stage.connect()
        for _ in range(POSTS):
            await client.send(POST)
            met.append((await client.response()).status)
            # The subject itself: idle for about as long as the backend keeps connections.
            await asyncio.sleep(KEEP_ALIVE * drawn.uniform(0.6, 1.1))

    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(post_now_and_then())
    assert met == [200] * (CLIENTS * POSTS)

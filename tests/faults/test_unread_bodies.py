"""Uploads that an application does not look at: nobody else's request is lost with the connection that they came over.

gunicorn reads over 64 KiB of what was left, and closes where it is more, though its answer has promised to go on.
"""

from dataclasses import replace

import pytest

from corsproxy.config.settings import Endpoint, Timeouts
from tests.faults.conftest import HERE
from tests.processes import Processes, free_port
from tests.proxy.wire import HOST, Stage

ROUNDS = 12
SMALL = b"POST /3 HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody"


@pytest.mark.parametrize("size", [60_000, 66_000])
async def test_a_post_behind_one_that_nobody_reads(stage: Stage, running: Processes, size: int) -> None:
    port = free_port()
    running.python(
        "-m", "gunicorn", "-k", "gthread", "--threads", "2", "--keep-alive", "600", "-b", f"127.0.0.1:{port}", "application:application",
        ports=[port], environ={"PYTHONPATH": str(HERE)},
    )  # fmt: skip
    # With one connection there is no other that the second request could go over.
    upstream = replace(stage.settings.upstream, endpoint=Endpoint("127.0.0.1", port), max_connections=1)
    # How fast it answers is not the question.
    stage.engine.adopt(replace(stage.settings, upstream=upstream, timeouts=Timeouts()))
    unread = b"POST /unread HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size
    client = await stage.connect()
    met = []
    for _ in range(ROUNDS):
        await client.send(unread)
        response = await client.response()
        met.append(response.status)
        if b"\r\nConnection: close\r\n" in response.head:  # it answered before all was sent
            client = await stage.connect()
        await client.send(SMALL)
        met.append((await client.response()).status)
    assert met == [200, 200] * ROUNDS

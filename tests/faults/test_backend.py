"""A backend that dies, comes back, stands still or has too much to do: told as it is, and forgotten when it is over."""

import asyncio
import signal
from dataclasses import replace

from corsproxy.config.settings import Endpoint
from corsproxy.cors.vocabulary import Reason
from tests.faults.conftest import before, start_waitress
from tests.processes import Processes, free_port
from tests.proxy.strict import Message
from tests.proxy.wire import Stage, get, until

CLIENTS = 8


async def ask(stage: Stage, path: bytes = b"/3") -> Message:
    """Ask over a connection of its own."""
    client = await stage.connect()
    await client.send(get(path))
    response = await client.response()
    client.close()
    return response


async def ask_until(stage: Stage, status: int) -> list[int]:
    """Ask until that status comes; give all that came before it."""
    met = []
    while (found := (await ask(stage)).status) != status:
        met.append(found)
    return met


async def test_killed_and_restarted_under_load(stage: Stage, running: Processes) -> None:
    port = free_port()
    backend = start_waitress(running, port)
    before(stage, Endpoint("127.0.0.1", port))
    met: set[int] = set()
    is_over = False

    async def load() -> None:
        while not is_over:
            met.add((await ask(stage)).status)

    clients = [asyncio.create_task(load()) for _ in range(CLIENTS)]
    await until(lambda: 200 in met)
    backend.popen.kill()
    await until(lambda: 502 in met)
    assert await asyncio.to_thread(backend.popen.wait) == -signal.SIGKILL
    assert (await ask(stage)).status == 502
    await asyncio.to_thread(start_waitress, running, port)
    await ask_until(stage, 200)
    is_over = True
    await asyncio.gather(*clients)
    assert [(await ask(stage)).status for _ in range(20)] == [200] * 20
    ends = set()
    while not stage.book.is_empty:
        ends.add(await stage.book.ends())
    assert ends <= {
        (200, None),
        (200, Reason.UPSTREAM_CLOSED),  # it died between a head and its body: cut
        (502, Reason.UPSTREAM_CLOSED),
        (502, Reason.UPSTREAM_REFUSED),
    }
    gauges = stage.engine.gauges()
    assert (gauges.upstream_connections_active, gauges.upstream_queue) == (0, 0)


async def test_paused_it_is_silent_and_goes_on_when_it_goes_on(stage: Stage, running: Processes) -> None:
    port = free_port()
    backend = start_waitress(running, port)
    before(stage, Endpoint("127.0.0.1", port))
    assert (await ask(stage)).status == 200
    backend.popen.send_signal(signal.SIGSTOP)
    try:
        answers = await asyncio.gather(*(ask(stage) for _ in range(CLIENTS)))
    finally:
        backend.popen.send_signal(signal.SIGCONT)
    assert {answer.status for answer in answers} == {504}
    assert stage.engine.gauges().upstream_connections_active == 0
    assert (await ask(stage)).status == 200
    found = [await stage.book.ends() for _ in range(CLIENTS + 2)]
    assert found == [(200, None), *[(504, Reason.UPSTREAM_TIMEOUT)] * CLIENTS, (200, None)]


async def test_overloaded_the_rest_is_told_to_come_again(stage: Stage, waitress: Endpoint) -> None:
    upstream = replace(stage.settings.upstream, endpoint=waitress, max_connections=1, max_queue=1)
    stage.engine.adopt(replace(stage.settings, upstream=upstream))
    answers = await asyncio.gather(*(ask(stage, b"/slow") for _ in range(CLIENTS)))
    refused = [answer for answer in answers if answer.status == 503]
    assert sorted(answer.status for answer in answers) == [200] * 2 + [503] * (CLIENTS - 2)
    assert all(b"\r\nRetry-After: 1\r\n" in answer.head for answer in refused)
    assert all(Reason.QUEUE_FULL.value.encode() in answer.body for answer in refused)
    assert (await ask(stage)).status == 200
    gauges = stage.engine.gauges()
    assert (gauges.upstream_connections_active, gauges.upstream_queue) == (0, 0)

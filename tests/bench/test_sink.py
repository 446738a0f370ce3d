"""The client for large answers, against a server that says whole scripts."""

import itertools
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from bench import sink
from bench.workloads import Workload

_BODY = b"z" * 300_000
_LARGE = Workload("large", "a large answer", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", len(_BODY), "sink", 2)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


def _answer(connection: socket.socket, script: bytes, *, then_close: bool, said: list[bytes]) -> None:
    with connection:
        while connection.recv(65_536):
            connection.sendall(script)
            said.append(script)
            if then_close:
                return


@contextmanager
def _server(script: bytes, *, then_close: bool = False, said: list[bytes] | None = None) -> Iterator[int]:
    """Answer every request on every connection with the script; `said` are those that were sent whole."""
    options = {"then_close": then_close, "said": [] if said is None else said}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = []

        def accept() -> None:
            for _ in range(_LARGE.connections):
                connection, _address = listener.accept()
                thread = threading.Thread(target=_answer, args=(connection, script), kwargs=options)
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        yield listener.getsockname()[1]
        accepting.join()
        for thread in threads:
            thread.join()


def test_whole_answers_count_and_those_begun_are_finished() -> None:
    with _server(_HEAD % len(_BODY) + _BODY) as port:
        load = sink.run(_LARGE, port, 0.0)  # the time is over at once: one answer each
    assert (load.requests, load.errors) == (2, {})
    assert 0 < load.p50_ms <= load.p99_ms <= 1000 * load.seconds


def test_a_connection_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()
    monkeypatch.setattr(sink, "time", SimpleNamespace(monotonic=lambda: float(next(looks))))
    with _server(_HEAD % len(_BODY) + _BODY) as port:
        load = sink.run(_LARGE, port, 20.0)  # looks at the clock
    assert load.requests > 2
    assert load.errors == {}


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (_HEAD % 5 + b"short", "length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "length"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "status"),
        (_HEAD % len(_BODY) + _BODY[:-1], "read"),
        (b"", "read"),
    ],
)
def test_anything_else_is_an_error(script: bytes, kind: str) -> None:
    with _server(script, then_close=True) as port:
        load = sink.run(_LARGE, port, 0.0)
    assert (load.requests, load.errors) == (0, {kind: 2})


@pytest.mark.parametrize(
    ("script", "kind"),
    [(_HEAD % len(_BODY) + _BODY[:-1], "stalled"), (b"HTTP/1.1 200 OK\r\n", "unanswered")],
)
def test_silence_is_an_error_and_says_where_it_began(
    script: bytes, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bytes] = []

    class Selector(selectors.DefaultSelector):
        """Takes nothing for silence before all has been said."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            while len(said) < _LARGE.connections:
                if ready := super().select(timeout):
                    return ready
            return super().select(timeout)

    monkeypatch.setattr("bench.sink.selectors.DefaultSelector", Selector)
    with _server(script, said=said) as port:
        load = sink.run(_LARGE, port, 0.0, silence=0.1)
    assert (load.requests, load.errors) == (0, {kind: 2})

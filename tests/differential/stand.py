"""Four real servers with one echo application, and before each a real engine; raw bytes to any of them.

Laws: a connection is read to its end, so that a second answer cannot hide; answers are read by h11. What
the application saw is compared in one spelling: `Seen`.
"""

import asyncio
import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11

from corsproxy.config.settings import Endpoint, Settings, Source, Upstream
from corsproxy.proxy.engine import Engine
from tests.processes import Process, Processes, free_port
from tests.proxy.strict import Reading
from tests.proxy.wire import LOOPBACK, RULE, Book, listening

__all__ = ["Answer", "Seen", "Server", "Stand"]

HERE = Path(__file__).parent
PATIENCE = 10.0

SERVERS = {
    "gunicorn-sync": ("-m", "gunicorn", "-w", "1", "-k", "sync", "-b", "127.0.0.1:{port}", "echo:app"),
    "gunicorn-gthread": (
        "-m", "gunicorn", "-w", "1", "-k", "gthread", "--threads", "4", "-b", "127.0.0.1:{port}", "echo:app",
    ),
    "waitress": ("-m", "waitress", "--listen=127.0.0.1:{port}", "echo:app"),
    "werkzeug": (
        "-c",
        "import echo, werkzeug; werkzeug.run_simple('127.0.0.1', {port}, echo.app, threaded=True)",
    ),
}  # fmt: skip

# Fields of this hop, and those that the proxy writes itself. waitress drops the latter unless told otherwise.
_THIS_HOP = frozenset({"CONNECTION", "KEEP_ALIVE", "PROXY_CONNECTION", "TE", "TRAILER", "TRANSFER_ENCODING"})
_THIS_HOP_TOO = frozenset({"UPGRADE", "HTTP2_SETTINGS"})
_DECIDED_BY = frozenset({"HOST", "ORIGIN"})  # compared to the last blank
_OURS = re.compile(r"FORWARDED|X_FORWARDED_.*")
_OUR_VIA = re.compile(r"(?:^|,)1\.1 corsproxy$")

Seen = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One answer: its status, and what the application saw where it was the application's."""

    status: int
    seen: Seen | None = None
    serial: int = 0
    told: tuple[tuple[str, str], ...] = ()  # what the application was told by us: Forwarded and its kin


def _answer(reading: Reading) -> Answer:
    message = reading.message()
    account = re.search(rb"\r\nX-Seen: ([^\r]*)\r\n", message.head)
    if account is None:
        return Answer(message.status)
    seen: Seen = json.loads(base64.b64decode(account[1]))
    fields = {
        name: value if name in _DECIDED_BY else re.sub(r"[ \t]*,[ \t]*", ",", value.strip(" \t"))
        for name, value in seen["fields"].items()
    }
    seen["type"] = seen["type"].strip(" \t")
    told = tuple(sorted((name, value) for name, value in fields.items() if _OURS.fullmatch(name)))
    if via := _OUR_VIA.sub("", fields.pop("VIA", "")):
        fields["VIA"] = via
    skipped = {*_THIS_HOP, *_THIS_HOP_TOO, *dict(told)}
    seen["fields"] = {name: value for name, value in sorted(fields.items()) if name not in skipped}
    return Answer(message.status, seen, seen.pop("serial"), told)


def _some(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


def _read(sock: socket.socket, methods: Iterator[bytes], *, most: int) -> list[Answer]:
    """Read up to `most` answers, or all until the end of the connection; a cut one is the last, of status 0."""
    answers: list[Answer] = []
    held = b""
    while len(answers) < most and (data := held or _some(sock)):
        reading = Reading.of_response(next(methods), ())
        reading.feed(data)
        while not reading.is_over:
            reading.feed(_some(sock))
        answers.append(_answer(reading) if reading.is_whole else Answer(0))
        held = reading.rest
    return answers


def _methods(raw: bytes) -> Iterator[bytes]:
    """Tell h11 which answer has no body."""
    yield b"HEAD" if raw.lstrip(b"\r\n").startswith(b"HEAD ") else b"GET"
    while True:
        yield b"GET"


def _talk(port: int, raw: bytes, *, most: int, half_close: bool) -> list[Answer]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        with suppress(ConnectionError):  # refused before all was sent: the answer is what counts
            sock.sendall(raw)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        return _read(sock, _methods(raw), most=most)


def canary(name: bytes) -> bytes:
    """Return a request that must get its own answer, and after which the connection ends."""
    return b"GET /canary/%b HTTP/1.1\r\nHost: canary.example\r\nConnection: close\r\n\r\n" % name


@dataclass(frozen=True)
class Server:
    """One server, and the proxy before it."""

    name: str
    port: int
    proxy_port: int

    def directly(self, raw: bytes) -> Answer | None:
        """Return the server's own first answer; None where it closes, or waits for more."""
        try:
            answers = _talk(self.port, raw, most=1, half_close=False)
        except (h11.RemoteProtocolError, TimeoutError):
            return None
        return answers[0] if answers else None

    def through(self, raw: bytes) -> list[Answer]:
        """Return every answer that a connection to the proxy brings, a canary's after `raw` among them."""
        return _talk(self.proxy_port, raw + canary(b"same"), most=1000, half_close=True)

    def fresh(self) -> Answer:
        """Return the answer to a canary on a connection of its own; it must be its own, and the only one."""
        answers = _talk(self.proxy_port, canary(b"fresh"), most=1000, half_close=False)
        assert len(answers) == 1
        assert answers[0].seen is not None
        assert answers[0].seen["target"] == "/canary/fresh"
        return answers[0]


class Stand:
    """All of them, started together."""

    def __init__(self, folder: Path) -> None:
        self._processes = Processes(folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engines")
        self._engines: list[Engine] = []
        self.servers: list[Server] = []

    def open(self) -> None:
        """Start every server, wait for each, and put an engine before it."""
        started: list[tuple[str, int, Process]] = []
        for name, words in SERVERS.items():
            port = free_port()
            argv = [word.replace("{port}", str(port)) for word in words]
            started.append((name, port, self._processes.python(*argv, environ={"PYTHONPATH": str(HERE)})))
        self._thread.start()
        for name, port, process in started:
            process.wait_for_port(port)
            proxy_port = asyncio.run_coroutine_threadsafe(self._front(port), self._loop).result(PATIENCE)
            self.servers.append(Server(name, port, proxy_port))

    async def _front(self, port: int) -> int:
        sock = listening()
        endpoint = Endpoint(LOOPBACK.host, sock.getsockname()[1])
        settings = Settings(
            source=Source("corsproxy.yaml", "0" * 64),
            upstream=Upstream(endpoint=Endpoint("127.0.0.1", port), authority=f"127.0.0.1:{port}"),
            rules=(RULE,),
            listen=(endpoint,),
        )
        engine = Engine(settings, Book())
        await engine.open([(endpoint, sock)])
        self._engines.append(engine)
        return endpoint.port

    async def _abort(self) -> None:
        for engine in self._engines:
            engine.abort()
        await asyncio.sleep(0)

    def close(self) -> None:
        """End everything."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._abort(), self._loop).result(PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._processes.end_all()

"""The tests' own backend and page server: every kind of answer a proxied application may give.

Laws: it says what it received, a list a cell (`?cell=`), and never repairs anything. Field lines are
written as bytes, so that one name may come twice. `/blank` and `/sandbox` are the pages; `/other` lets
everybody in, as the far end of a redirect.
"""

import asyncio
import threading
import zlib
from collections import defaultdict
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

__all__ = ["Application", "Received", "backend_fields", "backend_status"]

BLANK = b"<!doctype html><title>blank</title><link rel=icon href='data:,'>"
SANDBOX = BLANK + b"<iframe sandbox='allow-scripts' src='/blank' name='sandboxed'></iframe>"
STATUS = {"204": 204, "301-same": 301, "301-cross": 301, "304": 304, "404": 404, "500": 500}


@dataclass(frozen=True, slots=True)
class Received:
    """What one request brought: the checksum is of its body."""

    method: str
    origin: str | None
    has_cookie: bool
    body_bytes: int
    body_crc32: int


@dataclass(frozen=True, slots=True)
class Message:
    method: str
    target: str
    fields: dict[str, str]
    head: bytes
    body: bytes


def backend_status(kind: str) -> int:
    """Return the status that a kind of backend answers with."""
    return STATUS.get(kind, 200)


def backend_fields(kind: str, origin: str | None) -> list[tuple[str, str]]:
    """Return the CORS fields that a kind of backend sends on its own, line by line."""
    echoed = origin or "*"
    once = [("access-control-allow-ORIGIN", echoed), ("Access-Control-Allow-Credentials", "true")]
    if kind == "cors-once":
        return [
            *once,
            ("Access-Control-Allow-Methods", "PUT, PATCH"),
            ("Access-Control-Expose-Headers", "X-Hidden"),
        ]
    if kind == "ws":
        return [("Access-Control-Allow-Origin", "*")]
    if kind == "cors-other":
        return [("Access-Control-Allow-Origin", "https://elsewhere.example")]
    if kind == "cors-twice":
        return [("Access-Control-Allow-Origin", "*"), *once]
    return []


class Application:
    """A server in a thread of its own, on a port of its own on 127.0.0.1."""

    def __init__(self) -> None:
        self.port = 0
        self.elsewhere = ""  # where `301-cross` points to
        self.received: defaultdict[str, list[Received]] = defaultdict(list)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20), self._loop
        ).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while message := await read_message(reader):
                self._note(message)
                if urlsplit(message.target).path.endswith("/ws"):
                    await echo(message, reader, writer)
                    break
                writer.write(self._answer(message))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # browsers leave when they have what they want
        finally:
            writer.close()

    def _note(self, message: Message) -> None:
        cell = parse_qs(urlsplit(message.target).query).get("cell", [""])[0]
        received = Received(
            message.method,
            message.fields.get("origin"),
            "cookie" in message.fields,
            len(message.body),
            zlib.crc32(message.body),
        )
        self.received[cell].append(received)

    def _answer(self, message: Message) -> bytes:
        target = urlsplit(message.target)
        kind = target.path.rpartition("/")[2]
        origin = message.fields.get("origin")
        status = backend_status(kind)
        content_type, body = "text/plain", b"the backend's answer"
        fields = [("X-Exposed", "yes"), ("X-Hidden", "yes"), *backend_fields(kind, origin)]
        if kind in {"blank", "sandbox"}:
            content_type, body = "text/html", BLANK if kind == "blank" else SANDBOX
        elif kind == "sse":
            content_type, body = "text/event-stream", b"data: event\n\n"
        elif kind == "other":
            fields += everything_allowed(message)
        elif kind == "vary":
            fields += [("Vary", "Accept-Encoding"), ("vary", "Cookie, origin")]
        elif kind == "301-same":
            fields.append(("Location", f"{target.path.removesuffix(kind)}200?{target.query}"))
        elif kind == "301-cross":
            fields.append(("Location", f"{self.elsewhere}/other"))
        if status in {204, 304}:
            body = b""
        else:
            fields += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + (b"" if message.method == "HEAD" else body)


def everything_allowed(message: Message) -> list[tuple[str, str]]:
    allowed = [
        ("Access-Control-Allow-Origin", message.fields.get("origin", "*")),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", message.fields.get("access-control-request-method", "GET")),
    ]
    if asked := message.fields.get("access-control-request-headers"):
        allowed.append(("Access-Control-Allow-Headers", asked))
    return allowed


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """Read one request; None where the connection ends between two."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    start, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = start.split(" ")
    pairs = (line.partition(":") for line in lines)
    fields = {name.lower(): value.strip() for name, _, value in pairs}
    body = b""
    if fields.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif "content-length" in fields:
        body = await reader.readexactly(int(fields["content-length"]))
    return Message(method, target, fields, head, body)


async def echo(message: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept the handshake and send every message back until the client says goodbye."""
    protocol = ServerProtocol()
    protocol.receive_data(message.head)
    while protocol.close_expected() is False:
        for event in protocol.events_received():
            if isinstance(event, Handshake):
                response = protocol.accept(event)
                for name, value in backend_fields("ws", event.headers.get("Origin")):
                    response.headers[name] = value
                protocol.send_response(response)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                protocol.send_text(event.data)
        for piece in protocol.data_to_send():
            writer.write(piece)
        await writer.drain()
        data = await reader.read(65536)
        if not data:
            return
        protocol.receive_data(data)
    for piece in protocol.data_to_send():
        writer.write(piece)

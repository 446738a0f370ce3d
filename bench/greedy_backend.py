"""The backend of `greedy` and `soak`: answers at once, takes any upload, sends chunks and events, echoes in tunnels.

`python -m bench.greedy_backend PORT`. It knows no CORS and keeps connections open.
"""

import asyncio
import importlib.util
import re
import socket
import sys
from typing import cast

from bench.workloads import SMALL_JSON

__all__ = ["CHUNK", "CHUNKS", "EVENT", "EVENTS", "main"]

CHUNKS = 1_000_000
CHUNK = b"1\r\nx\r\n"
EVENTS = 10
EVENT = b"9\r\ndata: 1\n\n\r\n"
_SMALL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(SMALL_JSON)
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_BLOCK = bytes(256 * 1024)


_written = 0  # bytes of answers that were asked to be large


def _count(size: int) -> None:
    global _written  # noqa: PLW0603 -- one process, one count
    _written += size


class Connection(asyncio.Protocol):
    """Reads one request after the other; bodies are dropped."""

    def __init__(self) -> None:
        self._transport = cast("asyncio.Transport", None)
        self._held = b""
        self._left = 0  # of an upload; -1: until its last chunk
        self._due = 0  # of a large answer
        self._is_paused = False
        self._is_tunnel = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # Else the kernel alone would hold gigabytes for those who do not read.
        bound: socket.socket = transport.get_extra_info("socket")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)

    def data_received(self, data: bytes) -> None:
        if self._is_tunnel:
            self._transport.write(data)
            return
        self._held += data
        while self._held and (self._drop_body() if self._left else self._take_head()):
            pass

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._write_large()

    def _take_head(self) -> bool:
        head, end, rest = self._held.partition(b"\r\n\r\n")
        if not end:
            return False
        self._held = rest
        length = _LENGTH.search(head)
        if b"\r\nUpgrade: websocket" in head:
            self._is_tunnel = True
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
        elif b"chunked" in head:
            self._left = -1
        elif length is not None and int(length[1]):
            self._left = int(length[1])
        else:
            self._answer(head)
        return True

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"GET /chunks "):
            self._transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self._transport.write(CHUNK * CHUNKS + _LAST_CHUNK)
            _count(len(CHUNK) * CHUNKS)
        elif head.startswith(b"GET /events "):
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            self._tell(EVENTS)
        elif head.startswith(b"GET /written "):
            number = b"%d" % _written
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(number), number))
        elif head.startswith(b"GET /large "):
            self._due = 100_000_000
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._due)
            self._write_large()
        else:
            self._transport.write(_SMALL + SMALL_JSON)

    def _tell(self, left: int) -> None:
        """Send an event now and then, as many as are left."""
        if self._transport.is_closing():
            return
        self._transport.write(EVENT if left else _LAST_CHUNK)
        if left:
            asyncio.get_running_loop().call_later(0.02, self._tell, left - 1)

    def _write_large(self) -> None:
        while self._due and not self._is_paused:
            size = min(self._due, len(_BLOCK))
            self._due -= size
            _count(size)
            self._transport.write(_BLOCK[:size])

    def _drop_body(self) -> bool:
        if self._left > 0:
            dropped = min(self._left, len(self._held))
            self._left -= dropped
            self._held = self._held[dropped:]
        elif self._held.endswith(_LAST_CHUNK):
            self._left, self._held = 0, b""
        else:
            self._held = self._held[-len(_LAST_CHUNK) :]
        if not self._left:
            self._answer(b"")
        return self._left == 0


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    """Serve until ended."""
    factory = None
    if importlib.util.find_spec("uvloop"):
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()

"""Dialogues as files: who says what, in which order, and what the other side must hear.

    # what it proves
    --- client                 the client sends
    --- backend gets           the backend hears one request, exactly; `anew`: over a fresh connection
    --- backend                the backend sends
    --- client gets            the client hears one response, with the interim ones before it
    --- backend closes, client closes, client sees the end, backend sees the end, backend hears nothing

Each line ends in CRLF on the wire, less those that end in a backslash. `{forwarded}` stands for what
every request carries on, `{grant}` for what an allowed origin gets. Chunks compare by content.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.proxy.strict import Message, Reading, undated
from tests.proxy.wire import FORWARDED, GRANT, Peer, Stage, until

Cut = Callable[[bytes], list[bytes]]
FOLDER = Path(__file__).parent / "dialogues"
_SWITCHING = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


@dataclass(frozen=True)
class Dialogue:
    """A file's steps: (what happens, bytes)."""

    name: str
    steps: tuple[tuple[str, bytes], ...]

    @property
    def length(self) -> int:
        """The most that is said in one go, and so the number of places to cut at."""
        return max(len(said) for step, said in self.steps if step in ("client", "backend"))


def dialogues() -> Iterator[Dialogue]:
    for path in sorted(FOLDER.glob("*.http")):
        steps: list[tuple[str, bytes]] = []
        for line in path.read_bytes().split(b"\n")[:-1]:
            if line.startswith(b"--- "):
                steps.append((line[4:].decode(), b""))
            elif steps:
                steps[-1] = (steps[-1][0], steps[-1][1] + _on_the_wire(line))
        yield Dialogue(path.stem, tuple(steps))


def _on_the_wire(line: bytes) -> bytes:
    if line in (b"{forwarded}", b"{grant}"):
        return FORWARDED if line == b"{forwarded}" else GRANT
    line = line[:-1] if line.endswith(b"\\") else line + b"\r\n"
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match.group(1), 16)]), line)


def whole(said: bytes) -> list[bytes]:
    return [said]


def bytewise(said: bytes) -> list[bytes]:
    return [said[at : at + 1] for at in range(len(said))]


def cut_at(place: int) -> Cut:
    def cut(said: bytes) -> list[bytes]:
        at = place % (len(said) + 1)
        return [said[:at], said[at:]]

    return cut


class Replay:
    """One dialogue, played once on a stage."""

    def __init__(self, stage: Stage, client: Peer, cut: Cut) -> None:
        self._stage = stage
        self._client = client
        self._cut = cut
        self._peer: Peer | None = None
        self._asked = b"GET"

    async def play(self, dialogue: Dialogue) -> None:
        for step, said in dialogue.steps:
            await self._step(step, said)
        self._client.close()
        if self._peer is not None:
            self._peer.close()
        engine = self._stage.engine
        await until(lambda: not engine.clients and not engine.gauges().upstream_connections_idle)

    async def _step(self, step: str, said: bytes) -> None:
        match step:
            case "client":
                await self._say(self._client, said)
            case "backend":
                await self._say(self._backend, said)
            case "backend gets" | "backend gets anew":
                await self._backend_gets(said, anew=step.endswith("anew"))
            case "client gets":
                fields = _SWITCHING if said.startswith(b"HTTP/1.1 101") else ()
                heard = await self._client.response(self._asked, fields)
                assert _comparable(heard) == _comparable(
                    _read(Reading.of_response(self._asked, fields), said)
                )
            case "client hears":
                assert await self._client.take(len(said)) == said
            case "backend hears":
                assert await self._backend.take(len(said)) == said
            case "backend hears nothing":
                assert self._stage.backend.is_untouched()
            case "client sees the end":
                assert await self._client.ended()
            case "backend sees the end":
                assert await self._backend.is_gone()
            case "client closes":
                self._client.half_close()
            case "backend closes":
                self._backend.close()
            case _:
                raise AssertionError(f"no such step: {step}")

    @property
    def _backend(self) -> Peer:
        assert self._peer is not None
        return self._peer

    async def _backend_gets(self, said: bytes, *, anew: bool) -> None:
        if self._peer is None or anew:
            self._peer = await self._stage.backend.accept()
        heard = await self._peer.request()
        self._asked = heard.head.split(b" ", 1)[0]
        assert heard == _read(Reading.of_request(), said)

    async def _say(self, peer: Peer, said: bytes) -> None:
        for piece in self._cut(said):
            with suppress(ConnectionError):  # what a side that has ended does not take
                await peer.send(piece)
            for _ in range(3):  # the proxy runs on this loop: by then it has read the piece
                await asyncio.sleep(0)


def _read(reading: Reading, said: bytes) -> Message:
    reading.feed(said)
    if not reading.is_over:
        reading.feed(b"")
    return reading.message()


def _comparable(message: Message) -> Message:
    return Message(
        undated(message.head).replace(b"Date: *\r\n", b""),
        message.body,
        message.is_whole,
        message.interim,
        message.trailers,
    )

"""h11, the strict third party: reads one message as somebody who owes the proxy nothing."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import h11

__all__ = ["Message", "Overheard", "Reading", "undated"]

_DATE = re.compile(rb"Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n")
_LIMIT = 1 << 20
_OVERHEARD = 1 << 16  # little beside what the tests of memory allow
_TLS = (b"\x15", b"\x16")  # what its first record may be
_UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


def undated(raw: bytes) -> bytes:
    """Leave the Date field's value out, which must be well formed."""
    return _DATE.sub(b"Date: *\r\n", raw)


@dataclass(frozen=True)
class Message:
    """One message as h11 read it; heads are the bytes on the wire. `is_whole` is False where it was cut."""

    head: bytes
    body: bytes = b""
    is_whole: bool = True
    interim: tuple[bytes, ...] = ()
    trailers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    @property
    def raw(self) -> bytes:
        """Head and content, with the date left out."""
        return undated(self.head) + self.body


class Reading:
    """One message in the making. Raises h11.RemoteProtocolError for what breaks a rule of HTTP."""

    def __init__(self, reader: h11.Connection) -> None:
        self._reader = reader
        self._raw = b""
        self._interims = 0
        self.has_switched = False
        self._body: list[bytes] = []
        self._trailers: tuple[tuple[bytes, bytes], ...] = ()
        self.is_whole = False
        self.is_over = False

    @classmethod
    def of_request(cls) -> "Reading":
        return cls(h11.Connection(h11.SERVER, max_incomplete_event_size=_LIMIT))

    @classmethod
    def of_response(cls, method: bytes, fields: tuple[tuple[str, str], ...]) -> "Reading":
        """Read the response to `method`; `fields` are what else matters of the request."""
        reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LIMIT)
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "x"), *fields]))
        reader.send(h11.EndOfMessage())
        return cls(reader)

    def feed(self, data: bytes) -> None:
        """Take bytes; none are the end of the connection."""
        if not self._body:
            self._raw += data
        self._reader.receive_data(data)
        try:
            while not self.is_over and (event := self._reader.next_event()) is not h11.NEED_DATA:
                self._take(event)
        except h11.RemoteProtocolError as broken:
            if data or "without sending complete message body" not in str(broken):
                raise
            self.is_over = True

    def _take(self, event: object) -> None:
        if isinstance(event, h11.InformationalResponse):
            self._interims += 1
            self.has_switched = self.is_whole = self.is_over = event.status_code == 101
        elif isinstance(event, h11.Data):
            self._body.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            self._trailers = tuple(event.headers)
            self.is_whole = self.is_over = True
        elif isinstance(event, h11.ConnectionClosed):
            self.is_over = True

    @property
    def rest(self) -> bytes:
        """What came after the message."""
        return self._reader.trailing_data[0]

    def message(self) -> Message:
        raw, heads = self._raw, []
        for _ in range(self._interims + (not self.has_switched)):
            head, end, raw = raw.partition(b"\r\n\r\n")
            heads.append(head + end)
        return Message(heads[-1], b"".join(self._body), self.is_whole, tuple(heads[:-1]), self._trailers)


class Overheard:
    """What went over one connection, whoever looked at it: read back whole when all is over."""

    def __init__(self) -> None:
        self._came = b""
        self._went = b""

    def came(self, data: bytes) -> None:
        """Note what the proxy sent."""
        if len(self._came) < _OVERHEARD:
            self._came += data

    def went(self, data: bytes) -> None:
        """Note what the peer sent."""
        if len(self._went) < _OVERHEARD:
            self._went += data

    def read_requests(self) -> None:
        """Read what came as requests. Raises h11.RemoteProtocolError for what breaks a rule of HTTP."""
        rest = self._in_clear()
        while rest:
            reading = Reading.of_request()
            reading.feed(rest)
            rest = reading.rest if reading.is_whole and b"\r\nUpgrade:" not in reading.message().head else b""

    def read_responses(self) -> None:
        """Read what came as responses to what went. Raises h11.RemoteProtocolError as above."""
        methods = self._methods()
        rest = self._in_clear()
        fields = _UPGRADE if b"pgrade:" in self._went else ()
        while rest:
            reading = Reading.of_response(next(methods, b"GET"), fields)
            reading.feed(rest)
            rest = reading.rest if reading.is_whole and not reading.has_switched else b""

    def _in_clear(self) -> bytes:
        return b"" if self._came.startswith(_TLS) else self._came

    def _methods(self) -> Iterator[bytes]:
        """Tell HEAD from the rest among the requests that went, up to one that cannot be read."""
        rest = self._went
        while rest:
            reading = Reading.of_request()
            yield b"HEAD" if rest.lstrip(b"\r\n").startswith(b"HEAD ") else b"GET"
            with suppress(h11.RemoteProtocolError):
                reading.feed(rest)
            rest = reading.rest if reading.is_whole else b""

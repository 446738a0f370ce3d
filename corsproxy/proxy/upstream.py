"""One connection to the backend: reads responses, and knows whether it may be used again.

Laws: a connection is used again only if our request was sent whole, its response was read whole,
neither side said close and no byte came unasked (RFC 9112 §9.3). What the bytes mean for the client is
`exchange`'s; which connection serves whom is `pool`'s.
HOT: measured by `bench` GET, 16 KiB, 1 MB and 100 MB.
"""

import asyncio
import os
import select
import ssl
from typing import TYPE_CHECKING, cast

from corsproxy.cors.vocabulary import Reason
from corsproxy.http1.faults import BadResponse
from corsproxy.http1.framing import CHUNKED, UNTIL_CLOSE, ChunkedReader
from corsproxy.http1.response import read_response_head
from corsproxy.proxy.faults import Fault, fault, fault_of_message
from corsproxy.proxy.flow import bound_writing, pause_reading, resume_reading
from corsproxy.proxy.pool import Pool, Waiting

if TYPE_CHECKING:
    from corsproxy.proxy.exchange import Exchange
    from corsproxy.proxy.tunnel import Tunnel

__all__ = ["BULK", "BULK_READS", "UpstreamConnection"]

_HEAD_LIMIT = 128 * 1024
# So many reads of so many bytes of a body, and others have their turn; small ones cost too little to count.
BULK = 64 * 1024
BULK_READS = 2
_INTERIM_LIMIT = 32  # 1xx responses to one request
_LAST_READS = 8  # of what a backend said before it reset
# Where an application leaves more than this of a body unread, gunicorn closes, though it has just said keep-alive.
_MOST_READ_OVER = 64 * 1024


class UpstreamConnection(asyncio.Protocol):
    """Carries one exchange at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.exchange: Exchange | None = None
        self.tunnel: Tunnel | None = None
        self.idle_since = 0.0
        self.is_reused = False
        self.has_spoken = False  # a byte of the current response has come
        self._held = b""  # an unfinished head, or chunks that were too many for one turn of the loop
        self._left = 0  # of a counted body; CHUNKED; UNTIL_CLOSE
        self._in_body = False
        self._chunks: ChunkedReader | None = None
        self._large_reads = 0
        self._keep = True
        self._interim = 0
        self._kernel: select.poll | None = None  # asked before what cannot be sent twice

    # --- the pool's side -----------------------------------------------------------------------

    @property
    def is_closing(self) -> bool:
        """Whether it is on its way out and must not be used."""
        return self.transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Whether the kernel holds nothing for us: no byte, no end. The loop may not have told us yet."""
        if self._kernel is None:
            self._kernel = select.poll()
            self._kernel.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._kernel.poll(0)

    @property
    def is_uploading(self) -> bool:
        """Whether the request that it carries is still on its way."""
        return self.exchange is not None and not self.exchange.is_sent

    def serve(self, waiting: Waiting) -> None:
        """Carry this exchange: send what there is of its request, expect a response head."""
        exchange = cast("Exchange", waiting)
        self.exchange = exchange
        self.has_spoken = False
        self._in_body = False
        self._keep = True
        self._interim = 0
        exchange.connected(self)

    def close(self) -> None:
        """Close for good; what was written is still flushed."""
        self._keep = False
        self.transport.close()

    def abort(self) -> None:
        """Cut at once."""
        self.exchange = None
        self._keep = False
        self.transport.abort()

    # --- asyncio's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)
        bound_writing(self.transport)

    def data_received(self, data: bytes) -> None:
        """Take what the backend sent, for the tunnel or the exchange it belongs to."""
        if self.tunnel is not None:
            self.tunnel.from_upstream(data)
            return
        exchange = self.exchange
        if exchange is None:
            # Nobody asked: whatever it says could be taken for the answer to the next request.
            self._keep = False
            self.transport.abort()
            return
        try:
            if self._in_body:
                if self._held:
                    data, self._held = self._held + data, b""
                exchange.moved = exchange.client.engine.now
                exchange.relay(self._take_body(data, exchange))
                if not self._in_body:
                    self._over(exchange)
                elif len(data) >= BULK and not self._held:
                    self._yield_turn()
            else:
                self.has_spoken = True
                self._take_head(data, exchange)
        except BadResponse as bad:
            self.abort()
            exchange.failed(fault_of_message(bad))

    def eof_received(self) -> bool:
        """Pass a tunnel's FIN on; otherwise the end of the connection says all."""
        if self.tunnel is not None:
            self.tunnel.upstream_ended()
            return self.transport.can_write_eof()
        self._keep = False
        # TLS tells the end also while reading is paused: chunks that wait for their turn have come before it.
        while self._held and self._in_body and self.exchange is not None:
            self.data_received(b"")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the pool, and whoever was being served what it means for them."""
        self._pool.gone(self)
        if self.tunnel is not None:
            self.tunnel.upstream_lost(by_reset=exc is not None)
            return
        if exc is not None and self.exchange is not None and self.exchange.head.length:
            self._read_what_is_left()
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if self._in_body and self._left == UNTIL_CLOSE and exc is None and not self._is_truncated():
            exchange.response_over()
        elif self.is_reused and not self.has_spoken and exchange.can_retry():
            exchange.retry()
        else:
            exchange.failed(_loss(exc, mid_response=self.has_spoken))

    def _read_what_is_left(self) -> None:
        """Take the answer of a backend that reset on an upload it did not want: a write that fails ends all reading."""
        if self.transport.get_extra_info("ssl_object") is not None:
            return  # these bytes would be TLS's
        descriptor = self.transport.get_extra_info("socket").fileno()
        for _ in range(_LAST_READS):
            if self.exchange is None or self.exchange.client.is_write_paused:
                return
            try:
                data = os.read(descriptor, BULK // 2)
            except OSError:
                return
            if not data:
                return
            self.data_received(data)

    def _is_truncated(self) -> bool:
        """Tell whether TLS ended without the alert that says so: anybody on the way can forge a FIN (RFC 9112 §9.8)."""
        tls: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        if tls is None:
            return False
        try:
            return tls.read(1) != b""
        except ssl.SSLZeroReturnError:
            return False  # the alert has come
        except ssl.SSLError:
            return True  # more is waited for

    def pause_writing(self) -> None:
        """The backend does not read: stop reading the client."""
        if self.tunnel is not None:
            self.tunnel.pause_client()
        elif self.exchange is not None:
            self.exchange.client.hold_reading(True)

    def resume_writing(self) -> None:
        """The backend reads again."""
        if self.tunnel is not None:
            self.tunnel.resume_client()
        elif self.exchange is not None:
            self.exchange.client.hold_reading(False)

    # --- a response in wire order --------------------------------------------------------------

    def _take_head(self, data: bytes, exchange: "Exchange") -> None:
        if self._held:
            data = self._held + data
            self._held = b""
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > _HEAD_LIMIT:
                self._hold(data)
                return
            end += 4
            head = read_response_head(data if end == len(data) else data[:end], to_head=exchange.asks_head)
            data = data[end:]
            # Bytes of a head are no progress until it is whole: a backend that drips is as good as silent.
            exchange.moved = exchange.client.engine.now
            if head.status >= 200:
                break
            if head.status == 101:
                exchange.switch(self, head, data)
                return
            self._interim += 1
            if self._interim > _INTERIM_LIMIT:
                raise BadResponse("the response never ends its interim answers")
            exchange.interim(head)
            if not data:
                return
        # Stricter: who answers before it has all may leave the rest unread, and take it for the next request.
        self._keep = head.keep_alive and exchange.is_sent
        self._left = length = head.length
        self._in_body = length != 0
        if length == CHUNKED:
            self._chunks = ChunkedReader(BadResponse, decode=exchange.decodes_chunks)
        text = exchange.response_head(head)
        if length == 0 and data:
            self._keep = False  # bytes after the end: never passed on
        exchange.relay(text + self._take_body(data, exchange) if data and length else text)
        if not self._in_body:
            self._over(exchange)

    def _hold(self, data: bytes) -> None:
        """Keep an unfinished head, if it can still become one."""
        if len(data) > _HEAD_LIMIT:
            raise BadResponse("the response's head is too large")
        if not data.startswith(b"HTTP/"[: len(data)]):
            raise BadResponse("what the backend sent is not HTTP")
        self._held = data

    def _take_body(self, data: bytes, exchange: "Exchange") -> bytes:
        """Return what to pass on of `data`; note the end of the body."""
        left = self._left
        if left > 0:
            size = len(data)
            if size < left:
                self._left = left - size
                return data
            self._in_body = False
            if size == left:
                return data
            self._keep = False
            return data[:left]
        if left == CHUNKED:
            return self._take_chunks(data)
        return exchange.frame(data)

    def _take_chunks(self, data: bytes) -> bytes:
        chunks = cast("ChunkedReader", self._chunks)
        pieces, used = chunks.feed(data)
        if chunks.is_done:
            self._in_body = False
            self._keep = self._keep and used == len(data)
        elif used < len(data):
            self._held = data[used:]
            pause_reading(self.transport)
            asyncio.get_running_loop().call_soon(self._take_turn)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _yield_turn(self) -> None:
        """Read no more in this turn of the loop, after a few large reads: libuv would go on for 8 MiB."""
        self._large_reads += 1
        if self._large_reads == BULK_READS:
            self._large_reads = 0
            pause_reading(self.transport)
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Read on, and go on with the chunks that were left over."""
        exchange = self.exchange
        if exchange is None or self.transport.is_closing():
            return
        if not exchange.client.is_write_paused:
            resume_reading(self.transport)
        if self._held:
            self.data_received(b"")

    def _over(self, exchange: "Exchange") -> None:
        """End a response that was read whole."""
        self.exchange = None
        self.is_reused = True
        if exchange.client.is_write_paused:
            resume_reading(self.transport)  # the next exchange may be a client's that reads
        # Who does not say 100 need not read what it was asked about (RFC 9110 §10.1.1).
        may_be_unread = exchange.head.length and (
            exchange.head.expects_continue
            or exchange.request_bytes >= _MOST_READ_OVER
            or self.transport.get_write_buffer_size()
        )
        if self._keep and not may_be_unread and not self.transport.is_closing():
            self._pool.release(self)
        else:
            self.transport.abort()
        exchange.response_over()


def _loss(exc: Exception | None, *, mid_response: bool) -> Fault:
    if mid_response:
        return fault(
            Reason.UPSTREAM_CLOSED, "the backend closed the connection in the middle of its response"
        )
    if exc is not None:
        return fault(Reason.UPSTREAM_CLOSED, "the backend reset the connection before it answered")
    return fault(Reason.UPSTREAM_CLOSED, "the backend closed the connection before it answered")

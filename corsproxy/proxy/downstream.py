"""One client's connection: heads and bodies in wire order, one exchange at a time.

Laws: pipelined requests are answered in order, each once; nothing is read after a request that closes;
what waits is bounded, and a client that does not read is not read either; so is what one client gets
done in one turn of the event loop (tests/proxy/test_fairness). What a request comes to is
`exchange`'s; how heads are judged is `http1`'s.
HOT: measured by `bench` GET and preflight.
"""

import asyncio
import re
from typing import TYPE_CHECKING, cast

from corsproxy.cors.comparison import compare
from corsproxy.cors.vocabulary import Reason
from corsproxy.http1.faults import BadRequest
from corsproxy.http1.framing import CHUNKED, ChunkedReader
from corsproxy.http1.request import RequestHead, RequestReader
from corsproxy.http1.salvage import salvage
from corsproxy.proxy.exchange import Exchange
from corsproxy.proxy.faults import Fault, fault, fault_of_message
from corsproxy.proxy.flow import bound_writing, pause_reading, resume_reading
from corsproxy.proxy.forwarded import Client
from corsproxy.proxy.laggards import untaken
from corsproxy.proxy.reset import reset
from corsproxy.proxy.upstream import BULK, BULK_READS

if TYPE_CHECKING:
    from corsproxy.proxy.engine import Engine
    from corsproxy.proxy.tunnel import Tunnel

__all__ = ["ClientConnection"]

_PIPELINE_LIMIT = 64 * 1024  # bytes read ahead of the request that is being served
_LINGER_BYTES = 4 * 1024 * 1024  # of an upload that nobody wants, read so that the answer is not lost
_HEADS_A_TURN = 8  # of one connection, before others get their turn; a large one counts for several
_LARGE_HEAD = 4096
_TLS_HANDSHAKE = b"\x16\x03"  # RFC 8446 §5.1; it would be waited for to the end of client_header
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")


class ClientConnection(asyncio.Protocol):
    """Speaks HTTP/1.x to one client."""

    def __init__(self, engine: "Engine", *, scheme: bytes, port: int, local: bool) -> None:
        self.engine = engine
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.exchange: Exchange | None = None
        self.tunnel: Tunnel | None = None
        self.keep_alive = True
        self.is_half_closed = False
        self.moved = engine.now  # when the client last sent or took something
        self.scheme, self._port, self._local = scheme, port, local
        self._address = ""
        self._client: Client = cast("Client", None)
        self._reader: RequestReader = cast("RequestReader", None)
        self._buffer = b""
        self.head_since = 0.0  # when the first byte of an unfinished head came; 0.0: there is none
        self.body_left = 0  # of the current request's body: a count, or CHUNKED
        self._chunks: ChunkedReader | None = None
        self.served = 0
        self._is_advancing = False
        self.is_ending = False  # no further request is read
        self._is_cut = False
        self._lingered = 0
        self.lingers_since = 0.0
        self.goodbye_since = 0.0
        self.is_write_paused = False
        self.held_by_upstream = False
        self._held_by_buffer = False
        self._held_by_turn = False
        self._large_reads = 0

    @property
    def is_leaving(self) -> bool:
        """Whether the connection must end after the current answer."""
        return self.engine.is_draining or (self.is_half_closed and not self._buffer)

    # --- asyncio's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is there."""
        self.transport = cast("asyncio.Transport", transport)
        bound_writing(self.transport)
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else ""
        self.adopt()
        self.engine.opened(self)

    def adopt(self) -> None:
        """Believe and bound the client by the engine's settings from the next request on."""
        self._reader = RequestReader(self.engine.limits.header_count)
        self._client = Client(
            self._address,
            scheme=self.scheme,
            port=self._port,
            local=self._local,
            trusted=self.engine.trusted,
        )

    def data_received(self, data: bytes) -> None:
        """Take what the client sent: a body's part, a head, or what comes after."""
        if self.body_left or not self.is_write_paused:
            self.moved = self.engine.now  # of a client that does not read, only what is due counts
        if self.tunnel is not None:
            self.tunnel.from_client(data)
            return
        if self.is_ending:
            self._linger(data)
            return
        if self.body_left:
            size = len(data)
            data = self._take_body(data)
            if not data:
                if size >= BULK:
                    self._note_large_read()
                return
            if self.body_left:
                self._buffer = data
                self._yield_turn()
                return
        self._buffer = self._buffer + data if self._buffer else data
        if self.exchange is None:
            self._advance()
        if len(self._buffer) > _PIPELINE_LIMIT and not self._held_by_turn:
            self._bound_buffer()

    def eof_received(self) -> bool:
        """Go on serving a client that has only said that it will send no more."""
        self.is_half_closed = True
        if self.tunnel is not None:
            self.tunnel.client_ended()
            return self.transport.can_write_eof()
        if not self.transport.can_write_eof():
            # TLS: nothing that is written from now on gets out.
            exchange = self.exchange
            self._gone()
            if exchange is not None and exchange.response_begun:
                self.cut()
            return False
        # A client that has said all still gets its answers; one that broke off in a message gets none.
        is_served = self.exchange is not None or (self.is_write_paused and self._buffer != b"")
        return is_served and not self.body_left

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection what it was for."""
        self.engine.closed(self)
        if self.tunnel is None:
            self._gone()
        else:
            self.tunnel.client_lost(by_reset=exc is not None)

    def _gone(self) -> None:
        """Cut what was being done for this client."""
        self.is_ending = True
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.client_gone()

    def pause_writing(self) -> None:
        """The client does not read: stop reading the backend."""
        self.is_write_paused = True
        if self.tunnel is not None:
            self.tunnel.pause_upstream()
        elif self.exchange is not None and self.exchange.upstream is not None:
            pause_reading(self.exchange.upstream.transport)

    def resume_writing(self) -> None:
        """The client reads again."""
        self.is_write_paused = False
        self.moved = self.engine.now
        if self.tunnel is not None:
            self.tunnel.resume_upstream()
        elif self.exchange is None:
            self._advance()
        elif self.exchange.upstream is not None:
            self.exchange.moved = self.engine.now
            resume_reading(self.exchange.upstream.transport)

    # --- heads ---------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Serve what is in the buffer, one request after the other."""
        if self._is_advancing or self._held_by_turn:
            return
        self._is_advancing = True
        turn = _HEADS_A_TURN
        while self._buffer and self.exchange is None and not self.is_ending and not self.is_write_paused:
            if turn <= 0:
                self._yield_turn()
                break
            size = self._next_head()
            if not size:
                break
            turn -= 1 + size // _LARGE_HEAD
        self._is_advancing = False
        if self._held_by_buffer:
            self._bound_buffer()

    def _next_head(self) -> int:
        """Take one head out of the buffer and begin its exchange; return its size, 0 where none is to follow it."""
        data = self._buffer
        end = data.find(b"\r\n\r\n")
        limit = self.engine.limits.header_bytes
        if end < 0 or data[:2] == b"\r\n":
            if data[:2] == b"\r\n":
                # RFC 9112 §2.2: empty lines before a request line are passed over, all at once.
                end = _EMPTY_LINES.match(data).end()  # type: ignore[union-attr]  # there is one
                self._buffer = data[end:]
                # They begin the wait for a head: one now and then would hold the connection for ever.
                self.head_since = self.head_since or self.engine.now
                return end
            if limit and len(data) > limit:
                self._refuse_head(data, _too_large(data, limit))
                return 0
            if data[:2] == _TLS_HANDSHAKE:
                why = (
                    "the client speaks TLS, and this port does not: use http://, or set `tls` to end TLS here"
                )
                self._refuse_head(data, fault(Reason.BAD_REQUEST, why))
            elif self.is_half_closed:
                self.end()
            elif not self.head_since:
                self.head_since = self.engine.now
            return 0
        end += 4
        raw = data if end == len(data) else data[:end]
        self._buffer = b"" if end == len(data) else data[end:]
        self.head_since = 0.0
        if limit and end > limit:
            self._refuse_head(raw, _too_large(raw, limit))
            return 0
        try:
            head = self._reader.read(raw)
        except BadRequest as bad:
            self._refuse_head(raw, fault_of_message(bad))
            return 0
        self._begin(head)
        return end

    def _begin(self, head: RequestHead) -> None:
        engine = self.engine
        forwarding = self._client.forwarding(head)
        decision = engine.policy.decide(head, forwarding.scheme, forwarding.host)
        self.keep_alive = head.keep_alive
        self.served += 1
        self.body_left = head.length
        if head.length == CHUNKED:
            self._chunks = ChunkedReader(BadRequest, decode=True)
        exchange = engine.exchange(self, head, forwarding, decision)
        if engine.candidate is not None:
            other = engine.candidate.decide(head, forwarding.scheme, forwarding.host)
            exchange.compared = compare(decision, other, head)
        self.exchange = exchange
        if self.body_left and self._buffer:
            self._begin_with_body(exchange)
        else:
            exchange.begin()

    def _begin_with_body(self, exchange: Exchange) -> None:
        """Begin where some of the body is here already: it leaves in one write with the head, and in as few packets."""
        exchange.holds_head = True
        exchange.begin()
        if self.exchange is not exchange:
            return
        data, self._buffer = self._buffer, b""
        self._buffer = self._take_body(data)
        exchange.release_head()
        if self.body_left and self._buffer and not self.is_ending:
            self._yield_turn()

    def head_overdue(self) -> None:
        """Answer that the head did not come in time; where not a byte of one did, there is nothing to answer."""
        if not self._buffer:
            self.end()
            return
        self._refuse_head(
            self._buffer, fault(Reason.CLIENT_TIMEOUT, "the request's head did not arrive in time")
        )

    def forget(self) -> None:
        """Keep nothing of what was read: an idle connection costs little."""
        self._reader.forget()

    def _refuse_head(self, raw: bytes, why: Fault) -> None:
        """Answer a head that cannot be read; grant as far as origin and path can still be told."""
        head = salvage(raw)
        forwarding = self._client.forwarding(head)
        decision = self.engine.policy.decide(head, forwarding.scheme, forwarding.host)
        self.keep_alive = False
        self._buffer = b""
        self.body_left = CHUNKED  # whatever still comes is nobody's request
        self.head_since = 0.0
        self.exchange = self.engine.exchange(self, head, forwarding, decision)
        self.exchange.failed(why)

    # --- bodies --------------------------------------------------------------------------------

    def _take_body(self, data: bytes) -> bytes:
        """Pass on what belongs to the current request's body; return what comes after it."""
        exchange = self.exchange
        if exchange is None:
            return data
        if self.body_left == CHUNKED:
            return self._take_chunks(data, exchange)
        left = self.body_left
        if len(data) < left:
            self.body_left = left - len(data)
            exchange.request_body(data, is_last=False)
            return b""
        self.body_left = 0
        exchange.request_body(data if len(data) == left else data[:left], is_last=True)
        return data[left:]

    def _take_chunks(self, data: bytes, exchange: Exchange) -> bytes:
        chunks = cast("ChunkedReader", self._chunks)
        try:
            pieces, used = chunks.feed(data)
        except BadRequest as bad:
            exchange.failed(fault_of_message(bad))
            return b""
        if chunks.is_done:
            self.body_left = 0
        if pieces or chunks.is_done:
            exchange.request_body(b"".join(pieces), is_last=chunks.is_done)
        return data[used:]

    def skip_body(self) -> bool:
        """Drop the current request's body if it is all here; return False where more of it is on its way."""
        if self.body_left > 0 and len(self._buffer) >= self.body_left:
            self._buffer = self._buffer[self.body_left :]
            self.body_left = 0
        return self.body_left == 0

    def hold_reading(self, hold: bool) -> None:
        """Stop reading the client while the backend's side cannot take more."""
        self.held_by_upstream = hold
        self._hold()

    def _bound_buffer(self) -> None:
        """Stop reading the client while more is here than its answers in the making or in the way let us serve."""
        is_busy = self.exchange is not None or self.is_write_paused
        hold = is_busy and len(self._buffer) > _PIPELINE_LIMIT
        if hold is not self._held_by_buffer:
            self._held_by_buffer = hold
            self._hold()

    def _yield_turn(self) -> None:
        """Leave what is in the buffer for the next turn of the loop, and read no more until then."""
        self._held_by_turn = True
        self._hold()
        asyncio.get_running_loop().call_soon(self._take_turn)

    def _note_large_read(self) -> None:
        self._large_reads += 1
        if self._large_reads >= BULK_READS and self.body_left and not self.is_ending:
            self._large_reads = 0
            self._yield_turn()

    def _take_turn(self) -> None:
        self._held_by_turn = False
        if self.is_ending or self.transport.is_closing():
            return
        self._hold()
        if self._buffer:
            data, self._buffer = self._buffer, b""
            self.data_received(data)
        if self._held_by_buffer:
            self._bound_buffer()

    def _hold(self) -> None:
        if self.transport.is_closing():
            return
        if self._held_by_buffer or self.held_by_upstream or self._held_by_turn:
            pause_reading(self.transport)
        else:
            self.moved = self.engine.now
            resume_reading(self.transport)

    # --- ends ----------------------------------------------------------------------------------

    def exchange_over(self) -> None:
        """Go on with the next request, or end the connection."""
        self.exchange = None
        self.moved = self.engine.now
        if self.held_by_upstream:
            self.hold_reading(False)
        if not self.keep_alive or self.body_left or self.is_leaving:
            self.end()
        elif self._buffer:
            self._advance()

    def end(self, *, linger: bool = False) -> None:
        """Read no further request; close when what was written is out and the client's bytes are taken in."""
        self.is_ending = True
        if (
            (linger or self.body_left or self._buffer)
            and not self.is_half_closed
            and self.transport.can_write_eof()
        ):
            # Closing with unread bytes resets the connection, and the answer is lost with it.
            self.lingers_since = self.engine.now
            self._buffer = b""
            if self._held_by_buffer or self.held_by_upstream or self._held_by_turn:
                self._held_by_buffer = self.held_by_upstream = self._held_by_turn = False
                self._hold()
            self.transport.write_eof()
        else:
            self.transport.close()

    def _linger(self, data: bytes) -> None:
        self._lingered += len(data)
        if self._lingered > _LINGER_BYTES:
            self.abort()

    def cut(self) -> None:
        """Break off: the answer stays visibly unfinished."""
        self.is_ending = True
        if self.keep_alive:
            self.transport.close()
        else:
            self._reset()

    def abort(self) -> None:
        """Break off at once, whatever is not sent yet."""
        has_begun = self.exchange is not None and self.exchange.response_begun
        if not self.keep_alive and (has_begun or self.transport.get_write_buffer_size()):
            self._reset()
        elif not self._is_cut:
            self.transport.abort()

    def _reset(self) -> None:
        """Cut an answer that ends with the connection: an end in order would look like a good one."""
        if not self._is_cut:
            self._is_cut = True
            reset(self.transport, is_open=self.transport.get_write_buffer_size() > 0)

    def enter_tunnel(self, tunnel: "Tunnel") -> bytes:
        """Give this connection over to a tunnel; return what the client sent early."""
        self.tunnel = tunnel
        early, self._buffer = self._buffer, b""
        if self._held_by_buffer:
            self._bound_buffer()
        return early

    def progress(self) -> int | None:
        """Return how far it is with what only it holds up, while it has a connection to the backend; else None."""
        exchange = self.exchange
        if exchange is None or exchange.upstream is None or self.tunnel is not None:
            return None
        if self.is_write_paused:
            return exchange.response_bytes - untaken(self.transport)
        if self.body_left and not self.held_by_upstream and exchange.awaits_body:
            return exchange.request_bytes
        return None

    def too_slow(self) -> None:
        """Give the connection to the backend to somebody who uses it."""
        exchange = self.exchange
        if exchange is None:
            return
        has_begun = exchange.response_begun
        what = "took its answer" if has_begun else "sent its body"
        why = f"the client {what} too slowly while others waited for a connection to the backend"
        exchange.failed(fault(Reason.CLIENT_TIMEOUT, why))
        if has_begun:
            self.abort()


def _too_large(raw: bytes, limit: int) -> Fault:
    line_end = raw.find(b"\r\n")
    if line_end < 0 or line_end > limit:
        return Fault(Reason.HEAD_TOO_LARGE, 414, f"the request line is longer than {limit} bytes")
    return Fault(Reason.HEAD_TOO_LARGE, 431, f"the request's fields are longer than {limit} bytes")

"""One request and its answer: what is decided, what is sent, who is at fault, and the account of it.

Laws: a response begun is never followed by another; a body cut short is never made to look whole; a
request is sent again only where RFC 9110 §9.2.2 allows it and not a byte of an answer has come. The
client's bytes are `downstream`'s, the backend's are `upstream`'s; this module joins them.
HOT: measured by `bench` GET.
"""

import secrets
import time
from typing import TYPE_CHECKING

from corsproxy.cors.comparison import Comparison
from corsproxy.cors.cookies import CookieFault
from corsproxy.cors.policy import Decision
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.http1.framing import CHUNKED, UNTIL_CLOSE, chunk
from corsproxy.http1.reply import answer
from corsproxy.http1.request import RequestHead
from corsproxy.http1.response import ResponseHead
from corsproxy.http1.traceparent import trace_id
from corsproxy.proxy.faults import Fault, fault
from corsproxy.proxy.flow import pause_reading
from corsproxy.proxy.forwarded import Forwarding, request_text
from corsproxy.proxy.granting import cors_names, dropped_cookies, granted_lines, remove_cors
from corsproxy.proxy.kept import KeptBody
from corsproxy.proxy.own_answers import ALLOW, ends_connection, problem_text, refusal
from corsproxy.proxy.record import Record
from corsproxy.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    from corsproxy.proxy.downstream import ClientConnection
    from corsproxy.proxy.pool import Pool
    from corsproxy.proxy.upstream import UpstreamConnection

__all__ = ["Exchange"]

# RFC 9110 §9.2.2. Not PATCH, not POST.
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
_new = tuple.__new__
_SAME_ORIGIN = Kind.SAME_ORIGIN


class Exchange:
    """Lives from a request's head to the last byte of its answer."""

    # Defaults stand on the class: most exchanges never differ from most of them.
    upstream: "UpstreamConnection | None" = None
    response_begun = False
    request_bytes = 0
    response_bytes = 0
    waiting_since = 0.0
    holds_head = False  # the head is not sent before a piece of the body that is already here
    _upstream_seconds = -1.0
    _added_seconds = -1.0
    _text = b""  # the request's head as the backend gets it
    _kept: KeptBody | None = None
    _framed = False  # a close-delimited response that we chunk
    wants_fresh = False  # it is being sent once more
    _is_over = False
    _status = 0
    _fault: Fault | None = None
    _has_notes = False  # whether any of the next four differs
    _notes: tuple[Reason, ...] = ()
    _removed: tuple[bytes, ...] = ()
    _dropped: tuple[tuple[bytes, CookieFault], ...] = ()
    _compared: Comparison | None = None
    _detail = ""
    _pool: "Pool | None" = None

    def __init__(
        self, client: "ClientConnection", head: RequestHead, forwarding: Forwarding, decision: Decision
    ) -> None:
        self.client = client
        self.head = head
        self.decision = decision
        self._forwarding = forwarding
        self.asks_head = head.method == b"HEAD"
        # An HTTP/1.0 client cannot read chunks: they are taken apart, and the end is the close.
        self.decodes_chunks = head.minor == 0
        self.is_sent = head.length == 0
        self.moved = client.engine.now
        self._started = time.perf_counter()

    @property
    def compared(self) -> Comparison | None:
        """What the candidate says, where there is one."""
        return self._compared

    @compared.setter
    def compared(self, comparison: Comparison) -> None:
        self._has_notes = True
        self._compared = comparison

    # --- the request ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Answer, refuse or forward, as decided."""
        decision = self.decision
        action = decision.action
        head = self.head
        if head.max_forwards == b"0":
            self._answer(200, ALLOW + decision.error_lines(head.origin))
        elif action is Action.FORWARD:
            limit = self.client.engine.limits.body_bytes
            if limit and head.length > limit:
                self.failed(
                    fault(Reason.BODY_TOO_LARGE, f"the body is longer than the limit of {limit} bytes")
                )
                return
            engine = self.client.engine
            self._text = request_text(
                head, self._forwarding.lines, engine.upstream_host, engine.upstream_authority
            )
            self._pool = engine.pool
            if not self._pool.acquire(self):
                self.failed(
                    fault(Reason.QUEUE_FULL, "all connections to the backend are busy and the queue is full")
                )
        elif action is Action.ANSWER:
            self._answer(decision.status, decision.answer_lines(head))
        else:
            self._explain(refusal(decision))

    def connected(self, upstream: "UpstreamConnection") -> None:
        """Send what there is of the request over this connection."""
        self.upstream = upstream
        client = self.client
        self.moved = client.engine.now
        if client.held_by_upstream:
            client.hold_reading(False)  # before the writes below, which may hold it again
        if client.is_write_paused:
            pause_reading(upstream.transport)
        if not self.holds_head:
            kept = self._kept
            upstream.transport.write(self._text if kept is None else kept.send(self._text))
        self._added_seconds = time.perf_counter() - self._started

    def request_body(self, content: bytes, *, is_last: bool) -> None:
        """Pass on a piece of the request's body; `content` may be empty at the end of a chunked one."""
        self.request_bytes += len(content)
        limit = self.client.engine.limits.body_bytes
        if limit and self.request_bytes > limit:
            self.failed(fault(Reason.BODY_TOO_LARGE, f"the body is longer than the limit of {limit} bytes"))
            return
        if self.head.length == CHUNKED:
            piece = chunk(content) if content else b""
            if is_last:
                piece += b"0\r\n\r\n"
        else:
            piece = content
        if is_last:
            self.is_sent = True
        upstream = self.upstream
        if upstream is not None:
            upstream.transport.write(self._text + piece if self.holds_head else piece)
            self.holds_head = False
            self.moved = self.client.engine.now
        elif not self.is_sent:
            self.client.hold_reading(True)
        if upstream is None or self.is_repeatable:
            if self._kept is None:
                self._kept = KeptBody(is_repeatable=self.is_repeatable)
            self._kept.add(piece, is_sent=upstream is not None)

    def release_head(self) -> None:
        """Send a head that was held for a body of which nothing came; hold none any more."""
        if self.holds_head and self.upstream is not None:
            self.upstream.transport.write(self._text)
        self.holds_head = False

    @property
    def is_repeatable(self) -> bool:
        """Whether its method is idempotent."""
        return self.head.method in _IDEMPOTENT

    def can_retry(self) -> bool:
        """Tell whether the request may be sent once more over a fresh connection (RFC 9110 §9.2.2)."""
        return (
            not self.wants_fresh
            and not self.response_begun
            and self.is_sent
            and self.is_repeatable
            and (self._kept is None or self._kept.is_whole)
        )

    def retry(self) -> None:
        """Send the request once more over a fresh connection."""
        self.wants_fresh = True
        self.upstream = None
        pool = self.client.engine.pool
        self._pool = pool
        if not pool.acquire_fresh(self):
            self.failed(
                fault(Reason.QUEUE_FULL, "all connections to the backend are busy and the queue is full")
            )

    @property
    def awaits_body(self) -> bool:
        """Whether more of the body is due now: not while the client waits to be told 100, nor after an answer."""
        waits = self.head.expects_continue and not self.request_bytes
        return not waits and not self.response_begun

    # --- the backend's answer ------------------------------------------------------------------

    def interim(self, head: ResponseHead) -> None:
        """Relay a 1xx to a client that knows them."""
        if self.head.minor == 0:
            return
        if head.status == 100:
            self.head.expects_continue = False
        if self.decision.strips:
            self._remove_cors(head)
        head.lines[-2] = b""
        self.client.transport.write(b"\r\n".join(head.lines))

    def response_head(self, head: ResponseHead) -> bytes:
        """Return the head as the client gets it; settle how the body is framed and what follows it."""
        decision = self.decision
        self._status = head.status
        self._upstream_seconds = time.perf_counter() - self._started
        self.response_begun = True
        client = self.client
        block = b""
        if not decision.report:
            block = self._policy_block(head)
        elif head.cors:
            self._note_cors(cors_names(head))
        if head.length == CHUNKED:
            if self.decodes_chunks:
                client.keep_alive = False
            else:
                block += b"Transfer-Encoding: chunked\r\n"
        elif head.length == UNTIL_CLOSE:
            if self.head.minor:
                self._framed = True
                block += b"Transfer-Encoding: chunked\r\n"
            else:
                client.keep_alive = False
        if not client.keep_alive or not self.is_sent or client.is_leaving:
            client.keep_alive = False
            block += b"Connection: close\r\n"
        elif self.head.minor == 0:
            block += b"Connection: keep-alive\r\n"
        head.lines[-2] = block
        text = b"\r\n".join(head.lines)
        self.response_bytes = -len(text)  # bodies are counted; `relay` counts all
        return text

    def _policy_block(self, head: ResponseHead) -> bytes:
        """Take the backend's CORS fields out of `head` and return the lines that are ours."""
        decision = self.decision
        if head.cors and decision.strips:
            self._remove_cors(head)
        if head.has_location and 300 <= head.status < 400 and decision.kind is Kind.ACTUAL:
            self._has_notes = True
            self._notes += (Reason.BACKEND_REDIRECT,)
        if head.cookies and decision.kind is Kind.ACTUAL:
            self._has_notes = True
            self._dropped = dropped_cookies(head, decision, self.head, self._forwarding.host)
        return granted_lines(head, decision, self.head.origin)

    def _remove_cors(self, head: ResponseHead) -> None:
        self._note_cors(remove_cors(head))

    def _note_cors(self, names: tuple[bytes, ...]) -> None:
        """Note the backend's CORS fields: removed, or in report mode left to pass."""
        if names:
            self._has_notes = True
            self._removed = tuple(dict.fromkeys((*self._removed, *names)))
            if Reason.BACKEND_CORS_CONFLICT not in self._notes:
                self._notes += (Reason.BACKEND_CORS_CONFLICT,)

    def frame(self, data: bytes) -> bytes:
        """Frame a piece of a close-delimited body as the client needs it."""
        return chunk(data) if self._framed and data else data

    def relay(self, data: bytes) -> None:
        """Pass a piece of the response on to the client."""
        self.response_bytes += len(data)
        self.client.transport.write(data)

    def response_over(self) -> None:
        """End an exchange whose response was passed on whole."""
        if self._is_over:
            return
        if self._framed:
            self.client.transport.write(b"0\r\n\r\n")
        self._finish()

    def switch(self, upstream: "UpstreamConnection", head: ResponseHead, early: bytes) -> None:
        """Turn the two connections into a tunnel, if that was asked for (RFC 9110 §7.8)."""
        if not self.head.is_websocket or head.upgrade != b"websocket":
            upstream.abort()
            self.failed(fault(Reason.UPSTREAM_INVALID, "the backend switched protocols unasked"))
            return
        if self.decision.strips:
            self._remove_cors(head)
        self._status = 101
        self._upstream_seconds = time.perf_counter() - self._started
        self.response_begun = True
        head.lines[-2] = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        self.client.transport.write(b"\r\n".join(head.lines) + early)
        Tunnel(self.client, upstream, self).open()

    # --- ends ----------------------------------------------------------------------------------

    def client_gone(self) -> None:
        """The client left: cut what was asked of the backend for it."""
        if self._is_over:
            return
        self._drop_upstream()
        if self._fault is None:
            self._detail = "the client left before the end"
        self._is_over = True
        self._report()

    def failed(self, why: Fault) -> None:
        """Answer for a fault, or cut the answer where one has begun."""
        if self._is_over:
            return
        self._fault = why
        self._drop_upstream()
        client = self.client
        if self.response_begun:
            self._is_over = True
            client.exchange = None
            client.cut()
            self._report()
            return
        if not self.is_sent or ends_connection(why):
            client.keep_alive = False
        self._explain(why)

    def _explain(self, why: Fault) -> None:
        """Answer with a problem."""
        client = self.client
        self._status = why.status
        self._detail = why.detail
        self._settle_connection()
        text = problem_text(
            why,
            self.decision,
            self.head.origin,
            request_id=self._request_id(),
            date=client.engine.date,
            close=not client.keep_alive,
            to_head=self.asks_head,
        )
        client.transport.write(text)
        self._finish()

    def _answer(self, status: int, lines: bytes) -> None:
        client = self.client
        self._status = status
        self._settle_connection()
        client.transport.write(answer(status, lines, date=client.engine.date, close=not client.keep_alive))
        self._finish()

    def _settle_connection(self) -> None:
        """Close after an own answer where the request's body is still on its way, or all is ending."""
        self.response_begun = True
        client = self.client
        # A client of HTTP/1.0 is not told that its connection stays: it would wait for the end.
        if not client.skip_body() or client.is_leaving or not self.head.minor:
            client.keep_alive = False

    def _finish(self) -> None:
        self._is_over = True
        self.upstream = None
        self._report()
        self.client.exchange_over()

    def _drop_upstream(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abort()
        elif self._pool is not None:
            self._pool.forget(self)

    def _request_id(self) -> str:
        if not self.head.request_id:
            self.head.request_id = secrets.token_hex(8).encode()
        return self.head.request_id.decode("ascii")

    def tunnel_over(self, up: int, down: int) -> None:
        """Account for a tunnel that has ended; `up` and `down` are bytes."""
        self.request_bytes, self.response_bytes = up, down
        if not self._is_over:
            self._is_over = True
            self._report()

    def _report(self) -> Record:
        """Hand the account of this exchange over."""
        head = self.head
        decision = self.decision
        seconds = time.perf_counter() - self._started
        why = self._fault
        # Each default that stands on a class takes as long to read as ten local variables, so few are read.
        notes: tuple[Reason, ...] = ()
        removed: tuple[bytes, ...] = ()
        dropped: tuple[tuple[bytes, CookieFault], ...] = ()
        compared = request_method = request_headers = sec_fetch_site = None
        if self._has_notes:
            notes, removed, dropped, compared = self._notes, self._removed, self._dropped, self._compared
        origin = head.origin
        if origin is not None:
            request_method = head.request_method
            if request_method is not None:
                request_headers = head.request_headers
            elif decision.kind is _SAME_ORIGIN:
                sec_fetch_site = head.sec_fetch_site
        # As Record(…), which costs twice as much.
        record = _new(
            Record,
            (
                decision,
                self._status,
                None if why is None else why.reason,
                time.time() - seconds,
                seconds,
                self._upstream_seconds,
                self._forwarding.client,
                head.method,
                head.path,
                self._forwarding.host,
                origin,
                self.request_bytes,
                self.response_bytes,
                head.request_id.decode() if head.request_id else "",
                notes,
                removed,
                self._detail if why is None else why.detail,
                request_method,
                request_headers,
                sec_fetch_site,
                dropped,
                compared,
                self._added_seconds,
                trace_id(head.traceparent) if head.traceparent else "",
            ),
        )
        self.client.engine.observer.finished(record)
        return record

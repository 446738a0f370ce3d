"""The account of a finished exchange, and who takes it.

Laws: a Record is immutable and holds no secret: no header values but Origin and what belongs to it, no query, no body. The
proxy makes Records and knows nothing of what becomes of them; `observe` makes lines and counters.
"""

from typing import NamedTuple, Protocol

from corsproxy.cors.comparison import Comparison
from corsproxy.cors.cookies import CookieFault
from corsproxy.cors.policy import Decision
from corsproxy.cors.vocabulary import Reason

__all__ = ["Gauges", "Observer", "Record"]


class Record(NamedTuple):
    """One request and its answer, from the first byte of the one to the last of the other.

    A tuple because one is made for every request. `started` is Unix time in seconds; `seconds` the
    whole duration; `upstream_seconds` until the backend's response head, -1.0 where it was not asked
    or said nothing. `fault` is why the proxy had to answer, or cut, itself; None where all went well.
    """

    decision: Decision | None  # None: the head was too broken to decide on
    status: int  # 0: the client left before there was one
    fault: Reason | None
    started: float
    seconds: float
    upstream_seconds: float
    client: str  # address of the peer, or of the client a trusted proxy named
    method: bytes
    path: bytes  # as sent, without the query
    host: bytes
    origin: bytes | None
    request_bytes: int  # bodies only
    response_bytes: int  # bodies that were forwarded; chunks with their framing, as they pass unopened
    request_id: str  # "" unless one was given or needed
    notes: tuple[Reason, ...] = ()  # backend_cors_conflict, backend_redirect
    removed_fields: tuple[bytes, ...] = ()  # the backend's CORS fields, with backend_cors_conflict
    detail: str = ""  # what precisely was wrong, for people
    request_method: bytes | None = None  # Access-Control-Request-Method, as sent beside an Origin
    request_headers: bytes | None = (
        None  # Access-Control-Request-Headers beside it, its lines joined by commas
    )
    sec_fetch_site: bytes | None = None  # of same-origin requests only
    # Names of what the backend set and browsers will not keep, and why; of credentialed cross-site answers.
    dropped_cookies: tuple[tuple[bytes, CookieFault], ...] = ()
    compared: Comparison | None = None  # what the candidate says, where there is one
    added_seconds: float = -1.0  # until the backend had the request's head; -1.0 where it never did
    trace_id: str = ""  # of the trace it belongs to, 32 hexadecimal digits; "" where it names none


class Gauges(NamedTuple):
    """What a worker has open at this moment."""

    client_connections: int
    upstream_connections_active: int
    upstream_connections_idle: int
    upstream_queue: int
    tunnels: int


class Observer(Protocol):
    """Takes Records; must neither block nor raise."""

    def finished(self, record: Record) -> None:
        """Take the account of one finished exchange."""

    def connection_opened(self) -> None:
        """Count a client's connection."""

    def event(self, level: str, message: str, **details: object) -> None:
        """Log something that is not an exchange; `level` as in `log.level`, details JSON-able."""

"""What is asked, what is sent for it, and what comes back: the values that all of the probe speaks in.

Laws: frozen. An answer has its fields as they came, every line; of its body at most what tells whose it is.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Answer", "Asked", "Exchange", "Failure", "FailureKind", "Sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the page does: fetch(url, …). `url` is as browsers write it.

    `fields` are those that the page sets; `cookie` is what the browser holds for the called host. `sends`: a
    request that may change something is really sent; `is_preflight_only`: nothing is, after a preflight.
    """

    origin: str
    url: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    include: bool = False
    cookie: str | None = None
    sends: bool = False
    is_preflight_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request on the wire, without Host and Content-Length."""

    method: str
    url: str
    fields: tuple[tuple[str, str], ...]
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response. `address` is the IP address it came from; `body` its beginning, where that was of interest."""

    status: int
    phrase: str = ""
    fields: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    address: str = ""

    def values(self, name: str) -> tuple[str, ...]:
        """Return the value of every line with this name."""
        lower = name.lower().encode("ascii")
        return tuple(
            value.decode("utf-8", "replace").strip()
            for written, value in self.fields
            if written.lower() == lower
        )

    def value(self, name: str) -> str | None:
        """Return the lines with this name as browsers join them; None where there is none."""
        values = self.values(name)
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer."""

    sent: Sent
    answer: Answer


class FailureKind(StrEnum):
    """Why there is no answer; none of these has to do with CORS."""

    DNS = "dns"
    REFUSED = "refused"
    UNROUTABLE = "unroutable"
    TIMEOUT = "timeout"
    TLS = "tls"
    CLOSED = "closed"
    PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a browser shows as a network error. `detail` is a sentence, `fix` another."""

    kind: FailureKind
    detail: str
    fix: str = ""

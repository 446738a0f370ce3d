"""Who the client is, and what the backend is told of it: X-Forwarded-*, Forwarded, Host, Via.

Laws: a peer is believed only if its address is in `trusted_proxies`, or it came over a unix socket,
which file permissions guard; from any other peer every X-Forwarded-* and Forwarded line is replaced.
Field names that WSGI servers take for the scheme (X-Forwarded-Protocol, -Ssl) are never passed on.
"""

import ipaddress
from typing import NamedTuple

from corsproxy.http1.framing import CHUNKED
from corsproxy.http1.request import RequestHead

__all__ = ["Client", "Forwarding", "TrustedProxies", "request_text"]

_NEVER = frozenset({b"x-forwarded-protocol", b"x-forwarded-ssl", b"x-forwarded-scheme"})
_OURS = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded"}
)
# Nobody has more proxies of his own in a row, and thousands of addresses would take tens of milliseconds.
_MOST_HOPS = 32
_VIA = b"Via: 1.1 corsproxy\r\n"


class Forwarding(NamedTuple):
    """What one request comes to: lines for the backend, and the scheme, host and client in effect."""

    lines: bytes
    scheme: bytes
    host: bytes
    client: str


class TrustedProxies:
    """The networks whose word we take."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

    def include(self, address: str) -> bool:
        """Tell whether `address` is one of ours; a name or an unreadable address never is."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self._networks)


class Client:
    """The peer of one connection. `port` is ours, that it connected to; 0 on a unix socket."""

    def __init__(
        self, address: str, *, scheme: bytes, port: int, local: bool, trusted: TrustedProxies
    ) -> None:
        self.address = address
        self.scheme = scheme
        self._port = port
        self._trusted = trusted
        self.is_trusted = local or trusted.include(address)
        self._node = f'"[{address}]"' if ":" in address else address or "unknown"
        # Almost every request of a connection names the same host.
        self._last = Forwarding(b"", scheme, b"\0", address)

    def forwarding(self, head: RequestHead) -> Forwarding:
        """Return what to tell the backend of this request, and what we believe of it ourselves."""
        if head.forwarded and self.is_trusted:
            return self._believed(head)
        if head.host != self._last.host:
            self._last = self._plain(head.host)
        return self._last

    def _plain(self, host: bytes) -> Forwarding:
        lines = _VIA + self._lines(
            b"", self.scheme, host, self._port_of(host, self.scheme), self._element(self.scheme, host)
        )
        return Forwarding(lines, self.scheme, host, self.address)

    def _lines(self, chain: bytes, scheme: bytes, host: bytes, port: bytes, forwarded: bytes) -> bytes:
        address = self.address.encode() or b"unknown"
        named = b"X-Forwarded-Host: %b\r\n" % host if host else b""  # HTTP/1.0 may name none
        return (
            b"X-Forwarded-For: %b%b\r\nX-Forwarded-Proto: %b\r\n%bX-Forwarded-Port: %b\r\nForwarded: %b\r\n"
        ) % (chain + b", " if chain else b"", address, scheme, named, port, forwarded)

    def _element(self, scheme: bytes, host: bytes) -> bytes:
        named = b'host="%b";' % host if host else b""
        return b"for=%b;%bproto=%b" % (self._node.encode(), named, scheme)

    def _port_of(self, host: bytes, scheme: bytes, *, is_ours: bool = True) -> bytes:
        """Return the port the client used: the host's own, else ours if it came to us, else the scheme's default."""
        name, colon, port = host.rpartition(b":")
        if colon and name and port.isdigit() and (name[:1] != b"[" or name[-1:] == b"]"):
            return port
        if self._port and is_ours:
            return b"%d" % self._port
        return b"443" if scheme == b"https" else b"80"

    def _believed(self, head: RequestHead) -> Forwarding:
        """Append ourselves to what a trusted proxy said, and take its word for scheme, host and client."""
        said: dict[bytes, list[bytes]] = {}
        for name, value in head.forwarded:
            said.setdefault(name, []).append(value)
        chain = b", ".join(said.get(b"x-forwarded-for", ()))
        scheme = _first(said, b"x-forwarded-proto").lower()
        if scheme not in (b"http", b"https"):
            scheme = self.scheme
        host = _first(said, b"x-forwarded-host") or head.host
        came_to_us = b"x-forwarded-proto" not in said and b"x-forwarded-host" not in said
        port = _first(said, b"x-forwarded-port") or self._port_of(host, scheme, is_ours=came_to_us)
        forwarded = b", ".join([*said.get(b"forwarded", ()), self._element(self.scheme, head.host)])
        lines = _VIA + self._lines(chain, scheme, host, port, forwarded)
        for name, value in head.forwarded:
            if name not in _OURS and name not in _NEVER:
                lines += b"%b: %b\r\n" % (name.title(), value)
        return Forwarding(lines, scheme, host, self._client_in(chain))

    def _client_in(self, chain: bytes) -> str:
        """Return the last address of the chain that is not a trusted proxy's; our peer's if all that is looked at are."""
        hops = chain.decode("latin-1").rsplit(",", _MOST_HOPS)
        for element in reversed(hops[-_MOST_HOPS:]):
            address = element.strip()
            if address and not self._trusted.include(address):
                return address if len(address) <= 64 else self.address
        return self.address


def request_text(head: RequestHead, forwarding: bytes, host: bytes, authority: bytes) -> bytes:
    """Return the request's head as the backend gets it; `head` is used up.

    `forwarding` are the lines of `Forwarding`; `host` replaces the request's own unless it is empty,
    `authority` is the backend's, for a request that names no host.
    """
    head.drop_odd_names()
    lines = head.lines
    block = forwarding
    if head.length == CHUNKED:
        block += b"Transfer-Encoding: chunked\r\n"
    if head.is_websocket:
        block += b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if host or not head.has_host:
        lines[1:-2] = [line for line in lines[1:-2] if line[:5].lower() != b"host:"]
        block += b"Host: %b\r\n" % (host or head.host or authority)
    lines[-2] = block
    return b"\r\n".join(lines)


def _first(said: dict[bytes, list[bytes]], name: bytes) -> bytes:
    values = said.get(name)
    return values[0].partition(b",")[0].strip() if values else b""

"""The wire of the probe: one request sent, one answer or one failure back. The only module here that does I/O.

Laws: nothing is followed, kept, decoded or taken from the environment (no redirects, cookies, netrc, proxies); every
request has a connection of its own, and is sent once, its method as written. Of a body only a problem's is read, bounded.
"""

import socket
import ssl
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from corsproxy.bridges.probe.exchange import Answer, Failure, Sent
from corsproxy.bridges.probe.failures import failure_of

__all__ = ["Client"]

_MOST_BODY = 16384
_LONGEST_LINE = 65536


class Client:
    """Sends requests. `resolve` has addresses by (host, port), before DNS is asked.

    Raises ValueError, whose argument says why, for a `ca` that holds no certificates.
    """

    def __init__(
        self, *, timeout: float, ca: str | None = None, resolve: Mapping[tuple[str, int], str] | None = None
    ) -> None:
        self._timeout = timeout
        self._tls = _tls(ca)
        self._pinned = resolve or {}

    async def send(self, sent: Sent) -> Answer | Failure:
        """Send one request and wait for the head of its answer."""
        resolver = _Resolver(self._pinned)
        try:
            async with (
                self._session(sent, resolver) as session,
                session.request(
                    sent.method,
                    URL(sent.url, encoded=True),
                    headers=[("Connection", "keep-alive"), *sent.fields],  # as browsers say
                    data=sent.body,
                    allow_redirects=False,
                ) as response,
            ):
                host = response.url.host or ""
                if response.status < 200:  # an upgrade that nobody asked for
                    return failure_of(ValueError(), sent, self._timeout, is_resolving=False)
                return Answer(
                    status=response.status,
                    phrase=response.reason or "",
                    fields=tuple(response.raw_headers),
                    body=await self._problem(response),
                    address=resolver.found.get(host, host),
                )
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            return failure_of(failure, sent, self._timeout, is_resolving=bool(resolver.asked_for))

    def _session(self, sent: Sent, resolver: "_Resolver") -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # Not force_close: what is left open is aborted with the session, where TLS would wait for a goodbye.
            connector=aiohttp.TCPConnector(ssl=self._tls, resolver=resolver, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=2 * self._timeout, sock_connect=self._timeout, sock_read=self._timeout
            ),
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            request_class=cast("Any", _Once(sent.method)),
        )

    async def _problem(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body of a problem: nothing else in a body is of interest, and some never end."""
        if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
            return b""
        try:
            return await response.content.read(_MOST_BODY)
        except (aiohttp.ClientError, OSError):
            return b""


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise ValueError("it holds no certificate") from None
    except OSError as fault:
        raise ValueError((fault.strerror or str(fault)).lower()) from None


class _Once:
    """Makes the request of a session: once, and with the method in the letters that it came in.

    aiohttp writes methods in upper case, where browsers leave most as they are; and it sends an idempotent request again
    on a connection that was closed, where a PUT that is probed is to be sent once.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self._is_made = False

    def __call__(self, _: str, url: URL, **options: Any) -> aiohttp.ClientRequest:
        """Make it."""
        if self._is_made:
            raise aiohttp.ServerDisconnectedError
        self._is_made = True
        request = aiohttp.ClientRequest(self._method, url, **options)
        request.method = self._method
        return request


class _Resolver(AbstractResolver):
    """Looks into what --resolve says, then asks the system; `found` has the first address of every host.

    A question that is given up stays in `asked_for`.
    """

    def __init__(self, pinned: Mapping[tuple[str, int], str]) -> None:
        self._pinned = pinned
        self._system = ThreadedResolver()
        self.found: dict[str, str] = {}
        self.asked_for = ""  # what the system has not yet answered

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Find the addresses of a host."""
        pinned = self._pinned.get((host, port))
        if pinned is None:
            # Browsers ask nobody where a name under .localhost is.
            name = "localhost" if host.endswith(".localhost") else host
            self.asked_for = host
            try:
                results = await self._system.resolve(name, port, family)
            except OSError:
                self.asked_for = ""
                raise
            self.asked_for = ""
        else:
            results = [
                ResolveResult(
                    hostname=host,
                    host=pinned,
                    port=port,
                    family=socket.AF_INET6 if ":" in pinned else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
            ]
        self.found[host] = results[0]["host"]
        return results

    async def close(self) -> None:
        """Do nothing: nothing is open."""
        await self._system.close()

"""The wire of the probe: one request sent, one answer or one failure back. The only module here that does I/O.

Laws: nothing is followed, kept, decoded or taken from the environment (no redirects, cookies, netrc, proxies); every
request has a connection of its own. Of a body only a problem's is read, bounded. What aiohttp, asyncio and
OpenSSL say of a connection is put into the words of FailureKind here, and nowhere else.
"""

import errno
import os
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from corsproxy.bridges.probe.exchange import Answer, Failure, FailureKind, Sent

__all__ = ["Client"]

_MOST_BODY = 16384
_LONGEST_LINE = 65536
_BY_OPENSSL = {  # X509_V_ERR_…
    10: ("has expired", "Renew it."),
    9: ("is not valid yet", "Look at its dates, and at this machine's clock."),
    18: (
        "is signed by itself",
        "Use one of an authority that browsers know; to test with your own, add --ca FILE.",
    ),
    19: (
        "ends in an authority that is not known here",
        "If it is your own authority, add --ca FILE; visitors' browsers must know it too.",
    ),
    20: (
        "comes from an authority that is not known here, or an intermediate certificate is missing",
        "Send the whole chain. If it is your own authority, add --ca FILE; visitors' browsers must know it too.",
    ),
    62: ("is for other names than {host}", "Get one that has this name, or call the name that it has."),
    64: ("is for other names than {host}", "Get one that has this address, or call the name that it has."),
}


class Client:
    """Sends requests; an asynchronous context. `resolve` has addresses by (host, port), before DNS is asked.

    Raises ValueError, whose argument says why, for a `ca` that holds no certificates.
    """

    def __init__(
        self, *, timeout: float, ca: str | None = None, resolve: Mapping[tuple[str, int], str] | None = None
    ) -> None:
        self._timeout = timeout
        self._tls = _tls(ca)
        self._pinned = resolve or {}
        self._resolver: _Resolver | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._resolver = _Resolver(self._pinned)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                force_close=True, ssl=self._tls, resolver=self._resolver, use_dns_cache=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=2 * self._timeout, sock_connect=self._timeout, sock_read=self._timeout
            ),
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def send(self, sent: Sent) -> Answer | Failure:
        """Send one request and wait for the head of its answer."""
        if self._session is None or self._resolver is None:
            raise RuntimeError("the client is not open")
        try:
            async with self._session.request(
                sent.method,
                URL(sent.url, encoded=True),
                headers=[
                    ("Connection", "keep-alive"),
                    *sent.fields,
                ],  # as browsers say; we close all the same
                data=sent.body,
                allow_redirects=False,
            ) as response:
                return Answer(
                    status=response.status,
                    phrase=response.reason or "",
                    fields=tuple(response.raw_headers),
                    body=await self._problem(response),
                    address=self._resolver.found.get(response.url.host or "", response.url.host or ""),
                )
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            return self._failure(failure, sent)

    async def _problem(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body of a problem: nothing else in a body is of interest, and some never end."""
        if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
            return b""
        try:
            return await response.content.read(_MOST_BODY)
        except (aiohttp.ClientError, OSError):
            return b""

    def _failure(self, failure: Exception, sent: Sent) -> Failure:
        url = URL(sent.url, encoded=True)
        host, port = url.host or "", url.port
        if isinstance(failure, aiohttp.ConnectionTimeoutError):
            handshake = ", or did not finish the TLS handshake," if url.scheme == "https" else ""
            return Failure(
                FailureKind.TIMEOUT,
                f"{host} did not accept a connection on port {port}{handshake} within {self._timeout:g} s.",
                "A firewall often drops silently: is the port open from here? --timeout waits longer.",
            )
        if isinstance(failure, TimeoutError) and self._resolver is not None and self._resolver.asked_for:
            return Failure(
                FailureKind.DNS,
                f"The name {host} was not resolved within {2 * self._timeout:g} s.",
                "Is the name server there? --resolve HOST:PORT:ADDRESS goes without it.",
            )
        if isinstance(failure, TimeoutError):
            return Failure(
                FailureKind.TIMEOUT,
                f"{host}:{port} took the {sent.method} and did not answer within {self._timeout:g} s.",
                "Look whether the application behind it hangs; --timeout waits longer.",
            )
        if isinstance(failure, aiohttp.ClientConnectorDNSError):
            return Failure(
                FailureKind.DNS,
                f"The name {host} cannot be resolved.",
                "Look at its spelling and at its DNS records; --resolve HOST:PORT:ADDRESS goes without them.",
            )
        if isinstance(failure, aiohttp.ClientConnectorCertificateError):
            return _of_certificate(failure.certificate_error, host)
        if isinstance(failure, aiohttp.ClientSSLError):
            return _of_handshake(failure.os_error, host, port)
        if isinstance(failure, aiohttp.ClientConnectorError):
            return _of_connecting(failure.os_error, host, port, is_tls=url.scheme == "https")
        if isinstance(failure, aiohttp.ClientResponseError | ValueError):
            return Failure(
                FailureKind.PROTOCOL,
                f"What {host}:{port} answers is not HTTP/1.1.",
                "Is this the port, and http:// or https:// the right one?",
            )
        return Failure(
            FailureKind.CLOSED,
            f"{host}:{port} closed the connection without an answer.",
            "Is this the port, and http:// or https:// the right one? The server's log may say why.",
        )


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise ValueError("it holds no certificate") from None
    except OSError as fault:
        raise ValueError((fault.strerror or str(fault)).lower()) from None


def _of_certificate(failure: Exception, host: str) -> Failure:
    code = failure.verify_code if isinstance(failure, ssl.SSLCertVerificationError) else 0
    fault, fix = _BY_OPENSSL.get(
        code, ("is not accepted", "Ask for it with: openssl s_client -connect HOST:PORT")
    )
    if code not in _BY_OPENSSL and isinstance(failure, ssl.SSLCertVerificationError):
        fault = f"is not accepted: {failure.verify_message}"
    return Failure(FailureKind.TLS, f"The certificate of {host} {fault.format(host=host)}.", fix)


def _of_handshake(failure: OSError, host: str, port: int | None) -> Failure:
    why = getattr(failure, "reason", None) or "no reason given"
    if why in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE"}:
        return Failure(
            FailureKind.TLS,
            f"{host}:{port} does not speak TLS there.",
            "Call it by http://, or serve TLS on that port.",
        )
    return Failure(FailureKind.TLS, f"The TLS handshake with {host}:{port} failed: {why}.", "")


def _of_connecting(failure: OSError, host: str, port: int | None, *, is_tls: bool) -> Failure:
    if isinstance(failure, ConnectionRefusedError):
        return Failure(
            FailureKind.REFUSED,
            f"Nobody listens on port {port} of {host}.",
            "Is the server running, and is this its port?",
        )
    if failure.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
        return Failure(
            FailureKind.UNROUTABLE, f"There is no way to {host} from here: {os.strerror(failure.errno)}.", ""
        )
    if is_tls and isinstance(failure, ConnectionError):
        detail = f"{host}:{port} closed the connection in the TLS handshake."
        return Failure(FailureKind.TLS, detail, "Is this a port for https://?")
    why = os.strerror(failure.errno) if failure.errno else str(failure)
    return Failure(FailureKind.REFUSED, f"{host}:{port} cannot be connected to: {why}.", "")


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

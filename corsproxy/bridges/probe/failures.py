"""What aiohttp, asyncio and OpenSSL say of a connection, in the words of FailureKind: a dead server, DNS, TLS, time.

Laws: this is the only place that translates; the detail is one sentence for people, the fix another.
"""

import errno
import os
import ssl

import aiohttp
from yarl import URL

from corsproxy.bridges.probe.exchange import Failure, FailureKind, Sent

__all__ = ["failure_of"]

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


def failure_of(failure: Exception, sent: Sent, timeout: float, *, is_resolving: bool) -> Failure:
    """Say why no answer came; `is_resolving`: the name was still asked for."""
    url = URL(sent.url, encoded=True)
    host, port = url.host or "", url.port
    if isinstance(failure, aiohttp.ConnectionTimeoutError):
        handshake = ", or did not finish the TLS handshake," if url.scheme == "https" else ""
        return Failure(
            FailureKind.TIMEOUT,
            f"{host} did not accept a connection on port {port}{handshake} within {timeout:g} s.",
            "A firewall often drops silently: is the port open from here? --timeout waits longer.",
        )
    if isinstance(failure, TimeoutError) and is_resolving:
        return Failure(
            FailureKind.DNS,
            f"The name {host} was not resolved within {2 * timeout:g} s.",
            "Is the name server there? --resolve HOST:PORT:ADDRESS goes without it.",
        )
    if isinstance(failure, TimeoutError):
        return Failure(
            FailureKind.TIMEOUT,
            f"{host}:{port} took the {sent.method} and did not answer within {timeout:g} s.",
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

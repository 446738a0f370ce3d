"""Whether certificates and keys will do, told at load and not to the first client.

Laws: files only; no connection is made here. OpenSSL itself is the judge, and what it says is put
into words. When a certificate ends it says only to who shook hands: so a client of our own does, in memory.
"""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["authority_end", "authority_fault", "pair_end", "pair_fault", "reading_fault"]

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which ssl.VerifyFlags has no name for
# What is left when it is said that a certificate ends soon: whoever renews them by machine has done so before.
_SOON = 14 * 86400.0
_SOON_OF_ITS_LIFE = 0.1


def reading_fault(file: Path) -> str:
    """Say why a file cannot be read, "" where it can."""
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except (OSError, ValueError) as fault:
        return getattr(fault, "strerror", None) or str(fault)
    return ""


def pair_fault(certificate: str, key: str) -> str:
    """Say why a certificate and a key cannot serve together, "" where they can."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The callback keeps an encrypted key from asking at the terminal.
    return _fault(lambda: context.load_cert_chain(certificate, key, password=lambda: ""))


def authority_fault(file: str) -> str:
    """Say why a file of authorities cannot be used, "" where it can."""
    return _fault(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file))


def pair_end(certificate: str, key: str) -> str:
    """Say that a certificate, or one that it is signed by, is not valid now or not for long, "" where all is well."""
    shown, above = _shown(certificate, key)
    said = [_end(shown, "The certificate")] if shown else []
    said += [_end(each, "A certificate of the chain") for each in above if each["subject"] != each["issuer"]]
    return next(filter(None, said), "")


def authority_end(file: str) -> str:
    """Say that no authority of a file is valid any more, "" where one is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=file)
    ends = [ssl.cert_time_to_seconds(each["notAfter"]) for each in _authorities(context)]
    if not ends or max(ends) > time.time():
        return ""
    return f"No authority of this file is valid any more: the last ended at {_spell(max(ends))}."


def _shown(certificate: str, key: str) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """Return what a client is shown, decoded, and the authorities among it; nothing where none can be shown."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(certificate, key, password=lambda: "")
    client.load_verify_locations(cafile=certificate)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks, shows = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    for end in (asks, shows, asks):
        with suppress(
            ssl.SSLError
        ):  # it waits for the other, or will have nothing to do with such a certificate
            end.do_handshake()
    with suppress(ValueError):  # there was no handshake
        return asks.getpeercert() or {}, _authorities(client)
    return {}, _authorities(client)


def _authorities(context: ssl.SSLContext) -> list[dict[str, Any]]:
    return context.get_ca_certs()


def _end(certificate: Mapping[str, Any], what: str) -> str:
    begin, end = (ssl.cert_time_to_seconds(certificate[key]) for key in ("notBefore", "notAfter"))
    now = time.time()
    if now < begin:
        return f"{what} is not valid yet: it begins at {_spell(begin)}."
    if now >= end:
        return f"{what} is not valid any more: it ended at {_spell(end)}."
    is_soon = end - now < min(_SOON, (end - begin) * _SOON_OF_ITS_LIFE)
    return f"{what} ends soon: at {_spell(end)}." if is_soon else ""


def _spell(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _fault(load: Callable[[], object]) -> str:
    try:
        load()
    except (OSError, ValueError) as fault:
        # "[SSL: KEY_VALUES_MISMATCH] key values mismatch (_ssl.c:3900)", or just "[SSL] PEM lib (_ssl.c:3900)"
        said = getattr(fault, "strerror", None) or str(fault)
        return re.sub(r"\[[^\]]*\] *| *\(_?ssl\.c:\d+\)", "", said) or "it is not PEM"
    return ""

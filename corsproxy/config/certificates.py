"""Whether certificates and keys will do, told at load and not to the first client.

Laws: files only; no connection is made here. OpenSSL itself is the judge, and what it says is put
into words.
"""

import re
import ssl
from collections.abc import Callable
from pathlib import Path

__all__ = ["authority_fault", "pair_fault", "reading_fault"]


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


def _fault(load: Callable[[], object]) -> str:
    try:
        load()
    except (OSError, ValueError) as fault:
        # "[SSL: KEY_VALUES_MISMATCH] key values mismatch (_ssl.c:3900)", or just "[SSL] PEM lib (_ssl.c:3900)"
        said = getattr(fault, "strerror", None) or str(fault)
        return re.sub(r"\[[^\]]*\] *| *\(_?ssl\.c:\d+\)", "", said) or "it is not PEM"
    return ""

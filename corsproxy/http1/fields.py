"""Which field lines a proxy has to look at, and how to find them fast.

A head is split into lines once; a line matters only if its first five bytes, in any case, begin one of
the names below. Everything else travels on as the bytes that came. Measured on a browser's head: under
2 µs for splitting and finding, where one pattern over the whole head costs 2 to 3 µs.
"""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from itertools import product
from operator import itemgetter

__all__ = [
    "HOP_BY_HOP",
    "PREFIX",
    "REQUEST_PREFIXES",
    "RESPONSE_PREFIXES",
    "SILENT",
    "TOKEN",
    "elements",
    "prefixes",
    "take_out",
]


class _Silent:
    """A protocol without callbacks; to say None is cheaper than to lack them, once for each parser."""

    on_message_begin = on_url = on_status = on_header = on_headers_complete = None
    on_body = on_message_complete = on_chunk_header = on_chunk_complete = None


SILENT = _Silent()

# RFC 9110 §5.6.2
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# RFC 9110 §7.6.1, and the ones that older peers send.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)


# Applied by `map`, because a loop in Python over the lines of a head costs as much as all else.
PREFIX: Callable[[bytes], bytes] = itemgetter(slice(5))


def prefixes(*names: str) -> frozenset[bytes]:
    """Return every upper- and lower-case spelling of the first five bytes of `names`."""
    spellings: set[bytes] = set()
    for name in names:
        each = ((c, c.upper()) if c.isalpha() else (c,) for c in name[:5])
        spellings.update("".join(p).encode() for p in product(*each))
    return frozenset(spellings)


def _followed(name: str) -> frozenset[bytes]:
    return frozenset(prefix + bytes([byte]) for prefix in prefixes(name) for byte in range(256))


# `te:` is shorter than five bytes and is looked for apart; `via:` takes any byte that follows.
REQUEST_PREFIXES = _followed("via:") | prefixes(
    "host:",
    "origin",
    "connection",
    "content-length",
    "transfer-encoding",
    "trailer",
    "expect",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "http2-settings",
    "max-forwards",
    "forwarded",
    "x-forwarded-",
    "x-request-id",
    "traceparent",
    "sec-fetch-site",
    "sec-websocket-",
    "access-control-request-",
)

RESPONSE_PREFIXES = prefixes(
    "access-control-",
    "connection",
    "content-length",
    "keep-alive",
    "location",
    "proxy-connection",
    "set-cookie",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "vary:",
)


def elements(value: bytes) -> list[bytes]:
    """Return the elements of a comma-separated list, trimmed, without the empty ones (RFC 9110 §5.6.1)."""
    return [part for element in value.split(b",") if (part := element.strip(b" \t"))]


def take_out(lines: list[bytes], names: AbstractSet[bytes]) -> None:
    """Take the fields of these lower-case names out of a head's lines; in one pass, since peers say how many names."""
    lines[1:-2] = [line for line in lines[1:-2] if line.partition(b":")[0].lower() not in names]

"""Request targets and hosts: which forms are admitted, and what path and authority they name.

Laws: the bytes of a path are never normalised; a target in absolute form decides the host (RFC 9112
§3.2.2). Stricter than RFC 3986: a host is letters, digits, `.`, `-`, `_` or an IPv6 literal, because
nothing else resolves, and everything else is how parsers are made to disagree.
"""

import re

from corsproxy.http1.faults import BadRequest

__all__ = ["check_host", "split_absolute"]

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?").fullmatch
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*)((?:[/?].*)?)")


def check_host(value: bytes) -> bytes:
    """Return `value` if it is `host[:port]`; raise BadRequest where it is anything else."""
    match = _HOST(value)
    if match is None:
        raise BadRequest("Host is not a valid host and port")
    port = match[1]
    if port is not None and len(port) == 5 and int(port) > 65535:
        raise BadRequest("Host names a port over 65535")
    return value


def split_absolute(target: bytes) -> tuple[bytes, bytes]:
    """Split a target in absolute form into authority and origin form (`/` where the path is empty)."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise BadRequest("the request target is neither a path nor an http URL")
    authority, rest = match.groups()
    check_host(authority)
    return authority, rest if rest[:1] == b"/" else b"/" + rest

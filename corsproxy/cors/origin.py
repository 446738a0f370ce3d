"""Origins as browsers serialise them, on the wire, and as people write them, in a configuration.

Laws: an origin of a request is compared as it came and never repaired; what no browser serialises
is malformed. An origin of a configuration is never repaired either: its faults are named, together
with the value to write instead. Origins with a `*` in them are in `pattern`.
https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin
"""

import re
from typing import NamedTuple

__all__ = ["DEFAULT_PORTS", "Origin", "is_list", "parse_origin"]

_SPACE, _TAB, _COMMA = b" \t,"
DEFAULT_PORTS = {b"http": b"80", b"https": b"443", b"ws": b"80", b"wss": b"443", b"ftp": b"21"}

# The host: every byte that the URL standard leaves in a host it has parsed, or an IPv6 address.
# https://url.spec.whatwg.org/#forbidden-domain-code-point
_SERIALISED = re.compile(
    rb"([a-z][a-z0-9+.-]*)://"
    rb"([a-z0-9_.!\"$&'()*+,;=`{}~-]+|\[[0-9a-f:.]+\])"
    rb"(?::([1-9][0-9]{0,4}))?"
)


class Origin(NamedTuple):
    """A serialised origin in its parts; `port` is b"" where none is written."""

    scheme: bytes
    host: bytes
    port: bytes


def parse_origin(value: bytes) -> Origin | None:
    """Take a serialised origin apart; None where no browser would send this. `null` is not handled here."""
    match = _SERIALISED.fullmatch(value)
    if match is None:
        return None
    scheme, host, port = match.groups(b"")
    if port and (int(port) > 65535 or DEFAULT_PORTS.get(scheme) == port):
        return None
    return Origin(scheme, host, port)


def is_list(value: bytes) -> bool:
    """Tell whether one Origin value tries to be several: blanks in it, or origins joined with commas.

    A comma alone does not make a list: browsers send hosts with one.
    """
    if _SPACE in value or _TAB in value:
        return True
    return _COMMA in value and all(b"://" in piece or piece == b"null" for piece in value.split(b","))

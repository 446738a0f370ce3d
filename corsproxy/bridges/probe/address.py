"""Addresses as browsers read them: origins, sites, and which of them a browser trusts or finds near.

Laws: an origin is spelled by `cors.spelling`, so that there is one reading of hosts; sites come from the Public
Suffix List as shipped. https://url.spec.whatwg.org/#url-parsing
"""

import functools
import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urljoin, urlsplit

from publicsuffixlist import PublicSuffixList

from corsproxy.cors.spelling import canonical_origin

__all__ = [
    "Address",
    "Space",
    "host_of",
    "is_public_suffix",
    "is_trustworthy",
    "read_address",
    "site_relation",
    "space_of",
]

# What the URL standard leaves as it is in a path and in a query, besides letters and digits.
_PATH = "!$%&'()*+,-./:;=@[]_|~"
_QUERY = "!$%&()*+,-./:;=?@[\\]^_`{|}~"
_ABSOLUTE = re.compile("https?:", re.IGNORECASE)
# https://wicg.github.io/local-network-access/#ip-address-space-section
_LOCAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
_DOT = re.compile(r"\.|%2e", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https address: its origin, and the address whole, without fragment and credentials."""

    origin: str
    url: str
    has_credentials: bool = False


def read_address(text: str, base: str = "") -> Address:
    """Read an address, relative to `base` where that is given. Raises ValueError with a sentence."""
    text = text.strip().translate({9: None, 10: None, 13: None})
    try:
        parts = urlsplit(text if _ABSOLUTE.match(text) else urljoin(base, text))
    except ValueError:
        raise ValueError(f"{text} is no address.") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{text} is not an address that begins with http:// or https://.")
    host = parts.netloc.rpartition("@")[2]
    origin = canonical_origin(f"{parts.scheme}://{host}") if host else None
    if origin is None:
        raise ValueError(f"{text} has no host that a browser could call.")
    path = _plain_path(quote(parts.path.replace("\\", "/"), safe=_PATH))
    query = f"?{quote(parts.query, safe=_QUERY)}" if parts.query else ""
    return Address(origin, f"{origin}{path}{query}", "@" in parts.netloc)


def _plain_path(path: str) -> str:
    """Take dot segments out, encoded ones too: https://url.spec.whatwg.org/#path-state."""
    kept: list[str] = []
    segments = path.removeprefix("/").split("/")
    for segment in segments:
        plain = _DOT.sub(".", segment)
        if plain == "..":
            kept = kept[:-1]
        elif plain != ".":
            kept.append(segment)
    if _DOT.sub(".", segments[-1]) in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def host_of(origin: str) -> str:
    """Return the host of an origin, an IPv6 address without its brackets; "" for null."""
    return urlsplit(origin).hostname or ""


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class Space(StrEnum):
    """Where a host is, as Local Network Access has it; a name says little before it is resolved."""

    LOOPBACK = "loopback"
    LOCAL = "local"
    PUBLIC = "public"
    UNKNOWN = "unknown"


def space_of(host: str, address: str = "") -> Space:
    """Say where a host is, by its name or else by the address that it was found at."""
    if host == "localhost" or host.endswith(".localhost"):
        return Space.LOOPBACK
    ip = _ip(host) or _ip(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip is not None:
        near = Space.LOCAL if any(ip in network for network in _LOCAL) else Space.PUBLIC
        return Space.LOOPBACK if ip.is_loopback else near
    return Space.LOCAL if host.endswith(".local") else Space.UNKNOWN


def is_trustworthy(origin: str) -> bool:
    """Tell whether browsers trust the way to an origin: https://w3c.github.io/webappsec-secure-contexts/."""
    return origin.startswith("https://") or space_of(host_of(origin)) is Space.LOOPBACK


def site_relation(page: str, origin: str) -> str:
    """Say how an origin stands to a page's, in the words of Sec-Fetch-Site."""
    if page == origin:
        return "same-origin"
    is_same = page.partition(":")[0] == origin.partition(":")[0] and _site(host_of(page)) == _site(
        host_of(origin)
    )
    return "same-site" if is_same and page != "null" else "cross-site"


def is_public_suffix(host: str) -> bool:
    """Tell whether anybody can register names right below this one."""
    return not _ip(host) and bool(_suffixes().is_public(host))


def _site(host: str) -> str:
    return host if _ip(host) else str(_suffixes().privatesuffix(host) or host)


@functools.cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()

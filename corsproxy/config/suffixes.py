"""Who may own a host name: public suffixes, registrable domains, names that nobody can register.

Laws: the list is the Public Suffix List with its private section, as shipped with publicsuffixlist;
nothing is fetched. A top level that is not on the list counts as a public suffix, except those that
standards keep out of the public DNS. https://publicsuffix.org/list/
"""

import functools
import ipaddress

from publicsuffixlist import PublicSuffixList

__all__ = ["owner", "public_suffix", "registry_owner"]

# RFC 6761, RFC 6762, RFC 8375 and ICANN's reservation of .internal: not for sale to anybody.
_RESERVED = ("localhost", "test", "local", "internal", "home.arpa")


@functools.cache
def _lists() -> tuple[PublicSuffixList, PublicSuffixList]:
    return PublicSuffixList(), PublicSuffixList(only_icann=True)


def public_suffix(host: str) -> str | None:
    """Return the public suffix that a host ends in; None for addresses and reserved names."""
    if _is_address(host) or _is_reserved(host):
        return None
    return str(_lists()[0].publicsuffix(host))


def owner(host: str) -> str:
    """Return the domain whose owner controls this host: one label below the public suffix."""
    return _registrable(host, 0)


def registry_owner(host: str) -> str:
    """Return the domain as registries sell it: platforms such as vercel.app own all below them."""
    return _registrable(host, 1)


@functools.lru_cache(maxsize=4096)
def _registrable(host: str, which: int) -> str:
    if _is_address(host):
        return "private addresses" if _is_private(host) else host
    if _is_reserved(host):
        return next(name for name in _RESERVED if host == name or host.endswith(f".{name}"))
    return str(_lists()[which].privatesuffix(host) or host)


def _is_reserved(host: str) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in _RESERVED)


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    if host.startswith("["):
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True

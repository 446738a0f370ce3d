"""Whom the admin listener answers: its defence against DNS rebinding, and against pages of other sites.

A page on a name that an attacker re-points at 127.0.0.1 is same-origin with what listens there, so
no CORS stands in its way; but its requests carry that name. Laws: IP addresses (no name, nothing to
re-point), `localhost` and the names in `admin.hosts` pass, with any port; all else is refused, a
missing or second Host too. What a browser says that another site fetches, embeds or frames is refused:
such a page could not read the answer, but have it made again and again.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from aiohttp import web
from aiohttp.typedefs import Middleware

from corsproxy.admin.problems import problem

__all__ = ["guard", "is_own"]

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")


def is_own(host: str, names: frozenset[str]) -> bool:
    """Return whether a Host value is an IP address or one of `names` (lower case)."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    if match["six"] is not None:
        return _is_address(IPv6Address, match["six"])
    return match["name"].lower().removesuffix(".") in names or _is_address(IPv4Address, match["name"])


def guard(names: Iterable[str]) -> Middleware:
    """Return the middleware that refuses every Host but IP addresses, localhost and `names`."""
    own = frozenset({"localhost", *(name.lower().removesuffix(".") for name in names)})

    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1:
            return problem(400, "A request needs exactly one Host field.")
        if not is_own(hosts[0], own):
            return problem(
                421,
                "The admin listener does not answer to this Host: any web page could reach it through DNS rebinding."
                " Call it by its IP address or as localhost, or add the name to admin.hosts in the configuration.",
            )
        if _is_foreign(request):
            return problem(403, "Other sites may link to this page, and nothing else.")
        return await handler(request)

    return check


def _is_foreign(request: web.Request) -> bool:
    """Tell whether a page elsewhere asks, otherwise than by a link that somebody followed."""
    site, mode = request.headers.get("Sec-Fetch-Site", "none"), request.headers.get("Sec-Fetch-Mode", "")
    is_link = mode == "navigate" and request.headers.get("Sec-Fetch-Dest") == "document"
    return site not in {"none", "same-origin"} and not is_link


def _is_address(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True

"""What browsers ask of the way to a server beside CORS: Local Network Access, and https pages that call http.

Laws: where a page is can only be told for addresses and local names, so this tells what applies where, and
refuses nothing by itself. https://wicg.github.io/local-network-access/
"""

from corsproxy.bridges.probe.address import Space, host_of, is_trustworthy, space_of

__all__ = ["local_network_note", "mixed_content_notes"]

_NAMES = {Space.LOOPBACK: "is this machine itself", Space.LOCAL: "is on a private network"}
# From where to where a permission is asked.
_FURTHER_IN = {
    (Space.PUBLIC, Space.LOCAL),
    (Space.PUBLIC, Space.LOOPBACK),
    (Space.UNKNOWN, Space.LOCAL),
    (Space.UNKNOWN, Space.LOOPBACK),
    (Space.LOCAL, Space.LOOPBACK),
}


def local_network_note(page: str, origin: str, address: str) -> str:
    """Say whether Local Network Access applies to a call; "" where it does not."""
    host = host_of(origin)
    there, here = space_of(host, address), space_of(host_of(page))
    if (here, there) not in _FURTHER_IN:
        return ""
    where = f"{host}{f' ({address})' if address and address != host else ''} {_NAMES[there]}"
    if page.startswith("http://"):
        return (
            f"{where}: to a page on http from another network Chrome refuses it (Local Network Access, since 142). "
            "No response field allows it: serve the page over https."
        )
    return (
        f"{where}: for a page from another network Chrome first asks the visitor (Local Network Access, since 142). "
        "No response field grants that."
    )


def mixed_content_notes(page: str, origin: str) -> str:
    """Say what is special about http below an https page; "" where there is nothing to say."""
    if not page.startswith("https://") or origin.startswith("https://"):
        return ""
    if is_trustworthy(origin):
        return (
            "A page on https calls http here. Chrome and Firefox let it, for the loopback is an exception; "
            "Safari does not."
        )
    if space_of(host_of(origin)) is Space.LOCAL:
        return "Chrome 142 and later lets an https page call this private address once its visitor has allowed it."
    return ""

"""Addresses, URLs and networks: text into Endpoints, or what is wrong with the text.

Laws: pure; nothing is resolved or bound. A fault carries what to write instead where that can be told.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from corsproxy.config.settings import Endpoint

__all__ = ["BadAddress", "UpstreamUrl", "clash", "name_fault", "read_endpoint", "read_network", "read_url"]

# sun_path on Linux holds 108 bytes with the NUL at its end.
_LONGEST_SOCKET_PATH = 107
_HOST_PORT = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]/]*):(?P<port>[0-9]{1,5})")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_LONGEST_LABEL, _LONGEST_NAME = 63, 253
_ANY = {"0.0.0.0", "::"}  # noqa: S104 -- compared with, not bound


class BadAddress(ValueError):  # noqa: N818 -- told as what was found
    """Text that is no address; `what` and `fix` are for people."""

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(what)


class UpstreamUrl(NamedTuple):
    """Where the backend is; `authority` is host[:port] without the default port."""

    endpoint: Endpoint
    is_tls: bool
    authority: str


def read_endpoint(text: str) -> Endpoint:
    """Read `host:port`, `[address]:port` or `unix:/path` to listen on; raises BadAddress."""
    if text.startswith("unix:"):
        return _socket(text)
    found = _HOST_PORT.fullmatch(text)
    if found is None:
        raise BadAddress(f'"{text}" is not an address to listen on.', f"write {_meant_address(text)}")
    port = int(found["port"])
    if port > 65535:
        raise BadAddress(f"There is no port {port}.", "write a port from 1 to 65535")
    host = found["host"].strip("[]")
    if host == "localhost":
        return Endpoint("127.0.0.1", port)
    try:
        return Endpoint(str(ipaddress.ip_address(host)), port)
    except ValueError:
        fix = f"write 0.0.0.0:{port} for every interface, or one IP address"
        raise BadAddress(f'"{host}" is not an IP address.', fix) from None


def _meant_address(text: str) -> str:
    digits = text.lstrip(":")
    if digits.isascii() and digits.isdigit():
        return f"0.0.0.0:{digits}"
    authority = text.partition("://")[2].partition("/")[0]
    for meant in (authority, f"{authority}:8080"):
        if authority and _HOST_PORT.fullmatch(meant):
            return meant
    if text.startswith("/"):
        return f"unix:{text}"
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return "host:port, [address]:port or unix:/path"
    return f"[{address}]:8080" if address.version == 6 else f"{address}:8080"


def _socket(text: str) -> Endpoint:
    path = re.sub(r"^//(?=/)", "", text.removeprefix("unix:"))
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise BadAddress(
            f'"{text}" does not name a socket by its whole path.', "write it as in unix:/run/corsproxy.sock"
        )
    if len(path.encode()) > _LONGEST_SOCKET_PATH:
        fix = f"use a path of at most {_LONGEST_SOCKET_PATH} bytes"
        raise BadAddress("The path is longer than the system lets a socket's be.", fix)
    return Endpoint(path=path)


def read_url(text: str) -> UpstreamUrl:
    """Read the backend's URL; raises BadAddress."""
    if text.startswith("unix:"):
        return UpstreamUrl(_socket(text), is_tls=False, authority="localhost")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadAddress(f'"{text}" is not a URL.', "write it as in http://127.0.0.1:5000") from None
    if parts.scheme not in {"http", "https"} or not text.lower().startswith(f"{parts.scheme}://"):
        raise BadAddress(f'"{text}" does not begin with http://, https:// or unix:.', _meant_url(text))
    if not host or (parts.netloc.isascii() and not (_NAME.fullmatch(host) or ":" in host)):
        raise BadAddress(f'"{text}" does not name a host.', "write it as in http://127.0.0.1:5000")
    if host.isascii() and host.isdigit():  # a resolver would take it for an address, 5000 for 0.0.19.136
        meant = f"{parts.scheme}://127.0.0.1:{port or host}"
        raise BadAddress(f'"{text}" names a number and no host.', f"write {meant}")
    if not parts.netloc.isascii():  # else lower() has made a k of U+212A
        host = re.sub(r":[0-9]*$", "", parts.netloc)
    if ":" not in host and (fault := name_fault(host)):
        raise BadAddress(f'"{host}" cannot be looked up: {fault}.', _meant_name(host))
    if parts.username is not None:
        raise BadAddress(
            "A backend's URL carries no user name or password.", "remove them; they would end up in logs"
        )
    shown = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    authority = shown if port in {None, default} else f"{shown}:{port}"
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        fix = f"write {parts.scheme}://{authority}"
        raise BadAddress("Paths are passed on as they came, so the URL ends after host and port.", fix)
    if port == 0:
        raise BadAddress("There is no port 0 to connect to.", "write the port the backend listens on")
    return UpstreamUrl(Endpoint(host, port or default), is_tls=parts.scheme == "https", authority=authority)


def _meant_url(text: str) -> str:
    if text.startswith("/") and not text.startswith("//"):
        return f"write unix:{text}"
    scheme, _, rest = text.rpartition("://")
    authority = rest.lstrip(":/").partition("/")[0]
    meant = (
        f"{'https' if scheme == 'wss' else 'http'}://{'127.0.0.1:' if authority.isdigit() else ''}{authority}"
    )
    try:
        read_url(meant)
    except BadAddress:
        return "write it as in http://127.0.0.1:5000"
    return f"write {meant}"


def name_fault(host: str) -> str:
    """Say why a host cannot be looked up, "" where nothing is wrong (RFC 1035, 2.3.4; RFC 5890, 2.3.1)."""
    if not host.isascii():
        return "it has letters beyond ASCII"
    labels = host.split(".")
    if "" in labels:
        return "a label is empty"
    if any(len(label) > _LONGEST_LABEL for label in labels):
        return f"a label is longer than {_LONGEST_LABEL} letters"
    return f"it is longer than {_LONGEST_NAME} letters" if len(host) > _LONGEST_NAME else ""


def _meant_name(host: str) -> str:
    import idna  # noqa: PLC0415 -- the serving process reads addresses, and never has this to say

    try:
        meant = idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        meant = re.sub(r"\.{2,}", ".", host).strip(".")
    is_better = meant != host and _NAME.fullmatch(meant) and not name_fault(meant)
    return f"write {meant}" if is_better else "write a name as in api.internal, or an IP address"


def read_network(text: str) -> str:
    """Read a network in CIDR form, or one address; raises BadAddress."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BadAddress(f'"{text}" is not a network.', "write it as in 10.0.0.0/8 or 192.168.1.7") from None
    raise BadAddress(
        f"{text} has bits set beyond its length.", f"write {meant}, or one address without a length"
    )


def clash(one: Endpoint, other: Endpoint) -> bool:
    """Tell whether both cannot be listened on at once."""
    if one.path or other.path:
        return one.path == other.path
    if one.port != other.port or one.port == 0 or (":" in one.host) != (":" in other.host):
        return False
    return one.host == other.host or bool(_ANY & {one.host, other.host})

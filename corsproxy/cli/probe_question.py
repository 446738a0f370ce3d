"""The question of a probe, put together from flags and from what was pasted; each mistake with its remedy.

Laws: flags correct what was pasted; what no browser would send is refused before anything is sent.
"""

import re
import sys

import click

from corsproxy.bridges.curl import Command, read_command
from corsproxy.bridges.probe.address import read_address
from corsproxy.bridges.probe.client import Client
from corsproxy.bridges.probe.exchange import Asked
from corsproxy.bridges.recorded import BadPaste, is_of_the_page
from corsproxy.cors.browser import is_forbidden
from corsproxy.cors.origin import parse_origin
from corsproxy.cors.preflight import is_token
from corsproxy.cors.spelling import canonical_origin

__all__ = ["asked_of", "client_of", "pasted_of", "printable"]

_SAFELISTED = {"accept", "content-language", "content-type", "range"}
_PINNED = re.compile(
    r"(?P<host>[^:\[\]]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5}):\[?(?P<address>[0-9A-Fa-f:.]+)\]?"
)
# What a header named alone is sent with, so that it counts.
_VALUES = {
    "accept": "*/*",
    "accept-language": "en",
    "authorization": "Bearer corsproxy-probe",
    "content-language": "en",
    "content-type": "application/json",
    "range": "bytes=0-",
}


def pasted_of(curl: str | None) -> Command | None:
    """Read what was pasted as a command for curl, or at - stands on standard input."""
    if curl is None:
        return None
    try:
        return read_command(sys.stdin.read() if curl == "-" else curl)
    except BadPaste as fault:
        raise click.UsageError(printable(str(fault))) from None


def asked_of(
    pasted: Command | None,
    *,
    url: str | None,
    origin: str | None,
    method: str | None,
    headers: tuple[str, ...],
    credentials: bool,
    cookie: str | None,
    data: str | None,
) -> tuple[Asked, list[str]]:
    """Put the question together; flags correct what was pasted."""
    notes: list[str] = []
    if pasted is not None:
        question = pasted.question
        if question.request.websocket:
            raise click.UsageError(
                "A WebSocket has no CORS to probe: ask `corsproxy explain` about its handshake."
            )
        url, origin = url or question.url, origin or question.request.origin
        method = method or question.request.method
        credentials, cookie = credentials or question.request.credentials, cookie or pasted.cookie
        notes += [printable(note) for note in question.notes]
        if data is None and pasted.body is not None:
            data = pasted.body.decode("utf-8", "surrogateescape")
    if url is None:
        raise click.UsageError(
            "Name the URL: corsproxy probe https://api.example.com/ --origin https://app.example.com"
        )
    if origin is None:
        raise click.UsageError("Name the page's origin: --origin https://app.example.com")
    fields = [*_of_the_page(pasted), *_written(headers, notes)]
    method = method or ("POST" if data is not None else "GET")
    if data is not None and method.upper() in {"GET", "HEAD"}:
        raise click.UsageError(f"fetch() takes no body with {method.upper()}.")
    if cookie is not None and not credentials:
        raise click.UsageError(
            "--cookie goes with --credentials: without, a browser sends none across origins."
        )
    texts = [url, origin, method, cookie or "", *(text for field in fields for text in field)]
    if not all(map(str.isprintable, texts)):
        raise click.UsageError(f"No request can hold these characters: {printable(' '.join(texts[:3]))}")
    latest = {name.lower(): (name, value) for name, value in fields}
    return Asked(
        origin=_origin(origin),
        url=_url(url),
        method=method,
        fields=tuple(latest.values()),
        body=None if data is None else data.encode("utf-8", "surrogateescape"),
        include=credentials,
        cookie=cookie,
    ), notes


def _of_the_page(pasted: Command | None) -> list[tuple[str, str]]:
    """Take what the page set out of what a browser added."""
    if pasted is None:
        return []
    return [
        (name, value)
        for name, value in pasted.fields
        if name.lower() in _SAFELISTED or is_of_the_page(name.lower(), value)
    ]


def _written(headers: tuple[str, ...], notes: list[str]) -> list[tuple[str, str]]:
    """Read `Name` and `Name: value`; a name alone gets a value that makes it count."""
    fields = []
    for text in headers:
        name, colon, value = (part.strip() for part in text.partition(":"))
        if is_forbidden(name.lower().encode()):
            more = " Use --cookie." if name.lower() == "cookie" else ""
            notes.append(f"Browsers let no page set {printable(name)}: it is left out.{more}")
            continue
        if name and not is_token(name.encode()):
            colon = ":"  # judged as it stands
        fields.append((name, value if colon else _VALUES.get(name.lower(), "corsproxy-probe")))
    return fields


def _origin(text: str) -> str:
    if text == "null" or parse_origin(text.encode()) is not None:
        return text
    meant = canonical_origin(text)
    hint = f" It sends {meant}." if meant else ""
    raise click.UsageError(f"No browser sends the origin {text or '(empty)'}.{hint}")


def _url(text: str) -> str:
    if re.match("wss?://", text, re.IGNORECASE):
        raise click.UsageError(
            "A WebSocket has no CORS to probe: ask `corsproxy explain` about its handshake."
        )
    try:
        address = read_address(text)
    except ValueError as fault:
        # http where it is this machine, as for an origin without its scheme.
        here = (canonical_origin(text.partition("/")[0]) or "").startswith("http:")
        hint = "" if "://" in text else f" Write it with its scheme: {'http' if here else 'https'}://{text}"
        raise click.UsageError(f"{fault}{hint}") from None
    if address.has_credentials:
        raise click.UsageError("fetch() takes no URL with a user name in it: use --header Authorization.")
    return address.url


def client_of(timeout: float, ca: str | None, resolve: tuple[str, ...]) -> Client:
    """Make the client that these flags ask for."""
    pinned: dict[tuple[str, int], str] = {}
    for text in resolve:
        match = _PINNED.fullmatch(text)
        if match is None:
            raise click.UsageError(
                f"--resolve is HOST:PORT:ADDRESS, as api.example.com:443:127.0.0.1, not {text}"
            )
        pinned[match["host"].strip("[]").lower(), int(match["port"])] = match["address"]
    try:
        return Client(timeout=timeout, ca=ca, resolve=pinned)
    except ValueError as fault:
        raise click.UsageError(f"--ca {ca} cannot be used: {fault}.") from None


def printable(text: str) -> str:
    """Make what was pasted safe to show."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)

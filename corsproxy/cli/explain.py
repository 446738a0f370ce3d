"""`corsproxy explain`: what a browser would do with one request under the rules of the file, and why.

Laws: the question comes from flags, or is read from what somebody pasted and then corrected by flags; it is put
to the policy that `run` serves with. Exit status 0 allowed, 1 denied, 2 where nothing could be asked.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from corsproxy.bridges.console import ELSEWHERE, read_console
from corsproxy.bridges.curl import read_curl
from corsproxy.bridges.har import read_har
from corsproxy.bridges.recorded import BadPaste, Question, is_of_the_page
from corsproxy.cli.problems import as_text, counted, wants_colour
from corsproxy.cli.story import story_as_json, story_as_text
from corsproxy.config.load import settings_of
from corsproxy.config.mend import mend
from corsproxy.config.problem import ConfigError
from corsproxy.config.proofs import Homes
from corsproxy.config.settings import Settings
from corsproxy.config.source import locate, read
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.consoles import Cause
from corsproxy.cors.explain import tell
from corsproxy.cors.policy import Policy

__all__ = ["explain"]

ALLOWED, DENIED, REFUSED = 0, 1, 2

EPILOG = """\b
Examples:
  corsproxy explain --origin https://app.example.com --path /api/users
  corsproxy explain --origin https://app.example.com --method PUT --header Authorization --credentials
      --path https://api.example.com/api/users/1
  corsproxy explain --curl "$(pbpaste)"
  corsproxy explain --console "Access to fetch at 'https://api.example.com/api' from origin …"
  corsproxy explain --har recorded.har --entry 12 --json

\b
Exit status:
  0  the page gets its answer
  1  it does not
  2  the call, what was pasted, or the configuration was refused
"""


@click.command(epilog=EPILOG)
@click.option("--origin", metavar="ORIGIN", help="The page's: scheme, host and port, as in its address bar.")
@click.option("--method", metavar="METHOD", help="As the page spells it. Default: GET.")
@click.option("--path", metavar="PATH", help="What is asked for, or its whole address. Default: /.")
@click.option("--host", metavar="HOST", help="The host that is asked. Default: that of the rule.")
@click.option(
    "--header", "headers", metavar="NAME", multiple=True, help="A header that the page sets.  [repeatable]"
)
@click.option("--credentials", is_flag=True, help='The page asks with credentials: "include".')
@click.option("--websocket", is_flag=True, help="The page opens a WebSocket.")
@click.option(
    "--curl",
    metavar="COMMAND",
    help="A request, as browsers copy it for curl; - reads it from standard input.",
)
@click.option(
    "--har",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A HAR file: its first CORS failure, or --entry.",
)
@click.option("--entry", metavar="N", type=int, help="Which entry of the HAR file, counted from 1.")
@click.option(
    "--console",
    metavar="LINE",
    help="A line of Chrome's or Firefox's console; - reads it from standard input.",
)
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="The YAML file. Default: $CORSPROXY_CONFIG, config/corsproxy.yaml, /etc/corsproxy/corsproxy.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="For scripts; stable, see docs/explain.md.")
def explain(
    *,
    origin: str | None,
    method: str | None,
    path: str | None,
    host: str | None,
    headers: tuple[str, ...],
    credentials: bool,
    websocket: bool,
    curl: str | None,
    har: Path | None,
    entry: int | None,
    console: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Explain what a browser does with a request, check by check, and what to change.

    Nothing is sent anywhere: the rules of the file are asked as live traffic asks them. Name the request by
    flags, or paste what a browser shows; flags then correct what was pasted.
    """
    question, cause = _pasted(curl, har, entry, console)
    request = _corrected(question.request, origin, method, path, host)
    request = replace(
        request,
        headers=(*request.headers, *_page_headers(headers)),
        credentials=request.credentials or credentials,
        websocket=request.websocket or websocket,
    )
    if request.origin is None and not any((curl, har)):
        raise click.UsageError("Name the page's origin: --origin https://app.example.com")
    words = (request.origin or "", request.method, request.path, request.host, *request.headers)
    if not all(map(str.isprintable, words)):
        raise click.UsageError(f"No request can hold these characters: {_printable(' '.join(words))}")
    if not request.path.startswith("/"):
        raise click.UsageError(f"--path is a path such as /{request.path}, or a whole address.")
    try:
        text = read(locate(config, os.environ))
        settings = settings_of(text, os.environ).settings
    except ConfigError as refused:
        click.echo(as_text(refused.problems, colour=wants_colour(sys.stderr)), err=True)
        click.echo(f"\n{counted(len(refused.problems), 'problem')}; nothing was asked.", err=True)
        sys.exit(REFUSED)
    if not request.host:
        request = replace(request, host=Homes(settings.rules).host(request.path))
    story = tell(Policy.compile(settings.rules, settings.public_origins), request, _url(request, settings))
    mending = mend(text, os.environ, settings, request)
    notes = [_printable(note) for note in question.notes]
    if cause is not None and story.allowed:
        notes.append(ELSEWHERE[cause])
    written = (
        story_as_json(story, mending, text.path, notes)
        if as_json
        else story_as_text(story, mending, text.path, notes, colour=wants_colour())
    )
    click.echo(written)
    sys.exit(ALLOWED if story.allowed else DENIED)


def _pasted(
    curl: str | None, har: Path | None, entry: int | None, console: str | None
) -> tuple[Question, Cause | None]:
    """Read what was pasted; an empty question where nothing was."""
    if sum(given is not None for given in (curl, har, console)) > 1:
        raise click.UsageError("Give one of --curl, --har and --console.")
    if entry is not None and har is None:
        raise click.UsageError("--entry is for --har.")
    try:
        if curl is not None:
            return read_curl(_text(curl)), None
        if har is not None:
            return read_har(har.read_text(encoding="utf-8", errors="replace"), entry), None
        if console is not None:
            return read_console(_text(console))
    except BadPaste as fault:
        raise click.UsageError(_printable(str(fault))) from None
    except OSError as fault:
        raise click.UsageError(f"{har} cannot be read: {fault.strerror}.") from None
    return Question(BrowserRequest(origin=None), ""), None


def _text(given: str) -> str:
    return sys.stdin.read() if given == "-" else given


def _corrected(
    request: BrowserRequest, origin: str | None, method: str | None, path: str | None, host: str | None
) -> BrowserRequest:
    if path is not None and "://" in path:
        try:
            address = urlsplit(path)
        except ValueError:
            raise click.UsageError(f"{path} is no address.") from None
        scheme = {"ws": "http", "wss": "https"}.get(address.scheme, address.scheme)
        is_socket = address.scheme in {"ws", "wss"}
        query = f"?{address.query}" if address.query else ""
        request = replace(
            request, scheme=scheme, host=address.netloc, websocket=request.websocket or is_socket
        )
        path = (address.path or "/") + query
    if host is not None:
        is_local = host.partition(":")[0] in {"localhost", "127.0.0.1"}
        request = replace(request, host=host.lower(), scheme="http" if is_local else request.scheme)
    return replace(
        request,
        origin=request.origin if origin is None else origin,
        method=request.method if method is None else method,
        path=request.path if path is None else path,
    )


def _printable(text: str) -> str:
    """What somebody else recorded may not steer the terminal it is shown on."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _page_headers(written: tuple[str, ...]) -> list[str]:
    """Take the names of `Name` or `Name: value`; a Content-Type that needs no preflight is left out."""
    pairs = [(name.strip(), colon, value) for name, colon, value in (text.partition(":") for text in written)]
    return [name for name, colon, value in pairs if not colon or is_of_the_page(name.lower(), value)]


def _url(request: BrowserRequest, settings: Settings) -> str:
    """Write the address as the console would; where no host is known, one of our own."""
    scheme = (
        {"http": "ws", "https": "wss"}.get(request.scheme, "wss") if request.websocket else request.scheme
    )
    if request.host:
        return f"{scheme}://{request.host}{request.path}"
    if settings.public_origins:
        own = settings.public_origins[0]
        return (f"ws{own.removeprefix('http')}" if request.websocket else own) + request.path
    port = next((endpoint.port for endpoint in settings.listen if endpoint.port), 8080)
    return f"{'ws' if request.websocket else 'http'}://localhost:{port}{request.path}"

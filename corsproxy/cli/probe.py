"""`corsproxy probe`: what a page of some origin could do with a live URL, and why not.

Laws: what a browser would send is sent, and besides only GET, HEAD and OPTIONS; a request that may change something
is only sent with --send. The exit status tells CORS from a dead server: see EPILOG.
"""

import asyncio
import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path

import click

from corsproxy.bridges.probe.client import Client
from corsproxy.bridges.probe.exchange import Answer, Asked, Failure, Sent
from corsproxy.bridges.probe.report import Outcome, Report, conduct, inquire
from corsproxy.cli.patience import Patience
from corsproxy.cli.probe_around import with_hint
from corsproxy.cli.probe_json import report_as_json
from corsproxy.cli.probe_question import asked_of, client_of, pasted_of, printable
from corsproxy.cli.probe_text import report_as_text
from corsproxy.cli.problems import wants_colour

__all__ = ["STATUSES", "probe"]

REFUSED, INTERRUPTED = 2, 130
STATUSES = {
    Outcome.READABLE: 0,
    Outcome.BLOCKED: 1,
    Outcome.UNREACHABLE: 3,
    Outcome.UNTRUSTED: 4,
    Outcome.PREFLIGHT_PASSED: 5,
    Outcome.NOT_SENT: 5,
}

EPILOG = """\b
Examples:
  corsproxy probe https://api.example.com/users --origin https://app.example.com
  corsproxy probe https://api.example.com/users/1 --origin https://app.example.com --method PUT \\
      --header 'Content-Type: application/json' --credentials --preflight-only
  corsproxy probe --curl "$(pbpaste)" --send
  corsproxy probe http://localhost:8080/ --origin https://app.example.com --json

\b
Exit status:
  0  the page can read the answer
  1  a browser keeps it from the page
  2  the call was refused, and nothing was sent; or standard output cannot be written
  3  there is no answer: DNS, connection, time, or not HTTP
  4  there is no answer, because TLS failed
  5  the request was not sent, for want of --send; what was sent passed
"""


@click.command(epilog=EPILOG, short_help="Ask a live URL as a browser would for a page.")
@click.argument("url", required=False)
@click.option("--origin", metavar="ORIGIN", help="The page's: scheme, host and port, as in its address bar.")
@click.option("--method", metavar="METHOD", help="As the page spells it. Default: GET; POST with --data.")
@click.option(
    "--header",
    "headers",
    metavar="NAME[: VALUE]",
    multiple=True,
    help="A header that the page sets.  [repeatable]",
)
@click.option("--credentials", is_flag=True, help='The page asks with credentials: "include".')
@click.option(
    "--cookie", metavar="NAME=VALUE", help="What the browser holds for the called host. Needs --credentials."
)
@click.option("--data", metavar="TEXT", help="The body; text/plain if no Content-Type is given.")
@click.option("--send", is_flag=True, help="Really send a POST, PUT, PATCH or DELETE: it acts on the server.")
@click.option("--preflight-only", is_flag=True, help="Be content with the preflight; send nothing after it.")
@click.option(
    "--curl",
    metavar="COMMAND",
    help="A request, as browsers copy it for curl; - reads it from standard input.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    default=10.0,
    show_default=True,
    help="How long to wait for each connection and each answer.",
)
@click.option("--ca", metavar="FILE", help="Believe the authorities in this file, instead of the system's.")
@click.option(
    "--resolve",
    metavar="HOST:PORT:ADDRESS",
    multiple=True,
    help="Call HOST at this IP address.  [repeatable]",
)
@click.option("--json", "as_json", is_flag=True, help="For scripts; stable, see docs/probe.md.")
def probe(
    *,
    url: str | None,
    origin: str | None,
    method: str | None,
    headers: tuple[str, ...],
    credentials: bool,
    cookie: str | None,
    data: str | None,
    send: bool,
    preflight_only: bool,
    curl: str | None,
    timeout: float,
    ca: str | None,
    resolve: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask a live URL as a browser would for a page, and say whether the page could read the answer.

    Works against any server. Of a request that may change something only the preflight is sent, unless
    --send says otherwise. Values of cookies and of Authorization are never shown.
    """
    if send and preflight_only:
        raise click.UsageError("Give --send or --preflight-only, not both.")
    pasted = pasted_of(curl)
    asked, notes = asked_of(
        pasted,
        url=url,
        origin=origin,
        method=method,
        headers=headers,
        credentials=credentials,
        cookie=cookie,
        data=data,
    )
    if send and pasted is not None and pasted.unread and data is None:
        raise click.UsageError(f"{pasted.unread}: give the body with --data.")
    client = client_of(timeout, ca, resolve)
    asked = replace(asked, sends=send, is_preflight_only=preflight_only)
    patience = Patience(sys.stderr, timeout)
    try:
        with asyncio.Runner() as runner:
            report = runner.run(_probed(asked, client, patience))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)  # not the 1 of click, which would be a verdict
    report = with_hint(replace(report, notes=(*notes, *report.notes)))
    status = STATUSES[report.outcome]
    if preflight_only and report.outcome is Outcome.PREFLIGHT_PASSED:
        status = 0
    text = report_as_json(report, status) if as_json else report_as_text(report, colour=wants_colour())
    sys.exit(_said(text, status))


def _said(text: str, status: int) -> int:
    """Write the report; the status stays a verdict, also where nobody reads to the end."""
    try:
        click.echo(text)
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- for the flush at the end
    except OSError as fault:
        click.echo(f"Error: Standard output cannot be written: {fault.strerror}.", err=True)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- as above
        return REFUSED
    return status


async def _probed(asked: Asked, client: Client, patience: Patience) -> Report:
    async def send(sent: Sent) -> Answer | Failure:
        return await patience.wait(client.send(sent), f"{sent.method} {printable(sent.url)}")

    return await conduct(inquire(asked, secrets.token_hex(6)), send)

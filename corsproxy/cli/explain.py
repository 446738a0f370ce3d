"""`corsproxy explain`: what a browser would do with one request under the rules of the file, and why.

Laws: the question comes from flags, or is read from what somebody pasted and then corrected by flags; it is put
to the policy that `run` serves with. Exit status 0 allowed, 1 denied, 2 where nothing could be asked.
"""

import os
import sys
from functools import partial
from pathlib import Path

import click

from corsproxy.bridges.asked import NOTHING_PASTED, BadQuestion, Typed, asked, printable
from corsproxy.bridges.console import read_console
from corsproxy.bridges.curl import read_curl
from corsproxy.bridges.har import read_har
from corsproxy.bridges.recorded import BadPaste, Question
from corsproxy.bridges.told import told
from corsproxy.cli.problems import as_text, counted, wants_colour
from corsproxy.cli.story import story_as_json, story_as_text
from corsproxy.config.load import settings_of
from corsproxy.config.mend import mend
from corsproxy.config.problem import ConfigError
from corsproxy.config.source import locate, read
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.consoles import Cause
from corsproxy.cors.policy import Policy

__all__ = ["explain"]

ALLOWED, DENIED, REFUSED = 0, 1, 2

EPILOG = """\b
Examples:
  corsproxy explain --origin https://app.example.com --path /api/users
  corsproxy explain --origin https://app.example.com --method PUT --header Authorization --credentials \\
      --path https://api.example.com/api/users/1
  corsproxy explain --curl "$(pbpaste)"
  pbpaste | corsproxy explain --console -
  corsproxy explain --har recorded.har --entry 12 --json

\b
Exit status:
  0  the page gets its answer
  1  it does not
  2  the call, what was pasted, or the configuration was refused
"""


@click.command(
    epilog=EPILOG,
    short_help="Say what a browser does with a request, and why.",
    context_settings={"allow_extra_args": True},
)
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
    type=click.Path(path_type=Path, readable=False),
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
@click.pass_context
def explain(
    ctx: click.Context,
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
    if ctx.args:
        raise click.UsageError(
            f"{printable(ctx.args[0])} stands alone. Fix: name a file with -c, a path with --path, and quote what has spaces."
        )
    question, cause = _pasted(curl, har, entry, console)
    request = _asked(
        question,
        Typed(
            origin=origin,
            method=method,
            path=path,
            host=host,
            headers=headers,
            credentials=credentials,
            websocket=websocket,
        ),
        is_recorded=curl is not None or har is not None,
    )
    try:
        text = read(locate(config, os.environ))
        settings = settings_of(text, os.environ).settings
    except ConfigError as refused:
        click.echo(as_text(refused.problems, colour=wants_colour(sys.stderr)), err=True)
        click.echo(f"\n{counted(len(refused.problems), 'problem')}; nothing was asked.", err=True)
        sys.exit(REFUSED)
    policy = Policy.compile(settings.rules, settings.public_origins)
    answer = told(
        request,
        settings,
        policy,
        mend=partial(mend, text, os.environ, settings),
        pasted=question,
        cause=cause,
    )
    click.echo(story_as_json(answer) if as_json else story_as_text(answer, colour=wants_colour()))
    sys.exit(ALLOWED if answer.story.allowed else DENIED)


def _asked(question: Question, typed: Typed, *, is_recorded: bool) -> BrowserRequest:
    """Correct what was pasted by the flags; what cannot be asked is a wrong call."""
    try:
        request = asked(question, typed)
    except BadQuestion as fault:
        raise click.UsageError(str(fault)) from None
    if request.origin is None and not is_recorded:
        raise click.UsageError("Name the page's origin: --origin https://app.example.com")
    if not request.path.startswith("/"):
        raise click.UsageError(f"--path is a path such as /{request.path}, or a whole address.")
    return request


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
        raise click.UsageError(printable(str(fault))) from None
    except OSError as fault:
        raise click.UsageError(f"{har} cannot be read: {fault.strerror}.") from None
    return NOTHING_PASTED, None


def _text(given: str) -> str:
    return sys.stdin.read() if given == "-" else given

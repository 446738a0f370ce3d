"""`corsproxy run`: which configuration to serve, and what to say when it cannot be served.

Laws: a policy comes from a file or from flags, never from both; beside a file only the backend's address
may be given. What was refused is printed to standard error, exit status 2, and nothing was started.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

import corsproxy
from corsproxy.cli.loop import LoopError, loop_factory
from corsproxy.config.addresses import BadAddress, read_endpoint
from corsproxy.config.child import Flags, load_in_child, load_in_child_blocking
from corsproxy.config.problem import ConfigError
from corsproxy.config.settings import Admin, Settings
from corsproxy.config.source import locate
from corsproxy.proxy.sockets import ListenError
from corsproxy.service.crew import StartError
from corsproxy.service.serve import Plan, serve

__all__ = ["run"]

EPILOG = """\b
Examples:
  corsproxy run
  corsproxy run -c /etc/corsproxy/corsproxy.yaml
  corsproxy run -c config/corsproxy.yaml --upstream http://127.0.0.1:5000
  corsproxy run --upstream http://127.0.0.1:5000 --allow-origin https://app.example.com
  corsproxy run --upstream unix:/run/gunicorn.sock --allow-origin https://app.example.com \\
      --allow-credentials --allow-method PUT --allow-header Authorization --listen 127.0.0.1:8080

\b
Signals:
  SIGHUP            read the configuration again; changes to the file are noticed anyway
  SIGTERM, SIGINT   finish what is in flight, then end; a second one ends at once

\b
Exit status:
  0   ended by a signal
  2   the call, the configuration or an address was refused; nothing was started

\b
Environment:
  CORSPROXY_CONFIG  the file, where -c names none
  CORSPROXY_LOOP    uvloop or asyncio; default: uvloop where it is installed
  NO_COLOR          no colour on terminals
"""


@click.command(epilog=EPILOG, context_settings={"allow_extra_args": True})
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="The YAML file. Default: $CORSPROXY_CONFIG, config/corsproxy.yaml, /etc/corsproxy/corsproxy.yaml.",
)
@click.option("--upstream", metavar="URL", help="The backend; takes the place of the file's.")
@click.option(
    "--allow-origin",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    help="Who may read. No file then.  [repeatable]",
)
@click.option("--allow-credentials", "credentials", is_flag=True, help="With cookies and other credentials.")
@click.option("--allow-header", "headers", metavar="NAME", multiple=True, help="May be sent.  [repeatable]")
@click.option("--allow-method", "methods", metavar="METHOD", multiple=True, help="May be used.  [repeatable]")
@click.option("--listen", metavar="ADDRESS", multiple=True, help="host:port or unix:/path.  [repeatable]")
@click.option("--admin", metavar="ADDRESS", help="Page, health and metrics, or off. Default: 127.0.0.1:9901.")
@click.pass_context
def run(
    ctx: click.Context,
    *,
    config: str | None,
    upstream: str | None,
    origins: tuple[str, ...],
    credentials: bool,
    headers: tuple[str, ...],
    methods: tuple[str, ...],
    listen: tuple[str, ...],
    admin: str | None,
) -> None:
    """Stand in front of the backend and speak CORS for it.

    The policy comes from a YAML file or, where --allow-origin is given, from the flags alone.
    """
    if ctx.args:
        raise click.UsageError(
            f"{ctx.args[0]} stands alone. Fix: name a file with -c, as in `corsproxy run -c corsproxy.yaml`."
        )
    rest = {
        "--allow-credentials": credentials,
        "--allow-header": headers,
        "--allow-method": methods,
        "--listen": listen,
        "--admin": admin,
    }
    _refuse_mixtures(config, upstream, origins, [name for name, given in rest.items() if given])
    # Until the service minds it; else one that comes while the configuration is read would end us.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        if origins and upstream:
            flags = Flags(
                upstream=upstream,
                allow_origins=origins,
                allow_credentials=credentials,
                allow_headers=headers,
                allow_methods=methods,
                listen=listen,
            )
            pages = _admin_pages(admin)
            _run(flags, None, lambda loaded: replace(loaded, admin=pages))
        else:
            _run(locate(config, os.environ), upstream, lambda loaded: loaded)
    except ConfigError as refused:
        count = len(refused.problems)
        _end(f"{refused}\n\n{count} problem{'' if count == 1 else 's'}; nothing was started.")
    except (ListenError, LoopError, StartError) as refused:
        _end(f"corsproxy: {refused}")


def _run(source: Path | Flags, upstream: str | None, amend: Callable[[Settings], Settings]) -> None:
    async def load() -> Settings:
        return amend(await load_in_child(source, os.environ, upstream=upstream))

    factory = loop_factory(os.environ)
    plan = Plan(
        settings=amend(load_in_child_blocking(source, os.environ, upstream=upstream)),
        load=load,
        watched=source if isinstance(source, Path) else None,
        worker_command=_worker_command(),
    )
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(plan))


def _admin_pages(address: str | None) -> Admin | None:
    if address == "off":
        return None
    try:
        return Admin() if address is None else Admin(endpoint=read_endpoint(address))
    except BadAddress as bad:
        raise click.UsageError(
            f"--admin: {bad.what} Fix: write host:port, such as 127.0.0.1:9901, or off."
        ) from bad


def _refuse_mixtures(
    config: str | None, upstream: str | None, origins: tuple[str, ...], rest: list[str]
) -> None:
    if origins and config is not None:
        raise click.UsageError(
            f"--allow-origin makes a policy of its own, and {config} has one. Fix: add the origin to the file, or leave -c out."
        )
    if origins and not upstream:
        raise click.UsageError(
            "--allow-origin needs to know the backend. Fix: add --upstream URL, such as http://127.0.0.1:5000."
        )
    if rest and not origins:
        names = " and ".join(rest)
        raise click.UsageError(
            f"{names} {'belongs' if len(rest) == 1 else 'belong'} to a policy made of flags, and that begins with --allow-origin. "
            "Fix: add --allow-origin ORIGIN and --upstream URL, or say it in the YAML file."
        )


def _worker_command() -> tuple[str, ...]:
    """Start workers with this interpreter, and without what happens to lie in the working directory."""
    root = str(Path(corsproxy.__file__).parent.parent)
    is_found_without = root in sys.path[1:]
    return (sys.executable, *(("-P",) if is_found_without else ()), "-m", "corsproxy.cli.worker")


def _end(text: str) -> None:
    click.echo(text, err=True)
    sys.exit(2)

"""`corsproxy demo`: finds the ports, says where everything is and what to try, and runs the demonstration.

Laws: what to start and stop is in corsproxy.demo; this speaks to the person. Ctrl-C is the proper end and
leaves with 0; a refused configuration with 2; anything that did not start, or ended by itself, with 1.
"""

import asyncio
import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import click

from corsproxy.cli.problems import counted
from corsproxy.config.load import load
from corsproxy.config.problem import ConfigError
from corsproxy.config.settings import Endpoint, Settings
from corsproxy.demo.addresses import USUAL_PORTS, Addresses, free_port_from, is_taken
from corsproxy.demo.stage import PartEnded, play

__all__ = ["demo"]

EVERYWHERE = ("0.0.0.0", "127.0.0.1", "localhost")  # noqa: S104 -- compared with, not bound to


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that were free; `moved` are those parts that could not have their usual one."""

    proxy: int
    backend: int
    page: int
    admin: int
    moved: Mapping[str, int]

    def environ(self) -> dict[str, str]:
        """Return what the references in the packaged rules stand for."""
        return {
            "DEMO_LISTEN": f"127.0.0.1:{self.proxy}",
            "DEMO_ADMIN": f"127.0.0.1:{self.admin}",
            "DEMO_PAGE": f"http://localhost:{self.page}",
        }


EPILOG = """\b
Examples:
  corsproxy demo
  corsproxy demo -c config/corsproxy.yaml

\b
Exit status:
  0  ended by Ctrl-C or a signal
  1  a part could not start, or ended by itself
  2  the call or the rules were refused
"""


@click.command(epilog=EPILOG, short_help="Show it work, with a sample backend and a page.")
@click.option(
    "-c",
    "--config",
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rules to use instead of the demonstration's own. Their `listen` and `admin` hold; `upstream` becomes the sample app.",
)
def demo(config: Path | None) -> None:
    """Show it work: a sample backend, the proxy, and a page on another origin.

    Starts a small Flask app that has no CORS code, corsproxy in front of it, and a page that asks
    through the proxy from two origins: one that the rules list and one that they do not. Ctrl-C ends
    it all. Usual ports: 3000 page, 8080 proxy, 5000 backend; the next free ones where those are taken.
    """
    _require_extra()
    with as_file(files("corsproxy.demo").joinpath("corsproxy.yaml")) as packaged:
        _demonstrate(config or packaged)


def _demonstrate(rules: Path) -> None:
    ports = _free_ports()
    try:
        settings = load(rules, {**os.environ, **ports.environ()})
    except ConfigError as refused:
        click.echo(
            f"{refused}\n\n{counted(len(refused.problems), 'problem')}; nothing was started.", err=True
        )
        sys.exit(2)
    addresses = _addresses(settings, ports, rules)
    for part, url in (("page", addresses.page), ("proxy", addresses.proxy), ("backend", addresses.backend)):
        if part in ports.moved and url.endswith(f":{ports.moved[part]}"):
            click.echo(f"Port {USUAL_PORTS[part]} is taken, so the {part} has {ports.moved[part]}.")
    try:
        asyncio.run(
            play(addresses, rules, ports.environ(), lambda: click.echo(_told(addresses, settings, rules)))
        )
    except PartEnded as ended:
        raise click.ClickException(f"{ended} What it said stands above. The demonstration is over.") from None
    click.echo("\nStopped: the page, the proxy and the backend.")


def _require_extra() -> None:
    missing = [name for name in ("flask", "gunicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"The demonstration needs {' and '.join(missing)}.\nFix: pip install 'corsproxy[demo]'"
        )


def _free_ports() -> Ports:
    chosen: dict[str, int] = {}
    for part, usual in USUAL_PORTS.items():
        try:
            chosen[part] = free_port_from(usual, but_not=chosen.values())
        except OSError as fault:
            raise click.ClickException(f"There is no port for the {part}: {fault.strerror}.") from None
    return Ports(**chosen, moved={part: port for part, port in chosen.items() if port != USUAL_PORTS[part]})


def _addresses(settings: Settings, ports: Ports, rules: Path) -> Addresses:
    """Work out where the parts will be; raises ClickException where the rules leave no way to show them."""
    proxy = next((e.port for e in settings.listen if e.host in EVERYWHERE), 0)
    if not proxy or settings.tls:
        raise click.ClickException(
            f"{rules}: the demonstration needs a `listen` on 127.0.0.1 or 0.0.0.0, without TLS."
        )
    admin = settings.admin.endpoint if settings.admin else Endpoint()
    for part, port, usual in (
        ("listen", proxy, ports.proxy),
        ("admin", admin.port, ports.admin),
    ):
        if port and port != usual and is_taken(port):
            raise click.ClickException(
                f"{rules}: `{part}` names port {port}, which is taken.\n"
                "Fix: end what listens there, or leave -c away (make run CONFIG=): the demonstration's own rules move to free ports."
            )
    return Addresses.on_ports(proxy, ports.backend, ports.page, admin.port)


def _command() -> str:
    """Return what to type for `corsproxy`: an environment that is not active has it elsewhere than on the PATH."""
    beside = Path(sys.executable).with_name("corsproxy")
    if shutil.which("corsproxy") == str(beside):
        return "corsproxy"
    if not beside.exists():
        return shlex.join([sys.executable, "-m", "corsproxy"])
    near = os.path.relpath(beside)
    return shlex.quote(str(beside) if near.startswith("..") else near)


def _lists(settings: Settings, origin: str) -> bool:
    """Tell whether a rule names the origin, as far as one can see without asking the policy."""
    names = (name for rule in settings.rules for name in (*rule.origins.exact, *rule.origins.wildcards))
    return any(rule.origins.any for rule in settings.rules) or bool(
        {origin, "http://localhost:*"} & set(names)
    )


def _told(addresses: Addresses, settings: Settings, rules: Path) -> str:
    bold = click.style
    lists = _lists(settings, addresses.page)
    page = "open this in a browser" if lists else "open this; but no rule lists it, so you will see refusals"
    curl = f"curl -i {addresses.proxy}/api/books"
    command = _command()
    return "\n".join(
        [
            "",
            bold("corsproxy demo", bold=True),
            "",
            f"  page      {bold(addresses.page, bold=True)}    {page}",
            f"            {addresses.stranger}    the same page as a stranger that no rule lists",
            f"  proxy     {bold(addresses.proxy, bold=True)}    corsproxy",
            f"  backend   {bold(addresses.backend, bold=True)}    Flask under gunicorn, without CORS code",
            *(
                [f"  why       {bold(addresses.admin, bold=True)}    what is decided, and why"]
                if addresses.admin
                else []
            ),
            "",
            f"The rules are in {rules}",
            "Edit them and save: they hold for the next request.",
            "",
            "Try, in another terminal:",
            "  # a listed origin may read; another may not; and the backend knows nothing of it",
            f"  {curl} -H 'Origin: {addresses.page}'",
            f"  {curl} -H 'Origin: {addresses.stranger}'",
            f"  curl -i {addresses.backend}/api/books -H 'Origin: {addresses.page}'",
            "  # the question that a browser asks before a PUT with a token",
            f"  curl -i -X OPTIONS {addresses.proxy}/api/books/2 -H 'Origin: {addresses.page}' \\",
            "    -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: authorization'",
            "  # the same question without sending anything; and what the page could really read",
            f"  {command} explain -c {shlex.quote(str(rules))} --origin {addresses.stranger} --path {addresses.proxy}/api/books",
            f"  {command} probe {addresses.proxy}/api/books --origin {addresses.page}",
            "",
            "What the proxy refuses is logged here, with its reason. Ctrl-C stops everything.",
            "",
        ]
    )

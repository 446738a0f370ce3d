"""The `corsproxy` command: which sub-commands there are, and where each lives.

Laws: a command's module is imported when that command is called (or listed in the help), never
before, so that `run` pays for nothing that another command needs. Exit status 2 is a mistake in the
call or in the configuration; what else a status means is each command's own.
"""

import difflib
import errno
import importlib
import keyword
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import click

from corsproxy import __version__
from corsproxy.cli.descriptors import hold_standard_descriptors

__all__ = ["COMMANDS", "main"]

# Name -> module; the click.Command in it bears the same name, with a _ where Python has that word. In the order of the help text.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "corsproxy.cli.run",
        "check": "corsproxy.cli.check",
        "explain": "corsproxy.cli.explain",
        "probe": "corsproxy.cli.probe",
        "import": "corsproxy.cli.import_",
        "schema": "corsproxy.cli.schema",
        "demo": "corsproxy.cli.demo",
    }
)
REFUSED, INTERRUPTED = 2, 130
# What only writing brings about. A reader that has left (EPIPE) is click's to see to.
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Commands(click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Name the commands in the order in which one meets them, not alphabetically."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- as above
        """Import the command's module and take the command out of it; None for an unknown name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{name} is not a click.Command")
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Call the command; Ctrl-C and a full disk end it with no status that one of them uses for a verdict."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            sys.exit(INTERRUPTED)
        except OSError as fault:
            if fault.errno not in UNWRITABLE:
                raise
            click.echo(f"Error: Standard output cannot be written: {fault.strerror}.", err=True)
            sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- for the flush at the end
            sys.exit(REFUSED)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does, but say of a name that is not there what to do instead."""
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else _listed()
        raise click.UsageError(f"There is no command `{name}`. {hint}", ctx)


def _listed() -> str:
    return f"This version has: {', '.join(COMMANDS)}."


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`corsproxy COMMAND --help` tells more. Start with `corsproxy demo`.",
)
@click.version_option(__version__, prog_name="corsproxy", message="%(prog)s %(version)s")
def corsproxy() -> None:
    """A reverse proxy that speaks CORS for the one backend behind it.

    It answers preflights, decides by rules in YAML, removes every CORS field that the backend sent,
    adds the right ones, and can always say why.
    """


def main() -> None:
    """Run the command line of this process; does not return."""
    hold_standard_descriptors()
    # https://no-color.org; without it click colours on terminals only, as it should.
    corsproxy.main(prog_name="corsproxy", color=False if os.environ.get("NO_COLOR") else None)

"""`corsproxy import`: the CORS of other tools as a configuration of this one.

Laws: the YAML goes to standard output or to a file that is not there yet, the report to standard error. Exit status 0 carried over
whole, 1 with losses, 2 where nothing was found or the call was refused.
"""

import os
import sys
from pathlib import Path

import click

from corsproxy.bridges.flask.document import printable
from corsproxy.bridges.flask.findings import Finding
from corsproxy.bridges.flask.importing import Imported, NothingFound, NothingToRead, import_flask
from corsproxy.bridges.flask.listening import DEFAULT_UPSTREAM
from corsproxy.cli.problems import as_text, counted, json_text, wants_colour
from corsproxy.config.problem import ConfigError

__all__ = ["import_"]

WHOLE, LOSSES, REFUSED = 0, 1, 2
EPILOG = """\b
Examples:
  corsproxy import flask .
  corsproxy import flask . -o corsproxy.yaml
  corsproxy import flask app.py --upstream http://127.0.0.1:8000

\b
Exit status:
  0  everything was carried over
  1  with losses: look through the report
  2  nothing was found, or the call was refused
"""


class Tools(click.Group):
    """The tools that can be read; of another it is said which they are."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does, where there is something to resolve."""
        name = args[0]
        if name in self.commands or name.startswith("-"):
            return super().resolve_command(ctx, args)
        calls = " or ".join(f"`corsproxy import {tool} PATH`" for tool in self.commands)
        raise click.UsageError(f"There is no `import {printable(name)}`. Fix: {calls}.", ctx)


@click.group(name="import", cls=Tools)
def import_() -> None:
    """Write a configuration from what another tool was told."""


@import_.command(
    name="flask", epilog=EPILOG, short_help="Read a project that uses Flask-CORS, without running it."
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the YAML there.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option(
    "--upstream",
    metavar="URL",
    help=f"Where the app answers; default: what the project says, or {DEFAULT_UPSTREAM}.",
)
@click.option("--json", "wants_json", is_flag=True, help="YAML and report as JSON; see docs/import-flask.md.")
def flask(*, path: Path, output: Path | None, force: bool, upstream: str | None, wants_json: bool) -> None:
    """Read a project that uses Flask-CORS, without running it, and write the same as rules.

    PATH is a file or a folder. CORS(…), @cross_origin and CORS_* are read from the sources, .env and the
    environment; what cannot be carried over, or should not be, is reported with its line.
    """
    try:
        is_there = output is not None and output.exists()
    except OSError as fault:
        raise click.UsageError(f"{output} cannot be written: {fault.strerror}.") from None
    if is_there and not force:
        raise click.UsageError(f"{output} is there already. Name another file, or add --force.")
    try:
        imported = import_flask(path, os.environ, upstream=upstream)
    except NothingToRead as fault:
        raise click.UsageError(str(fault)) from None
    except ConfigError as refused:
        click.echo(as_text(refused.problems, colour=wants_colour(sys.stderr)), err=True)
        sys.exit(REFUSED)
    except NothingFound as nothing:
        _tell(nothing.findings)
        click.echo(
            f"{nothing.path}: no path with CORS was found, neither by CORS(…) nor by @cross_origin.", err=True
        )
        click.echo("  Fix: name the folder with the code of the Flask app, or its file.", err=True)
        sys.exit(REFUSED)
    if output is not None:
        try:
            output.write_text(imported.text, encoding="utf-8")
        except OSError as fault:
            raise click.UsageError(f"{output} cannot be written: {fault.strerror}.") from None
    if wants_json:
        click.echo(_as_json(imported))
    else:
        if output is None:
            click.echo(imported.text, nl=False)
        _tell(imported.findings)
        click.echo(_summary(imported, output), err=True)
    sys.exit(WHOLE if imported.is_whole else LOSSES)


def _tell(findings: tuple[Finding, ...]) -> None:
    colour = wants_colour(sys.stderr)
    for finding in findings:
        head, *lines = map(printable, str(finding).splitlines())
        kind = "" if finding.is_loss else "  (note)"
        shown = [click.style(head, bold=True) + kind if colour else head + kind]
        for number, line in enumerate(lines):
            if colour and number == 0:
                shown.append(click.style(line, fg="red" if finding.is_loss else "cyan"))
            else:
                shown.append(line)
        click.echo("\n".join(shown) + "\n", err=True)


def _summary(imported: Imported, output: Path | None) -> str:
    losses = sum(finding.is_loss for finding in imported.findings)
    rules = counted(imported.rules, "rule")
    where = f"{output}: {rules}" if output else rules[:1].upper() + rules[1:]
    if not losses:
        return f"{where}, carried over whole."
    noun = "loss" if losses == 1 else "losses"
    return f"{where}, with {losses} {noun}: look through the report above."


def _as_json(imported: Imported) -> str:
    findings = [
        {
            "code": str(finding.code),
            "loss": finding.is_loss,
            "file": finding.place.file,
            "line": finding.place.line,
            "what": finding.what,
            "why": finding.why,
            "fix": finding.fix,
            "let_in": list(finding.let_in),
        }
        for finding in imported.findings
    ]
    outcome = {
        "status": WHOLE if imported.is_whole else LOSSES,
        "rules": imported.rules,
        "findings": findings,
        "yaml": imported.text,
    }
    return json_text(outcome)

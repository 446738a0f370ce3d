"""`corsproxy check`: every problem, every warning and the policy's tests, without starting anything.

Laws: exit status 0 fine (warnings included), 1 where only tests of the policy failed, 2 refused. Problems
go to standard output, because they are what was asked for.
"""

import os
import sys
from pathlib import Path

import click

from corsproxy.cli.problems import as_github, as_json, as_text, counted, wants_colour
from corsproxy.config.load import Loaded, read_settings
from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.source import locate

__all__ = ["check"]

FINE, TEST_FAILED, REFUSED = 0, 1, 2


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="text for people, json for scripts, github for annotations in a workflow run.",
)
def check(file: Path | None, form: str) -> None:
    r"""Check a configuration: every problem, every warning, and its tests.

    FILE is found as `corsproxy run` finds it: $CORSPROXY_CONFIG, config/corsproxy.yaml, then
    /etc/corsproxy/corsproxy.yaml.

    \b
    Exit status:
      0  it is fine
      1  a test of the policy failed
      2  it was refused
    """
    try:
        path = locate(file, os.environ)
        loaded = read_settings(path, os.environ)
    except ConfigError as refused:
        problems = refused.problems
        status = TEST_FAILED if all(problem.code is Code.TEST_FAILED for problem in problems) else REFUSED
        click.echo(_refusal(problems, status, form))
        sys.exit(status)
    if praise := _praise(path, loaded, form):
        click.echo(praise)
    sys.exit(FINE)


def _refusal(problems: tuple[Problem, ...], status: int, form: str) -> str:
    if form == "json":
        return as_json(problems[0].file, problems, (), status=status, tests=0)
    if form == "github":
        return as_github(problems)
    noun = "failed test" if status == TEST_FAILED else "problem"
    return f"{as_text(problems, colour=wants_colour())}\n\n{counted(len(problems), noun)}."


def _praise(path: Path, loaded: Loaded, form: str) -> str:
    if form == "json":
        return as_json(str(path), (), loaded.warnings, status=FINE, tests=loaded.tests)
    if form == "github":
        return as_github(loaded.warnings, is_warning=True)
    outcome = [counted(len(loaded.settings.rules), "rule")]
    outcome += [f"{counted(loaded.tests, 'test')} passed" if loaded.tests else "no tests"]
    outcome += [counted(len(loaded.warnings), "warning")] if loaded.warnings else []
    summary = f"{path}: fine ({', '.join(outcome)})."
    if not loaded.warnings:
        return summary
    return f"{as_text(loaded.warnings, colour=wants_colour(), is_warning=True)}\n\n{summary}"

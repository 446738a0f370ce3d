"""`corsproxy check`: every problem, every warning and the policy's tests, without starting anything.

Laws: exit status 0 fine (warnings included, but for --strict), 1 where only tests of the policy failed or --strict
found a warning, 2 refused; of several files the worst. What was found goes to standard output, because it is
what was asked for.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from corsproxy.cli.findings import Checked, Status
from corsproxy.cli.problems import as_github, as_json, as_text, counted, wants_colour
from corsproxy.cli.sarif import as_sarif
from corsproxy.config.codes import WARNINGS, nearest
from corsproxy.config.load import settings_of
from corsproxy.config.problem import Code, ConfigError, visible
from corsproxy.config.source import LARGEST_FILE, Text, locate, read, text_of

__all__ = ["check"]

STDIN = "-"

EPILOG = """\b
Examples:
  corsproxy check
  corsproxy check staging.yaml production.yaml
  corsproxy check --strict --ignore max_age_capped config/corsproxy.yaml
  corsproxy check --format sarif > corsproxy.sarif
  corsproxy check next.yaml --against http://127.0.0.1:9901
  kubectl get configmap cors -o jsonpath='{.data.corsproxy\\.yaml}' | corsproxy check -

\b
Exit status, of several files the worst:
  0  it is fine
  1  a test of the policy failed; with --strict, or there is a warning; with --against, or something would change
  2  it was refused; with --against, or there is nothing to replay
"""


@click.command(epilog=EPILOG, short_help="Find every problem of a configuration; run its tests.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path, readable=False))
@click.option(
    "-c",
    "named",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, readable=False),
    help="The same as FILE, for it is so with the other commands.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="text for people, json for scripts, github for annotations in a workflow run, sarif for code scanning.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 where there is a warning.")
@click.option(
    "--ignore",
    "ignored",
    metavar="CODE",
    multiple=True,
    help="Say nothing of warnings with this code, this time; `silence:` in the file does for good.  [repeatable]",
)
@click.option(
    "--against",
    "source",
    metavar="SOURCE",
    help="Replay recorded decisions over FILE and say what would change: the admin address of a running corsproxy, "
    "its saved /decisions, its access log in JSON, or a HAR file; - is standard input.",
)
@click.option(
    "--host", metavar="NAME", help="With --against a HAR file: which of its hosts corsproxy answers for."
)
def check(
    files: tuple[Path, ...],
    form: str,
    *,
    named: tuple[Path, ...],
    strict: bool,
    ignored: tuple[str, ...],
    source: str | None,
    host: str | None,
) -> None:
    r"""Check configurations: every problem, every warning, and their tests.

    FILE is found as `corsproxy run` finds it: $CORSPROXY_CONFIG, config/corsproxy.yaml, then
    /etc/corsproxy/corsproxy.yaml. - reads standard input.
    """
    codes, files = _codes(ignored), (*files, *named)
    _refuse_misfits(files, source, host, form)
    checked = [_checked(file, codes, strict=strict) for file in dict.fromkeys(files or (None,))]
    said, status = _said(checked, form), int(max(one.status for one in checked))
    settings = checked[0].settings
    if source is not None and settings is not None:
        from corsproxy.cli.against import check_against  # noqa: PLC0415 -- only who replays pays for it

        said, status = check_against(checked[0], settings, source, host, form=form, said=said)
    if said:
        click.echo(said)
    sys.exit(status)


def _refuse_misfits(files: tuple[Path, ...], source: str | None, host: str | None, form: str) -> None:
    if source is None:
        if host is not None:
            raise click.UsageError(
                "--host says which host of a HAR file is meant. Fix: add --against FILE.har."
            )
        return
    if len(files) > 1 or form == "sarif":
        what = "one FILE" if len(files) > 1 else "the formats text, json and github"
        raise click.UsageError(f"--against goes with {what} only.")
    if source == STDIN and files == (Path(STDIN),):
        raise click.UsageError(
            "Standard input cannot be both FILE and SOURCE. Fix: name a file for one of them."
        )


def _codes(names: Sequence[str]) -> frozenset[Code]:
    named = [name.strip() for joined in names for name in joined.split(",")]
    for name in named:
        if name in set(Code) - set(WARNINGS):
            raise click.UsageError(f"--ignore: {name} is no warning: it is refused. Fix: mend it.")
        if name not in WARNINGS:
            raise click.UsageError(f"--ignore: there is no warning {name}. Fix: {nearest(name)}")
    return frozenset(Code(name) for name in named)


def _checked(file: Path | None, ignored: frozenset[Code], *, strict: bool) -> Checked:
    name = str(file) if file is not None else ""
    try:
        text = _standard_input() if name == STDIN else read(locate(file, os.environ))
        name = text.path
        loaded = settings_of(text, os.environ)
    except ConfigError as refused:
        return Checked(name or refused.problems[0].file, refused.problems)
    candidate = loaded.settings.candidate
    if candidate is not None and candidate.problems:
        return Checked(name, candidate.problems)
    warnings = tuple(warning for warning in loaded.warnings if warning.code not in ignored)
    rules = len(loaded.settings.rules)
    return Checked(
        name, (), warnings, rules=rules, tests=loaded.tests, is_strict=strict, settings=loaded.settings
    )


def _standard_input() -> Text:
    return text_of(STDIN, sys.stdin.buffer.read(LARGEST_FILE + 1))


def _said(checked: Sequence[Checked], form: str) -> str:
    if form == "sarif":
        return as_sarif(checked)
    if form == "json":
        return as_json(checked)
    if form == "github":
        parts = [as_github(one.problems) or as_github(one.warnings, is_warning=True) for one in checked]
        return "\n".join(filter(None, parts))
    return "\n\n".join(_for_people(one, is_alone=len(checked) == 1) for one in checked)


def _for_people(one: Checked, *, is_alone: bool) -> str:
    if one.problems:
        noun = "failed test" if one.status == Status.FAILED else "problem"
        summary = f"{'' if is_alone else f'{visible(one.file)}: '}{counted(len(one.problems), noun)}."
        return f"{as_text(one.problems, colour=wants_colour())}\n\n{summary}"
    outcome = [counted(one.rules, "rule")]
    outcome += [f"{counted(one.tests, 'test')} passed" if one.tests else "no tests"]
    outcome += [counted(len(one.warnings), "warning")] if one.warnings else []
    verdict = "fine" if one.status == Status.FINE else "not fine by --strict"
    summary = f"{visible(one.file)}: {verdict} ({', '.join(outcome)})."
    if not one.warnings:
        return summary
    return f"{as_text(one.warnings, colour=wants_colour(), is_warning=True)}\n\n{summary}"

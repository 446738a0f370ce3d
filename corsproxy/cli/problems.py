"""Problems for people and for scripts: text, JSON, annotations in a GitHub run.

Laws: colour only where a terminal reads along and NO_COLOR is empty; without colour the text is that of
`str(problem)`. The JSON is stable: keys are only ever added.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import click

from corsproxy.cli.findings import Checked
from corsproxy.config.problem import Problem, visible

__all__ = ["annotation", "as_github", "as_json", "as_text", "counted", "json_text", "wants_colour"]


class Stream(Protocol):
    """Something that knows whether it is a terminal."""

    def isatty(self) -> bool:
        """Tell whether somebody reads along."""


# https://docs.github.com/actions/reference/workflow-commands-for-github-actions
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def wants_colour(stream: Stream | None = None, environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether text for people may have colour (https://no-color.org)."""
    environ = os.environ if environ is None else environ
    return (
        (sys.stdout if stream is None else stream).isatty()
        and not environ.get("NO_COLOR")
        and environ.get("TERM") != "dumb"
    )


def as_text(problems: Iterable[Problem], *, colour: bool, is_warning: bool = False) -> str:
    """Write problems as in the documentation: place and key, what, why, fix."""
    written = (
        _coloured(problem, is_warning=is_warning) if colour else _plain(problem, is_warning=is_warning)
        for problem in problems
    )
    return "\n\n".join(written)


def _plain(problem: Problem, *, is_warning: bool) -> str:
    head, newline, rest = str(problem).partition("\n")
    return f"{head}  (warning: {problem.code}){newline}{rest}" if is_warning else str(problem)


def _coloured(problem: Problem, *, is_warning: bool) -> str:
    head, *lines = _plain(problem, is_warning=is_warning).splitlines()
    place, _, rest = head.partition("  ")
    styled = [click.style(place, bold=True) + (f"  {click.style(rest, fg='cyan')}" if rest else "")]
    mark = "yellow" if is_warning else "red"
    for line in lines:
        text = line.removeprefix("  ")
        if text.startswith(("Why: ", "Fix: ")):
            fg = "green" if text.startswith("Fix") else "bright_black"
            styled.append(f"  {click.style(text[:4], fg=fg, bold=True)}{text[4:]}")
        else:
            styled.append(f"  {click.style(text, fg=mark)}")
    return "\n".join(styled)


def as_json(checked: Sequence[Checked]) -> str:
    """Write the outcome for scripts: of one file itself, of several the worst status and each."""
    outcomes = [_outcome(one) for one in checked]
    several = {"status": max(one.status for one in checked), "files": outcomes}
    return json_text(outcomes[0] if len(outcomes) == 1 else several)


def json_text(value: object) -> str:
    """Write a document for scripts; what is not printable in it is escaped, for it may land on a terminal."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(one if one == "\n" or one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _outcome(one: Checked) -> dict[str, object]:
    return {
        "file": one.file,
        "status": one.status,
        "problems": [_fields(problem) for problem in one.problems],
        "warnings": [_fields(problem) for problem in one.warnings],
        "tests_passed": one.tests,
    }


def _fields(problem: Problem) -> dict[str, str | int]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "code": str(problem.code),
        "what": problem.what,
        "why": problem.why,
        "fix": problem.fix,
    }


def as_github(problems: Iterable[Problem], *, is_warning: bool = False) -> str:
    """Write one workflow command a problem, which GitHub shows beside the line."""
    return "\n".join(_annotation(problem, "warning" if is_warning else "error") for problem in problems)


def _annotation(problem: Problem, command: str) -> str:
    parts = [
        problem.what,
        f"Why: {problem.why}" if problem.why else "",
        f"Fix: {problem.fix}" if problem.fix else "",
    ]
    title = " ".join(filter(None, [problem.path, f"({problem.code})"]))
    text = "\n".join(map(visible, filter(None, parts)))
    return annotation(command, text, file=problem.file, line=problem.line, column=problem.column, title=title)


def annotation(command: str, text: str, *, file: str, line: int, column: int, title: str) -> str:
    """Write one workflow command; `line` 0 is the whole file."""
    properties = {"file": file, "line": str(line), "col": str(column), "title": title}
    if not line:
        del properties["line"], properties["col"]
    listed = ",".join(f"{name}={visible(value).translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{command} {listed}::{text.translate(_DATA)}"


def counted(number: int, noun: str) -> str:
    """Write `1 problem`, `2 problems`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

"""Every `corsproxy …` in the documentation, the help and the shipped files names a command and options that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from corsproxy.cli.main import COMMANDS, corsproxy
from tests.processes import ROOT

PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "CHANGELOG.md", "Makefile", "Dockerfile", ".pre-commit-hooks.yaml")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(file for file in (ROOT / "config").rglob("*") if file.suffix in {".yaml", ".yml", ".json"}),
]
# In code: `corsproxy …`, or a line of a block; the rest of a line may hold other programs and comments.
CALL = re.compile(
    rf"(?:`|^\s*(?:- run: )?|[|/ (])corsproxy ((?:{'|'.join(COMMANDS)})\b[^`\n]*)", re.MULTILINE
)
OTHERS = re.compile(r" [|#<>&] ?.*|\"[^\"]*\"|'[^']*'")


def named(call: str) -> click.Command:
    context = click.Context(corsproxy)
    name, _, rest = call.partition(" ")
    found = corsproxy.get_command(context, name)
    assert isinstance(found, click.Command)
    if isinstance(found, click.Group) and rest[:1].isalpha():
        inner = found.get_command(context, rest.split()[0].strip(".,"))
        assert inner is not None, call
        return inner
    return found


def unknown(call: str) -> Iterator[str]:
    command = named(call)
    options = {"-h", "--help", *(name for it in command.params for name in (*it.opts, *it.secondary_opts))}
    for word in OTHERS.sub("", call).split():
        if re.match(r"--?[a-z]", word) and (option := word.partition("=")[0].rstrip(",;.)")) not in options:
            yield f"{option} in: corsproxy {call}"


def missed(text: str) -> list[str]:
    return [problem for call in CALL.findall(text) for problem in unknown(call)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_what_exists(page: Path) -> None:
    assert missed(page.read_text()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_names_what_exists(name: str) -> None:
    assert missed(named(name).get_help(click.Context(named(name), info_name=name))) == []


def test_an_option_that_does_not_exist_is_found() -> None:
    assert missed("so `corsproxy check --frmat json x.yaml`, or\n    corsproxy import flask . --out x\n") == [
        "--frmat in: corsproxy check --frmat json x.yaml",
        "--out in: corsproxy import flask . --out x",
    ]

"""The examples in the help of every command: each is taken as it stands, by the command that it names."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from corsproxy.cli.main import COMMANDS, corsproxy
from tests.processes import ROOT


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(corsproxy)
    for name in COMMANDS:
        found = corsproxy.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from ((f"{name} {inner}", command) for inner, command in found.commands.items())
        else:
            yield name, found


def examples(command: click.Command) -> list[str]:
    """Return the lines below Examples, those that a backslash continues as one."""
    block = re.search(r"Examples?:\n((?:  .*\n)+)", command.epilog or "")
    return block[1].replace("\\\n", "").splitlines() if block else []


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: str(value).partition("<")[0]
)
def test_every_example_is_taken(name: str, command: click.Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    lines = examples(command)
    assert lines
    for line in lines:
        call = re.search(rf"(?:^|\| )corsproxy {name}\b(.*?)(?: > \S+)?$", line.strip())
        assert call is not None, line
        with command.make_context(name, shlex.split(call[1])) as context:
            assert context.args == [], line

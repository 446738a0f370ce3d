"""Texts in colour: the words are the same, and colour never goes where none is wanted."""

from pathlib import Path

import click
import pytest

from corsproxy.bridges.probe.exchange import Answer, Asked, Sent
from corsproxy.bridges.told import Told, told
from corsproxy.cli.probe_text import report_as_text
from corsproxy.cli.story import story_as_text
from corsproxy.config.load import settings_of
from corsproxy.config.mend import mend
from corsproxy.config.source import text_of
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.policy import Policy
from tests.bridges.probe.dialogue import API, APP, answer, ask

CONFIG = b"""\
upstream: http://127.0.0.1:5000
rules:
  - path: /**
    allow_origins: [https://app.example.com]
"""


def explained(origin: str) -> Told:
    text = text_of("c.yaml", CONFIG)
    settings = settings_of(text, {}).settings
    policy = Policy.compile(settings.rules, settings.public_origins)
    return told(
        BrowserRequest(origin=origin),
        settings,
        policy,
        mend=lambda request: mend(text, {}, settings, request),
    )


@pytest.mark.parametrize(
    ("origin", "verdict", "fg"), [(APP, "allowed", "green"), ("https://b.example", "denied", "red")]
)
def test_a_story_has_the_same_words_in_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, verdict: str, fg: str
) -> None:
    monkeypatch.chdir(tmp_path)
    plain, coloured = (story_as_text(explained(origin), colour=colour) for colour in (False, True))
    assert "\x1b" not in plain
    assert click.unstyle(coloured) == plain
    first = coloured.splitlines()[0]
    assert first == click.style(click.unstyle(first), fg=fg, bold=True)
    assert click.unstyle(first).startswith(verdict)
    assert (click.style("FAIL", fg="red") in coloured) is (verdict == "denied")
    assert click.style("ok  ", fg="green") in coloured
    added = click.style("    allow_origins: [https://app.example.com, https://b.example]", fg="green")
    assert (added in coloured) is (verdict == "denied")


GRANT = f"Access-Control-Allow-Origin: {APP}"


@pytest.mark.parametrize(
    ("asked", "came", "verdict", "fg"),
    [
        (Asked(origin=APP, url=f"{API}/a"), answer(200, GRANT, "Set-Cookie: a=1"), "readable", "green"),
        (Asked(origin=APP, url=f"{API}/a"), answer(200), "blocked: origin_not_allowed", "red"),
        (Asked(origin=APP, url=f"{API}/a", method="POST"), answer(200), "not sent", "yellow"),
    ],
)
def test_a_report_has_the_same_words_in_colour(asked: Asked, came: Answer, verdict: str, fg: str) -> None:
    def server(sent: Sent) -> Answer:
        assert sent.method in {"GET", "OPTIONS"}
        return came

    report, _ = ask(asked, server)
    plain, coloured = (report_as_text(report, colour=colour) for colour in (False, True))
    assert "\x1b" not in plain
    assert click.unstyle(coloured) == plain
    assert coloured.splitlines()[0] == click.style(verdict, fg=fg, bold=True)
    assert (click.style("FAIL", fg="red") in coloured) is (fg == "red")
    assert (click.style("dropped", fg="red") in coloured) is (verdict == "readable")
    assert (click.style("What to change", bold=True) in coloured) is (fg == "red")

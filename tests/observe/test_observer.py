"""One Record in: counts and, where due, a line on a real descriptor."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from corsproxy.config.settings import Candidate, Source
from corsproxy.cors.comparison import Change, Comparison
from corsproxy.cors.vocabulary import Kind, Reason
from corsproxy.observe.observer import WorkerObserver, wants_colour
from corsproxy.proxy.record import Gauges
from tests.observe.conftest import EVIL, RULES, Head, decide, exchange, record, settings

GAUGES = Gauges(5, 4, 3, 2, 1)


class Observed:
    """An observer that writes to a file, and what it wrote."""

    def __init__(self, path: Path, **log: str) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.observer = WorkerObserver(settings(RULES, **log), self.descriptor)

    def lines(self) -> list[dict[str, Any]]:
        self.observer.close(30)
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Observed]:
    observed = Observed(tmp_path / "log", access="refused")
    yield observed
    observed.observer.close(30)
    os.close(observed.descriptor)


def test_the_unremarkable_is_counted_only(quiet: Observed) -> None:
    quiet.observer.connection_opened()
    quiet.observer.finished(exchange())
    quiet.observer.finished(exchange(status=0))
    snapshot = quiet.observer.snapshot(GAUGES)
    assert (snapshot.responses, snapshot.unanswered, snapshot.connections) == ({200: 1}, 1, 1)
    assert (snapshot.gauges, snapshot.pids, snapshot.log_lines_dropped) == (GAUGES, (os.getpid(),), 0)
    assert quiet.lines() == []


def test_the_remarkable_is_counted_and_logged(quiet: Observed) -> None:
    quiet.observer.finished(exchange(Head(origin=EVIL)))
    quiet.observer.finished(exchange(status=502, fault=Reason.UPSTREAM_REFUSED))
    quiet.observer.finished(record(None, Head(), status=400, fault=Reason.BAD_REQUEST))
    quiet.observer.finished(exchange(notes=(Reason.BACKEND_CORS_CONFLICT,), removed_fields=(b"x",)))
    quiet.observer.finished(exchange(notes=(Reason.BACKEND_CORS_CONFLICT,), removed_fields=(b"x",)))
    snapshot = quiet.observer.snapshot(GAUGES)
    assert snapshot.responses == {200: 3, 400: 1, 502: 1}
    assert snapshot.notes == {("api", Reason.BACKEND_CORS_CONFLICT): 2}
    assert [(line["level"], line["message"]) for line in quiet.lines()] == [
        ("warning", "refused"),
        ("error", "failed"),
        ("warning", "failed"),
        ("warning", "the backend sends CORS fields of its own"),
    ]


def test_events(quiet: Observed) -> None:
    quiet.observer.event("info", "started", listen=["127.0.0.1:8080"])
    quiet.observer.event("debug", "too small")
    (line,) = quiet.lines()
    assert (line["level"], line["message"], line["listen"]) == ("info", "started", ["127.0.0.1:8080"])


def test_new_settings_count_from_the_next_exchange(quiet: Observed) -> None:
    quiet.observer.finished(exchange(request_id="before"))
    quiet.observer.adopt(settings(RULES, access="all"))
    quiet.observer.finished(exchange(request_id="after"))
    quiet.observer.adopt(settings(RULES, access="off"))
    quiet.observer.finished(exchange(Head(origin=EVIL), request_id="off"))
    assert [line["request_id"] for line in quiet.lines()] == ["after"]


def test_only_what_the_candidate_of_now_was_asked_is_compared(quiet: Observed) -> None:
    changed = exchange(compared=Comparison(decide(Head(origin=EVIL)), Change.NEWLY_REFUSED))
    candidate = Candidate(source=Source("next.yaml", "11"))
    for one in (settings(), replace(settings(), candidate=candidate), settings()):
        quiet.observer.adopt(one)
        quiet.observer.finished(changed)
    snapshot = quiet.observer.snapshot(GAUGES)
    assert (snapshot.compared, snapshot.differences) == (1, {(Kind.ACTUAL, Change.NEWLY_REFUSED): 1})


def test_lost_lines_are_in_the_snapshot(quiet: Observed) -> None:
    quiet.observer.close(30)
    quiet.observer.event("error", "too late")
    assert quiet.observer.snapshot(GAUGES).log_lines_dropped == 1


@pytest.mark.parametrize(
    ("is_terminal", "environ", "expected"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": ""}, True),  # no-color.org: present and not empty
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm"}, True),
        (False, {}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_colour(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, environ: dict[str, str], expected: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert wants_colour(environ) is expected


def test_a_worker_does_not_carry_the_admin_pages() -> None:
    """What only the admin listener needs costs every worker megabytes."""
    heavy = {"aiohttp", "prometheus_client", "pydantic", "yaml"}
    code = "import sys, corsproxy.observe.observer, corsproxy.observe.stdlib; print(*sys.modules)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(seen.stdout.split())

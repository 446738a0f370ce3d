"""A candidate file: loaded beside the live one, never in its way, and everything wrong with it kept."""

import os
from pathlib import Path

import pytest

from corsproxy.config.child import load_in_child_blocking
from corsproxy.config.flags import Flags
from corsproxy.config.load import load, load_flags, read_settings
from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.settings import Candidate, Source
from corsproxy.config.watch import fingerprint

LIVE = """\
upstream: http://127.0.0.1:5000
candidate: {name}
rules:
  - {{name: api, path: /**, allow_origins: [https://app.example.com]}}
"""
FLAGS = Flags(upstream="http://127.0.0.1:5000", allow_origins=("https://app.example.com",))
NEXT = """\
upstream: ${BACKEND:-http://127.0.0.1:5000}
public_origins: [https://api.example.com]
rules:
  - {name: api, path: /api/**, allow_origins: [https://app.example.com], max_age: 3h}
"""


class Files:
    """A live file and its candidate in one folder."""

    def __init__(self, folder: Path) -> None:
        self.live = folder / "corsproxy.yaml"
        self.next = folder / "next.yaml"
        self.live.write_text(LIVE.format(name="next.yaml"))
        self.next.write_text(NEXT)

    def candidate(self, environ: dict[str, str] | None = None) -> Candidate:
        found = load(self.live, environ or {}).candidate
        assert found is not None
        return found

    def problem(self) -> Problem:
        found = self.candidate()
        assert (found.rules, found.public_origins) == ((), ())
        (problem,) = found.problems
        return problem


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_its_rules_and_public_origins(files: Files) -> None:
    loaded = read_settings(files.live, {})
    candidate = loaded.settings.candidate
    assert candidate == Candidate(
        source=Source(str(files.next), fingerprint(files.next)),
        rules=load(files.next, {}).rules,
        public_origins=("https://api.example.com",),
    )
    assert candidate.rules[0].place == f"{files.next}:4"
    # Warnings about its file are for `check`; at a start only the live file's are in force.
    assert [warning.code for warning in loaded.warnings] == [Code.MAX_AGE_CAPPED]
    assert loaded.settings.warnings == ()


def test_none(files: Files) -> None:
    assert load(files.next, {}).candidate is None
    assert load_flags(FLAGS).settings.candidate is None


def test_other_keys_that_differ_are_named(files: Files) -> None:
    assert files.candidate({"BACKEND": "http://127.0.0.1:5001"}).differs == ("upstream",)
    more = "workers: 2\ntrusted_proxies: [10.0.0.0/8]\nlog: {access: all}\n"
    files.next.write_text(NEXT + more)
    assert files.candidate().differs == ("workers", "trusted_proxies", "log")


def test_another_backend_on_the_command_line_is_both_files(files: Files) -> None:
    found = load(files.live, {}, upstream="http://127.0.0.1:5009").candidate
    assert found is not None
    assert found.differs == ()


@pytest.mark.parametrize(
    ("content", "code", "path"),
    [
        ("", Code.FILE_EMPTY, ""),
        (NEXT + "alow: 1\n", Code.UNKNOWN_KEY, "alow"),
        (NEXT + "candidate: third.yaml\n", Code.CONFLICT, "candidate"),
        (NEXT + "tests: [{request: {origin: https://x.example}, expect: allowed}]\n", Code.TEST_FAILED, "tests[0].expect"),
        ("upstream: [", Code.YAML_SYNTAX, ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_kept(files: Files, content: str, code: Code, path: str) -> None:
    files.next.write_text(content)
    problem = files.problem()
    assert (problem.file, problem.code, problem.path) == (str(files.next), code, path)
    assert files.candidate().source == Source(str(files.next), fingerprint(files.next))


def test_one_that_is_not_there(files: Files) -> None:
    files.next.unlink()
    assert files.problem().code is Code.FILE_MISSING
    assert files.candidate().source == Source(str(files.next), "")


def test_the_live_file_itself_is_refused_as_a_candidate(files: Files) -> None:
    files.live.write_text(LIVE.format(name="corsproxy.yaml"))
    problem = files.problem()
    assert str(problem) == (
        f"{files.live}:2:1  candidate\n"
        "  A candidate cannot have a candidate of its own.\n"
        "  Why: requests are decided by the live rules and by one candidate's.\n"
        "  Fix: remove this key here; it stands in the live file"
    )


def test_a_bad_live_file_is_refused_whatever_its_candidate(files: Files) -> None:
    files.live.write_text(LIVE.format(name="next.yaml") + "alow: 1\n")
    with pytest.raises(ConfigError) as refused:
        load(files.live, {})
    assert [problem.path for problem in refused.value.problems] == ["alow"]


def test_it_comes_through_the_loading_process(files: Files) -> None:
    assert load_in_child_blocking(files.live, os.environ).candidate == files.candidate()
    files.next.write_text(NEXT + "alow: 1\n")
    assert load_in_child_blocking(files.live, os.environ).candidate == files.candidate()

"""`corsproxy check`: what is printed and the exit status, in each format."""

import errno
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from corsproxy.cli.check import check
from corsproxy.cli.problems import as_github, as_text, wants_colour
from corsproxy.config.problem import Code, Problem

GOOD = """\
upstream: http://127.0.0.1:5000
rules:
  - path: /**
    allow_origins: [https://app.example.com]
tests:
  - {request: {origin: https://app.example.com}, expect: allowed}
"""
WARNED = GOOD.replace("/**\n", "/**\n    websocket: false\n")
FAILING = GOOD.replace("expect: allowed", "expect: {denied: origin_not_allowed}")
REFUSED = GOOD.replace("    allow_origins", "    allow_credentials: true\n    allow_origins").replace(
    "[https://app.example.com]", '["*"]'
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CORSPROXY_CONFIG", raising=False)
    return tmp_path


def run(text: str | None, *arguments: str) -> Result:
    if text is not None:
        Path("c.yaml").write_text(text)
    result = CliRunner().invoke(check, arguments)
    assert result.stderr == ""
    return result


def test_fine() -> None:
    result = run(GOOD, "c.yaml")
    assert (result.exit_code, result.output) == (0, "c.yaml: fine (1 rule, 1 test passed).\n")


def test_named_as_for_the_other_commands() -> None:
    Path("d.yaml").write_text(GOOD)
    fine = "fine (1 rule, 1 test passed)."
    assert run(GOOD, "-c", "c.yaml").output == f"c.yaml: {fine}\n"
    assert run(GOOD, "-c", "c.yaml", "d.yaml", "-c", "d.yaml").output == f"d.yaml: {fine}\n\nc.yaml: {fine}\n"


def test_there_is_none() -> None:
    result = run(None, "--format", "json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["file"], [problem["code"] for problem in told["problems"]]) == (
        2,
        "config/corsproxy.yaml",
        ["file_missing"],
    )


def test_warnings() -> None:
    result = run(WARNED, "c.yaml")
    assert (result.exit_code, result.output) == (
        0,
        """\
c.yaml:4:5  rules[0].websocket  (warning: websocket_unchecked)
  WebSocket handshakes are not checked.
  Why: browsers make no CORS check for them: any site can open one with the visitor's cookies.
  Fix: remove websocket: false, or see to it that the backend checks Origin

c.yaml: fine (1 rule, 1 test passed, 1 warning).
""",
    )


def test_a_failing_test() -> None:
    result = run(FAILING, "c.yaml")
    assert (result.exit_code, result.output) == (
        1,
        """\
c.yaml:6:50  tests[0].expect
  Test 1 failed: expected denied: origin_not_allowed, got allowed.
  Why: the rule rule-1 (c.yaml:3) decides.
  Fix: mend the rule, or the test if the rule is right

1 failed test.
""",
    )


def test_refused() -> None:
    result = run(REFUSED, "c.yaml")
    assert (result.exit_code, result.output) == (
        2,
        """\
c.yaml:4:5  rules[0].allow_credentials
  true cannot stand beside allow_origins: ["*"].
  Why: any site could then read answers made with the visitor's cookies.
  Fix: list the origins you trust, or remove allow_credentials

1 problem.
""",
    )


def test_a_file_that_is_missing() -> None:
    result = run(None, "nowhere.yaml")
    assert (result.exit_code, result.output) == (
        2,
        "nowhere.yaml\n  There is no such file.\n  Fix: check the path, or create the file\n\n1 problem.\n",
    )


def test_a_file_that_may_not_be_read_is_refused_as_others_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who runs the tests may be allowed to read everything, so what opening says is said here."""
    (folder / "closed.yaml").write_text("")

    def refuse(path: str, _flags: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("corsproxy.config.source.without_waiting", refuse)
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    result = run(None, "closed.yaml")
    said = "The file may not be read.\n  Fix: give the user that runs corsproxy the right to read it"
    assert (result.exit_code, result.output) == (2, f"closed.yaml\n  {said}\n\n1 problem.\n")


def test_the_file_is_found_as_run_finds_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "config").mkdir()
    (folder / "config/corsproxy.yaml").write_text(GOOD)
    assert run(WARNED).output == "config/corsproxy.yaml: fine (1 rule, 1 test passed).\n"
    monkeypatch.setenv("CORSPROXY_CONFIG", "c.yaml")
    assert run(GOOD).output == "c.yaml: fine (1 rule, 1 test passed).\n"


def test_the_environment_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIGIN", "https://app.example.com")
    text = GOOD.replace("[https://app.example.com]", '["${ORIGIN}"]')
    assert run(text, "c.yaml").exit_code == 0


def test_json_of_a_good_file() -> None:
    result = run(GOOD, "c.yaml", "--format", "json")
    assert (result.exit_code, json.loads(result.output)) == (
        0,
        {"file": "c.yaml", "status": 0, "problems": [], "warnings": [], "tests_passed": 1},
    )


def test_json_of_warnings() -> None:
    warning = {
        "file": "c.yaml",
        "line": 4,
        "column": 5,
        "path": "rules[0].websocket",
        "code": "websocket_unchecked",
        "what": "WebSocket handshakes are not checked.",
        "why": "browsers make no CORS check for them: any site can open one with the visitor's cookies.",
        "fix": "remove websocket: false, or see to it that the backend checks Origin",
    }
    result = run(WARNED, "c.yaml", "--format", "json")
    assert json.loads(result.output) == {
        "file": "c.yaml",
        "status": 0,
        "problems": [],
        "warnings": [warning],
        "tests_passed": 1,
    }


def test_json_of_a_refused_file() -> None:
    problem = {
        "file": "c.yaml",
        "line": 4,
        "column": 5,
        "path": "rules[0].allow_credentials",
        "code": "origin_any",
        "what": 'true cannot stand beside allow_origins: ["*"].',
        "why": "any site could then read answers made with the visitor's cookies.",
        "fix": "list the origins you trust, or remove allow_credentials",
    }
    result = run(REFUSED, "c.yaml", "--format", "json")
    assert (result.exit_code, json.loads(result.output)) == (
        2,
        {"file": "c.yaml", "status": 2, "problems": [problem], "warnings": [], "tests_passed": 0},
    )


def test_github() -> None:
    result = run(REFUSED, "c.yaml", "--format", "github")
    assert result.exit_code == 2
    assert result.output == (
        "::error file=c.yaml,line=4,col=5,title=rules[0].allow_credentials (origin_any)::"
        'true cannot stand beside allow_origins: ["*"].%0A'
        "Why: any site could then read answers made with the visitor's cookies.%0A"
        "Fix: list the origins you trust, or remove allow_credentials\n"
    )
    result = run(WARNED, "c.yaml", "--format", "github")
    assert result.exit_code == 0
    assert result.output.startswith(
        "::warning file=c.yaml,line=4,col=5,title=rules[0].websocket (websocket_unchecked)::"
    )


def test_github_of_a_good_file_says_nothing() -> None:
    assert run(GOOD, "c.yaml", "--format", "github").output == ""


def test_several_files_for_people() -> None:
    Path("warned.yaml").write_text(WARNED)
    Path("refused.yaml").write_text(REFUSED)
    Path("failing.yaml").write_text(FAILING)
    result = run(GOOD, "c.yaml", "warned.yaml", "failing.yaml", "refused.yaml", "c.yaml")
    assert result.exit_code == 2
    blocks = result.output.removesuffix("\n").split("\n\n")
    assert [block for block in blocks if "\n" not in block] == [
        "c.yaml: fine (1 rule, 1 test passed).",
        "warned.yaml: fine (1 rule, 1 test passed, 1 warning).",
        "failing.yaml: 1 failed test.",
        "refused.yaml: 1 problem.",
    ]


@pytest.mark.parametrize(
    ("texts", "status"),
    [((GOOD, WARNED), 0), ((GOOD, FAILING), 1), ((FAILING, REFUSED, GOOD), 2)],
)
def test_of_several_the_worst_counts(texts: tuple[str, ...], status: int) -> None:
    names = [f"{at}.yaml" for at in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        Path(name).write_text(text)
    for form in ("text", "json", "github", "sarif"):
        assert run(None, *names, "--format", form).exit_code == status


def test_json_of_several_files() -> None:
    Path("failing.yaml").write_text(FAILING)
    outcome = json.loads(run(WARNED, "c.yaml", "failing.yaml", "--format", "json").output)
    alone = [json.loads(run(None, name, "--format", "json").output) for name in ("c.yaml", "failing.yaml")]
    assert outcome == {"status": 1, "files": alone}


def test_github_of_several_files() -> None:
    Path("failing.yaml").write_text(FAILING)
    lines = run(WARNED, "c.yaml", "failing.yaml", "--format", "github").output.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "::warning file=c.yaml",
        "::error file=failing.yaml",
    ]


def test_standard_input() -> None:
    result = CliRunner().invoke(check, ["-"], input=WARNED)
    assert result.exit_code == 0
    assert result.output.startswith("-:4:5  rules[0].websocket  (warning: websocket_unchecked)\n")
    assert result.output.endswith("\n-: fine (1 rule, 1 test passed, 1 warning).\n")
    result = CliRunner().invoke(check, ["-"], input=b"\xff\xfe")
    assert (result.exit_code, result.output.splitlines()[1]) == (2, "  The file is UTF-16.")


def test_strict() -> None:
    result = run(WARNED, "c.yaml", "--strict")
    assert result.exit_code == 1
    assert result.output.endswith("c.yaml: not fine by --strict (1 rule, 1 test passed, 1 warning).\n")
    assert run(GOOD, "c.yaml", "--strict").exit_code == 0
    assert run(REFUSED, "c.yaml", "--strict").exit_code == 2


@pytest.mark.parametrize(
    "ignored",
    [
        ["--ignore", "websocket_unchecked"],
        ["--ignore", "repeated,websocket_unchecked"],
        ["--ignore", "repeated", "--ignore", "websocket_unchecked"],
    ],
)
def test_ignored_once(ignored: list[str]) -> None:
    result = run(WARNED, "c.yaml", "--strict", *ignored)
    assert (result.exit_code, result.output) == (0, "c.yaml: fine (1 rule, 1 test passed).\n")


def test_ignored_is_what_no_file_can_silence() -> None:
    dangerous = GOOD.replace("/**\n", "/**\n    dangerously_allow_null_origin: true\n")
    assert run(dangerous, "c.yaml", "--strict").exit_code == 1
    assert run(dangerous, "c.yaml", "--strict", "--ignore", "dangerous_unneeded").exit_code == 0


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("max_age_cap", "--ignore: there is no warning max_age_cap. Fix: write max_age_capped"),
        ("url", "--ignore: url is no warning: it is refused. Fix: mend it."),
        ("", "--ignore: there is no warning . Fix: write one of: dangerous, "),
    ],
)
def test_a_code_that_ignores_nothing_is_a_mistake_in_the_call(code: str, told: str) -> None:
    result = CliRunner().invoke(check, ["--ignore", code])
    assert result.exit_code == 2
    assert told in result.stderr


def test_github_cannot_be_led_astray() -> None:
    problem = Problem("a,b:c.yaml", 0, 0, "", "50%\n::error::forged", code=Code.WRONG_VALUE)
    assert as_github([problem]) == r"::error file=a%2Cb%3Ac.yaml,title=(wrong_value)::50%25\n::error::forged"


EVIL = '"\\e]0;x\\a\\n::error::x\\u009b\\u202e": 1\n' + GOOD


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_no_file_steers_the_terminal_or_the_workflow(form: str) -> None:
    result = run(EVIL, "--format", form, "c.yaml")
    assert result.exit_code == 2
    assert not {character for character in result.output if not character.isprintable()} - {"\n"}
    assert not [line for line in result.output.splitlines() if line.strip().startswith("::error::")]
    if form == "json":
        assert "\x1b]0;x\x07\n::error::x\x9b\u202e" in json.loads(result.output)["problems"][0]["what"]


def test_an_unknown_format_is_a_mistake_in_the_call() -> None:
    assert CliRunner().invoke(check, ["--format", "xml"]).exit_code == 2


class Terminal:
    def __init__(self, *, is_terminal: bool) -> None:
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "environ", "expected"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colour_is_for_terminals(is_terminal: bool, environ: dict[str, str], expected: bool) -> None:
    assert wants_colour(Terminal(is_terminal=is_terminal), environ) is expected


def test_colour_changes_no_word() -> None:

    problem = Problem("c.yaml", 1, 2, "a.b", "What.\nMore.", "why.", "fix")
    coloured = as_text([problem, problem], colour=True)
    assert "\x1b[" in coloured
    assert click.unstyle(coloured) == as_text([problem, problem], colour=False) == f"{problem}\n\n{problem}"


def test_a_bad_candidate_is_refused(folder: Path) -> None:
    (folder / "next.yaml").write_text(REFUSED)
    result = run(GOOD + "candidate: next.yaml\n", "c.yaml")
    assert result.exit_code == 2
    assert result.output.startswith("next.yaml:4:5  rules[0].allow_credentials\n")
    assert result.output.endswith("\n1 problem.\n")


def test_a_candidate_that_fails_its_tests_only(folder: Path) -> None:
    (folder / "next.yaml").write_text(FAILING)
    result = run(GOOD + "candidate: next.yaml\n", "c.yaml", "--format", "json")
    assert result.exit_code == 1
    assert [problem["file"] for problem in json.loads(result.output)["problems"]] == ["next.yaml"]


def test_a_candidates_warnings_are_said(folder: Path) -> None:
    (folder / "next.yaml").write_text(WARNED)
    result = run(GOOD + "candidate: next.yaml\n", "c.yaml", "--format", "github")
    assert result.exit_code == 0
    assert result.output.startswith("::warning file=next.yaml,line=4,")

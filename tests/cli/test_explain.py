"""`corsproxy explain`: what people read, for each reason, and that what it says to change does help.

The texts are in tests/cli/explain/*.txt: the words of the call on the first line, then what is printed.
CORSPROXY_WRITE_GOLDEN=1 writes them anew; read them then.
"""

import json
import os
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from corsproxy.cli.explain import explain
from corsproxy.config.load import load
from corsproxy.cors.vocabulary import Reason
from tests.processes import ROOT

GOLDEN = ROOT / "tests" / "cli" / "explain"
CONFIG = """\
upstream: http://127.0.0.1:5000
public_origins: [https://api.example.com]
rules:
  - name: open
    path: /open/**
    allow_origins: ["*"]
    allow_headers: ["*"]
  - name: live
    path: /live
    allow_origins: [https://app.example.com]
  - name: guarded
    path: /guarded/**
    allow_origins: [https://app.example.com]
    on_disallowed: block
  - name: tried
    path: /tried/**
    mode: report
    allow_origins: []
  - name: secret
    path: /secret/**
    allow_origins: [https://app.example.com]
    allow_credentials: true
  - name: api
    path: /api/**
    # Who may read.
    allow_origins:
      - https://app.example.com # the app
      # - https://old.example

    allow_methods: [PUT, PATCH] # what it does
"""
APP = "--origin https://app.example.com"
QUESTIONS = {
    "origin_allowed": f"{APP} --method PUT --path /api/users/1?x=1",
    "same_origin": "--origin https://api.example.com --path /api --host api.example.com",
    "no_origin": "--curl 'curl https://api.example.com/api/users'",
    "origin_not_allowed": "--origin https://new.example --path /api/users",
    "origin_not_allowed-preflight": "--origin https://new.example --path /api --method DELETE --header X-Trace",
    "origin_not_allowed-probe": "--origin https://probe.corsproxy.invalid --path /api/users",
    "origin_not_allowed-block": "--origin https://new.example --path /guarded/x --method POST",
    "origin_not_allowed-report": "--origin https://new.example --path /tried/x",
    "origin_not_allowed-insecure": "--origin http://app.example.com --path /secret/x",
    "origin_null": "--origin null --path /api/users",
    "origin_malformed": "--origin https://App.example.com/ --path /api/users",
    "no_rule_for_path": f"{APP} --path https://api.example.com/other/x --method PUT --credentials",
    "method_not_allowed": f"{APP} --method DELETE --path /api/users",
    "method_not_allowed-unsendable": f"{APP} --method TRACE --path /api/users",
    "method_case": f"{APP} --method patch --path /api/users",
    "header_not_allowed": f"{APP} --header 'Content-Type: application/json' --header x-trace --path /api/users",
    "authorization_not_listed": f"{APP} --header Authorization --path /open/x",
    "client_sends_response_header": f"{APP} --header Access-Control-Allow-Origin --path /api/users",
    "credentials_not_allowed": f"{APP} --credentials --path /api/users",
    "credentials_not_allowed-star": f"{APP} --credentials --path /open/x",
    "websocket_origin_not_allowed": "--origin https://new.example --path wss://api.example.com/live",
    "ambiguous_path": f"{APP} --path /api/%2e%2e/users",
    "console": "--console \"Access to fetch at 'https://api.example.com/api/x' from origin 'https://app.example.com' has been "
    "blocked by CORS policy: The 'Access-Control-Allow-Origin' header contains multiple values '*, x', but only one is allowed.\"",
}
# Here no edit is right: the page is wrong, or `check` would refuse it.
WITHOUT_EDIT = {
    "origin_not_allowed-insecure",
    "origin_not_allowed-probe",
    "origin_null",
    "origin_malformed",
    "method_not_allowed-unsendable",
    "method_case",
    "client_sends_response_header",
    "ambiguous_path",
}
NO_ORIGIN = """--console "The Same Origin Policy disallows reading the remote resource at https://h/. \
(Reason: CORS header ‘Access-Control-Allow-Origin’ missing).\""""
ALLOWED = {"origin_allowed", "same_origin", "no_origin", "console"}
# Reasons that come from a backend or a wire, about which there is no asking beforehand.
OF_THE_WIRE = set(list(Reason)[list(Reason).index(Reason.BACKEND_CORS_CONFLICT) :])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CORSPROXY_CONFIG", raising=False)
    Path("c.yaml").write_text(CONFIG)
    return tmp_path


def run(words: str, *more: str) -> Result:
    return CliRunner().invoke(explain, [*shlex.split(words), "-c", "c.yaml", *more])


def test_there_is_a_question_for_every_reason() -> None:
    assert {name.partition("-")[0] for name in QUESTIONS} - {"console"} == set(Reason) - OF_THE_WIRE


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_people_read(name: str) -> None:
    result = run(QUESTIONS[name])
    text = f"corsproxy explain {QUESTIONS[name]}\n\n{result.output}"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("CORSPROXY_WRITE_GOLDEN") == "1":
        golden.write_text(text)
    assert text == golden.read_text()
    assert result.exit_code == (0 if name in ALLOWED else 1)
    assert result.stderr == ""


def test_there_is_no_text_of_a_question_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(QUESTIONS)


@pytest.mark.parametrize("name", sorted(set(QUESTIONS) - ALLOWED))
def test_what_it_says_to_change_helps(name: str) -> None:
    told = json.loads(run(QUESTIONS[name], "--json").output)
    assert (told["allowed"], told["reason"]) == (False, name.partition("-")[0])
    edit = told["change"]["edit"]
    if name in WITHOUT_EDIT:
        assert edit is None
        assert told["change"]["page"] or told["change"]["refused"]
        return
    lines = CONFIG.split("\n")
    at = edit["line"] - 1
    assert lines[at : at + len(edit["removed"])] == edit["removed"]
    lines[at : at + len(edit["removed"])] = edit["added"]
    Path("c.yaml").write_text("\n".join(lines))
    assert load(Path("c.yaml"), {}).rules
    after = json.loads(run(QUESTIONS[name], "--json").output)
    assert (after["allowed"], after["reason"], after["change"]) == (True, "origin_allowed", None)
    assert "dangerously" not in Path("c.yaml").read_text()
    assert "# Who may read." in Path("c.yaml").read_text()


def test_json_is_stable() -> None:
    result = run(f"{APP} --method PUT --path /api/users --credentials --header X-Trace", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "allowed": False,
        "reason": "credentials_not_allowed",
        "why": "The page asks with credentials, and the rule api does not allow them.",
        "kind": "actual",
        "preflighted": True,
        "report": False,
        "file": "c.yaml",
        "request": {
            "origin": "https://app.example.com",
            "method": "PUT",
            "url": "https://api.example.com/api/users",
            "path": "/api/users",
            "host": "",
            "headers": ["X-Trace"],
            "credentials": True,
            "websocket": False,
        },
        "rule": {"name": "api", "place": "c.yaml:23"},
        "checks": [
            check("sendable", "PUT", "browsers send the method PUT"),
            check("sendable", "x-trace", "browsers send the header x-trace"),
            check(
                "preflight_origin",
                "https://app.example.com",
                "preflight: Access-Control-Allow-Origin is https://app.example.com",
            ),
            {
                "check": "preflight_credentials",
                "passed": False,
                "reason": "credentials_not_allowed",
                "subject": "",
                "text": "preflight: credentials need the very origin, and Access-Control-Allow-Credentials: true",
            },
        ],
        "preflight": {
            "status": 204,
            "fields": [
                ["Access-Control-Allow-Origin", "https://app.example.com"],
                ["Access-Control-Allow-Methods", "PUT, PATCH"],
                ["Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"],
            ],
        },
        "response": None,
        "console": {
            "chrome": "Access to fetch at 'https://api.example.com/api/users' from origin 'https://app.example.com' has been "
            "blocked by CORS policy: Response to preflight request doesn't pass access control check: The value of the "
            "'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's "
            "credentials mode is 'include'.",
            "firefox": "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
            "https://api.example.com/api/users. (Reason: expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
        },
        "change": {
            "page": 'If the page needs no cookies, leave credentials: "include" out of it instead.',
            "edit": {
                "line": 31,
                "removed": [],
                "added": ["    allow_headers: [X-Trace]", "    allow_credentials: true"],
            },
            "refused": [],
            "unfit": "",
        },
        "notes": [],
    }


def check(step: str, subject: str, text: str) -> dict[str, object]:
    return {"check": step, "passed": True, "reason": "origin_allowed", "subject": subject, "text": text}


def test_every_key_of_the_json_is_documented() -> None:
    page = (ROOT / "docs" / "explain.md").read_text()
    told = json.loads(run(QUESTIONS["header_not_allowed"], "--json").output)
    keys = {*told, *told["request"], *told["change"], *told["checks"][0], *told["change"]["edit"]}
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_flags_correct_what_was_pasted() -> None:
    curl = (
        "--curl \"curl https://api.example.com/api/x -H 'Origin: https://app.example.com' -H 'X-Trace: 1'\""
    )
    words = f"{curl} --origin https://new.example --method PUT --path /secret/y --host localhost:8080 --credentials"
    told = json.loads(run(words, "--json").output)
    assert told["request"] == {
        "origin": "https://new.example",
        "method": "PUT",
        "url": "http://localhost:8080/secret/y",
        "path": "/secret/y",
        "host": "localhost:8080",
        "headers": ["X-Trace"],
        "credentials": True,
        "websocket": False,
    }


def test_a_paste_may_come_from_standard_input() -> None:
    line = "Firefox can’t establish a connection to the server at wss://api.example.com/live.\n"
    words = ["--console", "-", "--origin", "https://new.example", "-c", "c.yaml"]
    result = CliRunner().invoke(explain, words, input=line)
    assert (result.exit_code, result.output.splitlines()[0]) == (1, "denied: websocket_origin_not_allowed")


def test_a_header_is_the_pages_only_if_a_preflight_asks_for_it() -> None:
    words = f"{APP} --path /api/x --header 'Content-Type: text/plain' --header 'Accept: */*'"
    assert run(words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Name the page's origin: --origin https://app.example.com"),
        ("--origin https://a.example --path api", "--path is a path such as /api, or a whole address."),
        ("--origin https://a.example --path http://[", "http://[ is no address."),
        (
            "--origin https://a.example --path ftp://h/x",
            "ftp://h/x is no address that begins with http:// or https:// and a host.",
        ),
        (
            "--origin https://a.example --path https:///x",
            "https:///x is no address that begins with http:// or https:// and a host.",
        ),
        (
            "--origin https://a.example --path https://me:secret@h/x",
            "fetch() takes no address with a user name in it: name the header Authorization instead.",
        ),
        ("--origin a\udcff --path /", "No request can hold these characters: a\ufffd GET /"),
        (
            f"{APP} rules.yaml",
            "rules.yaml stands alone. Fix: name a file with -c, a path with --path, and quote what has spaces.",
        ),
        ("--curl 'curl https://h/' --console x", "Give one of --curl, --har and --console."),
        ("--origin https://a.example --entry 1", "--entry is for --har."),
        ("--curl wget", "This is not a command for curl: paste it from the word curl on."),
        ("--har nowhere.har", "nowhere.har cannot be read: No such file or directory."),
        ("--har c.yaml", "This is not a HAR file: it is no JSON from line 1, column 1 on."),
        (
            NO_ORIGIN,
            "Name the page's origin",
        ),
    ],
)
def test_what_cannot_be_asked(words: str, said: str) -> None:
    result = run(words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: {said}" in result.stderr


def test_what_a_page_may_not_set_is_left_out_and_said() -> None:
    result = run(f"{APP} --path /api/users --header Cookie --header Sec-Odd --header Accept")
    assert result.exit_code == 0
    assert result.output.splitlines()[-2:] == [
        "Note: Browsers let no page set Cookie: it is left out. Cookies go where the page asks with credentials.",
        "Note: Browsers let no page set Sec-Odd: it is left out.",
    ]


def test_a_recording_cannot_steer_the_terminal() -> None:
    for url in ("https://h/\x1b[2J", "\x1b[2J"):
        entry = {
            "request": {"method": "GET", "url": url, "headers": [{"name": "Origin", "value": "https://a"}]}
        }
        Path("recorded.har").write_text(json.dumps({"log": {"entries": [entry]}}))
        result = run("--har recorded.har")
        assert result.exit_code == 2
        assert "\x1b" not in result.stderr


def test_a_refused_configuration_is_told_as_check_tells_it() -> None:
    Path("c.yaml").write_text(
        "upstream: http://127.0.0.1:5000\nrules:\n  - {path: /**, allow_origins: [https://A.example]}\n"
    )
    result = run(APP)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("c.yaml:3:33  rules[0].allow_origins[0]\n")
    assert result.stderr.endswith("\n\n1 problem; nothing was asked.\n")

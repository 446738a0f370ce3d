"""Edits of a file: in whatever style it is written, the edit loads and helps, or there is none and it says why."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from corsproxy.config.edit import Edit
from corsproxy.config.load import settings_of
from corsproxy.config.mend import Mending, mend
from corsproxy.config.problem import Code
from corsproxy.config.settings import Settings
from corsproxy.config.source import Text
from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.policy import Policy
from tests.processes import ROOT

NEW = "https://new.example"
ASKED = BrowserRequest(origin=NEW, path="/api/x", method="PUT", headers=("X-Trace",), credentials=True)

STYLES = {
    "block": """\
upstream: http://127.0.0.1:5000
rules:
  # before
  - name: api # the name
    path: /api/**
    allow_origins:
    - https://app.example.com # the app
    # nobody else yet
  # behind
""",
    "flow lists": """\
rules:
- allow_origins: [https://app.example.com]
  allow_methods: []
  allow_headers: [ Content-Type, ]
  path: [/api/**]
  allow_credentials: false
upstream: http://127.0.0.1:5000""",
    "flow rule": """\
upstream: http://127.0.0.1:5000
rules:
  - {path: /api/**, allow_origins: [https://app.example.com]}
""",
    "flow rule with a last comma": """\
upstream: http://127.0.0.1:5000
rules: [{path: /api/**, allow_origins: [https://app.example.com],}]
""",
    "flow rule, of defaults alone": """\
upstream: http://127.0.0.1:5000
defaults: {path: /api/**, allow_origins: [https://app.example.com]}
rules: [{}]
""",
    "json": """\
{
  "upstream": "http://127.0.0.1:5000",
  "rules": [
    {
      "path": ["/api/**"],
      "allow_origins": [
        "https://app.example.com"
      ]
    }
  ]
}
""",
    "defaults": """\
upstream: http://127.0.0.1:5000
defaults:
  allow_origins: [https://*.example.com, {regex: 'https://pr-[0-9]+\\.example\\.org'}, "http://[::1]:*"]
  allow_methods: [DELETE]
rules:
  - path: /api/**
""",
    "everybody": """\
upstream: http://127.0.0.1:5000
rules:
  - path: /api/**
    allow_origins:
      - "*"
    allow_methods: ["*"]
    allow_headers: ["*"] # all
""",
    "no rule": """\
upstream: http://127.0.0.1:5000
rules:
  - path: /other/**
    allow_origins: [] # nobody
# the end
""",
    "no rule, flow": """\
upstream: http://127.0.0.1:5000
rules: [{path: /other, allow_origins: []}]
""",
    "carriage returns": "upstream: http://127.0.0.1:5000\r\nrules:\r\n  - path: /api/**\r\n    allow_origins:\r\n"
    "      - https://app.example.com\r\n",
    "letters": """\
upstream: http://127.0.0.1:5000 # für alle
rules:
  - path: [/büro/**, /api/**] # ✓
    allow_origins: [https://app.example.com] # ✓
""",
    "from the environment": """\
upstream: http://127.0.0.1:5000
rules:
  - path: /api/**
    allow_origins: ["${APP}"]
""",
}
ENVIRON = {"APP": "https://app.example.com"}


def settings(text: str) -> Settings:
    return settings_of(Text("c.yaml", text, ""), ENVIRON).settings


def mending(text: str, request: BrowserRequest) -> Mending:
    return mend(Text("c.yaml", text, ""), ENVIRON, settings(text), request)


def pasted(text: str, edit: Edit) -> str:
    lines = text.split("\n")
    at = edit.line - 1
    assert tuple(lines[at : at + len(edit.removed)]) == edit.removed
    lines[at : at + len(edit.removed)] = edit.added
    return "\n".join(lines)


def is_allowed(text: str, request: BrowserRequest) -> bool:
    found = settings(text)
    return judge(Policy.compile(found.rules, found.public_origins), request).allowed


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_every_style_can_be_edited(text: str) -> None:
    parts: list[dict[str, Any]] = [
        {"method": "PUT"},
        {"headers": ("X-Trace", "Authorization")},
        {"credentials": True},
        {"websocket": True},
    ]
    for count in range(len(parts) + 1):
        for chosen in itertools.combinations(parts, count):
            request = BrowserRequest(origin=NEW, path="/api/x", method="GET")
            for part in chosen:
                request = replace(request, **part)
            if is_allowed(text, request):
                continue
            found = mending(text, request)
            assert found.edit is not None, (request, found)
            after = pasted(text, found.edit)
            assert after == found.edit.text
            assert is_allowed(after, request), after
            comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
            assert [words for words in comments if words not in after] == []


def test_line_ends_stay_as_they_are() -> None:
    found = mending(STYLES["carriage returns"], ASKED)
    assert found.edit is not None
    assert found.edit.text.count("\n") == found.edit.text.count("\r\n") == 9


def test_an_edit_leaves_the_rest_alone() -> None:
    found = mending(STYLES["block"], ASKED)
    assert found.edit is not None
    assert (
        found.edit.text
        == """\
upstream: http://127.0.0.1:5000
rules:
  # before
  - name: api # the name
    path: /api/**
    allow_origins:
    - https://app.example.com # the app
    - https://new.example
    allow_methods: [PUT]
    allow_headers: [X-Trace]
    allow_credentials: true
    # nobody else yet
  # behind
"""
    )


IMPORTED = """\
upstream: http://127.0.0.1:5000
rules:
  - path: /api/**  # app.py:4 resources '/api/*'
    allow_origins:
      - https://app.example.com  # app.py:4 resources['/api/*'] origins
    allow_methods: [GET, HEAD]  # {methods}
    allow_headers: ['*', Authorization]  # app.py:9 allow_headers=['*']
    allow_credentials: false
"""


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ("default of Flask-CORS", ""),
        ("default of Flask-CORS, as the view has them", ""),
        ("my app/views.py:31 methods=['GET', 'HEAD']", ""),
        ("app.py:5 @cross_origin(methods=METHODS)", ""),
        (".env:2 CORS_METHODS", ""),
        ("environment CORS_METHODS CORS_METHODS", ""),
        ("settings.json CORS_METHODS", ""),
        ("app.py:31 is why", "  # app.py:31 is why"),
        ("the default of Flask-CORS was too much", "  # the default of Flask-CORS was too much"),
        ("for Ann at lunch", "  # for Ann at lunch"),
        ("CORS(app) was here", "  # CORS(app) was here"),
    ],
)
def test_where_an_import_read_a_value_is_not_said_of_another(written: str, after: str) -> None:
    found = mending(IMPORTED.format(methods=written), BrowserRequest(origin=NEW, path="/api/x", method="PUT"))
    assert found.edit is not None
    assert found.edit.added == (
        "      - https://new.example",
        f"    allow_methods: [GET, HEAD, PUT]{after}",
    )


def test_what_came_from_defaults_is_written_out_in_the_rule() -> None:
    text = STYLES["defaults"]
    found = mending(text, BrowserRequest(origin=NEW, path="/api/x"))
    assert found.edit is not None
    regex = r"{regex: 'https://pr-[0-9]+\.example\.org'}"
    line = f"    allow_origins: [https://*.example.com, 'http://[::1]:*', {regex}, https://new.example]"
    assert found.edit.added == (line,)
    before, after = settings(text).rules[0].origins, settings(found.edit.text).rules[0].origins
    assert after == replace(before, exact=(NEW,))


def test_the_files_own_tests_have_the_last_word() -> None:
    text = (
        STYLES["block"]
        + "tests:\n  - {request: {origin: https://new.example, path: /api/x}, expect: {denied: origin_not_allowed}}\n"
    )
    found = mending(text, BrowserRequest(origin=NEW, path="/api/x"))
    assert (found.edit, [problem.code for problem in found.refused]) == (None, [Code.TEST_FAILED])


@pytest.mark.parametrize(
    ("rule", "origin", "code"),
    [
        ("allow_origins: []\n    allow_credentials: true", "http://app.example.com", Code.ORIGIN_INSECURE),
        ("allow_origins: [http://app.example.com]", "http://app.example.com", Code.ORIGIN_INSECURE),
    ],
)
def test_nothing_is_told_that_check_refuses(rule: str, origin: str, code: Code) -> None:
    text = f"upstream: http://127.0.0.1:5000\nrules:\n  - path: /**\n    {rule}\n"
    found = mending(text, BrowserRequest(origin=origin, credentials=True))
    assert (found.edit, [problem.code for problem in found.refused]) == (None, [code])


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("&all\n  - path: /**\n    allow_origins: []", "rules: is not a list that is written out"),
        ("\n  - &one\n    path: /**\n    allow_origins: []", "the rule is written by an anchor or alias"),
        (
            "\n  - path: /**\n    allow_origins: &none []\n    allow_headers: *none",
            "allow_origins is written by an anchor or alias",
        ),
        ("\n  - path: /**\n    allow_origins: [https://a.example # one\n      ]", "a comment ends the list"),
    ],
)
def test_what_cannot_be_edited_is_left_alone(rules: str, said: str) -> None:
    found = mending(f"upstream: http://127.0.0.1:5000\nrules: {rules}\n", BrowserRequest(origin=NEW))
    assert (found.edit, found.unfit) == (None, said)


def test_nothing_is_to_mend_where_all_is_well() -> None:
    assert (
        mending(STYLES["block"], BrowserRequest(origin="https://app.example.com", path="/api")) == Mending()
    )


def test_the_sample_file_takes_an_edit() -> None:
    text = (ROOT / "config" / "corsproxy.yaml").read_text()
    found = mending(text, BrowserRequest(origin="http://localhost:5173", path="/x", method="PURGE"))
    assert found.edit is not None
    assert is_allowed(
        pasted(text, found.edit), BrowserRequest(origin="http://localhost:5173", method="PURGE")
    )

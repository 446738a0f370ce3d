import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from corsproxy.cli.main import corsproxy

WHOLE = "from flask import Flask\nfrom flask_cors import CORS\napp = Flask(__name__)\nCORS(app, origins='https://app.example.com')\n"
LOSSY = WHOLE.replace("origins='https://app.example.com'", "supports_credentials=True")
REPORT = """\
app.py:4
  origins '*' with supports_credentials: Flask-CORS hands every site its own origin back, with credentials.
  Let in: https://evil.example
  Why: any site could read with the visitor's cookies; corsproxy refuses that combination.
  Fix: list the origins of your own pages, as in https://app.example.com or http://localhost:3000

1 rule, with 1 loss: look through the report above.
"""
YAML = """\
# From app.py, by `corsproxy import flask`, as Flask-CORS 6 decides. First `corsproxy check` it, then `run` it.

upstream: http://127.0.0.1:5000

rules:
  - name: everything
    path: /**  # app.py:4 CORS(app, origins='https://app.example.com')
    allow_origins:
      - https://app.example.com  # app.py:4 origins='https://app.example.com'
    allow_methods: [GET, HEAD, POST, OPTIONS, PUT, PATCH, DELETE]  # default of Flask-CORS
    allow_headers: ['*', Authorization]  # default of Flask-CORS

tests:
  - name: 'everything: allowed'
    request: {origin: https://app.example.com, method: PUT, path: /x, headers: [Authorization]}
    expect: allowed
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return tmp_path / "app.py"


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(corsproxy, ["import", "flask", *map(str, words)], prog_name="corsproxy")


def test_what_is_carried_over_whole_ends_with_0(app: Path) -> None:
    app.write_text(WHOLE)
    done = invoke(app)
    assert (done.exit_code, done.stdout, done.stderr) == (0, YAML, "1 rule, carried over whole.\n")


def test_losses_are_told_on_standard_error_and_end_with_1(app: Path) -> None:
    app.write_text(LOSSY)
    done = invoke(app)
    assert (done.exit_code, done.stderr) == (1, REPORT)
    for line in REPORT.splitlines()[:5]:
        assert f"#   {line}\n" in done.stdout
    assert (
        "    allow_origins: []  # nobody, until you fill it in\n      # FILL IN: app.py:4 origins '*'"
        in done.stdout
    )


def test_a_file_is_written_and_never_overwritten_unasked(app: Path, tmp_path: Path) -> None:
    app.write_text(WHOLE)
    out = tmp_path / "corsproxy.yaml"
    done = invoke(app, "-o", out)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"{out}: 1 rule, carried over whole.\n")
    assert out.read_text() == YAML
    out.write_text("mine\n")
    again = invoke(app, "-o", out)
    assert (again.exit_code, out.read_text()) == (2, "mine\n")
    assert again.stderr.endswith(f"Error: {out} is there already. Name another file, or add --force.\n")
    assert (invoke(app, "-o", out, "--force").exit_code, out.read_text()) == (0, YAML)


def test_a_file_that_cannot_be_written_is_said(app: Path, tmp_path: Path) -> None:
    app.write_text(WHOLE)
    done = invoke(app, "-o", tmp_path / "gone" / "out.yaml")
    assert done.exit_code == 2
    assert done.stderr.endswith("cannot be written: No such file or directory.\n")
    done = invoke(app, "-o", tmp_path / ("x" * 300))
    assert done.exit_code == 2
    assert done.stderr.endswith("cannot be written: File name too long.\n")


def test_the_upstream_is_written_and_checked(app: Path) -> None:
    app.write_text(WHOLE)
    assert "\nupstream: http://127.0.0.1:9000\n" in invoke(app, "--upstream", "http://127.0.0.1:9000").stdout
    refused = invoke(app, "--upstream", "nonsense")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "upstream" in refused.stderr


def test_json(app: Path) -> None:
    app.write_text(LOSSY)
    done = invoke(app, "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, done.stderr) == (1, "")
    assert told.pop("yaml").startswith("# From app.py")
    assert told == {
        "status": 1,
        "rules": 1,
        "findings": [
            {
                "code": "any_with_credentials",
                "loss": True,
                "file": "app.py",
                "line": 4,
                "what": "origins '*' with supports_credentials: Flask-CORS hands every site its own origin back, with credentials.",
                "why": "any site could read with the visitor's cookies; corsproxy refuses that combination.",
                "fix": "list the origins of your own pages, as in https://app.example.com or http://localhost:3000",
                "let_in": ["https://evil.example"],
            }
        ],
    }


def test_json_beside_a_file(app: Path, tmp_path: Path) -> None:
    app.write_text(WHOLE)
    out = tmp_path / "out.yaml"
    done = invoke(app, "--json", "-o", out)
    assert (done.exit_code, json.loads(done.stdout)["yaml"]) == (0, out.read_text())


def test_nothing_found_ends_with_2_and_says_what_could_not_be_read(app: Path, tmp_path: Path) -> None:
    app.write_text("from flask import Flask\napp = Flask('x')\n")
    (tmp_path / "bad.py").write_text("def (:\n")
    done = invoke(tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("bad.py:1\n  Python ")
    assert done.stderr.endswith(
        f"{tmp_path}: no path with CORS was found, neither by CORS(…) nor by @cross_origin.\n"
        "  Fix: name the folder with the code of the Flask app, or its file.\n"
    )


def test_a_path_that_is_not_there_is_a_mistake_in_the_call(tmp_path: Path) -> None:
    done = invoke(tmp_path / "gone")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith(f"Error: There is no {tmp_path}/gone.\n")


def test_what_a_source_says_cannot_steer_the_terminal(app: Path) -> None:
    app.write_text(WHOLE.replace("'https://app.example.com'", "['\\x1b]0;x\\x07https://a b', 'x\\ny: 1']"))
    done = invoke(app)
    assert done.exit_code == 1
    assert not {"\x1b", "\x07"} & {*done.stdout, *done.stderr}


def test_the_name_of_a_file_cannot_either(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31m.py").write_text(LOSSY)
    done = invoke(tmp_path)
    assert done.exit_code == 1
    assert "\x1b" not in done.stdout + done.stderr


def test_what_looks_like_a_reference_to_the_environment_is_text(app: Path) -> None:
    app.write_text(
        WHOLE + "from flask_cors import cross_origin\n@app.get('/${HOME}/x')\n@cross_origin()\ndef x(): ...\n"
    )
    done = invoke(app)
    assert done.exit_code == 0
    assert "path: '/$${HOME}/x'" in done.stdout


@pytest.mark.parametrize("words", [["django", "."], ["app.py"], ["."]])
def test_other_tools_are_not_there(words: list[str]) -> None:
    done = CliRunner().invoke(corsproxy, ["import", *words], prog_name="corsproxy")
    said = f"Error: There is no `import {words[0]}`. Fix: `corsproxy import flask PATH`.\n"
    assert (done.exit_code, done.stdout, done.stderr.partition("\n\n")[2]) == (2, "", said)


def test_the_help_names_what_can_be_imported() -> None:
    done = CliRunner().invoke(corsproxy, ["import", "--help"], prog_name="corsproxy")
    assert done.exit_code == 0
    assert "  flask  Read a project that uses Flask-CORS" in done.stdout

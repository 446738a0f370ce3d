from pathlib import Path

import pytest

from corsproxy.bridges.flask.findings import Findings
from corsproxy.bridges.flask.importing import import_flask
from corsproxy.bridges.flask.pinned import pinned
from corsproxy.bridges.flask.sources import Sources

APP = """\
from flask import Flask
from flask_cors import CORS
app = Flask(__name__)
CORS(app, resources={"/api/v1/*": {"origins": "https://v1.example"}, "/api/[a-z0-9]*/": {"origins": "https://all.example"}})
@app.get("/api/v1/x")
def x(): ...
@app.get("/API/v1/y")
def y(): ...
"""


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("requirements.txt", "flask\nFlask-Cors==4.0.1  # pinned\n", "4.0.1"),
        ("requirements.txt", "flask_cors ~= 5.0\n", "5.0"),
        ("requirements.txt", "flask-cors[async]>=3\nflask==2.0\n", "6"),
        ("requirements.txt", "flask-cors\nflask==2.0\n", "6"),
        ("pyproject.toml", 'dependencies = ["flask>=2", "flask-cors==5.0.1"]\n', "5.0.1"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nflask-cors = "^3.0.10"\n', "3.0.10"),
        ("pyproject.toml", 'dependencies = ["flask-cors (>=6.0,<7)"]\n', "6"),
        ("poetry.lock", '[[package]]\nname = "flask-cors"\nversion = "4.0.0"\ndescription = ""\n', "4.0.0"),
        ("uv.lock", '[[package]]\nname = "flask-cors"\nversion = "6.0.1"\n', "6.0.1"),
        ("Pipfile.lock", '{"default": {"flask": {"version": "==1.0"}, "flask-cors": {"hashes": [], "version": "==3.0.9"}}}', "3.0.9"),
        ("Pipfile.lock", "not json", "6"),
        ("README", "flask-cors==1.0", "6"),
    ],
)  # fmt: skip
def test_what_pins(file: str, text: str, version: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    assert pinned(Sources(tmp_path, Findings())).version == version


def test_before_6_the_longest_is_tried_first_and_case_did_not_count(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    now = import_flask(tmp_path, {}, upstream="http://127.0.0.1:5000")
    assert "as Flask-CORS 6 decides" in now.text
    assert [str(finding.code) for finding in now.findings if finding.is_loss] == []
    (tmp_path / "requirements.txt").write_text("flask\nflask-cors==5.0.1\n")
    before = import_flask(tmp_path, {}, upstream="http://127.0.0.1:5000")
    assert "as Flask-CORS 5.0.1 decides" in before.text
    losses = [(str(finding.code), str(finding.place)) for finding in before.findings if finding.is_loss]
    assert set(losses) == {("old_version", "requirements.txt:2")}
    assert before.text.index("https://all.example") < before.text.index("tests:")


def test_blanks_without_end_take_no_time(tmp_path: Path) -> None:
    """Shared out among several repetitions they would take years."""
    (tmp_path / "requirements.txt").write_text("flask-cors" + " " * 1_000_000 + "\n#flask-cors==4.0")
    assert pinned(Sources(tmp_path, Findings())).version == "4.0"

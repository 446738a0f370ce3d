"""What `import flask` is given by somebody who means harm: trees and sources that would hold it up or fill its memory."""

import os
import tracemalloc
from pathlib import Path

import pytest

from corsproxy.bridges.flask import sources
from corsproxy.bridges.flask.importing import Imported, import_flask

APP = "from flask import Flask\nfrom flask_cors import CORS\napp = Flask(__name__)\nCORS(app, origins='https://a.example')\n"
MOST_MEMORY = 64 * 1024 * 1024


def read(path: Path) -> Imported:
    (path / "app.py").write_text(APP)
    tracemalloc.start()
    try:
        found = import_flask(path, {}, upstream="http://127.0.0.1:5000")
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert "https://a.example" in found.text
    return found


def unread(found: Imported) -> list[str]:
    return [finding.place.file for finding in found.findings if str(finding.code) == "unread"]


def test_pipes_are_not_waited_for_whatever_they_are_called(tmp_path: Path) -> None:
    for name in ("pipe.py", "pipe.ipynb", ".env", ".flaskenv", "requirements.txt"):
        os.mkfifo(tmp_path / name)
    assert unread(read(tmp_path)) == ["pipe.py"]


def test_files_larger_than_any_memory_are_not_taken_in(tmp_path: Path) -> None:
    for name in ("large.py", "large.ipynb", ".env", "requirements.txt"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)
    assert sorted(unread(read(tmp_path))) == [".env", "large.py"]


def test_what_is_read_in_all_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_BYTES", 10_000)
    for number in range(20):
        (tmp_path / f"m{number:02}.py").write_text("x = 1\n" * 200)
    assert len(unread(read(tmp_path))) == 12


def test_folders_in_folders_without_end(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 300)).mkdir(parents=True)
    assert unread(read(tmp_path)) == ["/".join("d" * 100)]


@pytest.mark.parametrize(
    "line", ["x = x + x", "x += x", "x = f'{x}{x}'", "x = x * 2", "x = ''.join([x, x])", "x = x.replace('a', 'aa')"]
)  # fmt: skip
@pytest.mark.parametrize("start", ["x = 'a'", "x = ['a']"])
def test_what_is_doubled_line_by_line_fills_no_memory(start: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "zzz.py").write_text("\n".join([start, *[line] * 60]))
    read(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "x = '%90000000d' % 1",
        "x = '%(a).90000000f' % {'a': 1}",
        "x = '%*d' % (90000000, 1)",
        "x = '{:>90000000}'.format(1)",
        "x = '{:{}}'.format(1, 90000000)",
        "x = ('a' * 20000).replace('a', 'b' * 20000)",
        "x = ('a' * 20000).join(['b'] * 20000)",
        "x = ('%(a)s' * 4000) % {'a': 'b' * 20000}",
        "x = ('{0}' * 5000).format('b' * 20000)",
    ],
)
def test_what_one_call_makes_fills_no_memory(line: str, tmp_path: Path) -> None:
    (tmp_path / "zzz.py").write_text(line)
    read(tmp_path)


def test_texts_are_filled_in_all_the_same(tmp_path: Path) -> None:
    lines = "x = 'https://%s.example:%d' % ('b', 8443)\ny = 'https://{}.example:{:d}'.format('c', 8443)\n"
    (tmp_path / "zzz.py").write_text(
        APP.replace("CORS(app", f"{lines}CORS(app").replace("'https://a.example'", "[x, y]")
    )
    text = import_flask(tmp_path, {}, upstream="http://127.0.0.1:5000").text
    assert "- https://b.example:8443 " in text
    assert "- https://c.example:8443 " in text


ADDRESSED = ("Procfile", "Dockerfile", "gunicorn.conf.py", ".flaskenv")


def upstream(path: Path) -> str:
    """Import without saying where the app answers."""
    (path / "app.py").write_text(APP)
    tracemalloc.start()
    try:
        text = import_flask(path, {}).text
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    (line,) = [line for line in text.splitlines() if line.startswith("upstream:")]
    return line.removeprefix("upstream: ")


def test_where_it_is_read_where_an_app_answers_nothing_is_waited_for_or_taken_in_whole(
    tmp_path: Path,
) -> None:
    for name in ADDRESSED[:2]:
        os.mkfifo(tmp_path / name)
    for name in ADDRESSED[2:]:
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)
    assert upstream(tmp_path) == "http://127.0.0.1:5000"


@pytest.mark.parametrize("name", ADDRESSED[:2])
@pytest.mark.parametrize(
    "piece", ["-b", "-b ", "-b'", "-b[", "-b[:", "--bind=", "gunicorn -b :8000\\\n", "\\\n", "-b" + "'" * 40]
)
def test_commands_that_go_on_and_on_hold_nobody_up(name: str, piece: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("gunicorn " + piece * (500_000 // len(piece)))
    assert upstream(tmp_path).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "said",
    [
        "app.run(host='a\\n# b', port=8000)",
        "app.run(host='a\\x1b[2J', port=8000)",
        "app.run(host='${HOME}', port=8000)",
        "app.run(host='user:secret@h', port=8000)",
        "n = 9\nfor _ in [0] * 14: n *= n\napp.run(port=n)",
        "app.run(port='8' * 5000)",
        "app.run(port='\\u0668\\u0660')",
        "app.run(host='x' * 70000, port=8000)",
    ],
)
def test_an_address_that_is_none_is_not_written(said: str, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(f"{APP}{said}\n")
    assert upstream(tmp_path) == "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile.lock", "[" * 100_000),
        ("notes.ipynb", "[" * 100_000),
        ("c.json", "[" * 100_000),
        ("c.json", "[1]"),
        ("requirements.txt", f"flask-cors=={'9' * 5000}"),
        ("zzz.py", f"import json\nx = json.loads('{'[' * 20_000}')\ny = int('9' * 5000)\nz = {'9' * 5000}"),
        ("zzz.py", f"x = {'-' * 10_000}1"),
        ("zzz.py", "x = 9 ** 9 ** 9"),
    ],
)
def test_what_python_itself_gives_up_on_stops_nobody(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "aaa.py").write_text(f"import json\n{APP}app.config.from_file('c.json', load=json.load)\n")
    assert not [file for file in unread(read(tmp_path)) if file == tmp_path.name]

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

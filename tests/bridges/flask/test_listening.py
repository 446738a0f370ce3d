"""Where the app answers, as the project's files say it: written as upstream, with its place; or why it is not."""

from pathlib import Path

import pytest

from corsproxy.bridges.flask.importing import Imported, import_flask
from corsproxy.bridges.flask.listening import DEFAULT_UPSTREAM

APP = """\
import os
import subprocess
import sys
from flask import Flask
from flask_cors import CORS
PORT = 7000
app = Flask(__name__)
CORS(app, origins="https://app.example.com")
"""


def imported(folder: Path, files: dict[str, str], environ: dict[str, str] | None = None) -> Imported:
    for name, text in {"app.py": "", **files}.items():
        (folder / name).write_text(APP + text if name == "app.py" else text)
    return import_flask(folder, environ or {})


def upstream(found: Imported) -> str:
    (line,) = [line for line in found.text.splitlines() if line.startswith("upstream: ")]
    return line.removeprefix("upstream: ")


def told(found: Imported) -> list[tuple[str, str]]:
    return [(str(one.place), one.what) for one in found.findings if one.code == "upstream"]


def run(call: str) -> dict[str, str]:
    return {"app.py": f"if __name__ == '__main__':\n    {call}\n"}


@pytest.mark.parametrize(
    ("files", "environ", "written", "comment"),
    [
        (run("app.run(port=8000)"), {}, "http://127.0.0.1:8000", "app.py:10 app.run(port=8000)"),
        (run("app.run('10.0.0.7', 8000)"), {}, "http://10.0.0.7:8000", "app.py:10 app.run('10.0.0.7', 8000)"),
        (
            run("app.run(host='0.0.0.0', port='8000', debug=True)"),
            {},
            "http://127.0.0.1:8000",
            "app.py:10 app.run(host='0.0.0.0', port='8000', debug=True)",
        ),
        (run("app.run(host='::1', port=PORT)"), {}, "'http://[::1]:7000'", "app.py:10 app.run(host='::1', port=PORT)"),
        (
            run("app.run(port=int(os.environ.get('PORT', 7001)))"),
            {"PORT": "7002"},
            "http://127.0.0.1:7002",
            "app.py:10 app.run(port=int(os.environ.get('PORT', 7001)))",
        ),
        (
            {"app.py": "def main():\n    app.run(port=8000, ssl_context='adhoc')\n"},
            {},
            "https://127.0.0.1:8000",
            "app.py:10 app.run(port=8000, ssl_context='adhoc')",
        ),
        (
            {"gunicorn.conf.py": "import os\nbind = f\"0.0.0.0:{os.environ.get('PORT', '8001')}\"\n"},
            {},
            "http://127.0.0.1:8001",
            "gunicorn.conf.py:2 bind = '0.0.0.0:8001'",
        ),
        (
            {"gunicorn.conf.py": "bind = ['unix:/run/app.sock', ':8000']\n"},
            {},
            "unix:/run/app.sock",
            "gunicorn.conf.py:1 bind = 'unix:/run/app.sock'",
        ),
        (
            {"Procfile": "release: ./migrate\nweb: gunicorn -w 4 --bind [::]:8002 app:app\n"},
            {},
            "http://127.0.0.1:8002",
            "Procfile:2 gunicorn --bind [::]:8002",
        ),
        (
            {"Dockerfile": 'FROM python\nCMD ["gunicorn", "-b", "0.0.0.0:8003", "app:app"]\n'},
            {},
            "http://127.0.0.1:8003",
            "Dockerfile:2 gunicorn --bind 0.0.0.0:8003",
        ),
        (
            {"Dockerfile": "CMD exec gunicorn \\\n  --workers 2 \\\n  --bind=:8004 app:app\n"},
            {},
            "http://127.0.0.1:8004",
            "Dockerfile:3 gunicorn --bind :8004",
        ),
        ({".flaskenv": "FLASK_APP=app\nFLASK_RUN_PORT=8005\n"}, {}, "http://127.0.0.1:8005", ".flaskenv:2 FLASK_RUN_PORT=8005"),
        (
            {"Procfile": "web: gunicorn -b :8000 app:app\n", **run("app.run(port=8000)")},
            {},
            "http://127.0.0.1:8000",
            "Procfile:1 gunicorn --bind :8000",
        ),
    ],
)  # fmt: skip
def test_it_is_written_with_its_place(
    files: dict[str, str], environ: dict[str, str], written: str, comment: str, tmp_path: Path
) -> None:
    found = imported(tmp_path, files, environ)
    assert upstream(found) == f"{written}  # {comment}"
    ((place, what),) = told(found)
    assert comment.startswith(f"{place} ")
    assert what.endswith(f": {written.strip(chr(39))} is written as upstream.")
    assert found.is_whole


@pytest.mark.parametrize(
    "files",
    [
        {},
        run("app.run()"),
        run("app.run(debug=True)"),
        run("app.run(port=int(sys.argv[1]))"),
        run("app.run(port=0)"),
        run("app.run(port=70000)"),
        run("app.run(port=True)"),
        run("app.run(host=input(), port=8000)"),
        run("app.run(host='a b', port=8000)"),
        run("subprocess.run(['x'], 8000)"),
        {"Procfile": "web: gunicorn -b 0.0.0.0:$PORT app:app\n"},
        {"Procfile": "# web: gunicorn -b :8000 app:app\nworker: x -b :8000\n"},
        {"Procfile": "web: gunicorn --bind unix:app.sock app:app\n"},
        {"gunicorn.conf.py": "bind = unknown()\n"},
        {"gunicorn.conf.py": "bind = []\n"},
        {"gunicorn.conf.py": "workers = 2\n"},
        {".env": "FLASK_RUN_PORT=many\n"},
    ],
)
def test_what_is_not_known_says_nothing(files: dict[str, str], tmp_path: Path) -> None:
    found = imported(tmp_path, files)
    assert (upstream(found), told(found)) == (DEFAULT_UPSTREAM, [])


def test_several_are_told_and_none_is_taken(tmp_path: Path) -> None:
    found = imported(tmp_path, {"Procfile": "web: gunicorn -b :8000 app:app\n", **run("app.run(port=8001)")})
    assert upstream(found) == DEFAULT_UPSTREAM
    assert told(found) == [
        (
            "Procfile:1",
            f"gunicorn --bind :8000: the app answers at http://127.0.0.1:8000 by this, and elsewhere by others. {DEFAULT_UPSTREAM} is written.",
        ),
        (
            "app.py:10",
            f"app.run(port=8001): the app answers at http://127.0.0.1:8001 by this, and elsewhere by others. {DEFAULT_UPSTREAM} is written.",
        ),
    ]
    assert found.is_whole


def test_where_the_proxy_itself_would_listen_is_told_and_not_taken(tmp_path: Path) -> None:
    found = imported(tmp_path, run("app.run(port=8080)"))
    assert upstream(found) == DEFAULT_UPSTREAM
    ((place, what),) = told(found)
    assert place == "app.py:10"
    assert what.startswith(
        "app.run(port=8080): the app answers at http://127.0.0.1:8080 by this, which cannot be"
    )


def test_what_is_given_wins_and_nothing_is_told(tmp_path: Path) -> None:
    imported(tmp_path, run("app.run(port=8000)"))
    found = import_flask(tmp_path, {}, upstream="http://127.0.0.1:9000")
    assert (upstream(found), told(found)) == ("http://127.0.0.1:9000", [])

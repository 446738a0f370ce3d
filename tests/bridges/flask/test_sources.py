"""Projects as they lie on disks: broken files, other people's code, links, odd encodings, far too much of everything."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from corsproxy.bridges.flask import sources
from corsproxy.bridges.flask.importing import Imported, NothingFound, NothingToRead, import_flask

APP = "from flask import Flask\nfrom flask_cors import CORS\napp = Flask(__name__)\nCORS(app, origins='https://a.example')\n"


def read(path: Path) -> Imported:
    return import_flask(path, {}, upstream="http://127.0.0.1:5000")


def places(found: Imported | NothingFound) -> list[tuple[str, str]]:
    return [(str(finding.code), str(finding.place)) for finding in found.findings]


def test_a_folder_that_nobody_may_look_into_is_named_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who runs the tests may be allowed to look everywhere, so what the kernel says is said here."""
    (tmp_path / "locked").mkdir()
    (tmp_path / "app.py").write_text(
        f"from locked import other\n{APP}app.config.from_pyfile('{'x' * 5000}')\n"
    )
    stat, scandir, locked = os.stat, os.scandir, tmp_path / "locked"

    def refuse(path: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def look(path: Any, **more: Any) -> os.stat_result:
        if Path(path).parent == locked:
            refuse(path)
        return stat(path, **more)

    def listed(path: Any) -> Any:
        return refuse(path) if Path(path) == locked else scandir(path)

    monkeypatch.setattr("os.stat", look)
    monkeypatch.setattr("os.scandir", listed)
    found = read(tmp_path)
    assert ("unread", "locked") in places(found)
    assert "https://a.example" in found.text


def test_a_file_with_a_mistake_is_named_with_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "old.py").write_text("import os\nprint 'python 2'\n")
    found = read(tmp_path)
    assert places(found) == [("unread", "old.py:2")]
    assert "https://a.example" in found.text


@pytest.mark.parametrize(
    "content",
    [
        b"x = '\xff\xfe'\n",
        b"\x00\x01",
        b"# coding: no-such-codec\n",
        b"(" * 5000,
        b"x = " + b"-" * 100_000 + b"1",
        b"#" * (sources.LARGEST + 1),
    ],
    ids=["not utf-8", "nul", "codec", "brackets", "deep", "large"],
)
def test_what_cannot_be_parsed_is_reported(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "bad.py").write_bytes(content)
    found = read(tmp_path)
    assert [(code, place.partition(":")[0]) for code, place in places(found)] == [("unread", "bad.py")]


def test_a_declared_encoding_is_honoured(tmp_path: Path) -> None:
    text = f"# -*- coding: latin-1 -*-\nNAME = '\xe9'\n{APP}"
    (tmp_path / "app.py").write_bytes(text.encode("latin-1"))
    assert places(read(tmp_path)) == []


def test_other_peoples_code_and_tests_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    stranger = APP.replace("a.example", "stranger.example")
    for folder in (
        "venv",
        ".venv",
        "node_modules/x",
        "tests",
        "lib/site-packages/y",
        "mine",
        "__pycache__",
        ".git",
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "app.py").write_text(stranger)
    (tmp_path / "mine" / "pyvenv.cfg").write_text("home = /usr\n")
    (tmp_path / "test_app.py").write_text(stranger)
    found = read(tmp_path)
    assert "stranger" not in found.text
    assert places(found) == []


def test_links_that_go_round_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    assert places(read(tmp_path)) == [("unread", "gone.py")]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    os.mkfifo(tmp_path / "pipe.py")
    assert places(read(tmp_path)) == [("unread", "pipe.py")]


def test_a_notebook_with_flask_cors_is_named(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "a.ipynb").write_text('{"cells": [{"source": ["from flask_cors import CORS"]}]}')
    (tmp_path / "b.ipynb").write_text("{}")
    assert places(read(tmp_path)) == [("unread", "a.ipynb")]


def test_a_tree_that_is_too_large_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_FILES", 3)
    for number in range(5):
        (tmp_path / f"m{number}.py").touch()
    with pytest.raises(
        NothingToRead, match=r"more than 3 Python files: name the folder of the Flask app in it\.$"
    ):
        read(tmp_path)


def test_a_project_that_computes_without_end_is_cut_off_and_named(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    loop = "for a in range(4000):\n  for b in range(4000):\n    x = a + b\n"
    (tmp_path / "zzz.py").write_text(loop)
    found = read(tmp_path)
    assert [code for code, _ in places(found)] == ["unread"]
    assert "https://a.example" in found.text


@pytest.mark.parametrize(
    "text",
    [
        "x = 'a' * 10 ** 9\n",
        "x = ['a']\nx.append(x)\ny = x == x\n",
        "def f(*a, **k): return f(*a, **k)\nf(1, b=2)\n",
        "class A(A): pass\n",
        "x = ['https://a.example']\nx.append(x)\nCORS(app, origins=x)\n",
        "d = {'/x': {'origins': 'https://a.example'}}\nd['/y'] = d\nCORS(app, resources=d, methods=[d], max_age=d)\n",
        "x = ['https://a.example']\n" + "x = [x, x]\n" * 60 + "CORS(app, origins=x, expose_headers=x)\n",
        "CORS(app, origins='https://a.example', methods=[['GET']], max_age=[], allow_headers=[None, 5, ['x']], expose_headers={1: 2})\n",
        "import zzz\n",
        "from . import zzz\n",
        "from .... import zzz\n",
        "from ..zzz import *\n",
        "a = b = c = lambda: a()\na()\n",
        "match x:\n    case 1: y = 1\n",
        "async def f():\n    async with x as y:\n        await z\n    async for q in x: pass\n",
        "x = [i for i in range(10**6)]\n",
        "x = {**{}, **y}\nx[y] = z\ndel x, y\n",
        "x: int\n(x := 5)\nx += y\nx[0] += 1\nx.y += 1\n",
        "try:\n    pass\nexcept* ValueError:\n    pass\n",
        "@a.b.c(1)\n@d\nclass K(metaclass=M): decorators = [1, 2]\n",
        "global x\nx = 1\n",
        "x = f'{y!r:>{z}}'\n",
        "x = 1 / 0\ny = [1][5]\nz = {}['k']\nw = 'a'.join(1)\nv = int('x')\n",
        "app.config.from_object(None)\n",
        "import os\nos.environ[1]\nos.getenv()\nopen()\ngetattr()\nmap()\n",
        "assert x, y\nraise z\n",
    ],
)
def test_nothing_in_a_source_breaks_the_reading(text: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP + text)
    found = read(tmp_path)
    assert "https://a.example" in found.text


@pytest.mark.parametrize("name", ["app.py", "."])
def test_a_file_and_a_folder_may_be_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        APP.replace("'https://a.example'", "X").replace("app =", "from lists import X\napp =")
    )
    (tmp_path / "lists.py").write_text("X = 'https://a.example'\n")
    assert "https://a.example" in read(tmp_path / name).text


def test_a_file_of_a_package_finds_the_package(tmp_path: Path) -> None:
    package = tmp_path / "shop" / "web"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "lists.py").write_text("X = 'https://a.example'\n")
    (package / "app.py").write_text(
        APP.replace("'https://a.example'", "X").replace("app =", "from shop.web.lists import X\napp =")
    )
    assert "shop/web/lists.py:1" in read(package / "app.py").text


@pytest.mark.parametrize(
    "text",
    ["", "from flask import Flask\napp = Flask('x')\n", "from flask_cors import CORS\ncors = CORS()\n"],
)
def test_nothing_found_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(text)
    with pytest.raises(NothingFound):
        read(tmp_path)


@pytest.mark.parametrize("name", ["gone", "gone/app.py", "a\x00b"])
def test_a_path_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(NothingToRead):
        read(tmp_path / name)

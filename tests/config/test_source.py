"""Which file is the configuration, and what may be wrong with the file itself."""

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.source import LARGEST_FILE, Text, locate, read


def refusal(path: Path) -> Problem:
    with pytest.raises(ConfigError) as refused:
        read(path)
    (problem,) = refused.value.problems
    return problem


def test_text_and_hash_are_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    content = "upstream: http://bücher.example\r\n".encode()
    file.write_bytes(content)
    assert read(file) == Text(str(file), content.decode(), hashlib.sha256(content).hexdigest())


def test_a_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    expected = "There is no such file."
    fix = "check the path, or create the file"
    assert refusal(file) == Problem(str(file), 0, 0, "", expected, fix=fix, code=Code.FILE_MISSING)


@pytest.mark.parametrize("name", ["a.yaml/b.yaml", "a\0b"])
def test_a_path_that_cannot_be(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    assert refusal(tmp_path / name).code is Code.FILE_MISSING


def test_a_directory(tmp_path: Path) -> None:
    problem = refusal(tmp_path)
    assert (problem.code, problem.what) == (Code.FILE_UNREADABLE, "This is a directory, not a file.")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised by hand, because the superuser may read everything."""
    monkeypatch.setattr(
        "corsproxy.config.source.without_waiting", Mock(side_effect=PermissionError(13, "Permission denied"))
    )
    problem = refusal(tmp_path / "a.yaml")
    assert (problem.code, problem.what) == (Code.FILE_UNREADABLE, "The file may not be read.")


def test_any_other_fault_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "corsproxy.config.source.without_waiting", Mock(side_effect=OSError(5, "Input/output error"))
    )
    problem = refusal(tmp_path / "a.yaml")
    assert (problem.code, problem.what) == (
        Code.FILE_UNREADABLE,
        "The file cannot be read: [Errno 5] Input/output error.",
    )


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    with file.open("wb") as opened:
        opened.truncate(LARGEST_FILE + 1)
    assert refusal(file).code is Code.FILE_TOO_LARGE


def test_the_named_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/corsproxy.yaml").write_text("")
    assert locate("x.yaml", {"CORSPROXY_CONFIG": "y.yaml"}) == Path("x.yaml")
    assert locate(None, {"CORSPROXY_CONFIG": "y.yaml"}) == Path("y.yaml")
    assert locate(None, {"CORSPROXY_CONFIG": ""}) == Path("config/corsproxy.yaml")
    assert locate(None, {}) == Path("config/corsproxy.yaml")


def test_a_folder_that_may_not_be_looked_into_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two").touch()
    monkeypatch.setattr("corsproxy.config.source.SEARCHED", (tmp_path / "one", tmp_path / "two"))
    monkeypatch.setattr(Path, "stat", Mock(side_effect=PermissionError(13, "Permission denied")))
    assert locate(None, {}) == tmp_path / "one"


def test_nowhere_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("corsproxy.config.source.SEARCHED", (tmp_path / "one", tmp_path / "two"))
    with pytest.raises(ConfigError) as refused:
        locate(None, {})
    (problem,) = refused.value.problems
    assert problem.code is Code.FILE_MISSING
    assert problem.fix == (
        "name it: -c FILE, or CORSPROXY_CONFIG; `corsproxy run` also takes --upstream with --allow-origin"
    )
    (tmp_path / "corsproxy.yaml").write_text("")
    with pytest.raises(ConfigError) as seen:
        locate(None, {})
    assert seen.value.problems[0].fix == ("name the one that is here: -c corsproxy.yaml")


def test_a_pipe_is_read_like_a_file() -> None:
    """As in `corsproxy check /dev/stdin`."""
    reading, writing = os.pipe()
    os.write(writing, b"upstream: x\n")
    os.close(writing)
    try:
        assert stat.S_ISFIFO(os.fstat(reading).st_mode)
        assert read(Path(f"/dev/fd/{reading}")).text == "upstream: x\n"
    finally:
        os.close(reading)


def test_who_writes_to_a_pipe_is_waited_for() -> None:
    reading, writing = os.pipe()
    with ThreadPoolExecutor() as pool:
        read_by = pool.submit(read, Path(f"/dev/fd/{reading}"))
        os.write(writing, b"upstream: ")
        os.write(writing, b"x\n")
        os.close(writing)
        assert read_by.result().text == "upstream: x\n"
    os.close(reading)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError) as refused:
        read(tmp_path / "pipe")
    (problem,) = refused.value.problems
    assert (problem.code, problem.what) == (Code.FILE_UNREADABLE, "This is a pipe that nobody writes to.")

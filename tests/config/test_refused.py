"""What people read when a configuration is refused: every file of refused/ and its whole answer.

CORSPROXY_WRITE_GOLDEN=1 writes the answers anew; read the difference before committing it.
"""

import functools
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from corsproxy.config.codes import WARNINGS
from corsproxy.config.load import read_settings
from corsproxy.config.problem import Code, ConfigError
from corsproxy.config.source import read

FOLDER = Path(__file__).parent / "refused"
ENVIRON: Mapping[str, str] = {
    "EMPTY": "",
    "SPACES": "https://a.example https://b.example",
    "NUMBER": "5",
    "WORD": "yes",
}


@functools.cache
def refusal(file: Path) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        read_settings(file, ENVIRON)
    return refused.value


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.yaml")))
def test_refusal_reads_as_written_down(name: str) -> None:
    text = f"{refusal(FOLDER / f'{name}.yaml')}\n".replace(f"{FOLDER}/", "")
    golden = FOLDER / f"{name}.txt"
    if os.environ.get("CORSPROXY_WRITE_GOLDEN") == "1":
        golden.write_text(text)
    assert text == golden.read_text()


def test_every_answer_belongs_to_a_file() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} == {file.stem for file in FOLDER.glob("*.yaml")}


def test_every_code_of_a_refusal_is_shown() -> None:
    """What a Code names stands in some file; what only a file system or a child can bring about is tested there."""
    shown = {problem.code for file in FOLDER.glob("*.yaml") for problem in refusal(file).problems}
    elsewhere = {
        Code.FILE_MISSING,
        Code.FILE_UNREADABLE,
        Code.FILE_TOO_LARGE,
        Code.LOADER_FAILED,
        Code.EXTRA_MISSING,
    }
    assert set(Code) - shown == elsewhere | set(WARNINGS)


def test_problems_come_in_the_order_of_the_file() -> None:
    for file in FOLDER.glob("*.yaml"):
        places = [(problem.line, problem.column) for problem in refusal(file).problems]
        assert places == sorted(places), file.name


def test_every_problem_has_a_place_and_a_remedy() -> None:
    for file in FOLDER.glob("*.yaml"):
        for problem in refusal(file).problems:
            assert problem.fix, problem
            assert not problem.what.endswith(".."), problem
            assert (problem.line > 0) is (problem.column > 0), problem
            if problem.code is not Code.FILE_ENCODING:
                line = read(file).text.split("\n")[max(problem.line - 1, 0)]
                assert problem.column <= len(line) + 1, problem

"""docs/security.md promises nothing that no test holds: every test that it names is there, every row names one.

So are the tests that docs/operations.md names for what comes of faults.
"""

import ast
import re
from functools import cache

import pytest

from tests.differential.table import CASES
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
HELD_BY = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+)(?:\[([^`]+)\])?)?`")
FAULTS = (ROOT / "docs" / "operations.md").read_text()
NAMED = sorted(set(HELD_BY.findall(PAGE + FAULTS)) - {("tests/differential/table.py", "", "")})


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of all tests of a file, those in classes too."""
    tree = ast.parse((ROOT / file).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name[:4] == "test"
    )


@pytest.mark.parametrize(("file", "name", "row"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str, row: str) -> None:
    assert (ROOT / file).is_file()
    assert names_in(file)
    if name:
        assert name in names_in(file)
    if row:
        assert file == "tests/differential/test_table.py"
        assert row in CASES


def tables() -> list[list[str]]:
    """Return the rows of the tables that say what holds what, without their heads."""
    found = re.findall(r"^\|.*\| held by \|\n\|[ -|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    return [table.splitlines() for table in found]


def test_every_promise_is_held_by_a_test() -> None:
    rows = [row for table in tables() for row in table]
    assert len(tables()) == 7
    assert [row for row in rows if not HELD_BY.search(row.split(" | ")[-1])] == []

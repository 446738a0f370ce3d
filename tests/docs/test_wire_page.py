"""docs/wire.md has no rule that no test holds, and names no test that is not there."""

import re

import pytest

from tests.differential.table import CASES
from tests.processes import ROOT
from tests.security.test_security_page import HELD_BY, names_in

PAGE = (ROOT / "docs" / "wire.md").read_text()
NAMED = sorted(set(HELD_BY.findall(PAGE)))
RULES = [
    row
    for table in re.findall(r"^\|.*\| held by \|\n\|[ -|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    for row in table.splitlines()
]


@pytest.mark.parametrize(("file", "name", "row"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str, row: str) -> None:
    assert name in names_in(file)
    assert not row or row in CASES


def test_every_rule_is_held_by_a_test() -> None:
    assert len(RULES) == 37
    assert [row for row in RULES if not HELD_BY.search(row.split(" | ")[-1])] == []

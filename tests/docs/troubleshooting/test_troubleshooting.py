"""Every row of the troubleshooting chapter is made to happen, asked about and cured."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.docs.troubleshooting import consoles, pages, service  # noqa: F401 -- they hold the cases
from tests.docs.troubleshooting.case import CASES, Case
from tests.docs.troubleshooting.chapter import CHAPTER, COLUMNS, README_ROWS, ROWS, Row
from tests.docs.troubleshooting.stage import Stage, opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with opened(tmp_path_factory.mktemp("troubleshooting"), [row.name for row in ROWS]) as opened_stage:
        yield opened_stage


def test_every_row_has_a_test() -> None:
    assert sorted(CASES) == sorted(row.name for row in ROWS)


def test_every_table_is_read() -> None:
    lines = [line for line in CHAPTER.read_text().splitlines() if line.startswith("|")]
    assert {line for line in lines if line.startswith("| you")} == {COLUMNS}
    assert len(lines) == len(ROWS) + 2 * lines.count(COLUMNS)


def test_every_row_says_what_to_ask() -> None:
    assert [row for row in ROWS if not (row.commands or row.logged)] == []
    assert [row for row in ROWS if row.commands and not row.claims] == []
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_the_readme_repeats_rows_word_by_word() -> None:
    cells = [row.cells for row in ROWS]
    assert len(README_ROWS) == 8
    assert [row for row in README_ROWS if row.cells not in cells] == []


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_row(row: Row, stage: Stage) -> None:
    at = Case(row, stage)
    await CASES[row.name](at)
    assert at.has_asked
    assert at.taken == set(row.lines)

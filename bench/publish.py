"""Puts measured tables between the marks of a page, so that the numbers in it are those of a result that is kept."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import report
from bench.report import Table
from bench.results import Result

__all__ = ["BEGIN", "END", "publish", "publish_tables", "read_table", "replaced"]

BEGIN = "<!-- bench: begin; written by `python -m bench publish` -->"
END = "<!-- bench: end -->"


def read_table(path: Path) -> Table:
    """Read the table of a result of latency, memory or rules; raises ValueError for anything else."""
    found = json.loads(path.read_text())
    if not isinstance(found, dict) or "table" not in found:
        raise ValueError(f"{path} holds no table")
    table = found["table"]
    return Table(table["title"], tuple(table["header"]), tuple(tuple(row) for row in table["rows"]))


def replaced(page: str, result: Result, more: Sequence[Table]) -> str:
    """Return the page with everything between the marks written anew; raises ValueError without marks."""
    tables = "\n\n".join(report.as_markdown(table) for table in (*report.tables(result), *more))
    notes = "\n".join(f"- {note}" for note in report.notes(result))
    return _between_marks(page, f"{tables}\n\n{notes}")


def _between_marks(page: str, text: str) -> str:
    head, begin, rest = page.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN!r} before {END!r}")
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"


def publish(comparison: Path, others: Mapping[str, Path], page: Path, folder: Path) -> None:
    """Write a comparison's tables, then those of the others by name, into the page; keep the results in `folder`."""
    text = replaced(page.read_text(), Result.read(comparison), [read_table(path) for path in others.values()])
    for name, path in ({"": comparison} | {f"-{name}": path for name, path in others.items()}).items():
        (folder / f"published{name}.json").write_text(path.read_text())
    page.write_text(text)


def publish_tables(found: Mapping[str, Path], page: Path, folder: Path) -> None:
    """Write the tables of results, by name, into the page; keep the results in `folder`. Raises ValueError for none."""
    if not found:
        raise ValueError("no result to publish; run python -m bench greedy first")
    parts = []
    for path in found.values():
        machine = json.loads(path.read_text())["machine"]
        parts.append(
            f"{report.as_markdown(read_table(path))}\n\n"
            f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, "
            f"load average at the end {machine['load_average']}."
        )
    text = _between_marks(page.read_text(), "\n\n".join(parts))
    for name, path in found.items():
        (folder / f"published-{name}.json").write_text(path.read_text())
    page.write_text(text)

"""Puts a result's tables between the marks of a page, so that the numbers in it are the measured ones."""

from pathlib import Path

from bench import report
from bench.results import Result

__all__ = ["BEGIN", "END", "publish", "replaced"]

BEGIN = "<!-- bench: begin; written by `python -m bench publish` -->"
END = "<!-- bench: end -->"


def replaced(page: str, result: Result) -> str:
    """Return the page with everything between the marks written anew; raises ValueError without marks."""
    head, begin, rest = page.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN!r} before {END!r}")
    tables = "\n\n".join(report.as_markdown(table) for table in report.tables(result))
    notes = "\n".join(f"- {note}" for note in report.notes(result))
    return f"{head}{BEGIN}\n\n{tables}\n\n{notes}\n\n{END}{tail}"


def publish(source: Path, page: Path, copy: Path) -> None:
    """Write a result's tables into the page and keep the result itself as `copy`."""
    result = Result.read(source)
    text = replaced(page.read_text(), result)
    result.write(copy)
    page.write_text(text)

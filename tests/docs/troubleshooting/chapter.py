"""The troubleshooting tables, read from docs/troubleshooting.md and README.md as rows.

Laws of a row: the first cell has what is seen, its blanks in braces, Firefox's words after `Firefox:`; the
second has commands, and after `in the log:` a piece of a line; in the third, what stands in bold is said by these
commands, and a span that is YAML is the very line that mends it. A row is named by its anchor.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from tests.processes import ROOT

__all__ = ["CHAPTER", "COLUMNS", "README_ROWS", "ROWS", "Row"]

CHAPTER = ROOT / "docs" / "troubleshooting.md"
COLUMNS = "| you see | ask | what it is, and the fix |"
_ANCHOR = re.compile(r'<a id="([a-z-]+)"></a>')
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_SCHEMA = yaml.safe_load((ROOT / "config" / "corsproxy.schema.json").read_text())
_KEYS = {
    "path",
    *(key for model in (_SCHEMA, *_SCHEMA["$defs"].values()) for key in model.get("properties", {})),
}


def spans(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return [match[2] for match in _SPAN.finditer(cell)]


@dataclass(frozen=True)
class Row:
    """One row; the cells are Markdown."""

    name: str
    cells: tuple[str, str, str] = field(repr=False)

    @cached_property
    def seen(self) -> list[str]:
        """What is seen, Firefox's words left out."""
        return spans(self.cells[0].partition("Firefox:")[0])

    @cached_property
    def in_firefox(self) -> list[str]:
        return spans(self.cells[0].partition("Firefox:")[2])

    @cached_property
    def commands(self) -> list[str]:
        return spans(self.cells[1].partition("in the log:")[0])

    @cached_property
    def logged(self) -> list[str]:
        return spans(self.cells[1].partition("in the log:")[2])

    @cached_property
    def claims(self) -> list[str]:
        """What the commands say, all of them together."""
        return [span for bold in re.findall(r"\*\*(.+?)\*\*", self.cells[2]) for span in spans(bold)]

    @cached_property
    def lines(self) -> list[str]:
        """The lines of YAML, in the order written."""
        plain = re.sub(r"\*\*.+?\*\*", "", self.cells[2])
        keys = (re.match(r"(?:- )?([a-z_]+): \S", span) for span in spans(plain))
        return [match.string for match in keys if match and match[1] in _KEYS]


def rows(text: str) -> list[Row]:
    """Read every table of the chapter's shape."""
    found = []
    for table in text.split(f"{COLUMNS}\n")[1:]:
        for line in table.split("\n\n")[0].splitlines()[1:]:
            seen, ask, fix = line.removeprefix("| ").removesuffix(" |").split(" | ")
            anchor = _ANCHOR.match(seen)
            found.append(Row(anchor[1] if anchor else "", (_ANCHOR.sub("", seen), ask, fix)))
    return found


ROWS = rows(CHAPTER.read_text())
README_ROWS = rows((ROOT / "README.md").read_text())

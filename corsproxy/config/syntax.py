"""What YAML's parser could not read, in words that say how to mend it.

Laws: the parser's own message is never the whole answer; the text at the place decides which of the
known traps it was (tables below), and the two parsers of PyYAML give the same answer for those.
"""

import re

import yaml

from corsproxy.config.problem import Code, Problem

__all__ = ["explain"]

_STARTS = {
    "\t": ("A tab stands where YAML wants spaces.", "indent with spaces"),
    "@": ("A value cannot begin with @.", 'quote it: "@…"'),
    "`": ("A value cannot begin with `.", 'quote it: "…"'),
    "%": ("A value cannot begin with %.", 'quote it: "%…"'),
}
_TOKEN = re.compile(r"\*?[^\s,\]}]*")
_REFERENCE = (
    "${ } inside [ ] or { } must be quoted: there the braces are YAML's own.",
    'write "${NAME}", or the list as one "- item" a line',
)
_MESSAGES = {
    "mapping values are not allowed": (
        "This colon begins a mapping where none can begin.",
        'quote a value that holds ": "; of this line and the one above check the indentation, and the space behind a colon',
    ),
    "sequence entries are not allowed": (
        "A list cannot begin on the line of its key.",
        'begin it on the next line with "- ", or write [item, item]',
    ),
    "unknown escape character": (
        "Between double quotes a backslash begins an escape, and this one does not exist.",
        "use single quotes, which keep backslashes: '…'",
    ),
    "unexpected end of stream": ("A quote that was opened here is never closed.", "close it"),
    "did not find expected ',' or": (
        "A [ or { is not closed, or a comma is missing.",
        "close it, or add the comma",
    ),
    "expected ',' or": ("A [ or { is not closed, or a comma is missing.", "close it, or add the comma"),
    "did not find expected key": (
        "The indentation does not fit the lines above.",
        "align it with its neighbours",
    ),
    "expected <block end>": ("The indentation does not fit the lines above.", "align it with its neighbours"),
    "could not find expected ':'": (
        "This line is neither a key with a colon nor a list item.",
        'put a space behind the colon, as in key: value, or behind the dash, as in "- item"',
    ),
    "did not find expected '-' indicator": (
        "The indentation does not fit the list above.",
        'align it with the keys of its item, or begin a new item with "- "',
    ),
}


def explain(file: str, text: str, fault: yaml.YAMLError) -> Problem:
    """Make one Problem of what PyYAML raised."""
    if not isinstance(fault, yaml.MarkedYAMLError):
        return _unreadable_character(file, text, fault)
    message = fault.problem or "the text ends too early"
    mark = fault.problem_mark
    if (
        "alias" in (fault.context or "")
        or "escape" in message
        or "end of stream" in message
        or "expected ':'" in message
    ):
        mark = fault.context_mark or mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    what, fix = _diagnosis(_line(text, line), column, fault.context or "", message)
    return Problem(file, line + 1, column + 1, "", what, fix=fix, code=Code.YAML_SYNTAX)


def _diagnosis(line: str, column: int, context: str, message: str) -> tuple[str, str]:
    if "flow" in context and "${" in line:
        return _REFERENCE
    if "alias" in context:
        found = _TOKEN.match(line, column)
        return "A * begins an alias in YAML.", f'quote it: "{found[0] if found else "*"}"'
    if "cannot start any token" in message and line[column : column + 1] in _STARTS:
        return _STARTS[line[column]]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return _STARTS["\t"]
    for part, diagnosis in _MESSAGES.items():
        if part in message:
            return diagnosis
    return (
        f"This is not YAML: {message}.",
        "see the line above as well: a quote, bracket or indentation may be off there",
    )


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""


def _unreadable_character(file: str, text: str, fault: yaml.YAMLError) -> Problem:
    # Its place is looked for: one of PyYAML's parsers counts characters, the other bytes.
    character = chr(getattr(fault, "character", 0))
    before = text.partition(character)[0]
    return Problem(
        file,
        before.count("\n") + 1,
        len(before) - before.rfind("\n"),
        "",
        f"The control character U+{ord(character):04X} may not stand in YAML.",
        fix="remove it",
        code=Code.YAML_SYNTAX,
    )

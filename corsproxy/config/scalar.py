"""What a plain YAML scalar is here: true, false, a JSON number, nothing, or text.

Laws: a spelling that some YAML reader takes for anything else (`NO`, `8080:22`, `010`, `2024-01-31`)
is a Guess and never silently one or the other. Quoted scalars are text and do not come here.
"""

import re
from dataclasses import dataclass

__all__ = ["Guess", "Scalar", "resolve"]

Scalar = bool | int | float | str | None

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?P<fraction>\.[0-9]{1,17})?")
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "~": None, "": None}

# What YAML 1.1 or 1.2 readers make of other plain spellings (https://yaml.org/type/).
_GUESSES = (
    (re.compile(r"(?i:yes|on|true)|[yY]"), "a boolean, true"),
    (re.compile(r"(?i:no|off|false)|[nN]"), "a boolean, false"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "a number to the base of 60"),
    (re.compile(r"[-+]?0o?[0-7_]+"), "an octal number"),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F_]+"), "a hexadecimal number"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"), "a date"),
    (re.compile(r"[-+]?\.(?i:inf|nan)"), "a special number"),
    (re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"), "a number"),
    (re.compile(r"(?i:null)"), "nothing at all"),
    (re.compile(r"="), "a default value"),
)


@dataclass(frozen=True, slots=True)
class Guess:
    """A plain scalar that YAML readers disagree about, and what some take it for."""

    text: str
    meaning: str


def resolve(text: str) -> Scalar | Guess:
    """Tell what a plain scalar is."""
    if text in _WORDS:
        return _WORDS[text]
    if found := _NUMBER.fullmatch(text):
        return float(text) if found["fraction"] else int(text)
    for pattern, meaning in _GUESSES:
        if pattern.fullmatch(text):
            return Guess(text, meaning)
    return text

"""What CORS field lines mean, so that two ways to write the same thing are the same."""

import re
from collections.abc import Mapping

from tests.cors.oracle import ALWAYS_GRANTED, SAFE_METHODS

__all__ = ["meant", "parsed", "simplified"]

LISTS = {
    "access-control-allow-methods": SAFE_METHODS,
    "access-control-allow-headers": ALWAYS_GRANTED,
    "access-control-expose-headers": frozenset[str](),
    "vary": frozenset[str](),
}


def parsed(lines: bytes) -> dict[str, str]:
    """Header lines as a mapping; every line whole, no field twice."""
    fields: dict[str, str] = {}
    assert lines == b"" or lines.endswith(b"\r\n")
    for line in lines.decode("latin-1").split("\r\n")[:-1]:
        name, separator, value = line.partition(": ")
        assert re.fullmatch("[A-Za-z-]+", name), line
        assert separator, line
        assert name.lower() not in fields, lines
        fields[name.lower()] = value
    return fields


def meant(lines: bytes, *, preflight: bool = False) -> dict[str, str | frozenset[str]]:
    """What the lines mean: lists as sets, in a preflight's answer with what need not be said said."""
    always = LISTS if preflight else {}
    meaning: dict[str, str | frozenset[str]] = {name: members for name, members in always.items() if members}
    for name, value in parsed(lines).items():
        if name not in LISTS:
            meaning[name] = value
            continue
        members = [member.strip() for member in value.split(",")]
        exact = name == "access-control-allow-methods"
        folded = [member if exact else member.lower() for member in members]
        assert len(set(folded)) == len(folded), f"{name} repeats itself: {value}"
        assert all(folded), f"{name} has an empty member: {value}"
        meaning[name] = frozenset(folded) | (LISTS[name] if preflight else frozenset())
    return simplified(meaning)


def simplified(fields: Mapping[str, str | frozenset[str]]) -> dict[str, str | frozenset[str]]:
    """Leave out what `*` says already, which without credentials is everything but Authorization."""
    if "access-control-allow-credentials" in fields:
        return dict(fields)
    return {
        name: value & {"*", "authorization"} if isinstance(value, frozenset) and "*" in value else value
        for name, value in fields.items()
    }

"""Origins and origin patterns against the slow twin of tests/cors.

An input is lines: entries of a rule first, the origin last. An entry is `*`, `null`, an origin, one with a `*`, or
`~` and a number for one of a few expressions (their dialects differ, and that is not asked here). What a
configuration may not say is left out: the matcher takes checked entries only.
"""

from corsproxy.cors.origin import is_list, parse_origin
from corsproxy.cors.pattern import OriginMatcher, wildcard_faults
from corsproxy.cors.rule import Origins
from corsproxy.cors.spelling import origin_faults
from tests.cors import oracle

__all__ = ["origins"]

_EXPRESSIONS = (r"https://pr-[0-9]+\.example\.com", "http.*", "https://(a|b)*", "[^x]{3,12}", "")


def origins(data: bytes) -> None:
    """Match the last line of `data` against the lines before it."""
    *patterns, origin = data.split(b"\n")
    text = origin.decode("latin-1")
    parsed = parse_origin(origin)
    assert (parsed is not None) == oracle.is_well_formed(text)
    if parsed is not None:
        scheme, host, port = parsed
        assert origin == scheme + b"://" + host + (b":" + port if port else b"")
        assert not is_list(origin)
    assert is_list(origin) == oracle.is_list(text)
    allowed = _origins([pattern.decode("latin-1") for pattern in patterns[:4]])
    if len(origin) > 320 or (allowed.any and is_list(origin)):
        # Longer than any host name can be, or several in one: refused before rules are asked.
        return
    assert OriginMatcher(allowed).allows(origin) == oracle.origin_matches(allowed, text)


def _origins(entries: list[str]) -> Origins:
    plain = [entry for entry in entries if entry[:1] != "~" and entry not in ("*", "null")]
    numbers = [int(entry[1:2]) for entry in entries if entry[:1] == "~" and entry[1:2] in tuple("01234")]
    return Origins(
        any="*" in entries and len(entries) == 1,
        null="null" in entries,
        exact=tuple(entry for entry in plain if "*" not in entry and not origin_faults(entry)),
        wildcards=tuple(entry for entry in plain if "*" in entry and not wildcard_faults(entry)),
        regexes=tuple(_EXPRESSIONS[number] for number in numbers),
    )

"""Which origins a rule allows: exact ones, ones with a `*`, ones that a regular expression matches.

    https://*.example.com             one or more whole labels in front; never the bare domain
    https://app-*-team.vercel.app     a `*` stays inside its label and takes at least one character
    http://localhost:*                any port, or none

Laws: the whole origin is matched, byte for byte, and only if a browser could have sent it; two
patterns never combine. Stricter: a `*` takes only a-z 0-9 _ -, although browsers send other characters
in host names, and nothing longer than a host name can be is matched. Spelling is judged in `spelling`.
"""

import re
from collections.abc import Callable, Sequence

from corsproxy.cors.origin import Origin, is_list, parse_origin
from corsproxy.cors.rule import Origins
from corsproxy.cors.spelling import canonical_origin, origin_faults
from corsproxy.cors.trie import NEVER, SegmentTrie

__all__ = ["OriginMatcher", "wildcard_faults"]

_PORT = re.compile(rb":(\*|[0-9]+)\Z")
_LONGEST = 320  # a scheme, a host name of 253 characters and a port
_PLAIN_HOST = b"abcdefghijklmnopqrstuvwxyz0123456789_-."


class OriginMatcher:
    """All origins that one rule allows. `exact` answers for most; `others` for the rest, None if none."""

    __slots__ = ("exact", "others")

    def __init__(self, origins: Origins) -> None:
        null = (b"null",) if origins.null else ()
        self.exact = frozenset((*(text.encode("ascii") for text in origins.exact), *null))
        self.others: Callable[[bytes], bool] | None = None
        if origins.any:
            self.others = _is_one
        elif origins.wildcards or origins.regexes:
            self.others = _Patterns(origins.wildcards, origins.regexes).allows

    def allows(self, origin: bytes) -> bool:
        """Tell whether the rule allows this origin, given as it was sent."""
        return origin in self.exact or (self.others is not None and self.others(origin))


def _is_one(origin: bytes) -> bool:
    """`*` is everybody, whatever they call themselves; but several in one value is never forwarded."""
    return not is_list(origin)


class _Patterns:
    __slots__ = ("_expression", "_wildcards")

    def __init__(self, wildcards: Sequence[str], regexes: Sequence[str]) -> None:
        self._wildcards = SegmentTrie(least=1)
        for number, text in enumerate(wildcards):
            for segments in _segments(text):
                self._wildcards.insert(segments, number)
        self._expression = _any_of(regexes) if regexes else None

    def allows(self, origin: bytes) -> bool:
        if len(origin) > _LONGEST:
            return False
        parsed = parse_origin(origin)
        if parsed is None:
            return False
        return self._is_under_wildcard(parsed) or (self._expression is not None and self._expression(origin))

    def _is_under_wildcard(self, origin: Origin) -> bool:
        if origin.host.startswith(b"["):
            labels = [origin.host]
        elif origin.host.translate(None, _PLAIN_HOST):
            return False
        else:
            labels = origin.host.split(b".")
            labels.reverse()
        return b"" not in labels and self._wildcards.first((origin.scheme, origin.port, *labels)) != NEVER


def _segments(text: str) -> list[list[bytes]]:
    """Turn an origin with `*` into what the trie takes: scheme, port, then the labels from the right."""
    faults = wildcard_faults(text)
    if faults:
        raise ValueError(f"{text}: an origin {faults[0]}")
    scheme, _, rest = text.encode("ascii").partition(b"://")
    written = _PORT.search(rest)
    host, port = (rest[: written.start()], written[1]) if written else (rest, b"")
    labels = [host] if host.startswith(b"[") else host.split(b".")
    labels.reverse()
    if labels[-1] == b"*":
        labels.append(b"**")  # `*.` in front is one label, and any number more
    ports = (b"", b"*") if port == b"*" else (port,)
    return [[scheme, port, *labels] for port in ports]


def _any_of(regexes: Sequence[str]) -> Callable[[bytes], bool]:
    import re2  # noqa: PLC0415 -- weighs megabytes, and few rules have an expression

    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    both = b"|".join(b"(?:%b)" % regex.encode() for regex in regexes)
    try:
        expression = re2.compile(both, options)
    except re2.error as error:
        raise ValueError(f"not an expression that RE2 takes: {error}") from error
    return lambda origin: expression.fullmatch(origin) is not None


def wildcard_faults(text: str) -> tuple[str, ...]:
    """Name what is wrong with an origin with `*` in it, spelling included; phrases as in `spelling`."""
    faults = list(origin_faults(text, wildcards=True))
    meant = canonical_origin(text, wildcards=True) or ""
    host = meant.partition("://")[2].partition(":")[0]
    if "**" in text:
        faults.append("has no ** in it; *.example.com takes any number of labels already")
    elif host.rpartition(".")[2] == "*":
        faults.append("does not end its host in *; anybody can register a name there")
    return tuple(faults)

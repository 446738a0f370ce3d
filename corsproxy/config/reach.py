"""Rules that can never decide, because earlier ones take all their paths and hosts.

Laws: proved, not guessed. A pattern is asked about as if it were a path: what its `*` and `**` stand
for is a mark that no pattern spells, so whoever takes the mark takes anything; and `**` is tried at
every length that an earlier pattern could tell apart.
"""

import itertools
from collections.abc import Iterator, Sequence

from corsproxy.cors.path import path_faults, segments_of
from corsproxy.cors.rule import Rule
from corsproxy.cors.trie import NEVER, SegmentTrie

__all__ = ["Shadow", "shadows"]

_MARK = b"\x01"
_MOST_TRIALS = 512

Shadow = tuple[int, tuple[int, ...]]  # a rule's position, and those of the rules that take everything of it


def shadows(rules: Sequence[Rule]) -> Iterator[Shadow]:
    """Yield every rule that is taken whole by earlier ones."""
    everywhere = SegmentTrie(least=0)
    by_host: dict[str, SegmentTrie] = {}
    for position, rule in enumerate(rules):
        patterns = [segments_of(path) for path in rule.paths if not path_faults(path)]
        tries = [everywhere, *([by_host[rule.host]] if rule.host in by_host else [])]
        takers = [_taker(tries, trial) for pattern in patterns for trial in _trials(pattern, tries)]
        if takers and None not in takers:
            yield position, tuple(sorted({taker for taker in takers if taker is not None}))
        home = everywhere if rule.host is None else by_host.setdefault(rule.host, SegmentTrie(least=0))
        for pattern in patterns:
            home.insert(pattern, position)


def _taker(tries: Sequence[SegmentTrie], trial: Sequence[bytes] | None) -> int | None:
    first = NEVER if trial is None else min(trie.first(trial) for trie in tries)
    return None if first == NEVER else first


def _trials(pattern: Sequence[bytes], tries: Sequence[SegmentTrie]) -> Iterator[Sequence[bytes] | None]:
    """Yield paths that stand for all paths of a pattern; None where they would be too many to try."""
    marked = [segment if segment == b"**" else segment.replace(b"*", _MARK) for segment in pattern]
    lengths = range(max(trie.depth for trie in tries) + 2)
    deep = marked.count(b"**")
    if len(lengths) ** deep > _MOST_TRIALS:
        yield None
        return
    for counts in itertools.product(lengths, repeat=deep):
        remaining = iter(counts)
        trial = [
            part
            for segment in marked
            for part in ([_MARK] * next(remaining) if segment == b"**" else [segment])
        ]
        if trial:  # every path has a first slash, and so a segment behind it
            yield trial

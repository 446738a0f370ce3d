"""Which rule decides: the first, in the order of the file, whose path and host match.

Laws: no rule is tried on its own, however many there are. A path gets a rule only where every way of
reading it leads to the same one. Host names compare without case, port and final dot.
"""

from collections.abc import Sequence

from corsproxy.cors.path import decode, is_ambiguous, may_surprise, merge_slashes, segments_of
from corsproxy.cors.rule import Rule
from corsproxy.cors.trie import NEVER, SegmentTrie

__all__ = ["AMBIGUOUS", "NO_RULE", "RuleIndex"]

NO_RULE = -1
AMBIGUOUS = -2
# Stricter: with an inner `**` each segment costs a step, and no real path has this many.
_MOST_SEGMENTS = 64


class RuleIndex:
    """Rules by path and host; `find` returns a place in `rules`, NO_RULE or AMBIGUOUS."""

    __slots__ = ("_by_host", "_everywhere", "_is_deep", "takes_everything")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._everywhere = SegmentTrie(least=0)
        self._by_host: dict[bytes, SegmentTrie] = {}
        for order, rule in enumerate(rules):
            trie = self._trie_of(rule)
            for pattern in rule.paths:
                trie.insert(segments_of(pattern), order)
        self._is_deep = any(trie.is_deep for trie in (self._everywhere, *self._by_host.values()))
        # The first rule takes every path that is not ambiguous: nothing has to be looked up.
        self.takes_everything = bool(rules) and rules[0].host is None and "/**" in rules[0].paths

    def _trie_of(self, rule: Rule) -> SegmentTrie:
        if rule.host is None:
            return self._everywhere
        return self._by_host.setdefault(host_name(rule.host.encode("ascii")), SegmentTrie(least=0))

    def find(self, path: bytes, host: bytes) -> int:
        """Find the rule of a path as sent, still percent-encoded.

        Stricter: waitress drops slashes that lead and Werkzeug those inside, gunicorn neither. So a
        path with empty segments is ambiguous unless it has the same rule without them.
        """
        if may_surprise(path):
            path = decode(path)
            if is_ambiguous(path):
                return AMBIGUOUS
        found = self._find(path, host)
        merged = merge_slashes(path)
        return found if merged is path or self._find(merged, host) == found else AMBIGUOUS

    def _find(self, path: bytes, host: bytes) -> int:
        if self._is_deep and path.count(b"/") > _MOST_SEGMENTS:
            return AMBIGUOUS
        best = _first(self._everywhere, path)
        if self._by_host:
            trie = self._by_host.get(host_name(host))
            if trie is not None:
                best = min(best, _first(trie, path))
        return best if best != NEVER else NO_RULE


def host_name(authority: bytes) -> bytes:
    """Return the host of `host[:port]`, in lower case, without the dot that may end a full name."""
    name, colon, port = authority.rpartition(b":")
    is_port = bool(colon) and not port.strip(b"0123456789")
    return (name if is_port else authority).lower().removesuffix(b".")


def _first(trie: SegmentTrie, path: bytes) -> int:
    if not path.startswith(b"/"):  # the `*` of OPTIONS
        return NEVER
    # Beyond its depth the trie does not look, however many slashes a client sends.
    segments = path[1:].split(b"/") if trie.is_deep else path[1:].split(b"/", trie.depth)
    return trie.first(segments)

"""A set of segment patterns that says which of them is first, without trying them one by one.

A pattern is a sequence of segments: literal; with `*`, which stands for bytes inside that segment;
or `**`, which stands for any number of whole segments, none included.

Laws: the answer is the least order among the patterns that match all segments. Work grows with the
segments asked about and with what the patterns share, never with how many patterns there are; no
step backtracks, so no client can choose a dear question. Paths and host names both live on this.
"""

from collections.abc import Iterator, Sequence

__all__ = ["NEVER", "SegmentTrie"]

NEVER = 1 << 62
DEEP = b"**"


class SegmentTrie:
    """Patterns with an order. `least` is how many bytes a `*` inside a segment takes at least."""

    __slots__ = ("_least", "_root", "depth", "is_deep", "is_plain")

    def __init__(self, least: int) -> None:
        self._least = least
        self._root = _Node()
        self.depth = 0  # no pattern without an inner `**` looks at more segments than this
        self.is_deep = False  # some `**` has segments behind it
        self.is_plain = True  # literals and last `**` only

    def insert(self, pattern: Sequence[bytes], order: int) -> None:
        """Add one pattern; the lower order wins where two match."""
        node = self._root
        for number, segment in enumerate(pattern):
            if segment != DEEP:
                node = node.step(segment)
            elif all(later == DEEP for later in pattern[number:]):
                node.rest = min(node.rest, order)
                break
            elif not node.loops:
                node = node.descend()
                self.is_deep = True
            self.is_plain = self.is_plain and b"*" not in segment
        else:
            node.ends = min(node.ends, order)
        self.depth = max(self.depth, len(pattern))

    def first(self, segments: Sequence[bytes]) -> int:
        """Return the least order of the patterns that match all `segments`, or NEVER."""
        return self._first_plain(segments) if self.is_plain else self._first(segments)

    def _first_plain(self, segments: Sequence[bytes]) -> int:
        node = self._root
        best = node.rest
        for segment in segments:
            child = node.literals.get(segment)
            if child is None:
                return best
            node = child
            if node.rest < best:  # noqa: PLR1730 -- min() costs as much as the rest of the step
                best = node.rest
        return min(best, node.ends)

    def _first(self, segments: Sequence[bytes]) -> int:
        least, is_deep = self._least, self.is_deep
        best = NEVER
        active = [self._root]
        for segment in segments:
            if is_deep:
                active = _with_deep(active)
            following: list[_Node] = []
            for node in active:
                if node.rest < best:  # noqa: PLR1730 -- as above
                    best = node.rest
                child = node.literals.get(segment)
                if child is not None:
                    following.append(child)
                if node.whole is not None and len(segment) >= least:
                    following.append(node.whole)
                if node.globs is not None:
                    following.extend(node.globs.matching(segment, least))
                if node.loops:
                    following.append(node)
            if not following:
                return best
            active = following
        for node in active:
            best = min(best, node.rest, node.ends)
        return best


def _with_deep(active: "list[_Node]") -> "list[_Node]":
    """Add the nodes behind a `**`, which may stand for nothing; by two ways one is in one place, not in two."""
    return list(dict.fromkeys([*active, *(node.deep for node in active if node.deep is not None)]))


class _Node:
    """One place between two segments. `ends`: patterns over here; `rest`: those with a last `**` here."""

    __slots__ = ("deep", "ends", "globs", "literals", "loops", "rest", "whole")

    def __init__(self, *, loops: bool = False) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.whole: _Node | None = None  # behind a segment that is `*`
        self.globs: _Globs | None = None
        self.deep: _Node | None = None  # behind a `**`
        self.loops = loops
        self.ends = NEVER
        self.rest = NEVER

    def step(self, segment: bytes) -> "_Node":
        if b"*" not in segment:
            return self.literals.setdefault(segment, _Node())
        if segment == b"*":
            self.whole = self.whole or _Node()
            return self.whole
        self.globs = self.globs or _Globs()
        return self.globs.child(segment)

    def descend(self) -> "_Node":
        self.deep = self.deep or _Node(loops=True)
        return self.deep


class _Globs:
    """The children behind segments with `*`, found by what stands before the first and after the last."""

    __slots__ = ("_by_shape",)

    def __init__(self) -> None:
        # {(length of prefix, of suffix): {(prefix, suffix): {pieces between: child}}}
        self._by_shape: dict[tuple[int, int], dict[tuple[bytes, bytes], dict[tuple[bytes, ...], _Node]]] = {}

    def child(self, glob: bytes) -> _Node:
        prefix, *pieces, suffix = glob.split(b"*")
        ends = self._by_shape.setdefault((len(prefix), len(suffix)), {})
        return ends.setdefault((prefix, suffix), {}).setdefault(tuple(pieces), _Node())

    def matching(self, segment: bytes, least: int) -> Iterator[_Node]:
        size = len(segment)
        for (before, after), ends in self._by_shape.items():
            if size < before + after + least:
                continue
            for pieces, child in ends.get((segment[:before], segment[size - after :]), {}).items():
                if _fits(segment, before, size - after, pieces, least):
                    yield child


def _fits(segment: bytes, start: int, end: int, pieces: tuple[bytes, ...], least: int) -> bool:
    """Find each piece as early as it can stand: if that fails, no other choice would do."""
    for piece in pieces:
        found = segment.find(piece, start + least, end - least)
        if found < 0:
            return False
        start = found + len(piece)
    return end - start >= least

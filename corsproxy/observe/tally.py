"""Tallies: how often the same thing was asked and decided alike, in a bounded space.

Laws: a tally's key is all that a decision depends on but path and host, of which a few samples are kept.
A full Room keeps what was counted most. A newcomer first has a place among the newest, so that something that
begins now is seen; when its turn is over it stays only if it was counted more often than the least of those who
stay. So a flood of origins that come once goes through the newcomers' places and pushes nobody out, and what
a flood costs is the same for each: no scan, but for one that has earned a place.
"""

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from corsproxy.cors.comparison import Comparison
from corsproxy.cors.policy import Decision
from corsproxy.proxy.record import Record

__all__ = ["About", "Room", "Sample", "Tally", "about_of"]

MOST_CLIENTS = 16
MOST_SAMPLES = 8
LONGEST_ORIGIN = 255
LONGEST_METHOD = 32
LONGEST_HEADERS = 512
LONGEST_PATH = 255
LONGEST_HOST = 127
CUT = b"..."

LOOKED_AT = 32  # so many of a kind are looked at closely, and then one in sixty-four
SELDOM = 63


class About(NamedTuple):
    """What a tally counts: all that the decision depends on, but path and host."""

    decision: Decision
    other: Comparison | None  # what the candidate says, in a tally of differences
    origin: bytes | None
    method: bytes
    request_method: bytes | None = None
    request_headers: bytes | None = None


class Sample(NamedTuple):
    """One address that was asked for; `by_browser`: the browser itself had called it same-origin."""

    host: bytes
    path: bytes
    by_browser: bool


class Tally:
    """How often, since when, by whom and where. Times are Unix time in seconds.

    Whoever counts up has it `look` whenever `count & mask` comes to nothing.
    """

    __slots__ = ("about", "clients", "count", "first", "is_capped", "last", "mask", "samples")

    def __init__(self, about: About, first: float) -> None:
        self.about = about
        self.count = 0
        self.mask = 0
        self.first = first
        self.last = first
        self.clients: tuple[int, ...] = ()  # checksums of addresses: they are counted, never shown
        self.is_capped = False
        self.samples: tuple[Sample, ...] = ()

    def look(self, record: Record) -> None:
        """Note who asked and for what, within bounds."""
        if self.count >= LOOKED_AT:
            self.mask = SELDOM
        client = crc32(record.client.encode())
        if client not in self.clients:
            if len(self.clients) < MOST_CLIENTS:
                self.clients += (client,)
            else:
                self.is_capped = True
        is_whole = len(record.path) <= LONGEST_PATH and len(record.host) <= LONGEST_HOST
        if is_whole and len(self.samples) < MOST_SAMPLES:
            sample = Sample(record.host, record.path, record.sec_fetch_site == b"same-origin")
            if sample not in self.samples:
                self.samples += (sample,)


def about_of(record: Record, decision: Decision, other: Comparison | None = None) -> About:
    """Say what is tallied of a request, with everything that a stranger sent cut to size."""
    return About(
        decision,
        other,
        _cut(record.origin, LONGEST_ORIGIN),
        _cut(record.method, LONGEST_METHOD) or b"",
        _cut(record.request_method, LONGEST_METHOD),
        _cut(record.request_headers, LONGEST_HEADERS),
    )


def _cut(value: bytes | None, most: int) -> bytes | None:
    return value if value is None or len(value) <= most else value[: most - len(CUT)] + CUT


class Room:
    """Tallies by what they are about, of `size` places; a quarter of the places are the newcomers'."""

    def __init__(self, size: int) -> None:
        self._window = max(size // 4, 1)
        self._stay = size - self._window
        self._newcomers: dict[About, Tally] = {}  # the longest there first
        self._settled: dict[About, Tally] = {}
        self._least = 0  # no settled one was counted less often

    def __iter__(self) -> Iterator[Tally]:
        yield from self._settled.values()
        yield from self._newcomers.values()

    def get(self, about: About) -> Tally | None:
        """Find a tally."""
        return self._newcomers.get(about) or self._settled.get(about)

    def admit(self, tally: Tally) -> Tally | None:
        """Give a newcomer a place; return who has lost his for it, if anybody."""
        newcomers = self._newcomers
        newcomers[tally.about] = tally
        if len(newcomers) <= self._window:
            return None
        return self._settle(newcomers.pop(next(iter(newcomers))))

    def _settle(self, tally: Tally) -> Tally | None:
        settled = self._settled
        if len(settled) < self._stay:
            settled[tally.about] = tally
            return None
        if tally.count <= self._least:
            return tally
        weakest = min(settled.values(), key=lambda one: (one.count, one.last))
        self._least = weakest.count
        if tally.count <= self._least:
            return tally
        del settled[weakest.about]
        settled[tally.about] = tally
        return weakest

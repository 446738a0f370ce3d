"""A Room: who keeps a place, for any order of arrivals, and what a tally looks at."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from corsproxy.observe.tally import LONGEST_ORIGIN, MOST_CLIENTS, MOST_SAMPLES, Room, Sample, Tally, about_of
from corsproxy.proxy.record import Record
from tests.observe.conftest import EVIL, Head, exchange, unhurried

REFUSED = exchange(Head(origin=EVIL))


def record(origin: bytes = EVIL, **changes: object) -> Record:
    return REFUSED._replace(origin=origin, **changes)  # type: ignore[arg-type]


def tally(one: Record) -> Tally:
    assert one.decision is not None
    return Tally(about_of(one, one.decision), one.started)


class Crowd:
    """A Room, and all that came."""

    def __init__(self, size: int) -> None:
        self.room = Room(size)
        self.came: Counter[bytes] = Counter()
        self.forgotten = 0

    def come(self, name: int) -> None:
        one = tally(record(b"https://x%d.example" % name))
        self.came[one.about.origin or b""] += 1
        known = self.room.get(one.about)
        if known is None:
            known = one
            gone = self.room.admit(one)
            if gone is not None:
                self.forgotten += gone.count
        known.count += 1

    def kept(self) -> dict[bytes, int]:
        return {one.about.origin or b"": one.count for one in self.room}


@unhurried
@given(names=st.lists(st.integers(0, 30), max_size=300), size=st.integers(2, 12))
def test_whatever_comes(names: list[int], size: int) -> None:
    crowd = Crowd(size)
    for name in names:
        crowd.come(name)
    kept = crowd.kept()
    assert len(kept) == min(size, len(crowd.came))
    assert sum(kept.values()) + crowd.forgotten == len(names)
    assert all(count <= crowd.came[name] for name, count in kept.items())
    # The last that came is there: it is the newest of the newcomers.
    assert not names or b"https://x%d.example" % names[-1] in kept


@unhurried
@given(names=st.lists(st.integers(100, 100_000), max_size=300))
def test_who_settled_is_pushed_out_by_nobody_who_came_less_often(names: list[int]) -> None:
    crowd = Crowd(8)
    for name in range(6):
        for _ in range(2 + name):
            crowd.come(name)
    for name in range(10, 20):  # the first have left the newcomers' places
        crowd.come(name)
    once = list(dict.fromkeys(names))
    for name in once:
        crowd.come(name)
    kept = crowd.kept()
    assert {b"https://x%d.example" % name: 2 + name for name in range(6)}.items() <= kept.items()


def test_who_came_more_often_takes_the_place_of_the_weakest() -> None:
    crowd = Crowd(8)
    for name in range(8):
        crowd.come(name)
    for _ in range(3):
        crowd.come(100)
    for name in range(200, 203):
        crowd.come(name)
    assert crowd.kept()[b"https://x100.example"] == 3
    assert b"https://x0.example" not in crowd.kept()


def test_clients_and_samples_are_bounded() -> None:
    one = tally(REFUSED)
    for number in range(40):
        one.look(record(client=f"192.0.2.{number}", path=b"/%d" % number))
    assert (len(one.clients), one.is_capped) == (MOST_CLIENTS, True)
    assert len(one.samples) == MOST_SAMPLES
    assert one.samples[0] == Sample(b"api.example.com", b"/0", False)


def test_the_same_is_noted_once() -> None:
    one = tally(REFUSED)
    for _ in range(3):
        one.look(REFUSED)
    one.look(record(path=b"/" + b"x" * 5000))
    one.look(record(host=b"x" * 500))
    assert (len(one.clients), one.is_capped, len(one.samples)) == (1, False, 1)


def test_looks_become_seldom() -> None:
    one = tally(REFUSED)
    looks = 0
    for _ in range(1000):
        one.count += 1
        if not one.count & one.mask:
            one.look(REFUSED)
            looks += 1
    assert looks == 32 + 1000 // 64


def test_what_is_too_long_is_cut_alike() -> None:
    long = b"https://" + b"x" * 5000
    one, two = tally(record(long)), tally(record(long + b"y"))
    assert one.about == two.about
    assert one.about.origin == long[: LONGEST_ORIGIN - 3] + b"..."
    head = replace(Head(), origin=long)
    assert about_of(exchange(head), REFUSED.decision).method == b"GET"  # type: ignore[arg-type]

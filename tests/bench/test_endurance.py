"""The verdict of a soak: by what never goes away, and by the slope of memory."""

from dataclasses import replace

import pytest

from bench import endurance
from bench.endurance import CLIMB, Rest, Soak, faults, slope

MIB = 1 << 20
RESTS = [Rest(60.0 * n, 50 * MIB, 15, 2, 0) for n in range(9)]


def soak(rests: list[Rest], **met: int) -> Soak:
    return Soak(1, rests, {"200": 10, **met})


def test_nothing_leaks() -> None:
    assert faults(soak(RESTS, left=3, cut=2)) == []


def test_a_slope_is_that_of_the_rests_once_warm() -> None:
    rests = [replace(each, resident=(40 if n < 4 else 50) * MIB) for n, each in enumerate(RESTS)]
    assert slope(rests) == 0.0
    climbing = [replace(each, resident=int((50 + 0.75 * n) * MIB)) for n, each in enumerate(RESTS)]
    assert slope(climbing) == pytest.approx(0.75)


def test_a_short_soak_says_nothing_of_memory() -> None:
    short = soak([replace(each, resident=(50 + 9 * n) * MIB) for n, each in enumerate(RESTS[:8])])
    assert slope(short.rests) is None
    assert faults(short) == []
    row = endurance.table([short]).rows[0]
    assert (row[7], row[-1]) == ("", "nothing is left open; too short to tell of memory")


def test_what_is_left_is_told() -> None:
    later = [replace(each, descriptors=17, tasks=3, connections=1) for each in RESTS[5:]]
    assert faults(soak(RESTS[:5] + later)) == [
        "2 descriptors more than at the first rests",
        "1 tasks more than at the first rests",
        "1 connections more than at the first rests",
    ]
    passing = [replace(RESTS[8], tasks=9)]
    assert faults(soak(RESTS[:8] + passing)) == []


def test_memory_that_climbs_is_told_for_each_worker() -> None:
    climbing = [replace(each, resident=int((50 + 1.5 * CLIMB * n) * MIB)) for n, each in enumerate(RESTS)]
    assert faults(soak(climbing)) == ["memory climbs by 0.75 MiB a minute"]
    assert faults(replace(soak(climbing), workers=2)) == []


def test_what_clients_should_not_have_met_is_told() -> None:
    assert faults(soak(RESTS, silence=2)) == ["clients met silence: 2"]
    assert faults(replace(soak(RESTS), lost="it ended: boom")) == ["it ended: boom"]
    assert faults(soak([])) == ["it never came to rest"]


def test_the_table() -> None:
    table = endurance.table([soak(RESTS), Soak(2, [], lost="it ended: boom")])
    assert all(len(row) == len(table.header) for row in table.rows)
    assert table.rows[0][0] == "one worker"
    assert (table.rows[0][-1], table.rows[1][-1]) == ("nothing leaks", "it ended: boom")

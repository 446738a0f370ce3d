"""Cores and their books."""

import pytest

from bench.machine import Cores, facts, parse_core_busy

_STAT = """\
cpu  200 2 40 1000 9 1 7 3 0 0
cpu0 100 1 20 500 4 1 5 2 0 0
cpu1 100 1 20 500 5 0 2 1 0 0
cpu10 1 1 1 1 1 1 1 1 0 0
intr 1
"""


@pytest.mark.parametrize(("core", "busy"), [(0, 129), (1, 124), (10, 6)])
def test_busy_is_everything_but_idle_and_waiting(core: int, busy: int) -> None:
    assert parse_core_busy(_STAT, core) == busy


def test_an_unknown_core_is_named() -> None:
    with pytest.raises(LookupError, match="no core 2"):
        parse_core_busy(_STAT, 2)


@pytest.mark.parametrize(
    ("usable", "cores"),
    [
        ({3}, Cores(proxy=3, backend=3, load=3)),
        ({0, 1}, Cores(proxy=1, backend=0, load=0)),
        ({0, 2, 5, 7}, Cores(proxy=7, backend=0, load=2)),
    ],
)
def test_the_proxy_has_the_last_core_for_itself(
    usable: set[int], cores: Cores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: usable)
    assert Cores.of_this_machine() == cores


@pytest.mark.parametrize(
    ("cores", "sentence"),
    [
        (Cores(0, 0, 0), "ONE core for everything (0): requests a second and p99 mean little"),
        (Cores(1, 0, 0), "proxy alone on core 1; backend and load share core 0"),
        (Cores(3, 0, 1), "proxy alone on core 3; backend on core 0; load on core 1"),
    ],
)
def test_the_arrangement_is_said(cores: Cores, sentence: str) -> None:
    assert str(cores) == sentence


def test_facts_do_not_name_the_machine() -> None:
    assert facts().keys() == {"cpu", "cores", "kernel", "python", "load_average"}

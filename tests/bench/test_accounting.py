"""CPU time and memory, read from the kernel's books."""

import os
import subprocess
import sys

import pytest

from bench import accounting
from bench.accounting import cpu_spent, parse_parent, parse_rollup

_ROLLUP = """\
00400000-7ffd5b5f3000 ---p 00000000 00:00 0                              [rollup]
Rss:               14796 kB
Pss:                6031 kB
Pss_Dirty:          2912 kB
Shared_Clean:       8000 kB
"""


@pytest.mark.parametrize(
    ("stat", "parent"),
    [
        ("412 (nginx) S 411 412 412 0 -1 4194624 100", 411),
        ("9 (a (b) c) R) R 7 9 9 0 -1 0", 7),
    ],
)
def test_the_parent_is_found_behind_any_name(stat: str, parent: int) -> None:
    assert parse_parent(stat) == parent


def test_rss_and_pss_are_bytes() -> None:
    assert parse_rollup(_ROLLUP) == (14796 * 1024, 6031 * 1024)


def test_a_process_that_began_meanwhile_counts_whole() -> None:
    assert cpu_spent({1: 2.0, 2: 5.0}, {1: 2.5, 2: 5.0, 3: 0.25}) == 0.75


def test_a_process_that_ended_meanwhile_spoils_the_reading() -> None:
    with pytest.raises(ProcessLookupError, match=r"process \[2\]"):
        cpu_spent({1: 2.0, 2: 5.0}, {1: 2.5})


def test_a_real_tree_is_read_whole() -> None:
    program = (
        "import subprocess, sys; sum(range(300_000));"
        "child = subprocess.Popen([sys.executable, '-c', 'print(flush=True); input()'], stdin=subprocess.PIPE);"
        "input(); child.communicate(b'')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()  # the grandchild runs
        pids = accounting.tree(parent.pid)
        clocks = accounting.cpu_seconds(pids)
        memory = accounting.memory(parent.pid)
        parent.stdin.write(b"\n")
    assert pids[0] == parent.pid
    assert len(pids) == memory.processes == 2
    assert clocks.keys() == set(pids)
    assert min(clocks.values()) > 0
    assert memory.rss >= memory.pss > 1 << 20
    assert accounting.start_time(parent.pid) is None
    assert accounting.start_time(os.getpid()) is not None

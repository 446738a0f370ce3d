"""What `workers: auto` comes to, by the files that kernels and container runtimes show."""

import os
from pathlib import Path

import pytest

from corsproxy.config.processors import quota, usable

V2, V1 = "sys/fs/cgroup/cpu.max", "sys/fs/cgroup/cpu,cpuacct"
OWN = "proc/self/cgroup"

QUOTAS = {
    "none of it": ({}, 0),
    "v2, no bound": ({OWN: "0::/\n", V2: "max 100000\n"}, 0),
    "v2, two": ({OWN: "0::/\n", V2: "200000 100000\n"}, 2),
    "v2, one and a half are two": ({OWN: "0::/\n", V2: "150000 100000\n"}, 2),
    "v2, a tenth is one": ({OWN: "0::/\n", V2: "10000 100000\n"}, 1),
    "v2, of a group": ({OWN: "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "300000 100000\n"}, 3),
    "v2, the group above is tighter": (
        {
            OWN: "0::/a/b\n",
            "sys/fs/cgroup/a/b/cpu.max": "800000 100000\n",
            "sys/fs/cgroup/a/cpu.max": "400000 100000\n",
        },
        4,
    ),
    "v2, a path of the host's": ({OWN: "0::/kubepods/x\n", V2: "100000 100000\n"}, 1),
    "v2, nonsense": ({OWN: "0::/\n", V2: "many\n"}, 0),
    "v2, a period of nothing": ({OWN: "0::/\n", V2: "100000 0\n"}, 0),
    "v1, no bound": (
        {
            OWN: "4:cpu,cpuacct:/\n",
            f"{V1}/cpu.cfs_quota_us": "-1\n",
            f"{V1}/cpu.cfs_period_us": "100000\n",
        },
        0,
    ),
    "v1, two": (
        {
            OWN: "12:memory:/x\n4:cpu,cpuacct:/docker/abc\n",
            f"{V1}/cpu.cfs_quota_us": "150000\n",
            f"{V1}/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "v1, by its short name": (
        {
            OWN: "4:cpu,cpuacct:/x\n",
            "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "v1 beside v2": (
        {
            OWN: "4:cpu:/\n0::/\n",
            V2: "500000 100000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "other controllers bound no time": ({OWN: "3:cpuset:/\n", "sys/fs/cgroup/cpuset/cpu.max": "1 1\n"}, 0),
    "not text": ({OWN: "\udcff"}, 0),
}


@pytest.mark.parametrize(("files", "expected"), QUOTAS.values(), ids=QUOTAS)
def test_quotas(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(errors="surrogateescape"))
    assert quota(tmp_path) == expected


@pytest.mark.parametrize(("allowed", "given", "expected"), [(8, 3, 3), (2, 16, 2), (4, 0, 4), (1, 1, 1)])
def test_the_tighter_of_affinity_and_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int, given: int, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)))
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / OWN).write_text("0::/\n")
    (tmp_path / V2).write_text(f"{given * 100_000 or 'max'} 100000\n")
    assert usable(tmp_path) == expected


def test_where_there_is_no_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable(tmp_path) == 1

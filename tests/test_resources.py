"""Cores and memory that a container leaves to a process."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.resources import cgroup_limits, memory_limit, usable_cores


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def test_version_2_limits_are_read(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/memory.max": "536870912\n",
            "sys/fs/cgroup/memory.current": "1048576\n",
        },
    )

    limits = cgroup_limits(root)

    assert limits.version == 2
    assert limits.cores == 1.5
    assert limits.memory == 536870912
    assert limits.memory_used == 1048576


def test_the_tightest_ancestor_counts(tmp_path: Path) -> None:
    base = "sys/fs/cgroup"
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/team/job\n",
            f"{base}/cgroup.controllers": "cpu memory\n",
            f"{base}/team/cpu.max": "200000 100000\n",
            f"{base}/team/memory.max": "1000000\n",
            f"{base}/team/job/cpu.max": "max 100000\n",
            f"{base}/team/job/memory.max": "9000000\n",
            f"{base}/team/job/memory.current": "7\n",
        },
    )

    limits = cgroup_limits(root)

    assert limits.cores == 2.0
    assert limits.memory == 1000000
    assert limits.memory_used == 7


def test_version_1_limits_are_read_through_joint_mounts(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/a\n3:memory:/docker/a\n1:cpuset:/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "4096\n",
        },
    )

    limits = cgroup_limits(root)

    assert limits.version == 1
    assert limits.cores == 0.5
    assert limits.memory == 268435456
    assert limits.memory_used == 4096


def test_version_1_without_limits_has_none(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "4:cpu:/\n3:memory:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )

    limits = cgroup_limits(root)

    assert limits.cores is None
    assert limits.memory is None


def test_a_machine_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert cgroup_limits(tmp_path).version == 0
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))
    assert memory_limit(tmp_path) == psutil.virtual_memory().total


def test_memory_limit_is_the_smaller_of_machine_and_group(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "memory\n",
            "sys/fs/cgroup/memory.max": "1048576\n",
        },
    )

    assert memory_limit(root) == 1048576


@pytest.mark.parametrize(("quota", "cores"), [("1000 100000", 1), ("100000 100000", 1)])
def test_a_small_quota_still_leaves_a_core(tmp_path: Path, quota: str, cores: int) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu\n",
            "sys/fs/cgroup/cpu.max": quota,
        },
    )

    assert usable_cores(root) == cores


@given(text=st.text(max_size=40))
def test_any_control_file_leaves_at_least_a_core(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    root = tmp_path_factory.mktemp("machine")
    files = ("cgroup.controllers", "cpu.max", "memory.max", "memory.current")
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_bytes(b"0::/../..\n")
    (root / "sys/fs/cgroup").mkdir(parents=True)
    for name in files:
        (root / "sys/fs/cgroup" / name).write_bytes(text.encode("utf-8", "surrogatepass"))

    assert usable_cores(root) >= 1
    assert memory_limit(root) >= 0

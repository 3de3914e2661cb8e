"""Control groups as machines have them: recorded trees, and this machine's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vtrain.resources import ControlGroups, cgroup_limits

GIB = 2**30
RECORDED: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "recorded/cgroups.json").read_text(encoding="utf-8")
)


def replayed(name: str, root: Path) -> Path:
    """A recorded machine under a folder."""
    for file, text in RECORDED[name].items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("name", "layout", "cores", "cores_group", "memory", "memory_group", "left"),
    [
        ("v2-pod", "v2", 1.5, "", 4 * GIB, "", 2 * GIB),
        # The slice above the session is throttled from memory.high on.
        (
            "v2-systemd-slice",
            "v2",
            4.0,
            "user.slice",
            7 * GIB,
            "user.slice/user-1000.slice",
            GIB,
        ),
        # The container's group is the root of its mount.
        ("v1-docker", "v1", 0.5, "cpu,cpuacct", GIB // 2, "memory", GIB // 2 - 3 * GIB // 16),
        # The CPU is controlled by version 2, memory by version 1.
        (
            "hybrid-with-limits-in-both",
            "hybrid",
            2.5,
            "unified/batch/job",
            2 * GIB,
            "memory/batch",
            GIB // 2,
        ),
    ],
)
def test_a_recorded_machine_is_read(
    *,
    tmp_path: Path,
    name: str,
    layout: str,
    cores: float,
    cores_group: str,
    memory: int,
    memory_group: str,
    left: int,
) -> None:
    limits = cgroup_limits(replayed(name, tmp_path))

    mount = tmp_path / "sys/fs/cgroup"
    assert limits.layout == layout
    assert (limits.cores, limits.cores_group) == (cores, str(mount / cores_group))
    assert (limits.memory, limits.memory_group) == (memory, str(mount / memory_group))
    assert limits.memory_left == left


@pytest.mark.parametrize(
    ("name", "layout"), [("hybrid-without-limits", "hybrid"), ("no-groups", "none")]
)
def test_a_machine_without_limits_has_none(tmp_path: Path, name: str, layout: str) -> None:
    limits = cgroup_limits(replayed(name, tmp_path))

    assert limits.layout == layout
    assert (limits.cores, limits.memory, limits.memory_left) == (None, None, None)
    assert (limits.cores_group, limits.memory_group) == ("", "")


def test_the_groups_of_a_mixture_are_followed_to_the_root(tmp_path: Path) -> None:
    root = replayed("hybrid-without-limits", tmp_path)

    groups = ControlGroups.of(root)

    memory = root / "sys/fs/cgroup/memory"
    assert groups.memory == (memory / "process_api/job", memory / "process_api", memory)
    assert (groups.cpu_version, groups.memory_version) == (1, 1)


def test_the_page_cache_that_can_go_is_not_counted(tmp_path: Path) -> None:
    assert cgroup_limits(replayed("v2-pod", tmp_path)).memory_used == 2 * GIB


def test_a_blank_in_a_mount_point_is_understood(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": r"9 1 0:1 / /my\040groups rw - cgroup2 cgroup2 rw" + "\n",
        "my groups/cpu.max": "100000 100000\n",
    }
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, encoding="ascii")

    assert cgroup_limits(tmp_path).cores == 1.0


def test_a_real_group_with_a_limit_is_read_for_the_process_in_it(limited_group: Path) -> None:
    program = (
        "import sys\n"
        "held = bytearray(64 * 2**20)\n"
        "held[::4096] = b'x' * len(held[::4096])\n"
        "print('full', flush=True)\n"
        "sys.stdin.read()\n"
    )
    script = f'echo $$ > "$1/cgroup.procs" && exec "{sys.executable}" -c "$2"'
    with subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", str(limited_group), program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"full\n"
        limits = ControlGroups.of(pid=child.pid).limits()
        child.communicate(b"")

    used: Any = limits.memory_used
    assert limits.memory == GIB // 4
    assert limits.memory_group == str(limited_group)
    assert limits.memory_left == GIB // 4 - used
    assert 64 * 2**20 <= used < 128 * 2**20

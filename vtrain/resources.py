"""What this process may use of the machine: cores and memory, containers included.

A container's share is smaller than the machine that `os.cpu_count` sees. Linux keeps the share in
control groups, version 2 (one tree) or version 1 (one tree per controller); a limit anywhere
between the process's own group and the root holds, so the smallest one counts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

N = TypeVar("N", int, float)

# Version 1 says "no limit" with the largest page-aligned number; no machine has half of it.
_UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """The limits of this process's control groups.

    Attributes:
        version: 2, 1, or 0 where there are no control groups.
        cores: CPU time per wall-clock time (cores, fractional); None without a limit.
        memory: Most memory before the kernel kills (bytes); None without a limit.
        memory_used: Memory that the group holds now (bytes); None where not told.
    """

    version: int
    cores: float | None
    memory: int | None
    memory_used: int | None


def cgroup_limits(root: Path = Path("/")) -> CgroupLimits:
    """Read the limits of this process's control groups.

    Args:
        root: Folder that holds `proc` and `sys`.

    Returns:
        The tightest limits from the process's group up to the root.
    """
    mount = root / "sys/fs/cgroup"
    groups = _groups(root / "proc/self/cgroup")
    if (mount / "cgroup.controllers").is_file():
        folders = list(_ancestors(mount, groups.get("", "/")))
        return CgroupLimits(
            version=2,
            cores=_smallest(_quota_v2(folder / "cpu.max") for folder in folders),
            memory=_smallest(_number(folder / "memory.max") for folder in folders),
            memory_used=_number(folders[0] / "memory.current"),
        )
    if not groups:
        return CgroupLimits(version=0, cores=None, memory=None, memory_used=None)
    cpu = list(_ancestors(_controller(mount, "cpu"), groups.get("cpu", "/")))
    memory = list(_ancestors(_controller(mount, "memory"), groups.get("memory", "/")))
    return CgroupLimits(
        version=1,
        cores=_smallest(_quota_v1(folder) for folder in cpu),
        memory=_smallest(_number(folder / "memory.limit_in_bytes") for folder in memory),
        memory_used=_number(memory[0] / "memory.usage_in_bytes"),
    )


def usable_cores(root: Path = Path("/")) -> int:
    """Count the cores this process can keep busy, at least 1.

    The smaller of the affinity mask and the control group's quota, a fractional quota rounded up:
    two processes on 1.5 cores get more done than one.

    Args:
        root: Folder that holds `proc` and `sys`.
    """
    # macOS has no affinity mask.
    mask = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = cgroup_limits(root).cores
    return max(1, min(mask or 1, math.ceil(quota) if quota is not None else mask or 1))


def memory_limit(root: Path = Path("/")) -> int:
    """Memory this process and its children may use together (bytes).

    Args:
        root: Folder that holds `proc` and `sys`.
    """
    total = int(psutil.virtual_memory().total)
    limit = cgroup_limits(root).memory
    return total if limit is None else min(total, limit)


def _groups(path: Path) -> dict[str, str]:
    """Map each controller to its group; the key of version 2's only tree is ""."""
    text = _text(path)
    groups: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), group))
    return groups


def _controller(mount: Path, name: str) -> Path:
    """Find the tree of one controller of version 1, which may be mounted with others."""
    for folder in sorted(mount.glob(f"*{name}*")):
        if name in folder.name.split(","):
            return folder
    return mount / name


def _ancestors(mount: Path, group: str) -> Iterator[Path]:
    """Yield the group's folder, then its parents up to the mount."""
    folder = mount / group.strip("/")
    # Inside a container the group is named as the host sees it, and the mount is the group.
    if ".." in folder.parts or not folder.is_dir():
        folder = mount
    while folder != mount:
        yield folder
        folder = folder.parent
    yield mount


def _quota_v2(path: Path) -> float | None:
    fields = _text(path).split()
    if len(fields) != 2 or not (fields[0].isdigit() and fields[1].isdigit()):
        return None
    return int(fields[0]) / int(fields[1]) if int(fields[1]) else None


def _quota_v1(folder: Path) -> float | None:
    # A quota of -1 means none, which _number does not take for a number.
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() and int(text) < _UNLIMITED else None


def _text(path: Path) -> str:
    """A control file's text, empty where this kernel or container does not show it."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _smallest(values: Iterable[N | None]) -> N | None:
    return min((value for value in values if value is not None), default=None)

"""The limits a run works under: cores, memory and disk, containers included."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from vtrain.resources import cgroup_limits, memory_limit, usable_cores


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine has, and what this process may use of it.

    Attributes:
        cores: Cores of the machine (count).
        usable_cores: Cores this process can keep busy (count).
        memory_total: Memory of the machine (bytes).
        memory_limit: Memory this process and its children may use (bytes).
        disk_free: Free space where the run is kept (bytes).
        cgroup: Version of the control groups, 0 where there are none.
    """

    cores: int
    usable_cores: int
    memory_total: int
    memory_limit: int
    disk_free: int
    cgroup: int

    @classmethod
    def of(cls, folder: Path) -> Limits:
        """Read the limits; `folder` is an existing folder on the disk that counts."""
        return cls(
            cores=os.cpu_count() or 1,
            usable_cores=usable_cores(),
            memory_total=int(psutil.virtual_memory().total),
            memory_limit=memory_limit(),
            disk_free=int(psutil.disk_usage(str(folder)).free),
            cgroup=cgroup_limits().version,
        )


def memory_left() -> int:
    """Memory that this process and its children can still take (bytes).

    The smaller of what the machine has available and what the control group has left. A group's
    use includes the page cache, which the kernel gives back, so this errs on the low side.
    """
    available = int(psutil.virtual_memory().available)
    limits = cgroup_limits()
    if limits.memory is None or limits.memory_used is None:
        return available
    return max(0, min(available, limits.memory - limits.memory_used))

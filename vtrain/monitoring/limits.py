"""The limits a run works under: cores, memory and disk, containers included."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from vtrain.resources import ControlGroups, Layout, cgroup_limits, memory_limit, usable_cores


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
        layout: How they are laid out.
        cores_group: Control group that limits the CPU most; empty without a limit.
        memory_group: Control group that limits memory most; empty without a limit.
    """

    cores: int
    usable_cores: int
    memory_total: int
    memory_limit: int
    disk_free: int
    cgroup: int
    layout: Layout
    cores_group: str
    memory_group: str

    @classmethod
    def of(cls, folder: Path) -> Limits:
        """Read the limits; `folder` is an existing folder on the disk that counts."""
        groups = cgroup_limits()
        return cls(
            cores=os.cpu_count() or 1,
            usable_cores=usable_cores(),
            memory_total=int(psutil.virtual_memory().total),
            memory_limit=memory_limit(),
            disk_free=int(psutil.disk_usage(str(folder)).free),
            cgroup=groups.version,
            layout=groups.layout,
            cores_group=groups.cores_group,
            memory_group=groups.memory_group,
        )


def memory_left(groups: ControlGroups | None = None) -> int:
    """Memory that a process and its children can still take (bytes).

    The smaller of what the machine has available and what its control groups have left.

    Args:
        groups: Of the process; None for this one's, which are looked up then.
    """
    available = int(psutil.virtual_memory().available)
    left = (ControlGroups.of() if groups is None else groups).limits().memory_left
    return available if left is None else min(available, left)

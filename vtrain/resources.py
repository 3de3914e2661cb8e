"""What this process may use of the machine: cores and memory, containers included.

A container's share is smaller than the machine that `os.cpu_count` sees. Linux keeps the share in
control groups, version 2 (one tree), version 1 (one tree per controller), or a mixture; a limit
anywhere between the process's own group and the root holds, so the smallest one counts.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

# Version 1 says "no limit" with the largest page-aligned number; no machine has half of it.
_UNLIMITED = 2**62

Layout = Literal["v2", "v1", "hybrid", "none"]


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """Where the control groups of a process are kept.

    Attributes:
        layout: ``hybrid`` is version 1 beside a tree of version 2.
        cpu: Folders of the CPU controller, the process's own group first, then its ancestors.
        memory: Likewise of the memory controller.
        cpu_version: Version of the tree that controls the CPU: 2, 1, or 0 for none.
        memory_version: Likewise for memory.
    """

    layout: Layout
    cpu: tuple[Path, ...]
    memory: tuple[Path, ...]
    cpu_version: int
    memory_version: int

    @classmethod
    def of(cls, root: Path = Path("/"), pid: int | None = None) -> ControlGroups:
        """Find them.

        Args:
            root: Folder that holds `proc` and `sys`.
            pid: The process; None for this one.
        """
        groups = _groups(root / "proc" / ("self" if pid is None else str(pid)) / "cgroup")
        trees = _Trees.of(root)
        unified = trees.unified
        chains: dict[str, tuple[int, tuple[Path, ...]]] = {}
        for name in ("cpu", "memory"):
            # The kernel gives a controller to one tree only; one that version 1 lists is there.
            if name in groups:
                mount, above = trees.controller(name)
                chains[name] = 1, tuple(_ancestors(mount, groups[name], above))
            elif unified is not None:
                mount, above = unified
                chains[name] = 2, tuple(_ancestors(mount, groups.get("", "/"), above))
            else:
                chains[name] = 0, ()
        versions = {version for version, _ in chains.values()}
        layout: Layout = "none"
        if 1 in versions:
            layout = "hybrid" if unified is not None else "v1"
        elif 2 in versions:
            layout = "v2"
        return cls(
            layout=layout,
            cpu=chains["cpu"][1],
            memory=chains["memory"][1],
            cpu_version=chains["cpu"][0],
            memory_version=chains["memory"][0],
        )

    def limits(self) -> CgroupLimits:
        """Read the limits as they are now: the tightest from the own group up to the root."""
        cores = [(_quota(folder), folder) for folder in self.cpu]
        limited = [(limit, folder) for limit, folder in cores if limit is not None]
        tightest, cpu_group = min(limited, default=(None, None))
        memory = [
            (limit, folder) for folder in self.memory if (limit := _memory(folder)) is not None
        ]
        smallest, memory_group = min(memory, default=(None, None))
        used = working_set(self.memory[0]) if self.memory else None
        return CgroupLimits(
            version=1 if self.layout in ("v1", "hybrid") else 2 if self.layout == "v2" else 0,
            layout=self.layout,
            cores=tightest,
            cores_group=str(cpu_group) if cpu_group else "",
            memory=smallest,
            memory_group=str(memory_group) if memory_group else "",
            memory_used=used,
            memory_left=_left(memory, used),
        )


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """The limits of this process's control groups.

    Attributes:
        version: 2, 1 (also for a mixture), or 0 where there are no control groups.
        layout: How they are laid out.
        cores: CPU time per wall-clock time (cores, fractional); None without a limit.
        cores_group: Folder of the group whose limit that is; empty without one.
        memory: Most memory before the kernel kills or brakes (bytes); None without a limit.
        memory_group: Folder of the group whose limit that is; empty without one.
        memory_used: Memory that the own group holds now, without the part of the page cache that
            the kernel gives back first (bytes); None where not told.
        memory_left: Least that a limited group on the way to the root has left (bytes). It may be
            another group than the one with the smallest limit: siblings count too. None without a
            limit.
    """

    version: int
    layout: Layout
    cores: float | None
    cores_group: str
    memory: int | None
    memory_group: str
    memory_used: int | None
    memory_left: int | None


def cgroup_limits(root: Path = Path("/")) -> CgroupLimits:
    """Read the limits of this process's control groups.

    Args:
        root: Folder that holds `proc` and `sys`.

    Returns:
        The tightest limits from the process's group up to the root.
    """
    return ControlGroups.of(root).limits()


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


def working_set(group: Path) -> int | None:
    """Memory that a control group holds and cannot give back at once (bytes); None if not told.

    Its use less the page cache that was not touched of late, as container runtimes count it.
    """
    used = _first(group / "memory.current", group / "memory.usage_in_bytes")
    if used is None:
        return None
    stat = counters(group / "memory.stat")
    return max(0, used - stat.get("total_inactive_file", stat.get("inactive_file", 0)))


def counters(path: Path) -> dict[str, int]:
    """A control file of lines `name number`; empty where there is none."""
    found = {}
    for line in text_of(path).splitlines():
        name, _, number = line.partition(" ")
        if number.isascii() and number.isdigit():
            found[name] = int(number)
    return found


def text_of(path: Path) -> str:
    """A control file's text, empty where this kernel or container does not show it."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


@dataclass(frozen=True, slots=True)
class _Trees:
    """The mounted trees of control groups, each with the group that its mount shows as its root.

    Attributes:
        unified: Of version 2.
        separate: Of version 1, by controller.
        mount: Where they are as a rule.
    """

    unified: tuple[Path, str] | None
    separate: dict[str, tuple[Path, str]]
    mount: Path

    @classmethod
    def of(cls, root: Path) -> _Trees:
        mount = root / "sys/fs/cgroup"
        unified: tuple[Path, str] | None = None
        separate: dict[str, tuple[Path, str]] = {}
        for line in text_of(root / "proc/self/mountinfo").splitlines():
            before, _, after = line.partition(" - ")
            fields, kind = before.split(), after.split()
            if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
                continue
            place = root / _unescaped(fields[4]).lstrip("/"), _unescaped(fields[3])
            if kind[0] == "cgroup2":
                unified = unified or place
            else:
                for name in kind[2].split(","):
                    separate.setdefault(name, place)
        for folder in (mount, mount / "unified"):
            if unified is None and (folder / "cgroup.controllers").is_file():
                unified = folder, "/"
        return cls(unified, separate, mount)

    def controller(self, name: str) -> tuple[Path, str]:
        """The tree of one controller of version 1, which may be mounted with others."""
        if name in self.separate:
            return self.separate[name]
        for folder in sorted(self.mount.glob(f"*{name}*")):
            if name in folder.name.split(","):
                return folder, "/"
        return self.mount / name, "/"


def _groups(path: Path) -> dict[str, str]:
    """Map each controller to its group; the key of version 2's only tree is ""."""
    groups: dict[str, str] = {}
    for line in text_of(path).splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            groups.update(dict.fromkeys(fields[1].split(","), fields[2]))
    return groups


def _ancestors(mount: Path, group: str, above: str) -> Iterator[Path]:
    """Yield the group's folder, then its parents up to the mount.

    Args:
        mount: Where the tree is mounted.
        group: The group as the kernel names it.
        above: The group that the mount shows as its root.
    """
    prefix = above.rstrip("/")
    if group == prefix or group.startswith(prefix + "/"):
        group = group[len(prefix) :]
    folder = mount / group.strip("/")
    # Inside a container the group is named as the host sees it, and the mount is the group.
    if ".." in folder.relative_to(mount).parts or not folder.is_dir():
        folder = mount
    while folder != mount:
        yield folder
        folder = folder.parent
    yield mount


def _quota(folder: Path) -> float | None:
    fields = text_of(folder / "cpu.max").split()
    if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit():
        return int(fields[0]) / int(fields[1]) if int(fields[1]) else None
    # A quota of -1 means none, which _number does not take for a number.
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _memory(folder: Path) -> int | None:
    """The smallest limit of one group; beyond `memory.high` the kernel slows processes down."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    limits = [limit for name in names if (limit := _number(folder / name)) is not None]
    return min(limits, default=None)


def _left(limited: Sequence[tuple[int, Path]], own: int | None) -> int | None:
    """Least memory left in a limited group; one that does not tell holds what the own one does."""
    lefts = []
    for limit, folder in limited:
        used = working_set(folder)
        used = own if used is None else used
        if used is not None:
            lefts.append(max(0, limit - used))
    return min(lefts, default=None)


def _first(*paths: Path) -> int | None:
    return next((number for path in paths if (number := _number(path)) is not None), None)


def _number(path: Path) -> int | None:
    text = text_of(path).strip()
    return int(text) if text.isdigit() and int(text) < _UNLIMITED else None


def _unescaped(name: str) -> str:
    """A path of mountinfo, where blanks and backslashes stand as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)

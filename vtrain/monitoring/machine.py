"""What the kernel tells of a machine's distress: pressure, throttling, kills, a filling disk."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from vtrain.resources import ControlGroups, counters, text_of

_WINDOW_S = 600.0
"""Time that the pace of a filling disk is measured over (s)."""
_SHORTEST_S = 60.0
"""Shortest such time (s)."""
_STEP_S = 10.0
"""Time between the readings that are kept for it (s)."""


@dataclass(frozen=True, slots=True)
class MachineReading:
    """The machine around a run at one moment.

    Attributes:
        memory_left: Memory that the run can still take, control groups included (bytes).
        memory_limit: Memory that it may have (bytes).
        disk_free: Free space where the run is kept (bytes).
        disk_seconds_left: Time until that disk is full at the pace of the last ten minutes (s);
            None while it does not fill.
        load: Processes that ran or wanted to in the last minute (count).
        pressure_cpu: Share of the last ten seconds in which some process waited for a core (0 to
            1); None where the kernel does not tell.
        pressure_memory: Likewise in which every process waited for memory.
        pressure_io: Likewise in which every process waited for a disk.
        throttled: Share of the periods since the last reading in which a quota stopped the
            processes (0 to 1); None without a quota.
        oom_kills: Processes killed for lack of memory since the first reading (count).
        net_received: Bytes per second from the network, of all processes.
        net_sent: Bytes per second to it.
        energy: Energy that the processors took since the first reading (J); None where it cannot be
            read.
    """

    memory_left: int
    memory_limit: int
    disk_free: int
    disk_seconds_left: float | None
    load: float
    pressure_cpu: float | None
    pressure_memory: float | None
    pressure_io: float | None
    throttled: float | None
    oom_kills: int
    net_received: float
    net_sent: float
    energy: float | None


@dataclass(slots=True)
class Machine:
    """Reads the machine again and again.

    Args:
        folder: An existing folder on the disk that counts.
        groups: Control groups of the run.
        root: Folder that holds `proc` and `sys`.
        clock: The time (s).
    """

    folder: Path
    groups: ControlGroups
    root: Path = Path("/")
    clock: Callable[[], float] = time.monotonic
    _disk: FillingDisk = field(init=False)
    _limited: bool = field(init=False)
    _kills: int = field(init=False)
    _periods: dict[Path, tuple[int, int]] = field(init=False, default_factory=dict)
    _net: tuple[float, int, int] = field(init=False)
    _meters: list[EnergyMeter] = field(init=False)

    def __post_init__(self) -> None:
        self._disk = FillingDisk()
        self._limited = self.groups.limits().memory is not None
        self._kills = self._killed()
        self._throttled()
        self._net = self._network()
        self._meters = [EnergyMeter(path) for path in energy_files(self.root)]

    def read(self) -> MachineReading:
        """Read it now.

        Raises:
            OSError: The folder is gone.
        """
        memory, limits = psutil.virtual_memory(), self.groups.limits()
        total, available = int(memory.total), int(memory.available)
        left, limit = limits.memory_left, limits.memory
        free = int(psutil.disk_usage(str(self.folder)).free)
        at, received, sent = self._network()
        elapsed = max(at - self._net[0], 1e-9)
        rates = (received - self._net[1]) / elapsed, (sent - self._net[2]) / elapsed
        self._net = at, received, sent
        joules = [found for meter in self._meters if (found := meter.read()) is not None]
        return MachineReading(
            memory_left=available if left is None else min(available, left),
            memory_limit=total if limit is None else min(total, limit),
            disk_free=free,
            disk_seconds_left=self._disk.seconds_left(at, free),
            load=round(psutil.getloadavg()[0], 2),
            pressure_cpu=self._pressure("cpu", "some"),
            pressure_memory=self._pressure("memory", "full"),
            pressure_io=self._pressure("io", "full"),
            throttled=self._throttled(),
            oom_kills=max(0, self._killed() - self._kills),
            net_received=round(max(0.0, rates[0]), 1),
            net_sent=round(max(0.0, rates[1]), 1),
            energy=round(sum(joules), 3) if joules else None,
        )

    def _network(self) -> tuple[float, int, int]:
        found = psutil.net_io_counters()
        return self.clock(), int(found.bytes_recv), int(found.bytes_sent)

    def _pressure(self, what: str, kind: str) -> float | None:
        """Share of the last ten seconds; of the own group where it tells, else of the machine."""
        chain = self.groups.cpu if what == "cpu" else self.groups.memory
        own = [chain[0] / f"{what}.pressure"] if chain else []
        for path in (*own, self.root / "proc/pressure" / what):
            share = pressure_of(text_of(path), kind)
            if share is not None:
                return share
        return None

    def _throttled(self) -> float | None:
        """The worst share of throttled periods of all groups up to the root."""
        shares = []
        for folder in self.groups.cpu:
            found = counters(folder / "cpu.stat")
            if not found.get("nr_periods"):
                continue
            now = found["nr_periods"], found.get("nr_throttled", 0)
            before = self._periods.get(folder, now)
            self._periods[folder] = now
            periods = now[0] - before[0]
            shares.append((now[1] - before[1]) / periods if periods > 0 else 0.0)
        return round(max(shares), 4) if shares else None

    def _killed(self) -> int:
        """Kills counted by the run's limited groups, or by the machine where there is no limit."""
        if not self._limited:
            return counters(self.root / "proc/vmstat").get("oom_kill", 0)
        return max(
            counters(folder / name).get("oom_kill", 0)
            for folder in self.groups.memory
            for name in ("memory.events", "memory.oom_control")
        )


@dataclass(slots=True)
class FillingDisk:
    """When a disk will be full, from how its free space has changed of late."""

    _seen: deque[tuple[float, int]] = field(init=False, default_factory=deque)

    def seconds_left(self, now: float, free: int) -> float | None:
        """Add a reading; None while the disk does not fill or nothing can be said yet.

        Args:
            now: Its time (s).
            free: Free space (bytes).
        """
        if not self._seen or now - self._seen[-1][0] >= _STEP_S:
            self._seen.append((now, free))
        while now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()
        began, before = self._seen[0] if self._seen else (now, free)
        if now - began < _SHORTEST_S or free >= before:
            return None
        return round(free * (now - began) / (before - free), 1)


@dataclass(slots=True)
class EnergyMeter:
    """Counts the energy of one processor package, over the ends of the kernel's counter.

    Args:
        path: The counter in microjoules (`energy_uj`); beside it stands where it starts anew.
    """

    path: Path
    _last: int | None = field(init=False)
    _sum: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._last = _microjoules(self.path)

    def read(self) -> float | None:
        """Energy since the start (J); None where this user may not read it."""
        now = _microjoules(self.path)
        if now is None or self._last is None:
            self._last = now
            return None
        step = now - self._last
        if step < 0:
            step += _microjoules(self.path.with_name("max_energy_range_uj")) or 0
        self._last = now
        self._sum += max(0, step)
        return self._sum / 1e6


def energy_files(root: Path) -> Iterable[Path]:
    """Energy counters of the processor packages; those of their parts are in them already."""
    return sorted((root / "sys/class/powercap").glob("intel-rapl:[0-9]*/energy_uj"), key=str)


def pressure_of(text: str, kind: str) -> float | None:
    """The share over ten seconds (0 to 1) in a pressure file; None where it is not told.

    Args:
        text: Lines such as ``some avg10=1.50 avg60=0.70 avg300=0.30 total=1``.
        kind: ``some`` or ``full``.
    """
    for line in text.splitlines():
        name, *fields = line.split()
        for item in fields:
            key, _, value = item.partition("=")
            if name == kind and key == "avg10":
                try:
                    return round(float(value) / 100.0, 4)
                except ValueError:
                    return None
    return None


def _microjoules(path: Path) -> int | None:
    text = text_of(path).strip()
    return int(text) if text.isdigit() else None

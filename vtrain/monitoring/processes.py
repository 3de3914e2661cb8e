"""One reading of a process and all its descendants, and of the machine around them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from vtrain.monitoring.gpu import GpuReading, Gpus
from vtrain.monitoring.machine import Machine
from vtrain.resources import ControlGroups, text_of

_PSS_S = 60.0
"""Time between readings of the proportional memory, which take a while (s)."""
_SCAN_S = 5.0
"""Time between looks for new processes, which read the whole table (s); a new one's CPU time from
its start is in the sample that finds it."""
_MOST_TOLD = 8
"""Processes that a sample lists, the busiest (count)."""


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What one process uses.

    Attributes:
        pid: Its number.
        name: Its program.
        cpu_percent: CPU time since the last sample; 100 is one core all the time.
        rss: Resident memory (bytes).
    """

    pid: int
    name: str
    cpu_percent: float
    rss: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources that a run uses at one moment.

    Attributes:
        time: Seconds since 1970.
        pid: The process at the root of the tree.
        cpu_percent: CPU time of the tree since the last sample; 100 is one core all the time.
        rss: Resident memory of the tree (bytes); pages shared by two processes count twice.
        pss: Likewise with shared pages divided among those that share them; None in samples that
            did not measure it.
        threads: Threads of the tree (count).
        processes: Processes of the tree (count).
        open_files: Open files and sockets of the tree (count).
        disk_read: Bytes per second that the tree had read from disks since the last sample.
        disk_written: Bytes per second that it had written to them.
        memory_left: Memory the tree can still take (bytes).
        memory_limit: Memory it may have, containers included (bytes).
        system_cpu_percent: CPU time of the whole machine; 100 is every core all the time.
        disk_free: Free space where the run is kept (bytes).
        disk_seconds_left: See `MachineReading`; so are the figures after it.
        by_process: The busiest processes, the busiest first.
        gpus: One reading per GPU.
    """

    time: float
    pid: int
    cpu_percent: float
    rss: int
    pss: int | None
    threads: int
    processes: int
    open_files: int
    disk_read: float
    disk_written: float
    memory_left: int
    memory_limit: int
    system_cpu_percent: float
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
    by_process: tuple[ProcessUse, ...] = ()
    gpus: tuple[GpuReading, ...] = ()


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a process has used since it began."""

    seconds: float
    read: int
    written: int


@dataclass(slots=True)
class ProcessTree:
    """Reads a process tree again and again.

    Args:
        pid: The process at the root.
        folder: A folder on the disk that counts.
        gpus: The machine's GPUs.
        without: Processes left out of the sums, such as the one that reads.

    Raises:
        psutil.NoSuchProcess: The root is not there.
    """

    pid: int
    folder: Path
    gpus: Gpus
    without: frozenset[int] = frozenset()
    _root: psutil.Process = field(init=False)
    _machine: Machine = field(init=False)
    # What each process had used at the last reading; a reused pid differs in its start time.
    _spent: dict[tuple[int, float], _Counted] = field(init=False, default_factory=dict)
    _read_at: float = field(init=False, default=0.0)
    _pss_at: float = field(init=False, default=-_PSS_S)
    _tree: list[psutil.Process] = field(init=False, default_factory=list)
    _scanned_at: float = field(init=False, default=-_SCAN_S)

    def __post_init__(self) -> None:
        self._root = psutil.Process(self.pid)
        self._machine = Machine(self.folder, ControlGroups.of(pid=self.pid))
        psutil.cpu_percent(interval=None)  # later calls measure from here
        self.read()
        self._pss_at = -_PSS_S

    def alive(self) -> bool:
        """Whether the root still runs; a zombie does not."""
        try:
            return bool(self._root.is_running() and self._root.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def read(self) -> Sample:
        """Take one sample.

        Raises:
            psutil.NoSuchProcess: The root has ended.
        """
        now = time.monotonic()
        elapsed = max(now - self._read_at, 1e-9)
        threads = files = 0
        spent: dict[tuple[int, float], _Counted] = {}
        uses: list[ProcessUse] = []
        read = written = 0
        # What a process had used before it was first seen is not of this time, if it is old.
        fresh = bool(self._spent)
        for process in self._processes(now):
            try:
                with process.oneshot():
                    key = process.pid, process.create_time()
                    counted, memory = _counted(process), process.memory_info().rss
                    count, opened, name = process.num_threads(), _open(process), process.name()
            except psutil.Error:
                continue  # it ended between being listed and being read
            before = self._spent.get(key, _Counted(0.0, 0, 0) if fresh else counted)
            read += counted.read - before.read
            written += counted.written - before.written
            percent = 100.0 * max(0.0, counted.seconds - before.seconds) / elapsed
            uses.append(ProcessUse(process.pid, name, round(percent, 1), int(memory)))
            threads += count
            files += opened
            spent[key] = counted
        around = self._machine.read()
        uses.sort(key=lambda use: -use.cpu_percent)
        sample = Sample(
            time=time.time(),
            pid=self.pid,
            cpu_percent=round(sum(use.cpu_percent for use in uses), 1),
            rss=sum(use.rss for use in uses),
            pss=self._pss(now, [pid for pid, _ in spent]),
            threads=int(threads),
            processes=len(spent),
            open_files=files,
            disk_read=round(max(0, read) / elapsed, 1),
            disk_written=round(max(0, written) / elapsed, 1),
            memory_left=around.memory_left,
            memory_limit=around.memory_limit,
            system_cpu_percent=float(psutil.cpu_percent(interval=None)),
            disk_free=around.disk_free,
            disk_seconds_left=around.disk_seconds_left,
            load=around.load,
            pressure_cpu=around.pressure_cpu,
            pressure_memory=around.pressure_memory,
            pressure_io=around.pressure_io,
            throttled=around.throttled,
            oom_kills=around.oom_kills,
            net_received=around.net_received,
            net_sent=around.net_sent,
            energy=around.energy,
            by_process=tuple(uses[:_MOST_TOLD]),
            gpus=self.gpus.read(frozenset(pid for pid, _ in spent)),
        )
        self._spent, self._read_at = spent, now
        return sample

    def _processes(self, now: float) -> list[psutil.Process]:
        """The tree's processes; looked for again when it is time or one has ended.

        Raises:
            psutil.NoSuchProcess: The root has ended.
        """
        known = [process for process in self._tree if psutil.pid_exists(process.pid)]
        if now - self._scanned_at >= _SCAN_S or len(known) < len(self._tree):
            found = (self._root, *self._root.children(recursive=True))
            self._tree = [process for process in found if process.pid not in self.without]
            self._scanned_at = now
        return self._tree

    def _pss(self, now: float, pids: list[int]) -> int | None:
        """The tree's proportional memory, when it is time; None where the kernel hides it."""
        if now - self._pss_at < _PSS_S:
            return None
        self._pss_at = now
        found = [_proportional(pid) for pid in pids]
        known = [memory for memory in found if memory is not None]
        return sum(known) if known else None


def _counted(process: psutil.Process) -> _Counted:
    times = process.cpu_times()
    read = written = 0
    # macOS does not tell, nor does Linux of another user's process.
    if hasattr(process, "io_counters"):
        try:
            io = process.io_counters()
        except psutil.AccessDenied:
            pass
        else:
            read, written = int(io.read_bytes), int(io.write_bytes)
    return _Counted(float(times.user + times.system), read, written)


def _open(process: psutil.Process) -> int:
    try:
        return int(process.num_fds())
    except psutil.AccessDenied:
        return 0


def _proportional(pid: int) -> int | None:
    for line in text_of(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None

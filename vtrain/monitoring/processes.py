"""One reading of a process and all its descendants, and of the machine around them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from vtrain.monitoring.gpu import GpuReading, Gpus
from vtrain.monitoring.limits import memory_left


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources that a run uses at one moment.

    Attributes:
        time: Seconds since 1970.
        pid: The process at the root of the tree.
        cpu_percent: CPU time of the tree since the last sample; 100 is one core all the time.
        rss: Resident memory of the tree (bytes); pages shared by two processes count twice.
        threads: Threads of the tree (count).
        processes: Processes of the tree (count).
        memory_left: Memory the tree can still take (bytes).
        system_cpu_percent: CPU time of the whole machine; 100 is every core all the time.
        disk_free: Free space where the run is kept (bytes).
        gpus: One reading per GPU.
    """

    time: float
    pid: int
    cpu_percent: float
    rss: int
    threads: int
    processes: int
    memory_left: int
    system_cpu_percent: float
    disk_free: int
    gpus: tuple[GpuReading, ...] = ()


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
    # CPU seconds per process at the last reading; a reused pid differs in its start time.
    _spent: dict[tuple[int, float], float] = field(init=False, default_factory=dict)
    _read_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._root = psutil.Process(self.pid)
        psutil.cpu_percent(interval=None)  # later calls measure from here
        self.read()

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
        rss = threads = 0
        spent: dict[tuple[int, float], float] = {}
        for process in (self._root, *self._root.children(recursive=True)):
            if process.pid in self.without:
                continue
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    memory, count = process.memory_info().rss, process.num_threads()
                    spent[process.pid, process.create_time()] = times.user + times.system
            except psutil.Error:
                continue  # it ended between being listed and being read
            rss += memory
            threads += count
        elapsed = now - self._read_at
        used = sum(seconds - self._spent.get(key, 0.0) for key, seconds in spent.items())
        sample = Sample(
            time=time.time(),
            pid=self.pid,
            cpu_percent=round(100.0 * max(0.0, used) / elapsed, 1) if self._spent else 0.0,
            rss=int(rss),
            threads=int(threads),
            processes=len(spent),
            memory_left=memory_left(),
            system_cpu_percent=float(psutil.cpu_percent(interval=None)),
            disk_free=int(psutil.disk_usage(str(self.folder)).free),
            gpus=self.gpus.read(),
        )
        self._spent, self._read_at = spent, now
        return sample

"""The figures of a sample that alerts look at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from vtrain.monitoring.alerts import Figure
from vtrain.monitoring.processes import Sample

_GIB = 2**30
_RECENT_S = 600.0
"""Time that kills are counted over (s)."""


@dataclass(slots=True)
class ResourceFigures:
    """Turns samples into figures.

    Args:
        cores: Cores that the run can keep busy (count).
    """

    cores: int
    _kills: deque[tuple[float, int]] = field(init=False, default_factory=deque)

    def of(self, sample: Sample) -> Iterator[Figure]:
        """The figures of the next sample; what was not told is left out."""
        at = sample.time
        limit = sample.memory_limit
        if limit > 0:
            used = 1.0 - min(1.0, sample.memory_left / limit)
            text = f"memory: {used:.0%} of {limit / _GIB:.2f} GiB are in use"
            yield Figure("memory", used, text, at)
        yield Figure(
            "disk_free",
            sample.disk_free / _GIB,
            f"disk: {sample.disk_free / _GIB:.2f} GiB free",
            at,
        )
        hours = sample.disk_seconds_left
        # A disk that does not fill has more time left than any level asks for.
        left = float("inf") if hours is None else hours / 3600.0
        text = "disk: not filling" if hours is None else f"disk: full in {left:.2f} h at this pace"
        yield Figure("disk_hours", left, text, at)
        load = sample.load / max(1, self.cores)
        yield Figure("load", load, f"load: {load:.1f} processes want each core", at)
        if sample.throttled is not None:
            text = f"CPU: stopped by its quota in {sample.throttled:.0%} of the periods"
            yield Figure("cpu_throttled", sample.throttled, text, at)
        if sample.pressure_memory is not None:
            text = f"memory: every process waited for it {sample.pressure_memory:.0%} of the time"
            yield Figure("memory_pressure", sample.pressure_memory, text, at)
        killed = self._killed(at, sample.oom_kills)
        text = f"memory: {killed} processes killed for lack of it in ten minutes"
        yield Figure("oom_kills", killed, text, at)
        yield from _gpus(sample)

    def _killed(self, at: float, total: int) -> int:
        self._kills.append((at, total))
        # The last one before the window says what was counted when it began.
        while len(self._kills) > 1 and self._kills[1][0] <= at - _RECENT_S:
            self._kills.popleft()
        oldest = self._kills[0]
        # The first of all counts from nothing.
        before = oldest[1] if oldest[0] <= at - _RECENT_S else 0
        return max(0, total - before)


def _gpus(sample: Sample) -> Iterator[Figure]:
    for gpu in sample.gpus:
        subject = str(gpu.index)
        if gpu.temperature is not None:
            text = f"GPU {gpu.index}: {gpu.temperature:.0f} °C"
            yield Figure("gpu_temperature", gpu.temperature, text, sample.time, subject)
        if gpu.memory_own and gpu.memory_total:
            used = gpu.memory_used / gpu.memory_total
            text = f"GPU {gpu.index}: {used:.0%} of its memory in use"
            yield Figure("gpu_memory", used, text, sample.time, subject)

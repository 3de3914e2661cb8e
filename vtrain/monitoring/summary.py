"""Peaks, means and percentiles of a run's resource samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vtrain.monitoring.storage import count, extreme
from vtrain.rundir import RunDirectory, read_jsonl, write_json

SAMPLES = "samples.jsonl"
SUMMARY = "summary.json"
_FIGURES = frozenset(
    ("time", "cpu_percent", "rss", "threads", "processes", "memory_left", "disk_free", "gpus")
)


@dataclass(frozen=True, slots=True)
class Spread:
    """How one figure was spread over the samples, in the figure's own unit."""

    mean: float
    p50: float
    p95: float
    peak: float

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        weights: Sequence[int] | None = None,
        peak: float | None = None,
    ) -> Spread:
        """Summarise at least one value.

        Args:
            values: One per record.
            weights: Samples that each record stands for; None for one each. Percentiles
                interpolate linearly where all stand for as many.
            peak: The largest single sample; None for the largest value.
        """
        array = np.asarray(values, dtype=np.float64)
        if weights is None or len(set(weights)) == 1:
            p50, p95 = np.percentile(array, (50, 95))
            mean = np.mean(array)
        else:
            p50, p95 = np.percentile(array, (50, 95), weights=weights, method="inverted_cdf")
            mean = np.average(array, weights=weights)
        return cls(
            mean=float(mean),
            p50=float(p50),
            p95=float(p95),
            peak=float(max(values) if peak is None else peak),
        )


@dataclass(frozen=True, slots=True)
class ResourceSummary:
    """What a run took.

    Attributes:
        samples: Samples that the figures come from (count).
        seconds: From the first sample to the last (s); pauses between sessions included.
        cpu_percent: CPU time; 100 is one core all the time.
        rss: Resident memory (bytes).
        threads: Threads (count).
        processes: Processes (count).
        memory_left_low: Least memory that was left (bytes).
        disk_free_low: Least space that was free on the disk (bytes).
        gpu_utilisation: Mean over GPUs of the busy share (0 to 1); None without a GPU.
        gpu_memory: Memory in use on all GPUs together (bytes); None without a GPU.
        pss: Resident memory with shared pages divided among those that share them (bytes); None
            where it was not measured.
        open_files: Open files and sockets (count); None in samples of an older version.
        disk_read: Bytes per second read from disks; None likewise.
        disk_written: Bytes per second written to disks; None likewise.
        pressure_cpu: Share of the time in which some process waited for a core (0 to 1); None
            where the kernel does not tell.
        throttled: Share of periods in which a quota stopped the processes (0 to 1); None without a
            quota.
        oom_kills: Processes killed for lack of memory (count).
        gpu_power: Power of all GPUs together (W); None where it is not told.
        energy: Energy that the processors took (J); None where it cannot be read.
        gpu_energy: Energy that the GPUs took (J); None likewise.
    """

    samples: int
    seconds: float
    cpu_percent: Spread
    rss: Spread
    threads: Spread
    processes: Spread
    memory_left_low: int
    disk_free_low: int
    gpu_utilisation: Spread | None
    gpu_memory: Spread | None
    pss: Spread | None = None
    open_files: Spread | None = None
    disk_read: Spread | None = None
    disk_written: Spread | None = None
    pressure_cpu: Spread | None = None
    throttled: Spread | None = None
    oom_kills: int = 0
    gpu_power: Spread | None = None
    energy: float | None = None
    gpu_energy: float | None = None


def summarise(records: Sequence[Mapping[str, Any]]) -> ResourceSummary | None:
    """Summarise records of `samples.jsonl`.

    Args:
        records: In the order they were written.

    Returns:
        The summary, or None without records.
    """
    # A record of another version may lack a figure; it says nothing that the others do not.
    records = [record for record in records if record.keys() >= _FIGURES]
    if not records:
        return None

    began = float(records[0].get("began", records[0]["time"]))

    def spread(key: str) -> Spread:
        found = _spread(records, key)
        if found is None:
            raise AssertionError  # `_FIGURES` are in every record
        return found

    return ResourceSummary(
        samples=sum(count(record) for record in records),
        seconds=round(float(records[-1]["time"]) - began, 3),
        cpu_percent=spread("cpu_percent"),
        rss=spread("rss"),
        threads=spread("threads"),
        processes=spread("processes"),
        memory_left_low=min(int(extreme(record, "memory_left")) for record in records),
        disk_free_low=min(int(extreme(record, "disk_free")) for record in records),
        gpu_utilisation=_of_gpus(records, "utilisation", lambda values: float(np.mean(values))),
        gpu_memory=_of_gpus(records, "memory_used", sum),
        pss=_spread(records, "pss"),
        open_files=_spread(records, "open_files"),
        disk_read=_spread(records, "disk_read"),
        disk_written=_spread(records, "disk_written"),
        pressure_cpu=_spread(records, "pressure_cpu"),
        throttled=_spread(records, "throttled"),
        oom_kills=int(counted(record.get("oom_kills") for record in records) or 0),
        gpu_power=_of_gpus(records, "power", sum),
        energy=counted(record.get("energy") for record in records),
        gpu_energy=_gpu_energy(records),
    )


def counted(values: Iterable[Any]) -> float | None:
    """What a counter counted that begins at 0 with each session; None if it is never told."""
    total, last, told = 0.0, 0.0, False
    for value in values:
        if not isinstance(value, (int, float)):
            continue
        told = True
        total += value - last if value >= last else value
        last = value
    return round(total, 3) if told else None


def read_samples(run: RunDirectory) -> list[dict[str, Any]]:
    """Read the samples a run has so far; none before the first."""
    return read_jsonl(run.resource_monitoring / SAMPLES)


def write_summary(run: RunDirectory) -> None:
    """Write `resource_monitoring/summary.json` from the samples; nothing without samples.

    Raises:
        StorageError: The file cannot be written.
    """
    summary = summarise(read_samples(run))
    if summary is not None:
        write_json(run.resource_monitoring / SUMMARY, asdict(summary))


def _spread(records: Sequence[Mapping[str, Any]], key: str) -> Spread | None:
    known = [record for record in records if isinstance(record.get(key), (int, float))]
    if not known:
        return None
    return Spread.of(
        [float(record[key]) for record in known],
        [count(record) for record in known],
        max(float(extreme(record, key)) for record in known),
    )


def _of_gpus(records: Sequence[Mapping[str, Any]], key: str, together: Any) -> Spread | None:
    """Spread of a figure of all GPUs together."""
    values, weights = [], []
    for record in records:
        found = [gpu[key] for gpu in record["gpus"] if gpu.get(key) is not None]
        if found:
            values.append(float(together(found)))
            weights.append(count(record))
    return Spread.of(values, weights) if values else None


def _gpu_energy(records: Sequence[Mapping[str, Any]]) -> float | None:
    """Energy of all GPUs from the first record on; their counters begin with the driver."""
    series: dict[Any, list[float]] = {}
    for record in records:
        for gpu in record["gpus"]:
            if gpu.get("energy") is not None:
                series.setdefault(gpu.get("index"), []).append(float(gpu["energy"]))
    if not series:
        return None
    spent = [(counted(values) or 0.0) - values[0] for values in series.values()]
    return round(sum(spent), 3)

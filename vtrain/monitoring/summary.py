"""Peaks, means and percentiles of a run's resource samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

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
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise at least one value; percentiles interpolate linearly."""
        p50, p95 = np.percentile(np.asarray(values, dtype=np.float64), (50, 95))
        return cls(
            mean=float(np.mean(values)), p50=float(p50), p95=float(p95), peak=float(max(values))
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
    gpus = [record["gpus"] for record in records if record["gpus"]]

    def spread(key: str) -> Spread:
        return Spread.of([float(record[key]) for record in records])

    return ResourceSummary(
        samples=len(records),
        seconds=round(float(records[-1]["time"]) - float(records[0]["time"]), 3),
        cpu_percent=spread("cpu_percent"),
        rss=spread("rss"),
        threads=spread("threads"),
        processes=spread("processes"),
        memory_left_low=min(int(record["memory_left"]) for record in records),
        disk_free_low=min(int(record["disk_free"]) for record in records),
        gpu_utilisation=Spread.of(
            [float(np.mean([gpu["utilisation"] for gpu in reading])) for reading in gpus]
        )
        if gpus
        else None,
        gpu_memory=Spread.of([sum(gpu["memory_used"] for gpu in reading) for reading in gpus])
        if gpus
        else None,
    )


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

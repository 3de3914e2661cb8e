"""How well a training uses its time: speed, shares, workers, cache, and what a gain costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtrain.monitoring.summary import ResourceSummary

RECENT = 50
"""Updates that the figures come from (count)."""


@dataclass(frozen=True, slots=True)
class Efficiency:
    """What a training makes of its time; a figure that is not known is None.

    Attributes:
        updates: Updates that speed and shares come from, the newest (count).
        seconds: Their time (s).
        steps_per_second: Traces per second, those remembered or asked for twice included.
        traces_per_second: Traces made per second.
        cache_hit_rate: Share of the different traces that were remembered (0 to 1).
        rollout: Share of the time in rollouts (0 to 1); with the next four at most 1.
        learn: In the passes over them.
        check: In validation checks.
        save: In saving checkpoints, as far as training waits for it.
        other: In the rest.
        measure: Share of the time in which traces were waited for, in rollouts and checks.
        worker_utilisation: Share of the whole time in which a worker was busy, on average (0 to 1).
        cpu_seconds: CPU time of all samples (s).
        cpu_seconds_per_gain: CPU time for each unit of utility that checks gained (s).
        joules_per_gain: Energy likewise (J).
    """

    updates: int
    seconds: float
    steps_per_second: float
    traces_per_second: float
    cache_hit_rate: float | None
    rollout: float | None
    learn: float | None
    check: float | None
    save: float | None
    other: float | None
    measure: float | None
    worker_utilisation: float | None
    cpu_seconds: float | None
    cpu_seconds_per_gain: float | None
    joules_per_gain: float | None


def efficiency(
    records: Sequence[Mapping[str, Any]],
    samples: Sequence[Mapping[str, Any]],
    summary: ResourceSummary | None,
    workers: int | None,
) -> Efficiency | None:
    """Condense the records of `metrics.jsonl` and `samples.jsonl`.

    Args:
        records: Of the updates, in order.
        samples: Of the resources, in order.
        summary: Of all of them.
        workers: Processes that trace (count); None when not known.

    Returns:
        The figures; None before the first update with a time.
    """
    walls = [wall for record in records[-RECENT:] if (wall := _wall(record))]
    seconds = sum(float(wall["seconds"]) for wall in walls)
    if seconds <= 0:
        return None
    traces = sum(int(wall.get("traces_measured") or 0) for wall in walls)
    hits = sum(int(wall.get("cache_hits") or 0) for wall in walls)
    # An older version did not tell, and counted what was asked for twice as remembered.
    told = all(wall.get("requests") is not None for wall in walls)
    steps = sum(int(wall["requests"]) for wall in walls) if told else traces + hits

    def share(part: str) -> float | None:
        # A save counts in the lap after it, and may have taken longer than that one.
        key = f"{part}_seconds"
        if not all(isinstance(wall.get(key), (int, float)) for wall in walls):
            return None  # an older version did not tell
        return round(min(1.0, sum(float(wall[key]) for wall in walls) / seconds), 4)

    shares = {part: share(part) for part in ("rollout", "learn", "check", "save")}
    known = [value for value in shares.values() if value is not None]
    cpu = summary.cpu_percent.mean / 100.0 * summary.seconds if summary else None
    gain = _gain(records)
    energy = None
    if summary and (summary.energy is not None or summary.gpu_energy is not None):
        energy = (summary.energy or 0.0) + (summary.gpu_energy or 0.0)
    return Efficiency(
        updates=len(walls),
        seconds=round(seconds, 3),
        # The answers that a check remembered are among the hits.
        steps_per_second=round(steps / seconds, 2),
        traces_per_second=round(traces / seconds, 2),
        cache_hit_rate=round(hits / (traces + hits), 4) if traces + hits else None,
        rollout=shares["rollout"],
        learn=shares["learn"],
        check=shares["check"],
        save=shares["save"],
        other=round(max(0.0, 1.0 - sum(known)), 4) if len(known) == len(shares) else None,
        measure=share("measure"),
        worker_utilisation=_worker_utilisation(samples, workers),
        cpu_seconds=None if cpu is None else round(cpu, 1),
        cpu_seconds_per_gain=round(cpu / gain, 1) if cpu is not None and gain else None,
        joules_per_gain=round(energy / gain, 1) if energy is not None and gain else None,
    )


def _wall(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wall = record.get("wall")
    if isinstance(wall, Mapping) and isinstance(wall.get("seconds"), (int, float)):
        return wall
    return None


def _gain(records: Sequence[Mapping[str, Any]]) -> float | None:
    """Utility that the best check has over the first one; None unless it rose."""
    found = [record.get("validation_utility") for record in records]
    checks = [float(value) for value in found if isinstance(value, (int, float))]
    if len(checks) < 2 or max(checks) <= checks[0]:
        return None
    return max(checks) - checks[0]


def _worker_utilisation(samples: Sequence[Mapping[str, Any]], workers: int | None) -> float | None:
    """From the samples that list processes: all CPU time but the trainer's is the workers'."""
    shares = []
    for sample in samples:
        own = [use for use in sample.get("by_process") or () if use.get("pid") == sample.get("pid")]
        if own and workers:
            busy = float(sample["cpu_percent"]) - float(own[0]["cpu_percent"])
            shares.append(min(1.0, max(0.0, busy / 100.0 / workers)))
    return round(sum(shares) / len(shares), 4) if shares else None

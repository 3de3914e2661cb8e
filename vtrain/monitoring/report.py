"""What a run has done so far, read from its files alone: the run is not touched or waited for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vtrain.config.load import read_config
from vtrain.config.schema import Config
from vtrain.errors import ConfigError
from vtrain.monitoring.advice import Advice, Situation, advise
from vtrain.monitoring.alerts import KIND
from vtrain.monitoring.efficiency import Efficiency, efficiency
from vtrain.monitoring.summary import ResourceSummary, read_samples, summarise
from vtrain.resources import usable_cores
from vtrain.rundir import RunDirectory, read_jsonl

_RECENT = 10
_CURVE = 60
_BEGINNINGS = ("warm-start", "resumed", "forked")


@dataclass(frozen=True, slots=True)
class Best:
    """The best check on held-out images so far.

    Attributes:
        update: The update it was measured after.
        utility: Mean utility over the reward's baseline.
    """

    update: int
    utility: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training is.

    Attributes:
        update: Updates done (count).
        traces: Traces done (environment steps).
        total_traces: Traces asked for; None when the config cannot be read.
        stage: The curriculum's stage.
        utility_gain: Mean utility over VTracer's default in the last update.
        success_share: Share of episodes at or above the baseline in the last update (0 to 1).
        failures: Traces that failed in the last update (count).
        traces_per_second: Mean over the last updates, traces known from before included; None
            before it is known.
        seconds_left: Time to the asked traces at that speed (s); None when not known. A time limit
            or an early stop may end training before.
        written: When the last record was written (UTC, ISO 8601); empty when not known.
        best: The best check so far; None before the first.
        curve: Utility over the default of the last updates, oldest first.
    """

    update: int
    traces: int
    total_traces: int | None
    stage: str
    utility_gain: float | None
    success_share: float | None
    failures: int
    traces_per_second: float | None
    seconds_left: float | None
    written: str
    best: Best | None
    curve: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run at one moment.

    Attributes:
        run: The run directory, as the user named it.
        progress: None before the first update.
        ended: Why training ended, such as `done`; None while it goes on or when it was killed.
        resources: None before the first sample.
        resources_now: The newest sample; None before the first.
        events: The newest events, oldest first, as recorded.
        efficiency: How well training uses its time; None before the first update.
        alerts: The alerts that are not over, as recorded, the worst first.
        advice: What would make training faster, the largest gain first.
    """

    run: str
    progress: Progress | None
    ended: str | None
    resources: ResourceSummary | None
    resources_now: Mapping[str, Any] | None
    events: tuple[Mapping[str, Any], ...]
    efficiency: Efficiency | None = None
    alerts: tuple[Mapping[str, Any], ...] = ()
    advice: tuple[Advice, ...] = ()


def report(run: RunDirectory, *, events: int = 8) -> RunReport:
    """Read a run's progress, resources and newest events.

    Args:
        run: The run directory; one that a trainer is writing to is fine.
        events: Most events told (count).

    Raises:
        DataError: A file of the run cannot be read.
    """
    samples, happened = read_samples(run), read_jsonl(run.events)
    records, summary = read_jsonl(run.metrics), summarise(samples)
    speed, advice = usage(run, records, samples, summary)
    return RunReport(
        run=str(run.root),
        progress=progress(records, total_traces(run)),
        ended=ended(happened),
        resources=summary,
        resources_now=samples[-1] if samples else None,
        events=tuple(happened[-events:]) if events else (),
        efficiency=speed,
        alerts=active_alerts(happened),
        advice=tuple(advice),
    )


def active_alerts(events: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The newest event of each alert that is not over, the worst first.

    Args:
        events: Records of `events.jsonl`, in order.
    """
    newest = {
        (event.get("name"), event.get("subject")): event
        for event in events
        if event.get("kind") == KIND
    }
    active = [event for event in newest.values() if event.get("level") != "resolved"]
    return tuple(sorted(active, key=lambda event: event.get("level") != "critical"))


def usage(
    run: RunDirectory,
    records: Sequence[Mapping[str, Any]],
    samples: Sequence[Mapping[str, Any]],
    summary: ResourceSummary | None,
) -> tuple[Efficiency | None, list[Advice]]:
    """How a run uses its time, and what would make it faster.

    Args:
        run: The run directory, for its config.
        records: Of `metrics.jsonl`, in order: the newest `RECENT`, and those with a check.
        samples: Of `samples.jsonl`, in order.
        summary: Of all samples.

    Returns:
        The figures, None before the first update; and advice, the largest gain first.
    """
    config, cores = _config(run), usable_cores()
    workers = (config.resources.workers or cores) if config else None
    found = efficiency(records, samples, summary, workers)
    if found is None or config is None:
        return found, []
    others = [
        float(use["rss"])
        for use in (samples[-1].get("by_process") or () if samples else ())
        if use.get("pid") != samples[-1].get("pid")
    ]
    situation = Situation(
        efficiency=found,
        config=config,
        cores=cores,
        memory_left=summary.memory_left_low if summary else None,
        worker_memory=int(max(others)) if others else None,
        idle_cores=_idle_cores(samples),
    )
    return found, advise(situation)


def _idle_cores(samples: Sequence[Mapping[str, Any]]) -> float | None:
    """Cores of the machine that nothing used, on average; None without samples."""
    busy = _numbers([sample.get("system_cpu_percent") for sample in samples])
    if not busy:
        return None
    return (os.cpu_count() or 1) * (1.0 - sum(busy) / len(busy) / 100.0)


def progress(records: Sequence[Mapping[str, Any]], total_traces: int | None) -> Progress | None:
    """Condense the records of `metrics.jsonl`.

    Args:
        records: In the order they were written.
        total_traces: Traces asked for; None when not known.

    Returns:
        The progress, or None without records.
    """
    if not records:
        return None
    last = records[-1]
    traces = int(last["traces"])
    speed = _speed(records[-_RECENT - 1 :])
    left = max(0, total_traces - traces) if total_traces is not None else None
    return Progress(
        update=int(last["update"]),
        traces=traces,
        total_traces=total_traces,
        stage=str(last.get("stage") or ""),
        utility_gain=_number(last.get("utility_gain_default")),
        success_share=_number(last.get("success_share")),
        failures=int(last.get("failures") or 0),
        traces_per_second=speed,
        seconds_left=left / speed if left is not None and speed else None,
        written=str(_wall(last).get("time") or ""),
        best=_best(records),
        curve=tuple(_numbers([row.get("utility_gain_default") for row in records[-_CURVE:]])),
    )


def _best(records: Sequence[Mapping[str, Any]]) -> Best | None:
    checks = [
        Best(update=int(record["update"]), utility=utility)
        for record in records
        if (utility := _number(record.get("validation_utility"))) is not None
    ]
    return max(checks, key=lambda check: check.utility, default=None)


def total_traces(run: RunDirectory) -> int | None:
    """Traces that the run's config asks for; None when it cannot be read."""
    config = _config(run)
    return config.ppo.total_traces if config is not None else None


def _config(run: RunDirectory) -> Config | None:
    """The run's config; None for a run that has not got one or that another version wrote."""
    if not run.config.exists():
        return None
    try:
        return read_config(run.config)
    except ConfigError:
        return None


def _speed(records: Sequence[Mapping[str, Any]]) -> float | None:
    """Traces per second of all records but the first, which only says where they begin."""
    if len(records) < 2:
        first = records[0]
        seconds, traces = _numbers([_wall(first).get("seconds")]), int(first["traces"])
    else:
        seconds = _numbers([_wall(record).get("seconds") for record in records[1:]])
        traces = int(records[-1]["traces"]) - int(records[0]["traces"])
    return traces / sum(seconds) if sum(seconds) > 0 and traces > 0 else None


def ended(events: Sequence[Mapping[str, Any]]) -> str | None:
    """Why training ended; None when it began or went on after its last end."""
    for event in reversed(events):
        if event.get("kind") in _BEGINNINGS:
            return None
        if event.get("kind") == "end":
            return str(event.get("stopped") or "done")
        if event.get("kind") == "non-finite":
            return f"{event.get('what')} is not finite"
    return None


def age(written: str) -> float | None:
    """Seconds since a time in UTC and ISO 8601; None for what is none."""
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(written)).total_seconds())
    except (ValueError, TypeError):
        return None


def _wall(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The wall-clock figures of a record."""
    wall = record.get("wall")
    return wall if isinstance(wall, Mapping) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _numbers(values: Sequence[Any]) -> list[float]:
    return [number for value in values if (number := _number(value)) is not None]

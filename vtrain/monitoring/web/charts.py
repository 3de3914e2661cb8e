"""Which curves the dashboard shows, and their points for a screen of some width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vtrain.monitoring.web.columns import Columns, Figure, inner
from vtrain.monitoring.web.decimate import Floats, decimate


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its column and what it is called."""

    column: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        id: Short name.
        title: With the unit.
        file: ``metrics`` or ``samples``.
        lines: The curves.
    """

    id: str
    title: str
    file: str
    lines: tuple[Line, ...]


CHARTS: tuple[Chart, ...] = (
    Chart(
        "utility",
        "Utility over the baseline",
        "metrics",
        (Line("gain_mean", "training"), Line("validation_utility", "validation")),
    ),
    Chart(
        "default",
        "Utility over VTracer's default",
        "metrics",
        (Line("utility_gain_default", "training"), Line("validation_gain_default", "validation")),
    ),
    Chart(
        "success",
        "Episodes at or above the baseline (share)",
        "metrics",
        (Line("success_share", "training"), Line("validation_better", "validation: looks better")),
    ),
    Chart(
        "loss",
        "Losses",
        "metrics",
        (Line("policy_loss", "policy"), Line("value_loss", "value"), Line("loss", "all")),
    ),
    Chart("entropy", "Entropy of the policy (nats)", "metrics", (Line("entropy", "entropy"),)),
    Chart(
        "kl",
        "Change per update: approximate KL (nats), clipped share",
        "metrics",
        (Line("approx_kl", "KL"), Line("clip_fraction", "clipped")),
    ),
    Chart(
        "explained",
        "Explained variance (1 is all)",
        "metrics",
        (Line("explained_variance", "explained variance"),),
    ),
    Chart("speed", "Traces per second", "metrics", (Line("traces_per_second", "traces/s"),)),
    Chart(
        "cpu",
        "CPU (100 is one core)",
        "samples",
        (Line("cpu_percent", "this run"),),
    ),
    Chart(
        "memory",
        "Memory (GiB)",
        "samples",
        (Line("rss", "resident"), Line("memory_left", "left")),
    ),
    Chart("disk", "Free disk space (GiB)", "samples", (Line("disk_free", "free"),)),
    Chart(
        "gpu",
        "GPU (busy share, mean over GPUs)",
        "samples",
        (Line("gpu", "busy"),),
    ),
)
"""In the order of the page."""

COMPARED = ("validation_utility", "gain_mean", "utility_gain_default", "success_share", "entropy")
"""Columns that runs are compared by."""

_GIB = 2**30


def metrics_figures() -> dict[str, Figure]:
    """The columns of `metrics.jsonl`."""
    names = {line.column for chart in CHARTS if chart.file == "metrics" for line in chart.lines}
    figures: dict[str, Figure] = {
        name: name for name in sorted({*names, *COMPARED, "update", "traces"})
    }
    figures["traces_per_second"] = inner("wall", "traces_per_second")
    return figures


def samples_figures() -> dict[str, Figure]:
    """The columns of `resource_monitoring/samples.jsonl`."""
    return {
        "time": "time",
        "cpu_percent": "cpu_percent",
        "rss": _gib("rss"),
        "memory_left": _gib("memory_left"),
        "disk_free": _gib("disk_free"),
        "gpu": _gpu,
    }


def points(chart: Chart, columns: Columns, width: int) -> dict[str, Any]:
    """A chart's points as JSON values.

    Args:
        chart: Which.
        columns: Of its file.
        width: Pixel columns of the screen (count).
    """
    x = columns.column("update" if chart.file == "metrics" else "time")
    x, lines = thin(x, [columns.column(line.column) for line in chart.lines], width)
    return {
        "id": chart.id,
        "title": chart.title,
        "x": "update" if chart.file == "metrics" else "time",
        "lines": [{"key": line.column, "label": line.label} for line in chart.lines],
        "points": [_plain(x, 13), *(_plain(line) for line in lines)],
    }


def compared(columns: Columns, name: str, width: int) -> list[list[float | None]]:
    """One column against the traces done, as JSON values: x, then y.

    Args:
        columns: Of `metrics.jsonl`.
        name: One of `COMPARED`.
        width: Pixel columns of the screen (count).
    """
    values = columns.column(name)
    known = np.isfinite(values)
    x, lines = thin(columns.column("traces")[known], [values[known]], width)
    return [_plain(x, 13), _plain(lines[0])]


def thin(x: Floats, lines: Sequence[Floats], width: int) -> tuple[Floats, list[Floats]]:
    """`decimate`, with what has no place on the x axis left out and the rest in order."""
    known = np.isfinite(x)
    x, lines = x[known], [line[known] for line in lines]
    if len(x) and (np.diff(x) < 0).any():  # clocks are set back
        order = np.argsort(x, kind="stable")
        x, lines = x[order], [line[order] for line in lines]
    return decimate(x, lines, width)


def _plain(values: Floats, digits: int = 7) -> list[float | None]:
    """As JSON, which has no NaN, with as many digits as a screen can show."""
    return [
        float(f"{value:.{digits}g}") if finite else None
        for value, finite in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)
    ]


def _gib(name: str) -> Figure:
    def value(record: Mapping[str, Any]) -> Any:
        found = record.get(name)
        return found / _GIB if isinstance(found, (int, float)) else None

    return value


def _gpu(record: Mapping[str, Any]) -> Any:
    gpus = record.get("gpus")
    busy = [
        gpu["utilisation"]
        for gpu in (gpus if isinstance(gpus, list) else ())
        if isinstance(gpu, Mapping) and isinstance(gpu.get("utilisation"), (int, float))
    ]
    return sum(busy) / len(busy) if busy else None

"""The plots of an execution's report: the curve of the training, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vtrain.validation.plots import COLOURS, DPI

_GIB = 2**30


def curve(records: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Utility over the reward's baseline in training and in the checks, against the traces.

    Args:
        records: Of ``metrics.jsonl``, in order.

    Returns:
        None where fewer than two updates tell it.
    """
    training = _points(records, "traces", "gain_mean")
    checks = _points(records, "traces", "validation_utility")
    if len(training) < 2:
        return None
    figure = Figure(figsize=(8.5, 3.6), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axhline(0.0, color="#888888", linewidth=0.8)
    axes.plot(*zip(*training, strict=True), color=COLOURS[0], linewidth=1.5, label="training")
    if checks:
        axes.plot(
            *zip(*checks, strict=True),
            color=COLOURS[1],
            marker="s",
            markersize=4,
            linewidth=1.5,
            linestyle="--",
            label="validation check",
        )
    axes.set_xlabel("traces")
    axes.set_ylabel("utility over the baseline")
    axes.set_title("Learning: mean utility over the reward's baseline")
    axes.legend(fontsize=8)
    return figure


def resources(samples: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Busy cores and resident memory of the training, against the time.

    Args:
        samples: Of ``samples.jsonl``, in order.

    Returns:
        None with fewer than two samples.
    """
    cores = _points(samples, "time", "cpu_percent")
    memory = _points(samples, "time", "rss")
    if min(len(cores), len(memory)) < 2:
        return None
    start = cores[0][0]
    figure = Figure(figsize=(8.5, 4.2), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 1, sharex=True)
    for axes, points, unit, label, colour in (
        (panels[0], cores, 100.0, "busy cores", COLOURS[0]),
        (panels[1], memory, _GIB, "memory (GiB)", COLOURS[2]),
    ):
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.plot(
            [(time - start) / 60.0 for time, _ in points],
            [value / unit for _, value in points],
            color=colour,
            linewidth=1.5,
        )
        axes.set_ylim(bottom=0.0)
        axes.set_ylabel(label)
    panels[1].set_xlabel("time since the first sample (min)")
    figure.suptitle("Resources of the training")
    return figure


def _points(records: Sequence[Mapping[str, Any]], x: str, y: str) -> list[tuple[float, float]]:
    return [
        (float(record[x]), float(record[y]))
        for record in records
        if isinstance(record.get(x), (int, float)) and isinstance(record.get(y), (int, float))
    ]

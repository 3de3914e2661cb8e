"""The plots of a comparison of validations; colours and files as in `plots`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from vtrain.validation.plots import COLOURS, DPI, MARKERS
from vtrain.validation.regression import Change
from vtrain.validation.results import Record

PLOT_TEXTS = {
    "fronts": "Mean appearance gain against bytes, each validation at each taste",
    "differences": "Mean utility minus that of the first, with its interval, at each taste",
}
Item = tuple[str, Record, Sequence[Change]]
"""Name, record, and changes from the first one."""


def comparison_plots(items: Sequence[Item]) -> dict[str, Figure]:
    """The plots by file stem, in reading order; without changes there is only the first one."""
    plots = {"fronts": _fronts(items)}
    if any(changes for _, _, changes in items):
        plots["differences"] = _differences(items)
    return plots


def _fronts(items: Sequence[Item]) -> Figure:
    figure = Figure(figsize=(9.5, 4.6), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, (name, record, _) in enumerate(items):
        points = [record.summary.of(taste) for taste in record.tastes]
        known = [(f.gain, f.bytes_ratio) for f in points if f.bytes_ratio is not None]
        gains = np.array([gain.value for gain, _ in known])
        spread = np.array([_spread(gain.value, gain.low, gain.high) for gain, _ in known])
        axes.errorbar(
            [share for _, share in known],
            gains,
            yerr=spread.T if known else None,
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            capsize=3,
            label=_plain(name),
        )
        if place == 0:
            for f in points:
                if f.bytes_ratio is not None:
                    axes.annotate(
                        f.taste,
                        (f.bytes_ratio, f.gain.value),
                        xytext=(8, 5),
                        textcoords="offset points",
                        fontsize=8,
                    )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.3g}x"))
    axes.set_xlabel("bytes over the default's")
    axes.set_ylabel("mean appearance gain (log-odds)")
    axes.set_title("Looks against size: each validation at each taste, all logos")
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.legend(fontsize=8, loc="outside right upper")
    return figure


def _differences(items: Sequence[Item]) -> Figure:
    lines = [
        (place, name, change) for place, (name, _, changes) in enumerate(items)
        for change in changes
    ]  # fmt: skip
    figure = Figure(figsize=(9.5, 0.42 * len(lines) + 1.5), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for row, (place, _, change) in enumerate(lines):
        found = change.difference
        spread = np.array(_spread(found.value, found.low, found.high))
        axes.errorbar(
            [found.value],
            [row],
            xerr=spread[:, None],
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            capsize=3,
        )
    axes.axvline(0, color="#000000", linewidth=1)
    labels = [f"{_plain(name)}, {change.taste} ({change.n} logos)" for _, name, change in lines]
    axes.set_yticks(range(len(lines)), labels, fontsize=8)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(visible=True, axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"mean utility minus that of {_plain(items[0][0])}; to the right it is better")
    axes.set_title("Differences logo by logo, with intervals")
    return figure


def _plain(name: str) -> str:
    """A folder's name as text: a dollar begins a formula, and a first underscore hides a label."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def _spread(value: float, low: float, high: float) -> tuple[float, float]:
    """Lengths of an error bar; an interval without bounds (one brand) is drawn as none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return (0.0, 0.0)
    return (max(0.0, value - low), max(0.0, high - value))

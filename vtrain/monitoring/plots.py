"""The plots of a report: the curves of training and of the resources, as the dashboard has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from vtrain.files import write_bytes
from vtrain.monitoring.summary import SAMPLES
from vtrain.monitoring.web.charts import CHARTS, Chart, metrics_figures, samples_figures, thin
from vtrain.monitoring.web.columns import Columns
from vtrain.monitoring.web.decimate import Floats
from vtrain.rundir import RunDirectory
from vtrain.validation.plots import COLOURS, DPI, MARKERS, files_of

PLOTS = "plots"
"""Folder of the plots, in `resource_monitoring`."""
_WIDTH = 600
"""Pixel columns that curves are thinned to (count)."""
_SPARSE = 0.25
"""Share of the points below which a curve has a marker at each of its own."""
_PER_ROW = 2


def write_plots(run: RunDirectory) -> tuple[Path, ...]:
    """Draw ``training`` and ``resources`` as PNG and SVG, in place of those that were there.

    Args:
        run: The run directory; one that a trainer is writing to is fine.

    Returns:
        The files; none of a plot for which nothing is recorded yet.

    Raises:
        DataError: A file of the run cannot be read.
        StorageError: A plot cannot be written.
    """
    folder = run.resource_monitoring / PLOTS
    written = []
    for name, figure in (("training", training(run)), ("resources", resources(run))):
        if figure is None:
            continue
        for suffix, data in zip(("png", "svg"), files_of(figure), strict=True):
            path = folder / f"{name}.{suffix}"
            write_bytes(path, data)
            written.append(path)
    return tuple(written)


def training(run: RunDirectory) -> Figure | None:
    """The curves of training over the updates; None before the first.

    Raises:
        DataError: The records cannot be read.
    """
    columns = Columns(run.metrics, metrics_figures())
    columns.refresh()
    found = _draw("metrics", columns, columns.column("update"), "Training")
    if found is None:
        return None
    figure, bottom = found
    for axes in bottom:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel("update")
    return figure


def resources(run: RunDirectory) -> Figure | None:
    """The resources over the time since the first sample; None before it.

    Raises:
        DataError: The samples cannot be read.
    """
    columns = Columns(run.resource_monitoring / SAMPLES, samples_figures())
    columns.refresh()
    time = columns.column("time")
    known = time[np.isfinite(time)]
    if not known.size:
        return None
    unit, seconds = _unit(float(known.max() - known.min()))
    found = _draw("samples", columns, (time - known.min()) / seconds, "Resources")
    if found is None:
        return None
    figure, bottom = found
    for axes in bottom:
        axes.set_xlabel(f"time since the first sample ({unit})")
    return figure


def _unit(span: float) -> tuple[str, float]:
    """The unit for a time: its name and its length (s)."""
    if span < 300.0:
        return "s", 1.0
    return ("min", 60.0) if span < 3 * 3600.0 else ("h", 3600.0)


def _draw(file: str, columns: Columns, x: Floats, title: str) -> tuple[Figure, list[Axes]] | None:
    """The charts of a file for which there are values, and the axes at the foot of a column."""
    shown = []
    for chart in CHARTS:
        if chart.file == file:
            values = [columns.column(line.column) for line in chart.lines]
            if np.isfinite(values).any():
                shown.append((chart, values))
    if not shown:
        return None
    rows = -(-len(shown) // _PER_ROW)
    across = min(_PER_ROW, len(shown))
    figure = Figure(figsize=(5.2 * across, 2.35 * rows + 0.6), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, across, sharex=True, squeeze=False).ravel()
    for axes, (chart, values) in zip(panels, shown, strict=False):
        _panel(axes, chart, *thin(x, values, _WIDTH))
    for axes in panels[len(shown) :]:
        axes.remove()
    bottom = list(panels[max(0, len(shown) - across) : len(shown)])
    for axes in bottom:
        axes.tick_params(labelbottom=True)
    figure.suptitle(title)
    return figure, bottom


def _panel(axes: Axes, chart: Chart, x: Floats, lines: Sequence[Floats]) -> None:
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for place, (line, values) in enumerate(zip(chart.lines, lines, strict=True)):
        known = np.isfinite(values)
        sparse = known.sum() < max(3.0, _SPARSE * len(values))
        axes.plot(
            x[known],
            values[known],
            color=COLOURS[place % len(COLOURS)],
            linewidth=1.8 if sparse else 1.2,
            marker=MARKERS[place % len(MARKERS)] if sparse else None,
            markersize=4,
            label=line.label,
            zorder=3 if sparse else 2,
        )
    low, high = axes.get_ylim()
    if low < 0 < high:
        axes.axhline(0, color="#888888", linewidth=0.8, zorder=1)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_title(chart.title, fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    if len(chart.lines) > 1:
        axes.legend(fontsize=8, loc="best")

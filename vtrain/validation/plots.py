"""The plots of a judgement, as matplotlib figures made without pyplot: nothing global is touched.

Colours are Okabe and Ito's, which people with any colour vision tell apart; shapes differ too.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from vtrain.tracing.parameters import PARAMETERS
from vtrain.validation.baselines import POLICY
from vtrain.validation.judge import Judgement, Row
from vtrain.validation.summary import ALL, Summary

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
DPI = 110
_LEGEND_INSIDE = 5
"""Most choosers that a legend among the points leaves room for (count)."""


def front(judgement: Judgement, summary: Summary) -> Figure:
    """Mean gain against bytes for each chooser over the tastes, with intervals of the gain."""
    crowded = len(judgement.choosers) > _LEGEND_INSIDE
    figure, axes = _figure(9.5 if crowded else 7.5, 4.6)
    for place, chooser in enumerate(judgement.choosers):
        points = [summary.of(taste, chooser=chooser) for taste in judgement.tastes]
        known = [(f, f.bytes_ratio) for f in points if f.bytes_ratio is not None]
        if not known:
            continue
        gains = np.array([f.gain.value for f, _ in known])
        # An interval without bounds (one brand) is drawn as none.
        low = np.array([max(f.gain.low, -1e6) for f, _ in known])
        high = np.array([min(f.gain.high, 1e6) for f, _ in known])
        bounded = (low > -1e6) & (high < 1e6)
        spread = np.where(bounded, [gains - low, high - gains], 0.0)
        axes.errorbar(
            [share for _, share in known],
            gains,
            yerr=np.clip(spread, 0.0, None),
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            linewidth=2 if chooser == POLICY else 1,
            markersize=8 if chooser == POLICY else 6,
            capsize=3,
            label=chooser,
            zorder=3 if chooser == POLICY else 2,
        )
    for place, taste in enumerate(judgement.tastes):
        f = summary.of(taste)
        if f.bytes_ratio is not None:
            # One above, one below, one to the left: points may lie on one another.
            right = place % 3 < 2
            axes.annotate(
                taste,
                (f.bytes_ratio, f.gain.value),
                xytext=(9 if right else -9, (6, -14, -4)[place % 3]),
                textcoords="offset points",
                horizontalalignment="left" if right else "right",
                fontsize=8,
            )
    _ratio_axis(axes)
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set_ylabel("mean appearance gain (log-odds)")
    axes.set_title("Looks against size: each chooser at each taste, all logos")
    if crowded:
        figure.legend(fontsize=8, loc="outside right upper")
    else:
        axes.legend(fontsize=8)
    return figure


def scatter(judgement: Judgement) -> Figure:
    """Every logo: the policy's gain against its bytes, one panel per taste, by category."""
    tastes = list(judgement.tastes)
    figure = Figure(figsize=(3.6 * len(tastes), 3.9), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(tastes), sharex=True, sharey=True, squeeze=False)[0]
    for axes, taste in zip(panels, tastes, strict=True):
        rows = judgement.select(chooser=POLICY, taste=taste)
        for place, category in enumerate(_categories(rows)):
            chosen = [
                (row.bytes_ratio, row.gain)
                for row in rows
                if row.category == category and row.bytes_ratio is not None
            ]
            axes.scatter(
                [share for share, _ in chosen],
                [gain for _, gain in chosen],
                s=16,
                alpha=0.65,
                linewidths=0,
                color=COLOURS[place % len(COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                label=category,
            )
        axes.axhline(0, color="#888888", linewidth=0.8)
        axes.axvline(1, color="#888888", linewidth=0.8)
        _ratio_axis(axes)
        axes.set_title(taste)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].set_ylabel("appearance gain (log-odds)")
    panels[0].legend(fontsize=8)
    figure.suptitle("The policy's trace of each logo, against VTracer's default")
    return figure


def gains(judgement: Judgement, taste: str) -> Figure:
    """Distribution of the policy's gain at a taste, one panel per category."""
    rows = judgement.select(chooser=POLICY, taste=taste)
    categories = _categories(rows)
    values = np.array([row.gain for row in rows])
    # One failure must not squeeze all the others into one bar: it counts in the last one.
    low, high = np.quantile(values, (0.01, 0.99))
    edges = np.linspace(min(low, -0.5), max(high, 0.5), 33)
    figure = Figure(figsize=(8, 1.35 * len(categories) + 0.9), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(categories), 1, sharex=True, squeeze=False)[:, 0]
    for place, (axes, category) in enumerate(zip(panels, categories, strict=True)):
        chosen = np.array([row.gain for row in rows if row.category == category])
        axes.hist(np.clip(chosen, edges[0], edges[-1]), edges, color=COLOURS[place % len(COLOURS)])
        axes.axvline(0, color="#000000", linewidth=1)
        axes.axvline(chosen.mean(), color="#000000", linewidth=1, linestyle=":")
        axes.set_ylabel("logos")
        axes.set_title(
            f"{category}: mean {chosen.mean():+.2f} (dotted), "
            f"{(chosen > 0).mean():.0%} of {len(chosen)} above 0",
            fontsize=9,
            loc="left",
        )
    panels[-1].set_xlabel("appearance gain over VTracer's default (log-odds)")
    figure.suptitle(f"Gain of the policy at {taste}; the outer bars hold all beyond them")
    return figure


def parameters(judgement: Judgement) -> Figure:
    """Share of the logos for which the policy chose each level of each parameter, per taste."""
    columns = 4
    count = -(-len(PARAMETERS) // columns)
    figure = Figure(figsize=(12, 2.1 * count + 0.6), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(count, columns, squeeze=False, sharey=True).ravel()
    tastes = list(judgement.tastes)
    width = 0.8 / len(tastes)
    for position, (axes, row) in enumerate(zip(panels, PARAMETERS, strict=False)):
        for place, taste in enumerate(tastes):
            rows = judgement.select(chooser=POLICY, taste=taste)
            counts = Counter(chosen.action[position] for chosen in rows)
            shares = [counts[level] / len(rows) for level in range(len(row.levels))]
            axes.bar(
                np.arange(len(row.levels)) + (place - (len(tastes) - 1) / 2) * width,
                shares,
                width,
                color=COLOURS[place % len(COLOURS)],
                label=taste,
            )
        axes.set_xticks(range(len(row.levels)), [_level(level) for level in row.levels])
        axes.tick_params(labelsize=8)
        axes.set_ylim(0, 1)
        axes.set_yticks((0.0, 0.5, 1.0), ("0%", "50%", "100%"))
        unit = "" if row.unit in ("choice", row.name) else f" ({row.unit})"
        axes.set_title(f"{row.name}{unit}", fontsize=9)
    for axes in panels[len(PARAMETERS) :]:
        axes.set_axis_off()
    panels[0].legend(fontsize=8)
    figure.suptitle("What the policy chooses: share of the logos, per taste")
    return figure


def all_plots(judgement: Judgement, summary: Summary) -> dict[str, Figure]:
    """The plots of a judgement that holds the policy, by file stem, in reading order."""
    taste = next(iter(judgement.tastes))
    return {
        "front": front(judgement, summary),
        "scatter": scatter(judgement),
        "gains": gains(judgement, taste),
        "parameters": parameters(judgement),
    }


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    # Without the date and the version the same figures give the same bytes.
    return _saved(figure, "png", {"Software": None})


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file, with text as paths: it looks the same everywhere."""
    # Without the date, and with ids of a fixed salt, the same figures give the same bytes.
    return _saved(figure, "svg", {"Date": None, "Creator": None})


def _saved(figure: Figure, kind: str, metadata: dict[str, str | None]) -> bytes:
    buffer = io.BytesIO()
    with rc_context(
        {
            "svg.hashsalt": "vtrain",
            # A figure without an engine would be placed as the user's matplotlibrc says.
            "figure.autolayout": False,
            "figure.constrained_layout.use": False,
        }
    ):
        # Once: matplotlib would place everything anew, and draw for that, for each file.
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def files_of(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as a PNG and as an SVG file, in one layout."""
    return png(figure), svg(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _ratio_axis(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g}x"))
    axes.set_xlabel("bytes over the default's")


def _categories(rows: Sequence[Row]) -> list[str]:
    return [name for name in dict.fromkeys(row.category for row in rows) if name != ALL]


def _level(level: object) -> str:
    if isinstance(level, bool):
        return "yes" if level else "no"
    return f"{level:g}" if isinstance(level, (int, float)) else str(level)

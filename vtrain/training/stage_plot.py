"""The plot of a curriculum: success and validation over the updates, stage by stage."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from vtrain.config.section import CATEGORIES
from vtrain.validation.plots import COLOURS, DPI, MARKERS

_BANDS = ("#eef3f8", "#ffffff")
_RETRY = "#f7e6d4"
_HOW = {"next": "", "retry": "retried", "stop": "failed", "end": "", None: "under way"}
_CHARACTERS_WIDE = 92
"""Characters of a band's label, at its size, over the whole width of the panel (count)."""
_LONGEST_NAME = 40
"""Characters shown of a stage's name (count)."""


@dataclass(frozen=True, slots=True)
class _Band:
    """An attempt at a stage: updates `first` to `last`, and what is known of its result."""

    stage: str
    first: int
    last: int
    result: Mapping[str, Any]

    @property
    def attempt(self) -> int:
        return int(self.result.get("attempt", 1))

    @property
    def words(self) -> tuple[str, ...]:
        again = f"attempt {self.attempt}" if self.attempt > 1 else ""
        name = textwrap.shorten(self.stage, _LONGEST_NAME, placeholder="...")
        return tuple(part for part in (name, again, _HOW[self.result.get("then")]) if part)


def draw(records: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]]) -> Figure:
    """Success share above, validation utility below; stages are bands, retries darker ones.

    Args:
        records: Of ``metrics.jsonl``, at least one.
        results: Of the stages that have ended, in order, each with its ``update``.
    """
    bands = _bands(records, results)
    figure = Figure(figsize=(9.5, 6.4), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    success, check = figure.subplots(2, 1, sharex=True)
    first, last = min(band.first for band in bands), max(band.last for band in bands)
    for axes in (success, check):
        axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlim(first - 0.5, last + 0.5)
        for place, band in enumerate(bands):
            colour = _RETRY if band.attempt > 1 else _BANDS[place % 2]
            axes.axvspan(band.first - 0.5, band.last + 0.5, color=colour, zorder=0, linewidth=0)
            if place:
                axes.axvline(band.first - 0.5, color="#888888", linewidth=0.8, linestyle=":")
    _label(success, bands, last - first + 1)
    _success(success, records, bands)
    _check(check, records)
    check.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    check.set_xlabel("update")
    figure.suptitle("The curriculum: success in each stage, and the validation check")
    return figure


def _bands(
    records: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]]
) -> list[_Band]:
    """The attempts in order; the last one may be under way."""
    bands: list[_Band] = []
    first, last = 1, int(records[-1]["update"])
    for result in results:
        end = int(result["update"])
        bands.append(_Band(str(result["stage"]), first, end, result))
        first = end + 1
    if first <= last:
        now = records[-1]
        under_way = {"attempt": now.get("attempt", 1)}  # earlier versions name none
        bands.append(_Band(str(now["stage"]), first, last, under_way))
    return bands


def _label(axes: Axes, bands: Sequence[_Band], updates: int) -> None:
    """Name each band above the panel, upright where it is wide enough and turned where not."""
    for band in bands:
        room = _CHARACTERS_WIDE * (band.last - band.first + 1) // updates
        lines = [line for part in band.words for line in textwrap.wrap(part, max(room, 1))]
        turned = max(map(len, " ".join(band.words).split())) > room
        axes.annotate(
            ", ".join(band.words) if turned else "\n".join(lines),
            ((band.first + band.last) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            rotation=90 if turned else 0,
        )


def _success(axes: Axes, records: Sequence[Mapping[str, Any]], bands: Sequence[_Band]) -> None:
    for place, band in enumerate(bands):
        inside = [row for row in records if band.first <= int(row["update"]) <= band.last]
        axes.plot(
            [int(row["update"]) for row in inside],
            [row["success_share"] for row in inside],
            color=COLOURS[0],
            marker="o",
            markersize=3,
            linewidth=1.5,
            label="" if place else "share of recent episodes that are a success",
        )
        if "wanted_share" in band.result:
            share = band.result["wanted_share"]
            axes.plot(
                [band.first - 0.5, band.last + 0.5],
                [share, share],
                color=COLOURS[1],
                linewidth=1.2,
                linestyle="--",
                label="" if place else "share wanted",
            )
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    axes.set_ylabel("success share")
    axes.legend(fontsize=8, loc="best")


def _check(axes: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    checked = [row for row in records if row.get("validation_utility") is not None]
    for place, category in enumerate(CATEGORIES, 1):
        points = [
            (int(row["update"]), row["validation_by_category"][category])
            for row in checked
            if category in (row.get("validation_by_category") or {})
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=COLOURS[place],
                marker=MARKERS[place],
                markersize=5,
                linewidth=1,
                alpha=0.85,
                label=category,
            )
    axes.plot(
        [int(row["update"]) for row in checked],
        [row["validation_utility"] for row in checked],
        color=COLOURS[0],
        marker=MARKERS[0],
        markersize=7,
        linewidth=2.2,
        label="all",
        zorder=3,
    )
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set_ylabel("validation utility\nover the baseline")
    if checked:
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))

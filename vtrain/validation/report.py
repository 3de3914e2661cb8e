"""The report of a judgement in words and plain tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vtrain.validation.baselines import DEFAULT, POLICY
from vtrain.validation.results import Record
from vtrain.validation.statistics import Interval
from vtrain.validation.summary import ALL, Comparison, Figures


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: cells are finished text, the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def headline(record: Record) -> list[str]:
    """The sentences that matter: how the policy did against VTracer's default and the baselines."""
    spent = "one trace" if record.traces == 1 else f"up to {record.traces} traces"
    sentences = []
    for taste in record.tastes:
        ours = record.summary.of(taste)
        sentences.append(
            f"At {taste}, with {spent} per logo, the policy looks better than VTracer's default on "
            f"{ours.better.value:.0%} ({ours.better.low:.0%} to {ours.better.high:.0%}) of "
            f"{ours.n} logos, gaining {interval(ours.gain)} in appearance at "
            f"{ratio(ours.bytes_ratio)} the bytes."
        )
        sentences += [
            f"  Its utility there is {_verdict(found)} {found.against}: "
            f"{interval(found.difference)}."
            for found in record.summary.comparisons
            if found.taste == taste and found.category == ALL
        ]
    return sentences


def tables(record: Record) -> list[Table]:
    """All figures: choosers per taste, categories per taste, differences, pixel metrics."""
    summary = record.summary
    found = []
    for taste, price in record.tastes.items():
        title = f"At {taste} (lambda {price:g})"
        overall = [f for f in summary.figures if f.taste == taste and f.category == ALL]
        found.append(
            Table(
                f"{title}: all logos, by chooser",
                ("chooser", *_COLUMNS),
                tuple((figures.chooser, *_cells(figures)) for figures in overall),
            )
        )
        policy = [f for f in summary.figures if f.taste == taste and f.chooser == POLICY]
        found.append(
            Table(
                f"{title}: the policy, by category",
                ("category", *_COLUMNS),
                tuple((figures.category, *_cells(figures)) for figures in policy),
            )
        )
    found += _differences(record)
    pixel = [f for f in summary.figures if f.category == ALL]
    found.append(
        Table(
            "Pixel metrics over the foreground (they mislead: see the appearance above)",
            ("chooser", "taste", "SSIM", "MS-SSIM", "MSE (levels^2)", "PSNR (dB)"),
            tuple(
                (
                    f.chooser,
                    f.taste,
                    number(f.ssim, 4),
                    number(f.ms_ssim, 4),
                    number(f.mse, 1),
                    number(f.psnr, 2),
                )
                for f in pixel
            ),
        )
    )
    return found


def text_report(record: Record) -> str:
    """The whole report as text, at most about 110 columns wide."""
    lines = [
        f"Validation of {record.checkpoint} on {record.images} {record.split} logos",
        (
            f"{record.created}; intervals of {record.confidence:.0%}, {record.resamples} bootstrap "
            "resamples of brands"
        ),
        "",
        *headline(record),
        *(f"Note: {note}" for note in record.notes),
    ]
    for table in tables(record):
        lines += ["", table.title, *aligned(table)]
    lines += ["", *LEGEND]
    return "\n".join(lines) + "\n"


LEGEND = (
    (
        "gain: appearance minus that of VTracer's default (precision 2, the file as it is); the "
        "difference of two appearances is the log-odds that a person prefers the one."
    ),
    "middle: interquartile mean of the gain. worst: mean gain of the worst 5 %.",
    (
        "better: share of logos with a gain above 0. bytes, segments: over the default's, "
        "geometric mean."
    ),
    "utility: appearance minus lambda times cost. traces: different traces looked at per logo.",
)


def interval(found: Interval, digits: int = 2) -> str:
    """Such as ``+3.21 [+3.02, +3.40]``; an end that is not bounded is a question mark."""
    low, high = (
        f"{end:+.{digits}f}" if math.isfinite(end) else "?" for end in (found.low, found.high)
    )
    return f"{found.value:+.{digits}f} [{low}, {high}]"


def ratio(value: float | None) -> str:
    """Such as ``1.33x``."""
    return "?x" if value is None else f"{value:.2f}x"


def number(value: float | None, digits: int) -> str:
    """A number with so many decimals; a dash when there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def aligned(table: Table) -> list[str]:
    """The lines of a table in plain text, without its title."""
    lines: Sequence[tuple[str, ...]] = (table.columns, *table.rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return [texts[0], "  ".join("-" * width for width in widths), *texts[1:]]


_COLUMNS = (
    "logos",
    "traces",
    "gain",
    "middle",
    "worst",
    "better",
    "bytes",
    "segments",
    "utility",
    "failed",
)


def _cells(figures: Figures) -> tuple[str, ...]:
    better = figures.better
    share = f"{better.value:.0%} [{better.low:.0%}, {better.high:.0%}]"
    return (
        str(figures.n),
        f"{figures.traces:.3g}",
        interval(figures.gain),
        f"{figures.gain_middle:+.2f}",
        f"{figures.gain_worst:+.2f}",
        # The default cannot look better than itself.
        "-" if figures.chooser == DEFAULT else share,
        ratio(figures.bytes_ratio),
        ratio(figures.segments_ratio),
        f"{figures.utility:.2f}",
        str(figures.failures),
    )


def _differences(record: Record) -> list[Table]:
    if not record.summary.comparisons:
        return []
    return [
        Table(
            "Mean utility of the policy minus the baseline's, logo by logo",
            ("baseline", "taste", "category", "logos", "difference", "wins", "the policy is"),
            tuple(
                (
                    found.against,
                    found.taste,
                    found.category,
                    str(found.n),
                    interval(found.difference, 3),
                    f"{found.wins:.0%}",
                    found.verdict,
                )
                for found in record.summary.comparisons
            ),
        )
    ]


def _verdict(found: Comparison) -> str:
    if found.verdict == "not distinguishable":
        return "not distinguishable from that of"
    return f"{found.verdict} than that of"

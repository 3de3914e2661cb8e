"""What a judgement says: figures per category, taste and chooser, and the policy's verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vtrain.validation.baselines import POLICY
from vtrain.validation.judge import Judgement, Row
from vtrain.validation.statistics import (
    Interval,
    Verdict,
    geometric_mean,
    interquartile_mean,
    mean_interval,
    verdict,
    wilson_interval,
    worst_mean,
)

ALL = "all"
"""The category that holds every image."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One chooser on the images of one category at one taste.

    Attributes:
        category: Category, or `ALL`.
        taste: Name of the taste.
        chooser: Name of the chooser.
        n: Images (count).
        traces: Mean traces looked at per image (count).
        gain: Mean appearance gain over VTracer's default, with its interval.
        gain_middle: Interquartile mean of the gain.
        gain_worst: Mean gain of the worst 5 %.
        better: Share of images that look better than the default, with its interval.
        bytes_ratio: Geometric mean of the bytes over the default's; None when all failed.
        segments_ratio: Likewise of the segments.
        utility: Mean utility at this taste.
        failures: Traces that failed (count).
        ssim: Mean over the traces that did not fail, as the next three; None when all failed.
        ms_ssim: Mean MS-SSIM.
        mse: Mean squared error (levels^2).
        psnr: Mean peak signal-to-noise ratio (dB).
    """

    category: str
    taste: str
    chooser: str
    n: int
    traces: float
    gain: Interval
    gain_middle: float
    gain_worst: float
    better: Interval
    bytes_ratio: float | None
    segments_ratio: float | None
    utility: float
    failures: int
    ssim: float | None
    ms_ssim: float | None
    mse: float | None
    psnr: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The policy against one baseline, image by image.

    Attributes:
        category: Category, or `ALL`.
        taste: Name of the taste.
        against: Name of the baseline.
        n: Images (count).
        difference: Mean utility of the policy minus the baseline's, with its interval.
        wins: Share of images with the higher utility; equal ones count one half.
        verdict: What the interval says of the policy.
    """

    category: str
    taste: str
    against: str
    n: int
    difference: Interval
    wins: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures and comparisons of a judgement, `ALL` before the categories."""

    figures: tuple[Figures, ...]
    comparisons: tuple[Comparison, ...]

    def of(self, taste: str, *, chooser: str = POLICY, category: str = ALL) -> Figures:
        """The figures of a chooser.

        Raises:
            KeyError: There are none.
        """
        for figures in self.figures:
            if (figures.taste, figures.chooser, figures.category) == (taste, chooser, category):
                return figures
        raise KeyError((taste, chooser, category))

    def against(self, baseline: str, taste: str, *, category: str = ALL) -> Comparison:
        """The policy's comparison with a baseline.

        Raises:
            KeyError: There is none.
        """
        for found in self.comparisons:
            if (found.against, found.taste, found.category) == (baseline, taste, category):
                return found
        raise KeyError((baseline, taste, category))


def summarise(
    judgement: Judgement, *, resamples: int = 10_000, confidence: float = 0.95, seed: int = 0
) -> Summary:
    """Figures of a judgement; intervals resample brands.

    Args:
        judgement: With the policy under the name `POLICY` for comparisons.
        resamples: Bootstrap resamples of an interval (count).
        confidence: Coverage of the intervals, 0 to 1.
        seed: Seed of the resampling.
    """

    def interval(values: Sequence[float], rows: Sequence[Row]) -> Interval:
        return mean_interval(
            values,
            groups=[row.brand for row in rows],
            resamples=resamples,
            confidence=confidence,
            seed=seed,
        )

    figures = []
    comparisons = []
    for category in (ALL, *_categories(judgement)):
        for taste in judgement.tastes:
            chosen = {
                name: judgement.select(
                    chooser=name, taste=taste, category=None if category == ALL else category
                )
                for name in judgement.choosers
            }
            figures += [
                _figures(category, rows, interval([row.gain for row in rows], rows), confidence)
                for rows in chosen.values()
                if rows
            ]
            comparisons += [
                _compare(category, chosen[POLICY], rows, interval)
                for name, rows in chosen.items()
                if name != POLICY and chosen.get(POLICY)
            ]
    return Summary(tuple(figures), tuple(comparisons))


def _categories(judgement: Judgement) -> list[str]:
    return list(dict.fromkeys(row.category for row in judgement.rows))


def _figures(category: str, rows: Sequence[Row], gain: Interval, confidence: float) -> Figures:
    gains = [row.gain for row in rows]
    return Figures(
        category=category,
        taste=rows[0].taste,
        chooser=rows[0].chooser,
        n=len(rows),
        traces=float(np.mean([row.traces for row in rows])),
        gain=gain,
        gain_middle=interquartile_mean(gains),
        gain_worst=worst_mean(gains),
        better=wilson_interval(
            sum(row.looks_better for row in rows), len(rows), confidence=confidence
        ),
        bytes_ratio=_ratio([row.bytes_ratio for row in rows]),
        segments_ratio=_ratio([row.segments_ratio for row in rows]),
        utility=float(np.mean([row.utility for row in rows])),
        failures=sum(row.measurement.failure is not None for row in rows),
        ssim=_mean([row.measurement.ssim for row in rows]),
        ms_ssim=_mean([row.measurement.ms_ssim for row in rows]),
        mse=_mean([row.measurement.mse for row in rows]),
        psnr=_mean([row.measurement.psnr for row in rows]),
    )


def _compare(
    category: str,
    policy: Sequence[Row],
    baseline: Sequence[Row],
    interval: Callable[[Sequence[float], Sequence[Row]], Interval],
) -> Comparison:
    # Both are in the order of the images: the differences are paired.
    differences = [
        ours.utility - theirs.utility for ours, theirs in zip(policy, baseline, strict=True)
    ]
    difference = interval(differences, policy)
    return Comparison(
        category=category,
        taste=policy[0].taste,
        against=baseline[0].chooser,
        n=len(differences),
        difference=difference,
        wins=float(np.mean([(np.sign(value) + 1) / 2 for value in differences])),
        verdict=verdict(difference),
    )


def _ratio(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return geometric_mean(known) if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(known)) if known else None

"""What a judgement says: figures per category, taste and chooser, and the policy's verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vtrain.config.validation import SuccessConfig
from vtrain.validation.baselines import POLICY
from vtrain.validation.judge import Judgement, Row
from vtrain.validation.statistics import (
    Interval,
    MeanTest,
    Verdict,
    claim,
    geometric_mean,
    holm,
    mean_test,
    middle_interval,
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
        middle: Interquartile mean of the gain, with its interval. None in results of earlier
            versions, as all that follow.
        success: Share of images whose utility over the default reaches their category's threshold,
            with its interval.
        regret: Mean utility lost against the best known trace of each image; from 0.
        utility_worst: Mean utility over the default of the worst 5 %.
        appearance: Mean appearance; over the traces that did not fail, as all that follow.
        colour_error: Mean colour error (dE, 0 to 25).
        recall: Mean contour recall, 0 to 1.
        truth: Mean share of true edges, 0 to 1.
        stray: Mean stray edges; from 0.
        facets: Mean facets (per 100 px).
        bytes: Median size of the SVG (bytes).
        segments: Median path segments (count).
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
    middle: Interval | None = None
    success: Interval | None = None
    regret: float | None = None
    utility_worst: float | None = None
    appearance: float | None = None
    colour_error: float | None = None
    recall: float | None = None
    truth: float | None = None
    stray: float | None = None
    facets: float | None = None
    bytes: float | None = None
    segments: float | None = None


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
        verdict: What is claimed of the policy, after the adjustment.
        middle: Interquartile mean of the differences, with its interval; None in results of earlier
            versions, as the next two.
        p: Two-sided p-value of the mean difference.
        adjusted: The same, adjusted (Holm) for all comparisons of the judgement.
    """

    category: str
    taste: str
    against: str
    n: int
    difference: Interval
    wins: float
    verdict: Verdict
    middle: Interval | None = None
    p: float | None = None
    adjusted: float | None = None


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
    judgement: Judgement,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    success: SuccessConfig | None = None,
) -> Summary:
    """Figures of a judgement; intervals resample brands.

    A comparison claims something only when its p-value, adjusted for all comparisons that are made
    here, is below 1 - `confidence`: the chance that any claim is false is then at most that.

    Args:
        judgement: With the policy under the name `POLICY` for comparisons.
        resamples: Bootstrap resamples of an interval (count).
        confidence: Coverage of the intervals, 0 to 1.
        seed: Seed of the resampling.
        success: Thresholds of success; None for the default ones.
    """
    bootstrap = _Bootstrap(resamples, confidence, seed)
    thresholds = success or SuccessConfig()
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
                _figures(category, rows, bootstrap, thresholds) for rows in chosen.values() if rows
            ]
            comparisons += [
                _compare(category, chosen[POLICY], rows, bootstrap)
                for name, rows in chosen.items()
                if name != POLICY and chosen.get(POLICY)
            ]
    return Summary(tuple(figures), _adjusted(comparisons, 1 - confidence))


@dataclass(frozen=True, slots=True)
class _Bootstrap:
    """How intervals are made."""

    resamples: int
    confidence: float
    seed: int

    def mean(self, values: Sequence[float], rows: Sequence[Row]) -> MeanTest:
        return mean_test(
            values,
            groups=[row.brand for row in rows],
            resamples=self.resamples,
            confidence=self.confidence,
            seed=self.seed,
        )

    def middle(self, values: Sequence[float], rows: Sequence[Row]) -> Interval:
        return middle_interval(
            values,
            groups=[row.brand for row in rows],
            resamples=self.resamples,
            confidence=self.confidence,
            seed=self.seed,
        )


def _categories(judgement: Judgement) -> list[str]:
    return list(dict.fromkeys(row.category for row in judgement.rows))


def _figures(
    category: str, rows: Sequence[Row], bootstrap: _Bootstrap, success: SuccessConfig
) -> Figures:
    gains = [row.gain for row in rows]
    drawn = [row.measurement for row in rows if row.measurement.failure is None]
    middle = bootstrap.middle(gains, rows)
    reached = sum(row.over_default >= success.of(row.category) for row in rows)
    return Figures(
        category=category,
        taste=rows[0].taste,
        chooser=rows[0].chooser,
        n=len(rows),
        traces=float(np.mean([row.traces for row in rows])),
        gain=bootstrap.mean(gains, rows).interval,
        gain_middle=middle.value,
        gain_worst=worst_mean(gains),
        better=wilson_interval(
            sum(row.looks_better for row in rows), len(rows), confidence=bootstrap.confidence
        ),
        bytes_ratio=_ratio([row.bytes_ratio for row in rows]),
        segments_ratio=_ratio([row.segments_ratio for row in rows]),
        utility=float(np.mean([row.utility for row in rows])),
        failures=len(rows) - len(drawn),
        ssim=_mean([found.ssim for found in drawn]),
        ms_ssim=_mean([found.ms_ssim for found in drawn]),
        mse=_mean([found.mse for found in drawn]),
        psnr=_mean([found.psnr for found in drawn]),
        middle=middle,
        success=wilson_interval(reached, len(rows), confidence=bootstrap.confidence),
        regret=float(np.mean([row.regret for row in rows])),
        utility_worst=worst_mean([row.over_default for row in rows]),
        appearance=_mean([found.appearance for found in drawn]),
        colour_error=_mean([found.colour_error for found in drawn]),
        recall=_mean([found.recall for found in drawn]),
        truth=_mean([found.truth for found in drawn]),
        stray=_mean([found.stray for found in drawn]),
        facets=_mean([found.facets for found in drawn]),
        bytes=float(np.median([found.bytes for found in drawn])) if drawn else None,
        segments=float(np.median([found.segments for found in drawn])) if drawn else None,
    )


def _compare(
    category: str, policy: Sequence[Row], baseline: Sequence[Row], bootstrap: _Bootstrap
) -> Comparison:
    # Both are in the order of the images: the differences are paired.
    differences = [
        ours.utility - theirs.utility for ours, theirs in zip(policy, baseline, strict=True)
    ]
    test = bootstrap.mean(differences, policy)
    return Comparison(
        category=category,
        taste=policy[0].taste,
        against=baseline[0].chooser,
        n=len(differences),
        difference=test.interval,
        wins=float(np.mean([(np.sign(value) + 1) / 2 for value in differences])),
        verdict="not distinguishable",
        middle=bootstrap.middle(differences, policy),
        p=test.p,
    )


def _adjusted(comparisons: Sequence[Comparison], level: float) -> tuple[Comparison, ...]:
    """Comparisons with their adjusted p-values, and the verdicts that these allow."""
    adjusted = holm([1.0 if found.p is None else found.p for found in comparisons])
    return tuple(
        replace(
            found,
            adjusted=p,
            verdict=claim(found.difference, p, level),
        )
        for found, p in zip(comparisons, adjusted, strict=True)
    )


def _ratio(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return geometric_mean(known) if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(known)) if known else None

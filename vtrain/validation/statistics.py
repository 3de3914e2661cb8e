"""The statistics that verdicts rest on: means, shares, and intervals that say how sure they are.

Logos of one brand resemble each other, so intervals resample brands, not logos, when told the
groups (the cluster bootstrap; Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from vtrain.validation.bca import Replicates

Vector = NDArray[np.float64]
Verdict = Literal["better", "worse", "not distinguishable"]

_NORMAL = NormalDist()
_CELLS = 1 << 20
"""Resampled values held at once (count): bounds the memory, not the result."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the range that holds the truth at the stated confidence.

    Attributes:
        value: The estimate.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def verdict(difference: Interval) -> Verdict:
    """What an interval of a difference says: a claim only when it lies on one side of zero."""
    if difference.low > 0:
        return "better"
    if difference.high < 0:
        return "worse"
    return "not distinguishable"


def claim(difference: Interval, p: float, level: float) -> Verdict:
    """`verdict`, made only where the p-value, adjusted for all that is claimed, is below a level.

    Args:
        difference: With its interval, which is not adjusted.
        p: Of `holm`.
        level: Chance of any false claim, 0 to 1.
    """
    return verdict(difference) if p < level else "not distinguishable"


def interquartile_mean(values: ArrayLike) -> float:
    """Mean of the middle half; the values on its borders count by the part that is inside.

    As robust as the median to outliers, and less noisy (Agarwal et al., Deep Reinforcement
    Learning at the Edge of the Statistical Precipice, 2021).

    Args:
        values: Shape (n,), n >= 1.
    """
    ordered = np.sort(_vector(values))
    edges = np.arange(len(ordered) + 1) / len(ordered)
    inside = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0.0, None)
    return float(ordered @ inside / inside.sum())


def worst_mean(values: ArrayLike, share: float = 0.05) -> float:
    """Mean of the lowest `share` of the values, at least one of them.

    Args:
        values: Shape (n,), n >= 1.
        share: Above 0, at most 1.
    """
    ordered = np.sort(_vector(values))
    return float(ordered[: max(1, round(share * len(ordered)))].mean())


def geometric_mean(values: ArrayLike) -> float:
    """Geometric mean of positive values, shape (n,), n >= 1: ratios average so, not as sums."""
    return float(np.exp(np.log(_vector(values)).mean()))


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share: within 0 to 1, and honest near both ends.

    Formula: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209.

    Args:
        successes: From 0 to n.
        n: Trials, at least 1.
        confidence: Coverage, 0 to 1.

    Raises:
        ValueError: The counts make no share.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is not a share")
    z = _NORMAL.inv_cdf((1 + confidence) / 2)
    share = successes / n
    spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    centre = share + z**2 / (2 * n)
    scale = 1 + z**2 / n
    # At the ends the bound is the share itself; rounding must not put it beyond.
    low = min(share, max(0.0, float((centre - spread) / scale)))
    high = max(share, min(1.0, float((centre + spread) / scale)))
    return Interval(share, low, high)


def mean_interval(
    values: ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bootstrap interval of a mean, bias-corrected and accelerated (BCa).

    For a paired comparison give the differences per image. With fewer than two groups, or no
    variation, nothing can be resampled: without variation the interval is the point; with one
    group it is unbounded, as one observation says nothing about the next.

    Formula: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 14.3, with the
    levels widened as Student's t and the small sample's spread ask for (Hesterberg, What Teachers
    Should Know About the Bootstrap, 2015, section 5.3): without that, few brands claim too much.

    Args:
        values: Shape (n,), n >= 1.
        groups: Group of each value; groups are resampled whole. None: each its own.
        resamples: Bootstrap resamples (count).
        confidence: Coverage, 0 to 1.
        seed: Same seed, same interval.
    """
    return mean_test(
        values, groups=groups, resamples=resamples, confidence=confidence, seed=seed
    ).interval


@dataclass(frozen=True, slots=True)
class MeanTest:
    """An interval, and how surprising it would be if the truth were zero.

    Attributes:
        interval: As of `mean_interval`.
        p: Two-sided p-value, the larger of two: at which the interval just touches zero, as far as
            the resamples can tell, and that of `guarded_ratio` under Student's t.
    """

    interval: Interval
    p: float


def mean_test(
    values: ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> MeanTest:
    """`mean_interval` with its p-value, which is found by inverting the interval.

    Arguments as of `mean_interval`.
    """
    data = _vector(values)
    sums, counts = _grouped(data, groups)
    estimate = float(data.mean())
    if len(sums) < 2:
        return MeanTest(Interval(estimate, -np.inf, np.inf), 1.0)
    if np.ptp(data) == 0:
        return MeanTest(Interval(estimate, estimate, estimate), 0.0 if estimate else 1.0)
    replicates = _resampled_means(sums, counts, resamples, np.random.default_rng(seed))
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    found = Replicates(replicates, estimate, left_out)
    interval = Interval(estimate, *found.bounds(confidence))
    return MeanTest(interval, max(found.p(), _student_p(sums, counts)))


def guarded_ratio(values: ArrayLike) -> float:
    """Mean over standard error, or that ratio corrected for skewness when it is the smaller one.

    Correction: Hall, J. R. Stat. Soc. B 54 (1992), 221: Johnson's (J. Am. Stat. Assoc. 73 (1978),
    536) with a cubic term, so that it rises with the ratio; without that, one value far below makes
    nothing of any number that are far above. The plain ratio claims too often that a mean is above
    zero when most values are a little above and a few far below; the corrected one, when most
    values are zero. ``scripts/simulate_promotion.py`` measures both.

    Args:
        values: Shape (n,), n >= 2, with a mean of at least 0.

    Returns:
        To be compared with Student's quantiles of n - 1; infinite for equal values above zero.
    """
    data = _vector(values)
    mean, spread, root = float(data.mean()), float(data.std(ddof=1)), math.sqrt(len(data))
    if spread <= 1e-9 * abs(mean):  # equal but for rounding
        return math.inf if mean > 0 else 0.0
    ratio = mean / spread * root
    skewness = float((((data - mean) / spread) ** 3).mean())
    skew = skewness / root
    return min(ratio, ratio + skew * (1 + 2 * ratio**2) / 6 + skew**2 * ratio**3 / 27)


def _student_p(sums: Vector, counts: Vector) -> float:
    """Two-sided p-value of the mean over groups of unequal size."""
    mean = sums.sum() / counts.sum()
    # Linearised: the mean of these is the mean, and they vary as the groups do.
    values = mean + (sums - mean * counts) / counts.mean()
    ratio = guarded_ratio(values if mean >= 0 else -values)
    return float(min(1.0, 2 * student.sf(ratio, len(sums) - 1)))


def middle_interval(
    values: ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bootstrap interval (BCa) of the interquartile mean.

    Arguments and special cases as of `mean_interval`.
    """
    data = _vector(values)
    sums, _ = _grouped(data, groups)
    estimate = interquartile_mean(data)
    if len(sums) < 2:
        return Interval(estimate, -np.inf, np.inf)
    if np.ptp(data) == 0:
        return Interval(estimate, estimate, estimate)
    order = np.argsort(data, kind="stable")
    names = np.arange(len(data)) if groups is None else np.asarray(groups)
    _, place = np.unique(names, return_inverse=True)
    ordered, place = data[order], place[order]
    n = len(sums)
    rows = max(1, _CELLS // len(data))
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, rows):
        drawn = generator.multinomial(n, np.full(n, 1 / n), size=min(rows, resamples - start))
        parts.append(_weighted_middles(ordered, drawn[:, place].astype(np.float64)))
    left_out = _weighted_middles(ordered, (np.arange(n)[:, None] != place).astype(np.float64))
    found = Replicates(np.concatenate(parts), estimate, left_out)
    return Interval(estimate, *found.bounds(confidence))


def _weighted_middles(ordered: Vector, weights: NDArray[np.float64]) -> Vector:
    """Interquartile means of rising values, one for each row of weights."""
    edges = np.cumsum(weights, axis=1)
    edges /= edges[:, -1:]
    inside = np.diff(np.clip(edges, 0.25, 0.75), axis=1, prepend=0.25)
    return np.asarray(inside @ ordered / inside.sum(axis=1), np.float64)


def _vector(values: ArrayLike) -> Vector:
    data = np.asarray(values, np.float64)
    if data.ndim != 1 or len(data) == 0:
        raise ValueError(f"expected a list of at least one number, not shape {data.shape}")
    return data


def _grouped(data: Vector, groups: Sequence[str] | None) -> tuple[Vector, Vector]:
    """Sum and count of the values of each group."""
    if groups is None:
        return data, np.ones_like(data)
    if len(groups) != len(data):
        raise ValueError(f"{len(data)} values, but {len(groups)} groups")
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    return np.bincount(place, data).astype(np.float64), np.bincount(place).astype(np.float64)


def _resampled_means(
    sums: Vector, counts: Vector, resamples: int, generator: np.random.Generator
) -> Vector:
    n = len(sums)
    rows = max(1, _CELLS // n)
    parts = []
    for start in range(0, resamples, rows):
        drawn = generator.integers(n, size=(min(rows, resamples - start), n))
        parts.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(parts)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number: at a level, the chance of any false claim is below it.

    Step-down, whatever their dependence (S. Holm, Scand. J. Statist. 6 (1979), 65).

    Args:
        p_values: Each 0 to 1.

    Returns:
        In the same order, each at least as large, at most 1.
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted

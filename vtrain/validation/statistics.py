"""The statistics that verdicts rest on: means, shares, and intervals that say how sure they are.

Logos of one brand resemble each other, so intervals resample brands, not logos, when told the
groups (the cluster bootstrap; Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    data = _vector(values)
    sums, counts = _grouped(data, groups)
    estimate = float(data.mean())
    if len(sums) < 2:
        return Interval(estimate, -np.inf, np.inf)
    if np.ptp(data) == 0:
        return Interval(estimate, estimate, estimate)
    replicates = _resampled_means(sums, counts, resamples, np.random.default_rng(seed))
    tail = _expanded_tail((1 - confidence) / 2, len(sums))
    quantiles = [
        _bca_quantile(level, replicates, estimate, _acceleration(sums, counts))
        for level in (tail, 1 - tail)
    ]
    low, high = np.quantile(replicates, quantiles)
    return Interval(estimate, float(low), float(high))


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


def _acceleration(sums: Vector, counts: Vector) -> float:
    """Skewness of the jackknife means, over 6: how the standard error changes with the mean."""
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    deviation = left_out.mean() - left_out
    square = float((deviation**2).sum())
    return float((deviation**3).sum()) / (6 * square**1.5) if square > 0 else 0.0


def _expanded_tail(tail: float, n: int) -> float:
    """The nominal tail of a normal interval that is as wide as Student's t for n groups.

    Student's quantile by its Cornish-Fisher expansion (Abramowitz and Stegun, 26.7.5), within 1 %
    from four groups on.
    """
    z, v = -_NORMAL.inv_cdf(tail), n - 1
    t = (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
    return _NORMAL.cdf(-t * np.sqrt(n / v))


def _bca_quantile(level: float, replicates: Vector, estimate: float, acceleration: float) -> float:
    """Which quantile of the replicates is the interval's end at a nominal level."""
    # Equal means differ by rounding; they count one half on either side.
    signs = np.where(np.abs(replicates - estimate) <= 1e-9 * np.ptp(replicates), 0.0, 1.0)
    below = float(0.5 - 0.5 * (signs * np.sign(replicates - estimate)).mean())
    edge = 0.5 / len(replicates)
    bias = _NORMAL.inv_cdf(min(1 - edge, max(edge, below)))
    z = bias + _NORMAL.inv_cdf(min(1 - 1e-9, max(1e-9, level)))
    if acceleration * z >= 1:  # beyond the formula's pole: the extreme on that side
        return float(z > 0)
    return _NORMAL.cdf(bias + z / (1 - acceleration * z))

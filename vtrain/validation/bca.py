"""Bias-corrected and accelerated intervals from bootstrap replicates, and their p-values.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 14.3, with the levels widened
as Student's t and the small sample's spread ask for (Hesterberg, What Teachers Should Know About
the Bootstrap, 2015, section 5.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_NORMAL = NormalDist()
_FEWEST_BEYOND = 10
"""Replicates beyond zero from which their share says something (count)."""


@dataclass(frozen=True, slots=True)
class Replicates:
    """Bootstrap replicates of an estimate.

    Attributes:
        values: Shape (resamples,).
        estimate: Of the data themselves.
        left_out: The estimate with each group left out; shape (groups,), at least two.
    """

    values: Vector
    estimate: float
    left_out: Vector

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Lower and upper end of the interval."""
        tail = _expanded_tail((1 - confidence) / 2, len(self.left_out))
        levels = [
            _bca_quantile(level, self.values, self.estimate, _acceleration(self.left_out))
            for level in (tail, 1 - tail)
        ]
        low, high = np.quantile(self.values, levels)
        return float(low), float(high)

    def p(self) -> float:
        """Two-sided p-value; 0 where too few replicates lie beyond zero to tell."""
        bias = _bias(self.values, self.estimate)
        acceleration = _acceleration(self.left_out)
        below = float((self.values < 0).mean() + 0.5 * (self.values == 0).mean())
        if min(below, 1 - below) * len(self.values) < _FEWEST_BEYOND:
            return 0.0
        reach = _NORMAL.inv_cdf(below) - bias
        if 1 + acceleration * reach <= 0:  # beyond the formula's pole
            return 1.0
        level = _NORMAL.cdf(reach / (1 + acceleration * reach) - bias)
        return min(1.0, 2 * _nominal_tail(min(level, 1 - level), len(self.left_out)))


def _acceleration(left_out: Vector) -> float:
    """Skewness of the jackknife values, over 6: how the standard error changes with the value."""
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


def _nominal_tail(expanded: float, n: int) -> float:
    """The inverse of `_expanded_tail`, by bisection; at most one half."""
    low, high = 1e-12, 0.5
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _expanded_tail(middle, n) < expanded else (low, middle)
    return high


def _bias(replicates: Vector, estimate: float) -> float:
    """How far, in standard deviations, the estimate lies from the replicates' median."""
    # Equal values differ by rounding; they count one half on either side.
    signs = np.where(np.abs(replicates - estimate) <= 1e-9 * np.ptp(replicates), 0.0, 1.0)
    below = float(0.5 - 0.5 * (signs * np.sign(replicates - estimate)).mean())
    edge = 0.5 / len(replicates)
    return _NORMAL.inv_cdf(min(1 - edge, max(edge, below)))


def _bca_quantile(level: float, replicates: Vector, estimate: float, acceleration: float) -> float:
    """Which quantile of the replicates is the interval's end at a nominal level."""
    bias = _bias(replicates, estimate)
    z = bias + _NORMAL.inv_cdf(min(1 - 1e-9, max(1e-9, level)))
    if acceleration * z >= 1:  # beyond the formula's pole: the extreme on that side
        return float(z > 0)
    return _NORMAL.cdf(bias + z / (1 - acceleration * z))

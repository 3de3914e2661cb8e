"""The headline figures: the front of looks against bytes, and the share of the gap closed.

The gap is what the best known setting of each image has over the best fixed one, in utility; a
chooser's share of it is a ratio of sums, over images and tastes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vtrain.validation.statistics import Interval


def bytes_at_equal_looks(
    fixed: Sequence[tuple[float, float]], ours: Sequence[tuple[float, float]]
) -> list[float | None]:
    """Bytes of one front over those of another, at each mean appearance of the other's points.

    Args:
        fixed: Mean appearance and mean binary logarithm of the bytes, a point for each taste.
        ours: The same of the front that is compared; between its points it is a straight line.

    Returns:
        A ratio for each point of `fixed`. Below the least appearance of `ours` its smallest point
        counts, which looks better; above the greatest there is none (None).
    """
    points = sorted(ours)
    looks = [appearance for appearance, _ in points]
    # A point that another beats in both ways is no part of the front.
    sizes = np.minimum.accumulate([size for _, size in points][::-1])[::-1]
    return [
        None if appearance > looks[-1] else float(2 ** (np.interp(appearance, looks, sizes) - size))
        for appearance, size in fixed
    ]


def share_of_gap(
    ours: ArrayLike,
    fixed: ArrayLike,
    known: ArrayLike,
    *,
    groups: Sequence[str],
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Share of the gap from the best fixed setting to the best known one that a chooser closes.

    Args:
        ours: Utility of the chooser's trace, shape (n,).
        fixed: Of the best fixed setting.
        known: Of the best that is known.
        groups: The brand of each value; brands are resampled whole (percentile bootstrap of the
            ratio of sums).
        resamples: Bootstrap resamples (count).
        confidence: Coverage, 0 to 1.
        seed: Same seed, same interval.

    Raises:
        ValueError: There is no gap at all.
    """
    won = np.asarray(ours, np.float64) - np.asarray(fixed, np.float64)
    gap = np.asarray(known, np.float64) - np.asarray(fixed, np.float64)
    if gap.sum() <= 0:
        raise ValueError("the best known settings are the fixed ones: there is no gap to close")
    names, number = np.unique(list(groups), return_inverse=True)
    sums = np.stack([np.bincount(number, won), np.bincount(number, gap)], axis=1)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(names), size=(resamples, len(names)))
    totals = sums[drawn].sum(axis=1)
    # A draw without a gap says nothing of a share.
    shares = totals[totals[:, 1] > 0]
    ratios = shares[:, 0] / shares[:, 1]
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(won.sum() / gap.sum()), float(low), float(high))

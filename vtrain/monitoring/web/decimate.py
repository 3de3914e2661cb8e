"""Fewer points for the same picture: least and largest value of each pixel column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def decimate(x: Floats, columns: Sequence[Floats], width: int) -> tuple[Floats, list[Floats]]:
    """Thin curves that share their x to at most two points per pixel column.

    A column of pixels keeps the least and the largest value of each curve, in the order in which
    they came, at the x of its first and last point: no peak is lost, and none moves by more than a
    column.

    Args:
        x: Ascending, shape (n,).
        columns: Curves, each of shape (n,); NaN where there is no value.
        width: Pixel columns (count).

    Returns:
        The new x, shape (m,), and the new curves, each of shape (m,), with m at most 2 * width;
        what was given when n is not larger than that.
    """
    if len(x) <= 2 * width:
        return x, list(columns)
    edges = np.linspace(x[0], x[-1], width + 1)[:-1]
    starts = np.unique(np.searchsorted(x, edges, side="left"))
    starts = starts[starts < len(x)]
    ends = np.append(starts[1:], len(x)) - 1
    thin_x = np.stack((x[starts], x[ends]), axis=1).ravel()
    # A column with one point keeps it once.
    kept = np.stack((np.ones(len(starts), bool), ends > starts), axis=1).ravel()
    return thin_x[kept], [_extremes(column, starts)[kept] for column in columns]


def _extremes(values: Floats, starts: NDArray[np.intp]) -> Floats:
    """Least and largest value of each part, in the order of their coming, flattened."""
    low = np.fmin.reduceat(values, starts)
    high = np.fmax.reduceat(values, starts)
    index = np.arange(len(values), dtype=np.float64)
    spread = np.diff(np.append(starts, len(values)))
    at_low = np.where(values == np.repeat(low, spread), index, np.inf)
    at_high = np.where(values == np.repeat(high, spread), index, np.inf)
    rising = np.minimum.reduceat(at_low, starts) <= np.minimum.reduceat(at_high, starts)
    return np.stack((np.where(rising, low, high), np.where(rising, high, low)), axis=1).ravel()

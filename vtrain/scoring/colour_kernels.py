"""Loops over colours and corners, compiled; imported where they are called, to start fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vtrain.compiled import compiled
from vtrain.scoring.scales import PAD

Plane = NDArray[np.float32]

_0, _1, _HALF = np.float32(0), np.float32(1), np.float32(0.5)


@compiled
def colour_differences(
    indices: NDArray[np.int32],
    others: NDArray[np.int32],
    labs: Plane,
    other_labs: Plane,
    clip: np.float32,
) -> NDArray[np.float64]:
    """Sums over pixels of the CIE 1976 difference of two pictures, clipped (dE).

    Args:
        indices: Number of each pixel's colour, shape (h, w).
        others: The same of the other picture.
        labs: Lab of each colour on each backdrop, shape (backdrops, n, 3).
        other_labs: The same of the other.
        clip: Largest difference of a pixel.

    Returns:
        One for each backdrop.
    """
    height, width = indices.shape
    totals = np.zeros(labs.shape[0], np.float64)
    for row in range(height):
        ours, theirs = indices[row], others[row]
        first = 0
        # Neighbours are mostly of one colour.
        for column in range(1, width + 1):
            if (
                column < width
                and ours[column] == ours[column - 1]
                and theirs[column] == theirs[column - 1]
            ):
                continue
            one, other = ours[first], theirs[first]
            for backdrop in range(labs.shape[0]):
                squared = _0
                for axis in range(3):
                    gap = labs[backdrop, one, axis] - other_labs[backdrop, other, axis]
                    squared += gap * gap
                totals[backdrop] += (column - first) * min(np.sqrt(squared), clip)
            first = column
    return totals


@compiled
def mark_corners(
    coarse: tuple[Plane, Plane, Plane],
    row: int,
    strongest: Plane,
    corners: NDArray[np.uint8],
) -> None:
    """Share of the smaller eigenvalue of a coarse tensor, where it is the strongest so far.

    Args:
        coarse: The tensor, padded, flattened.
        row: Length of a padded row.
        strongest: The largest sum of eigenvalues so far, shape (h, w); becomes that with these.
        corners: From 0 to 255 where both eigenvalues are alike, shape (h, w).
    """
    coarse_xx, coarse_xy, coarse_yy = coarse
    height, width = corners.shape
    for line in range(height):
        at = (line + PAD) * row + PAD
        for column in range(width):
            xx, xy, yy = coarse_xx[at + column], coarse_xy[at + column], coarse_yy[at + column]
            energy = xx + yy
            if energy > strongest[line, column]:
                strongest[line, column] = energy
                smaller = (energy - np.sqrt((xx - yy) * (xx - yy) + 4 * xy * xy)) * _HALF
                share = min(max(2 * smaller / (energy + _1), _0), _1)
                corners[line, column] = np.uint8(share * np.float32(255))

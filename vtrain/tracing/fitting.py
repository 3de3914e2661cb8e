"""Polygons made simpler, and their gentle turns made curves.

VTracer's polygons follow the pixels to a fraction of one. Leaving out vertices that lie within a
tolerance (Douglas and Peucker, 1973) shortens them; where they turn gently, the vertices become
control points of quadratic curves between the middles of the sides, a quadratic B-spline, as in
potrace (Selinger, 2003), so that a round shape has neither facets nor many segments.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.tracing.segments import LINE, MOVE, QUADRATIC, Flags, Numbers, Segments

_LEAST = 3
"""Vertices of a polygon."""


def simplified(segments: Segments, tolerance: float) -> Segments:
    """Polygons without the vertices that lie within about a tolerance of what is left.

    An outline that would have no area left stays as it is: a hairline is not lost, though thin
    strokes can grow thinner.

    Args:
        segments: Moves and lines.
        tolerance: In units of the coordinates. OpenCV tidies up beyond it, by up to a fifth.
    """
    outlines = []
    for vertices in _polygons(segments):
        kept = cv2.approxPolyDP(vertices.astype(np.float32)[:, None], tolerance, closed=True)
        enough = len(kept) >= _LEAST
        outlines.append(np.rint(kept[:, 0]).astype(np.int64) if enough else vertices)
    kind = np.full(sum(map(len, outlines)), LINE, np.int64)
    sizes = np.array([len(one) for one in outlines])
    kind[np.cumsum(sizes) - sizes] = MOVE
    path = np.repeat(segments.path[segments.is_move], sizes)
    return Segments(kind, np.zeros((len(kind), 2, 2), np.int64), np.concatenate(outlines), path)


def smoothed(segments: Segments, corner: float, *, grid: int, miss: float) -> Segments:
    """Polygons whose gentle turns are curves.

    Args:
        segments: Moves and lines.
        corner: Smallest turn that stays a corner (degrees).
        grid: What the ends of curves are rounded to, in units of the coordinates.
        miss: A vertex that the curve would miss by more stays a corner, likewise.
    """
    outlines = _polygons(segments)
    sizes = np.array([len(one) for one in outlines])
    vertices = np.concatenate(outlines)
    is_corner = _corners(vertices, _beside(sizes, -1), _beside(sizes, 1), corner, miss)
    # Each outline begins at a corner, if it has one.
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    within = np.arange(len(vertices)) - first
    starts = np.where(is_corner, within, len(vertices))
    offset = np.minimum.reduceat(starts, np.cumsum(sizes) - sizes) % len(vertices)
    order = first + (within + np.repeat(offset, sizes)) % np.repeat(sizes, sizes)
    vertices, is_corner = vertices[order], is_corner[order]
    before, after = _beside(sizes, -1), _beside(sizes, 1)
    middle = _rounded(vertices[before] + vertices, 2 * grid) * grid
    opens = within == 0
    # A vertex that is no corner has a curve round it, and a line to where that begins if need be.
    straight = opens | is_corner | is_corner[before]
    curved = ~is_corner
    items = straight.astype(np.intp) + curved
    last = np.cumsum(items) - 1
    line, curve = (last - curved)[straight], last[curved]
    count = int(items.sum())
    kind, end = np.empty(count, np.int64), np.empty((count, 2), np.int64)
    handles = np.zeros((count, 2, 2), np.int64)
    kind[line], kind[curve] = np.where(opens, MOVE, LINE)[straight], QUADRATIC
    end[line] = np.where(is_corner[:, None], vertices, middle)[straight]
    end[curve] = middle[after][curved]
    handles[curve] = vertices[curved, None]
    path = np.repeat(np.repeat(segments.path[segments.is_move], sizes), items)
    return Segments(kind, handles, end, path)


def _polygons(segments: Segments) -> list[Numbers]:
    """The vertices of each outline, the first one not again at the end."""
    kept = segments.is_move | ~(segments.is_last & segments.is_home)
    return np.split(segments.end[kept], np.flatnonzero(segments.is_move[kept])[1:])


def _beside(sizes: Numbers, step: int) -> Numbers:
    """The place of each vertex' neighbour, round its outline."""
    size = np.repeat(sizes, sizes)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(first + (np.arange(len(size)) - first + step) % size, np.int64)


def _corners(
    vertices: Numbers, before: Numbers, after: Numbers, corner: float, miss: float
) -> Flags:
    """Which vertices turn sharply, or lie far from the curve that would go round them."""
    one = (vertices - vertices[before]).astype(np.float64)
    two = (vertices[after] - vertices).astype(np.float64)
    turn = np.arctan2(
        np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]), (one * two).sum(axis=1)
    )
    # In the middle of the curve, a quarter of the way to the chord.
    missed = np.hypot(*(two - one).T) / 8
    return np.asarray((turn > np.radians(corner)) | (missed > miss))


def _rounded(values: Numbers, unit: int) -> NDArray[np.int64]:
    """Whole units, halves up."""
    return (values + unit // 2) // unit

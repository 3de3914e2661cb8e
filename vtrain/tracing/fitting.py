"""Polygons made simpler.

VTracer's polygons follow the pixels to a fraction of one. Leaving out vertices that lie within a
tolerance (Douglas and Peucker, 1973) shortens them.
"""

from __future__ import annotations

import cv2
import numpy as np

from vtrain.tracing.segments import LINE, MOVE, Numbers, Segments

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
    outlines = [without_steps(vertices, tolerance) for vertices in polygons(segments)]
    kind = np.full(sum(map(len, outlines)), LINE, np.int64)
    sizes = np.array([len(one) for one in outlines])
    kind[np.cumsum(sizes) - sizes] = MOVE
    path = np.repeat(segments.path[segments.is_move], sizes)
    return Segments(kind, np.zeros((len(kind), 2, 2), np.int64), np.concatenate(outlines), path)


def without_steps(vertices: Numbers, tolerance: float) -> Numbers:
    """One polygon, shape (n, 2), as `simplified` has it."""
    kept = cv2.approxPolyDP(vertices.astype(np.float32)[:, None], tolerance, closed=True)
    return np.rint(kept[:, 0]).astype(np.int64) if len(kept) >= _LEAST else vertices


def polygons(segments: Segments) -> list[Numbers]:
    """The vertices of each outline, the first one not again at the end."""
    kept = segments.is_move | ~(segments.is_last & segments.is_home)
    return np.split(segments.end[kept], np.flatnonzero(segments.is_move[kept])[1:])

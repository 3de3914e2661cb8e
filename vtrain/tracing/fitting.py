"""Polygons made simpler.

VTracer's polygons follow the pixels to a fraction of one. Leaving out vertices that lie within a
tolerance (Douglas and Peucker, 1973) shortens them.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    outlines = [simplified_polygon(vertices, tolerance) for vertices in polygons(segments)]
    return segments_of(outlines, segments.path[segments.is_move])


def simplified_polygon(vertices: Numbers, tolerance: float) -> Numbers:
    """One polygon, shape (n, 2), as `simplified` has it."""
    kept = cv2.approxPolyDP(vertices.astype(np.float32)[:, None], tolerance, closed=True)
    return np.rint(kept[:, 0]).astype(np.int64) if len(kept) >= _LEAST else vertices


def segments_of(outlines: Sequence[Numbers], path: Numbers) -> Segments:
    """Polygons, shape (n, 2) each, as moves and lines of the paths that they belong to."""
    end = np.concatenate(outlines)
    sizes = np.array([len(one) for one in outlines])
    kind = np.full(len(end), LINE, np.int64)
    kind[np.cumsum(sizes) - sizes] = MOVE
    return Segments(kind, np.zeros((len(end), 2, 2), np.int64), end, np.repeat(path, sizes))


def polygons(segments: Segments) -> list[Numbers]:
    """The vertices of each outline, the first one not again at the end."""
    kept = segments.is_move | ~(segments.is_last & segments.is_home)
    return np.split(segments.end[kept], np.flatnonzero(segments.is_move[kept])[1:])

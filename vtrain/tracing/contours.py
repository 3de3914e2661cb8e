"""Closed outlines as dense points along them, to be measured by their length.

What VTracer hands over pixel by pixel is a staircase. The middles of its steps, each averaged with
its neighbours, lie along the edge that the pixels stand for, closer than half a pixel and on no
side of it, which the corners of a polygon through them do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images.loops import are_compiled
from vtrain.tracing.segments import Flags, Numbers

Points = NDArray[np.float64]
Values = NDArray[np.float64]

_SMOOTHING: dict[int, tuple[int, ...]] = {1: (1, 2, 1)}
_ENLARGED: tuple[int, ...] = (1, 2, 3, 2, 1)
"""Weights of neighbouring steps, in images as they are and in enlarged ones."""
_FEW = 16
"""Outlines of no more steps are specks (count)."""
_THIN = 2.0
"""So are strokes that are thinner (px traced)."""
_LEAST = 3
"""Vertices of a polygon."""
_BITS = 23
"""Of a coordinate in the number that stands for a point."""


@dataclass(frozen=True, slots=True)
class Contours:
    """Closed outlines, one after another.

    Attributes:
        points: Along all of them, the first of each not again at its end; shape (n, 2).
        place: How far along each is, counted on from outline to outline; shape (n,).
        outline: Which outline each belongs to, rising.
        first: Number of the first point of each outline; shape (k,).
        size: Points of each outline (count).
        start: `place` of the first point of each outline.
        length: All round each outline, in units of the coordinates.
        width: Of a stroke that has as much area for its length, likewise.
    """

    points: Points
    place: Values
    outline: Numbers
    first: Numbers
    size: Numbers
    start: Values
    length: Values
    width: Values
    _exact: Numbers
    _unit: int
    _scale: int
    _closed_first: Numbers
    _closed_place: Values
    _closed_points: Points

    @classmethod
    def of(cls, pixels: Sequence[Numbers], scale: int, upscale: int) -> Contours:
        """The middles of the steps, smoothed.

        Args:
            pixels: Outlines of whole pixels, corner by corner.
            scale: Units of the coordinates in a pixel.
            upscale: How much the image was enlarged (times).
        """
        corners = np.concatenate(pixels)
        sides = np.array([len(one) for one in pixels])
        step = corners[beside(sides, 1)] - corners
        count = np.maximum(np.maximum(*np.abs(step).T) // scale, 1)
        size = np.add.reduceat(count, np.cumsum(sides) - sides)
        weights = np.array(_SMOOTHING.get(upscale, _ENLARGED))
        if are_compiled():
            from vtrain.tracing.contour_kernels import smooth_steps  # noqa: PLC0415 - brings numba

            exact = np.empty((size.sum(), 2), np.int64)
            smooth_steps(corners, sides, scale, weights, _FEW, size, exact)
        else:
            exact = _smoothed_plainly(corners, step, count, size, weights)
        return cls._measured(exact, size, 2 * int(weights.sum()), scale)

    @classmethod
    def _measured(cls, exact: Numbers, size: Numbers, unit: int, scale: int) -> Contours:
        outline = np.repeat(np.arange(len(size)), size)
        first = np.cumsum(size) - size
        points = exact / unit
        # Each closed by its first point, for what lies between the last and the first.
        closed = np.insert(points, first + size, points[first], axis=0)
        # Column by column: numpy reduces a short last axis many times slower.
        step_x, step_y = (closed[1:] - closed[:-1]).T
        leap = np.sqrt(step_x * step_x + step_y * step_y)
        ends = np.cumsum(size + 1) - 1
        leap[ends[:-1]] = 1.0
        along = np.concatenate([[0.0], np.cumsum(leap)])
        start = along[ends - size]
        place = np.delete(along, ends)
        length = along[ends] - start
        x, y = closed.T
        swept = x[:-1] * y[1:] - x[1:] * y[:-1]
        swept[ends[:-1]] = 0.0
        area = np.abs(np.add.reduceat(swept, ends - size)) / 2
        return cls(
            points,
            place,
            outline,
            first,
            size,
            start,
            length,
            2 * area / length,
            exact,
            unit,
            scale,
            np.append(ends - size, len(closed)),
            along,
            closed,
        )

    def beside(self, number: Numbers, step: int) -> Numbers:
        """The points so many on from others, round their outlines."""
        own = self.outline[number]
        first = self.first[own]
        return np.asarray(first + (number - first + step) % self.size[own], np.int64)

    def at(self, place: Values, outline: Numbers) -> Points:
        """Points so far along outlines, round and round; shape (..., 2).

        Args:
            place: As `place`, or beyond either end of the outline.
            outline: Of each; of a shape that goes with it.
        """
        place, outline = np.broadcast_arrays(place, outline)
        found = np.empty((place.size, 2))
        if are_compiled():
            from vtrain.tracing.contour_kernels import interpolate  # noqa: PLC0415 - brings numba

            own = self.start, self.length, self._closed_first
            known = self._closed_place, self._closed_points
            interpolate(place.ravel(), outline.ravel(), *own, *known, found)
        else:
            start = self.start[outline.ravel()]
            wrapped = start + np.mod(place.ravel() - start, self.length[outline.ravel()])
            for axis in (0, 1):
                line = self._closed_points[:, axis]
                found[:, axis] = np.interp(wrapped, self._closed_place, line)
        return found.reshape(*place.shape, 2)

    def vertices(self, tolerance: float) -> tuple[Flags, Flags]:
        """Which points a polygon needs that stays within a tolerance (Douglas and Peucker, 1973).

        Returns:
            Those of each outline, and which outlines are too small or too thin to look for
            anything but their pixels.
        """
        polygons = [
            cv2.approxPolyDP(part[:, None], tolerance * self._unit, closed=True)[:, 0]
            for part in np.split(self._exact.astype(np.int32), self.first[1:])
        ]
        counts = np.array([len(one) for one in polygons])
        kept = _numbered(np.concatenate(polygons), np.repeat(np.arange(len(counts)), counts))
        kept.sort()
        every = _numbered(self._exact, self.outline)
        needed = kept[np.minimum(np.searchsorted(kept, every), len(kept) - 1)] == every
        small = (counts < _LEAST) | (self.size <= _FEW)
        return needed, small | (self.width < _THIN * self._scale)


def _smoothed_plainly(
    corners: Numbers, step: Numbers, count: Numbers, size: Numbers, weights: Numbers
) -> Numbers:
    """The middles of steps times twice the weights, each with its neighbours by weight.

    Args:
        corners: Of all outlines, shape (n, 2).
        step: From each to the next.
        count: Steps that it is made of.
        size: Steps of each outline.
        weights: Of neighbouring steps.
    """
    # Twice the middles, since those of whole units can be halves.
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    twice = np.repeat(2 * corners, count, axis=0)
    twice += np.repeat(step // count[:, None], count, axis=0) * (2 * within + 1)[:, None]
    reach = len(weights) // 2
    exact = weights[reach] * twice
    here = np.arange(len(twice))
    on, back = here, here
    step_on, step_back = beside(size, 1), beside(size, -1)
    for weight in weights[reach + 1 :]:
        on, back = step_on[on], step_back[back]
        exact += weight * (twice[on] + twice[back])
    tiny = np.repeat(size <= _FEW, size)
    exact[tiny] = weights.sum() * twice[tiny]
    return np.asarray(exact, np.int64)


def beside(sizes: Numbers, step: int) -> Numbers:
    """The place of each one's neighbour so many steps on, round its outline."""
    size = np.repeat(sizes, sizes)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(first + (np.arange(len(size)) - first + step) % size, np.int64)


def _numbered(points: Numbers, outline: Numbers) -> Numbers:
    """One number for a point of an outline."""
    x, y = points.astype(np.int64).T
    return np.asarray((outline << (2 * _BITS)) + (x << _BITS) + y, np.int64)

"""`vtrain.tracing.cubics` piece by piece, compiled: the same sums in the same order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.compiled import exact, inlined
from vtrain.tracing import cubics

_SAMPLES, _ROUNDS, _SINGLE = cubics.SAMPLES, cubics.ROUNDS, cubics.SINGLE_ROUNDS
_LEAST, _MOST, _PARALLEL, _TINY = cubics.LEAST, cubics.MOST, cubics.PARALLEL, cubics.TINY

Values = NDArray[np.float64]


@exact
def fit_pieces(  # noqa: PLR0917 - numba takes no keyword-only ones
    starts: Values,
    ends: Values,
    points: Values,
    ways: Values,
    tolerance: float,
    handles: Values,
    single: NDArray[np.bool_],
    error: Values,
    worst: NDArray[np.int64],
) -> None:
    """As `vtrain.tracing.cubics.fit`; the last four become its results."""
    share, curve = np.empty(_SAMPLES, np.float64), np.empty(8, np.float64)
    for piece in range(starts.shape[0]):
        own = points[piece]
        curve[0], curve[1] = starts[piece]
        curve[6], curve[7] = ends[piece]
        way_x, way_y, end_x, end_y = _two_handles(curve, own, ways[piece], share)
        most, at = _furthest(curve, own, share)
        handles[piece, 0, 0], handles[piece, 0, 1] = curve[2], curve[3]
        handles[piece, 1, 0], handles[piece, 1, 1] = curve[4], curve[5]
        alone, tip_x, tip_y = _one_handle(curve, own, way_x, way_y, end_x, end_y, share)
        single[piece] = alone <= tolerance * tolerance
        if single[piece]:
            most = alone
            handles[piece, 0, 0] = handles[piece, 1, 0] = tip_x
            handles[piece, 0, 1] = handles[piece, 1, 1] = tip_y
        error[piece], worst[piece] = math.sqrt(most), at


@exact
def _two_handles(
    curve: Values, own: Any, ways: Any, share: Values
) -> tuple[float, float, float, float]:
    """Find the handles of a curve, and the share of each point; the directions at its ends."""
    x0, y0, x3, y3 = curve[0], curve[1], curve[6], curve[7]
    length = _length(x0, y0, x3, y3, own)
    _spread(share)
    way_x = way_y = end_x = end_y = 0.0
    for _ in range(_ROUNDS):
        c11, c12, c22, first_x, first_y, second_x, second_y = _normal(curve, own, share)
        whole = max(c11 * c22 - c12 * c12, 1e-12)
        way_x, way_y, end_x, end_y = ways[0, 0], ways[0, 1], ways[1, 0], ways[1, 1]
        if math.isnan(way_x):
            way_x = (c22 * first_x - c12 * second_x) / whole
            way_y = (c22 * first_y - c12 * second_y) / whole
            size = max(math.sqrt(way_x * way_x + way_y * way_y), _TINY)
            way_x, way_y = way_x / size, way_y / size
        if math.isnan(end_x):
            end_x = (c11 * second_x - c12 * first_x) / whole
            end_y = (c11 * second_y - c12 * first_y) / whole
            size = max(math.sqrt(end_x * end_x + end_y * end_y), _TINY)
            end_x, end_y = -(end_x / size), -(end_y / size)
        mixed = -c12 * (way_x * end_x + way_y * end_y)
        along_out = first_x * way_x + first_y * way_y
        along_into = -(second_x * end_x + second_y * end_y)
        root = max(c11 * c22 - mixed * mixed, _TINY)
        arm = (c22 * along_out - mixed * along_into) / root
        other = (c11 * along_into - mixed * along_out) / root
        least, most = min(arm, other), max(arm, other)
        if least < _LEAST * length or most > _MOST * length:
            arm = other = length / 3
        curve[2], curve[3] = x0 + arm * way_x, y0 + arm * way_y
        curve[4], curve[5] = x3 - other * end_x, y3 - other * end_y
        _nearer(curve, own, share)
    return way_x, way_y, end_x, end_y


@exact
def _normal(
    curve: Values, own: Any, share: Values
) -> tuple[float, float, float, float, float, float, float]:
    """The normal equations of the handles: the matrix, and the right sides."""
    c11 = c12 = c22 = first_x = first_y = second_x = second_y = 0.0
    for number in range(_SAMPLES):
        s = share[number]
        r = 1 - s
        one, two = 3 * s * r * r, 3 * s * s * r
        zero, three = r * r * r, s * s * s
        left_x = own[number, 0] - (zero + one) * curve[0]
        left_x = left_x - (two + three) * curve[6]
        left_y = own[number, 1] - (zero + one) * curve[1]
        left_y = left_y - (two + three) * curve[7]
        c11 += one * one
        c12 += one * two
        c22 += two * two
        first_x += one * left_x
        first_y += one * left_y
        second_x += two * left_x
        second_y += two * left_y
    return c11, c12, c22, first_x, first_y, second_x, second_y


@exact
def _one_handle(  # noqa: PLR0917 - as above
    curve: Values,
    own: Any,
    way_x: float,
    way_y: float,
    end_x: float,
    end_y: float,
    share: Values,
) -> tuple[float, float, float]:
    """Largest squared distance if one handle is to do, infinite if none can; and the handle."""
    x0, y0, x3, y3 = curve[0], curve[1], curve[6], curve[7]
    cross = way_x * end_y - way_y * end_x
    if abs(cross) <= _PARALLEL:
        return math.inf, x0, y0
    ahead = ((x3 - x0) * end_y - (y3 - y0) * end_x) / cross
    tip_x, tip_y = x0 + ahead * way_x, y0 + ahead * way_y
    if ahead <= 0 or (x3 - tip_x) * end_x + (y3 - tip_y) * end_y <= 0:
        return math.inf, x0, y0
    curve[2], curve[3] = x0 + (tip_x - x0) * 2 / 3, y0 + (tip_y - y0) * 2 / 3
    curve[4], curve[5] = x3 + (tip_x - x3) * 2 / 3, y3 + (tip_y - y3) * 2 / 3
    _spread(share)
    for _ in range(_SINGLE):
        _nearer(curve, own, share)
    return _furthest(curve, own, share)[0], tip_x, tip_y


@exact
def _spread(share: Values) -> None:
    """Points evenly along the curve."""
    for number in range(_SAMPLES):
        share[number] = (number + 0.5) / _SAMPLES


@exact
def _length(x: float, y: float, end_x: float, end_y: float, own: Any) -> float:
    """Of the way from the start along the points to the end."""
    total = 0.0
    for number in range(_SAMPLES + 1):
        to_x = own[number, 0] if number < _SAMPLES else end_x
        to_y = own[number, 1] if number < _SAMPLES else end_y
        total += math.sqrt((to_x - x) * (to_x - x) + (to_y - y) * (to_y - y))
        x, y = to_x, to_y
    return total


@inlined
def _on(p0: float, p1: float, p2: float, p3: float, s: float) -> float:
    r = 1 - s
    near = r * r * r * p0 + 3 * r * r * s * p1
    return near + (3 * r * s * s * p2 + s * s * s * p3)


@exact
def _nearer(curve: Values, own: Any, share: Values) -> None:
    """Newton's step of each point to its nearest place on the curve."""
    for number in range(_SAMPLES):
        s = share[number]
        r = 1 - s
        above = below = 0.0
        for axis in range(2):
            p0, p1, p2, p3 = curve[axis], curve[2 + axis], curve[4 + axis], curve[6 + axis]
            off = _on(p0, p1, p2, p3, s) - own[number, axis]
            speed = 3 * (r * r * (p1 - p0) + 2 * r * s * (p2 - p1))
            speed = speed + 3 * (s * s * (p3 - p2))
            bend = 6 * (r * ((p2 - p1) - (p1 - p0)) + s * ((p3 - p2) - (p2 - p1)))
            above += off * speed
            below += speed * speed + off * bend
        if abs(below) > _TINY:
            share[number] = min(max(s - above / below, 0.0), 1.0)


@exact
def _furthest(curve: Values, own: Any, share: Values) -> tuple[float, int]:
    """Largest squared distance of a point from its place on the curve, and which it is."""
    most, at = -1.0, 0
    for number in range(_SAMPLES):
        s = share[number]
        off_x = _on(curve[0], curve[2], curve[4], curve[6], s) - own[number, 0]
        off_y = _on(curve[1], curve[3], curve[5], curve[7], s) - own[number, 1]
        squared = off_x * off_x + off_y * off_y
        if squared > most:
            most, at = squared, number
    return most, at

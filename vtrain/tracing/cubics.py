"""Curves through points, by least squares: many pieces of outlines at once.

Schneider (An algorithm for automatically fitting digitized curves, Graphics Gems, 1990): a cubic
Bezier curve whose ends and, where it goes on smoothly, directions are given; what is free is found
by least squares, then each point is moved to its nearest place on the curve, and so on. A curve
that turns only one way may do with one handle, where its directions meet.

`vtrain.tracing.cubic_kernels` does the same piece by piece, compiled. Sums are taken point after
point in both, so that both give the same to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.images.loops import are_compiled

Values = NDArray[np.float64]

# Compiled into `cubic_kernels`, whose machine code is kept until that file changes.
SAMPLES = 20
"""Points of a piece that its curve is fitted to (count)."""
ROUNDS, SINGLE_ROUNDS = 3, 2
"""How often points are moved along a curve with two handles, and with one."""
LEAST, MOST = 0.02, 1.2
"""Arms of handles, over the length of the points; others become a third."""
PARALLEL = 0.02
"""Directions whose sines differ by less do not meet."""
TINY = 1e-9

SHARES: Values = (np.arange(SAMPLES) + 0.5) / SAMPLES
"""Where the points lie between the ends of a piece."""


@dataclass(frozen=True, slots=True)
class Fits:
    """Curves of n pieces.

    Attributes:
        handles: Of cubic curves, and of those with one handle that handle twice; shape (n, 2, 2).
        single: Whether one handle does, shape (n,).
        error: Largest distance of a point, in units of the coordinates.
        worst: Number of that point.
    """

    handles: Values
    single: NDArray[np.bool_]
    error: Values
    worst: NDArray[np.int64]


def fit(starts: Values, ends: Values, points: Values, ways: Values, tolerance: float) -> Fits:
    """Fit curves to points.

    Args:
        starts: Where each piece begins, shape (n, 2).
        ends: Where it ends.
        points: Between them, at `SHARES` of its length; shape (n, SAMPLES, 2).
        ways: Unit vectors in which it leaves its start and comes to its end, shape (n, 2, 2); not
            a number where it may turn.
        tolerance: Error up to which one handle does.
    """
    if are_compiled():
        from vtrain.tracing.cubic_kernels import fit_pieces  # noqa: PLC0415 - brings numba in

        n = len(starts)
        handles, error = np.empty((n, 2, 2)), np.empty(n)
        single, worst = np.empty(n, np.bool_), np.empty(n, np.int64)
        fit_pieces(starts, ends, points, ways, tolerance, handles, single, error, worst)
        return Fits(handles, single, error, worst)
    return fit_plainly(starts, ends, points, ways, tolerance)


def fit_plainly(
    starts: Values, ends: Values, points: Values, ways: Values, tolerance: float
) -> Fits:
    """As `fit`, all pieces at once: points by row, pieces by column."""
    pieces = _Pieces(starts, ends, points)
    length = pieces.length()
    out, into = _axes(ways[:, 0]), _axes(ways[:, 1])
    own_out, own_into = np.isnan(out[0]), np.isnan(into[0])
    share = np.broadcast_to(SHARES[:, None], (SAMPLES, len(starts)))
    for _ in range(ROUNDS):
        c11, c12, c22, first, second = pieces.normal(share)
        whole = np.maximum(c11 * c22 - c12 * c12, 1e-12)
        free = _unit(
            (c22 * first[0] - c12 * second[0]) / whole, (c22 * first[1] - c12 * second[1]) / whole
        )
        back = _unit(
            (c11 * second[0] - c12 * first[0]) / whole, (c11 * second[1] - c12 * first[1]) / whole
        )
        way_x, way_y = (np.where(own_out, free[axis], out[axis]) for axis in (0, 1))
        end_x, end_y = (np.where(own_into, -back[axis], into[axis]) for axis in (0, 1))
        mixed = -c12 * (way_x * end_x + way_y * end_y)
        along_out = first[0] * way_x + first[1] * way_y
        along_into = -(second[0] * end_x + second[1] * end_y)
        root = np.maximum(c11 * c22 - mixed * mixed, TINY)
        arm = (c22 * along_out - mixed * along_into) / root
        other = (c11 * along_into - mixed * along_out) / root
        wild = (arm < LEAST * length) | (arm > MOST * length)
        wild |= (other < LEAST * length) | (other > MOST * length)
        arm, other = np.where(wild, length / 3, arm), np.where(wild, length / 3, other)
        handles = (
            (pieces.start[0] + arm * way_x, pieces.start[1] + arm * way_y),
            (pieces.end[0] - other * end_x, pieces.end[1] - other * end_y),
        )
        share = pieces.nearer(handles, share)
    squared = pieces.squares(handles, share)
    worst = squared.argmax(axis=0)
    error = squared.max(axis=0)

    cross = way_x * end_y - way_y * end_x
    chord_x, chord_y = pieces.end[0] - pieces.start[0], pieces.end[1] - pieces.start[1]
    meets = np.abs(cross) > PARALLEL
    ahead = (chord_x * end_y - chord_y * end_x) / np.where(meets, cross, 1.0)
    tip_x, tip_y = pieces.start[0] + ahead * way_x, pieces.start[1] + ahead * way_y
    behind = (pieces.end[0] - tip_x) * end_x + (pieces.end[1] - tip_y) * end_y
    meets &= (ahead > 0) & (behind > 0)
    raised = (
        (_third(pieces.start[0], tip_x), _third(pieces.start[1], tip_y)),
        (_third(pieces.end[0], tip_x), _third(pieces.end[1], tip_y)),
    )
    share = np.broadcast_to(SHARES[:, None], (SAMPLES, len(starts)))
    for _ in range(SINGLE_ROUNDS):
        share = pieces.nearer(raised, share)
    alone = pieces.squares(raised, share).max(axis=0)
    single = meets & (alone <= tolerance * tolerance)
    placed = [
        np.stack([np.where(single, tip, handle[axis]) for axis, tip in enumerate((tip_x, tip_y))])
        for handle in handles
    ]
    return Fits(
        np.ascontiguousarray(np.stack(placed).transpose(2, 0, 1)),
        single,
        np.sqrt(np.where(single, alone, error)),
        worst,
    )


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Points to be fitted, by axis; rows are points, columns pieces."""

    starts: Values
    ends: Values
    points: Values

    @property
    def start(self) -> tuple[Values, Values]:
        return _axes(self.starts)

    @property
    def end(self) -> tuple[Values, Values]:
        return _axes(self.ends)

    def axis(self, axis: int) -> Values:
        return self.points[..., axis].T

    def length(self) -> Values:
        """Of the way along the points."""
        every = np.concatenate([self.starts[:, None], self.points, self.ends[:, None]], axis=1)
        leap = every[:, 1:] - every[:, :-1]
        return _total(np.sqrt(leap[..., 0] * leap[..., 0] + leap[..., 1] * leap[..., 1]).T)

    def normal(self, share: Values) -> tuple[Values, Values, Values, list[Values], list[Values]]:
        """The normal equations of the handles: the matrix, and the right sides by axis."""
        rest = 1 - share
        one, two = 3 * share * rest * rest, 3 * share * share * rest
        zero, three = rest * rest * rest, share * share * share
        first, second = [], []
        for axis in (0, 1):
            left = self.axis(axis) - (zero + one) * self.start[axis]
            left = left - (two + three) * self.end[axis]
            first.append(_total(one * left))
            second.append(_total(two * left))
        return _total(one * one), _total(one * two), _total(two * two), first, second

    def nearer(self, handles: tuple[tuple[Values, Values], ...], share: Values) -> Values:
        """Newton's step of each point to its nearest place on the curve."""
        above, below = np.zeros_like(share), np.zeros_like(share)
        for axis in (0, 1):
            p0, p1, p2, p3 = self.start[axis], handles[0][axis], handles[1][axis], self.end[axis]
            rest = 1 - share
            off = _on(p0, p1, p2, p3, share) - self.axis(axis)
            speed = 3 * (rest * rest * (p1 - p0) + 2 * rest * share * (p2 - p1))
            speed = speed + 3 * (share * share * (p3 - p2))
            bend = 6 * (rest * ((p2 - p1) - (p1 - p0)) + share * ((p3 - p2) - (p2 - p1)))
            above = above + off * speed
            below = below + (speed * speed + off * bend)
        safe = np.abs(below) > TINY
        moved = share - np.where(safe, above / np.where(safe, below, 1.0), 0.0)
        return np.minimum(np.maximum(moved, 0.0), 1.0)

    def squares(self, handles: tuple[tuple[Values, Values], ...], share: Values) -> Values:
        """Squared distance of each point from its place on the curve."""
        off = [
            _on(self.start[a], handles[0][a], handles[1][a], self.end[a], share) - self.axis(a)
            for a in (0, 1)
        ]
        return np.asarray(off[0] * off[0] + off[1] * off[1])


def _on(p0: Values, p1: Values, p2: Values, p3: Values, share: Values) -> Values:
    rest = 1 - share
    near = rest * rest * rest * p0 + 3 * rest * rest * share * p1
    return np.asarray(near + (3 * rest * share * share * p2 + share * share * share * p3))


def _third(end: Values, tip: Values) -> Values:
    """The handle of a cubic curve that is one with a single handle."""
    return np.asarray(end + (tip - end) * 2 / 3)


def _axes(vectors: Values) -> tuple[Values, Values]:
    return vectors[:, 0], vectors[:, 1]


def _unit(x: Values, y: Values) -> tuple[Values, Values]:
    length = np.maximum(np.sqrt(x * x + y * y), TINY)
    return x / length, y / length


def _total(values: Values) -> Values:
    """Sums of columns, one row after another: `sum` may take them in any order."""
    return np.asarray(np.add.accumulate(values, axis=0)[-1])

"""Between which vertices an outline is drawn: its corners, and where lines and curves may meet.

Where an outline turns sharply it has a corner, which lies where its sides beside would meet:
enlarging and anti-aliasing round it off. Of the other vertices of a polygon that would do (Douglas
and Peucker, 1973) each is a place at which a curve may end, in the direction of the outline there.
Sides that bend less than the turns at their ends would make a curve are straight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vtrain.images.loops import are_compiled
from vtrain.tracing.contours import Contours, Points, Values, beside
from vtrain.tracing.segments import Flags, Numbers

_REACH = 2.5
"""Turns are those of sides so long, for they are rounded off (px of the source)."""
_THIN = 0.5
"""But no longer than this part of the width of what is outlined: strokes end in two corners."""
_SHORTEST = 1.5
"""Shorter ones see the steps of the pixels (px traced)."""
_ROUND = 1.4
"""A corner turns by so much more than a circle of the outline's length does."""
_DIGITS = 6
"""Turns are told apart to this many decimals, whatever the last bits of a processor are (rad)."""
_SEEN_TURN = 0.75
"""Of a sharp turn that is rounded off, so much is seen within that reach."""
_APART = 0.9
"""Other vertices this close to a corner go, over that reach."""
ROUNDED = (0.5, 1.5)
"""So close to a corner an outline is not its side's (px of the source, px traced)."""
_SEEN = (4.0, 4.5)
"""So far from a corner its sides are looked at (px of the source, px traced)."""
_MOVED = (1.0, 2.5)
"""A corner lies no further from where it is seen (px of the source, px traced)."""
_WAY = 4.0
"""Directions are those between points so far before and behind (px of the source)."""
_LEAST_STRAIGHT = (4.0, 30.0)
"""Straight sides between curves are longer (px of the source, px traced)."""
_SAG = (0.4, 0.15)
"""They bend by less (px traced, share of what their ends' turns would make of a curve)."""
_OFF = 2.0
"""No point of them is further off than so many tolerances: their ends may be, one each."""
_DECISIVE = 0.8
"""A curve would bend by more than this, which pixels show (px traced)."""
_NEIGHBOUR = 0.75
"""A corner moves by no more than this part of the way to the next vertex."""
_PARTS = 8
"""All round an outline, directions reach no further than a part of it."""
_LEAST = 3
"""Vertices of an outline."""
_TINY = 1e-9
_PROBES: Values = (np.arange(16) + 0.5) / 16
_BEND: Values = (3 * (2 * _PROBES - 1) ** 2 - 1) / 2
"""Legendre's polynomial of second degree, which tells a bend from an offset and a slant."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Lengths in units of the coordinates.

    Attributes:
        traced: A pixel of the image that was traced.
        source: A pixel of the image before it was enlarged.
    """

    traced: int
    source: int

    def longest(self, lengths: tuple[float, float]) -> float:
        """The longer one of a length in pixels of the source and one in those traced."""
        return max(lengths[0] * self.source, lengths[1] * self.traced)


@dataclass(frozen=True, slots=True)
class Vertices:
    """Places between which outlines are drawn, in order, the first of each not again at its end.

    Attributes:
        size: Of each outline (count).
        outline: Of each vertex.
        place: Along the contours.
        at: Shape (n, 2).
        corner: Whether the outline turns there.
        way: The direction in which it goes on; unit vectors.
        straight: Whether the side to the next one is a line; between two corners, it may be one
            all the same.
    """

    size: Numbers
    outline: Numbers
    place: Values
    at: Points
    corner: Flags
    way: Points
    straight: Flags

    @classmethod
    def of(
        cls, contours: Contours, needed: Flags, unit: Unit, *, corner: float, tolerance: float
    ) -> Vertices:
        """The vertices of outlines.

        Args:
            contours: The outlines.
            needed: Points that a polygon needs.
            unit: Of the coordinates.
            corner: Smallest turn that is a corner (rad).
            tolerance: How far a drawing may be off, in units of the coordinates.
        """
        corners, near = _corners(contours, _SEEN_TURN * corner, unit)
        kept = _enough(contours, (needed & ~near) | corners, corners)
        places = _Places.of(contours, np.flatnonzero(kept), corners)
        at = _sharpened(places, unit)
        straight = _straight(places, at, unit, tolerance)
        before, after, is_corner = places.before, places.after, places.corner
        sides = unit_vectors(at[after] - at)
        smooth = ~is_corner[:, None]
        way = np.where(smooth & straight[before, None], sides[before], _ways(places, unit))
        way = np.where(smooth & straight[:, None], sides, way)
        # Two straight sides meet in a corner, however little they turn.
        is_corner = is_corner | (straight & straight[before])
        return cls(places.size, places.outline, places.place, at, is_corner, way, straight)


def _corners(contours: Contours, least: float, unit: Unit) -> tuple[Flags, Flags]:
    """Corners, where outlines turn more than anywhere within reach; and what is near one."""
    reach = np.clip(_THIN * contours.width, _SHORTEST * unit.traced, _REACH * unit.source)
    reach = np.minimum(reach, contours.length / _PARTS)
    own = reach[contours.outline]
    into = contours.points - contours.at(contours.place - own, contours.outline)
    out = contours.at(contours.place + own, contours.outline) - contours.points
    turns = np.round(_angle(into, out), _DIGITS)
    enough = np.maximum(least, _ROUND * 2 * np.pi * reach / contours.length)
    points = np.rint(reach / (contours.length / contours.size)).astype(np.int64)
    points = np.clip(points, 1, np.maximum(contours.size // 4, 1))
    number = np.flatnonzero(turns > enough[contours.outline])
    number = number[np.argsort(-turns[number], kind="stable")]
    peak = np.zeros(len(turns), np.bool_)
    peak[_apart(contours, number, points)] = True
    near, number = peak.copy(), np.flatnonzero(peak)
    own_points = points[contours.outline[number]]
    for step in range(1, int(points.max()) + 1):
        within = number[step <= _APART * own_points]
        near[contours.beside(within, step)] = near[contours.beside(within, -step)] = True
    return peak, near


def _apart(contours: Contours, number: Numbers, points: Numbers) -> Numbers:
    """Those that no earlier one is within as many points of, as `points` says by outline."""
    owner = contours.outline[number]
    if not are_compiled():
        return np.array(_apart_plainly(contours, number, owner, points), np.int64)
    from vtrain.tracing.contour_kernels import keep_apart  # noqa: PLC0415 - brings numba in

    found = np.empty(len(number), np.int64)
    hidden = np.zeros(len(contours.points), np.bool_)
    count = keep_apart(number, owner, contours.first, contours.size, points, hidden, found)
    return found[:count]


def _apart_plainly(
    contours: Contours, number: Numbers, owner: Numbers, points: Numbers
) -> list[int]:
    hidden = bytearray(len(contours.points))
    first, size, reach = contours.first.tolist(), contours.size.tolist(), points.tolist()
    found = []
    for one, outline in zip(number.tolist(), owner.tolist(), strict=True):
        if hidden[one]:
            continue
        found.append(one)
        start, count = first[outline], size[outline]
        for step in range(-reach[outline], reach[outline] + 1):
            hidden[start + (one - start + step) % count] = 1
    return found


def _enough(contours: Contours, kept: Flags, corners: Flags) -> Flags:
    """Three vertices for each outline at least: thirds of it stand in for those it lacks."""
    enough = kept.copy()
    count = np.bincount(contours.outline[kept], minlength=len(contours.size))
    for lacking in np.flatnonzero(count < _LEAST):
        first, size = contours.first[lacking], contours.size[lacking]
        anchor = np.flatnonzero(corners[first : first + size])
        offset = anchor[0] if len(anchor) else 0
        enough[first + (np.arange(_LEAST) * size // _LEAST + offset) % size] = True
    return enough


@dataclass(frozen=True, slots=True)
class _Places:
    """Where vertices are seen, and what is beside them.

    Attributes:
        contours: What they are on.
        size: Of each outline (count).
        outline: Of each.
        place: Along the contours.
        at: Shape (n, 2).
        corner: Whether it is a corner.
        before: Number of the one before, round the outline.
        after: Of the one after.
        ahead: How far that is.
    """

    contours: Contours
    size: Numbers
    outline: Numbers
    place: Values
    at: Points
    corner: Flags
    before: Numbers
    after: Numbers
    ahead: Values

    @classmethod
    def of(cls, contours: Contours, number: Numbers, corners: Flags) -> _Places:
        outline = contours.outline[number]
        size = np.bincount(outline, minlength=len(contours.size))
        place, length = contours.place[number], contours.length[outline]
        before, after = beside(size, -1), beside(size, 1)
        ahead = np.mod(place[after] - place, length)
        at, corner = contours.points[number], corners[number]
        return cls(contours, size, outline, place, at, corner, before, after, ahead)


def _ways(places: _Places, unit: Unit) -> Points:
    """Directions of chords between points as far before as behind: those of circles are exact."""
    contours, place, outline = places.contours, places.place, places.outline
    room = np.minimum(_WAY * unit.source, contours.length[outline] / _PARTS)
    back, on = places.ahead[places.before], places.ahead
    room = np.where(places.corner[places.before], np.minimum(room, back), room)
    room = np.where(places.corner[places.after], np.minimum(room, on), room)
    return unit_vectors(contours.at(place + room, outline) - contours.at(place - room, outline))


def _sharpened(places: _Places, unit: Unit) -> Points:
    """Where vertices are, corners where the sides beside them meet if that is close by."""
    contours, which = places.contours, np.flatnonzero(places.corner)
    place, outline = places.place[which], places.outline[which]
    rounded, far = unit.longest(ROUNDED), unit.longest(_SEEN)
    before, after = places.ahead[places.before[which]], places.ahead[which]
    # Between what is rounded off and the next vertex, where there is room for that.
    near_back, near_on = (np.minimum(rounded, way / 3) for way in (before, after))
    back, on = (np.minimum(np.maximum(0.6 * w, 1.5 * rounded), far) for w in (before, after))
    back, on = np.minimum(back, 0.9 * before), np.minimum(on, 0.9 * after)
    start, end = contours.at(place - back, outline), contours.at(place - near_back, outline)
    next_start, next_end = contours.at(place + near_on, outline), contours.at(place + on, outline)
    into, out = end - start, next_end - next_start
    cross = _cross(into, out)
    meets = np.abs(cross) > _TINY
    steps = _cross(next_start - start, out) / np.where(meets, cross, 1.0)
    meeting = start + steps[:, None] * into
    moved = np.sqrt(((meeting - places.at[which]) ** 2).sum(axis=1))
    most = np.minimum(unit.longest(_MOVED), _NEIGHBOUR * np.minimum(before, after))
    meets &= (steps >= 1) & (moved < most)
    sharp = places.at.copy()
    sharp[which[meets]] = meeting[meets]
    return sharp


def _straight(places: _Places, at: Points, unit: Unit, tolerance: float) -> Flags:
    """Sides between curves that are lines: they bend less than the turns at their ends would."""
    place, outline, corner, after = places.place, places.outline, places.corner, places.after
    side = at[after] - at
    length = np.maximum(np.sqrt((side**2).sum(axis=1)), _TINY)
    rounded = unit.longest(ROUNDED)
    start = place + np.where(corner, rounded, 0.0)
    end = place + places.ahead - np.where(corner[after], rounded, 0.0)
    probes = start[:, None] + (end - start)[:, None] * _PROBES
    seen = places.contours.at(probes, np.broadcast_to(outline[:, None], probes.shape))
    aside = _cross(side[:, None], seen - at[:, None]) / length[:, None]
    sag = np.abs(1.5 * (aside * _BEND).sum(axis=1) / (_BEND**2).sum())
    turn = np.where(corner, 0.0, _angle(side[places.before], side))
    ends = 2.0 - corner - corner[after]
    theta = (turn + turn[after]) / np.maximum(ends, 1)
    curve = length * theta / 8
    bends = np.minimum(_SAG[0] * unit.traced, _SAG[1] * curve)
    told = (curve >= _DECISIVE * unit.traced) & (length >= unit.longest(_LEAST_STRAIGHT))
    close = np.abs(aside).max(axis=1) <= _OFF * tolerance
    return np.asarray(told & (ends > 0) & (sag <= bends) & close, np.bool_)


def unit_vectors(vectors: Points) -> Points:
    """The same directions, shape (n, 2), one unit long."""
    x, y = vectors[..., 0], vectors[..., 1]
    length = np.maximum(np.sqrt(x * x + y * y), _TINY)
    return np.asarray(vectors / length[..., None])


def _cross(one: Points, two: Points) -> Values:
    return np.asarray(one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0])


def _angle(one: Points, two: Points) -> Values:
    """Between vectors (rad)."""
    return np.asarray(
        np.arctan2(np.abs(_cross(one, two)), one[..., 0] * two[..., 0] + one[..., 1] * two[..., 1])
    )

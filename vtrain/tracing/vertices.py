"""Between which vertices an outline is drawn: its corners, and where lines and curves may meet.

Where an outline turns sharply it has a corner, which lies where its sides beside would meet:
enlarging and anti-aliasing round it off. Of the other vertices of a polygon that would do (Douglas
and Peucker, 1973) each is a place at which a curve may end, in the direction of the outline there.
Sides that bend less than the turns at their ends would make a curve are straight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vtrain.tracing.contours import Contours, Points, Values, beside
from vtrain.tracing.segments import Flags, Numbers

_REACH = 2.5
"""Turns are those of sides so long, for they are rounded off (px of the source)."""
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
        straight: Whether the side to the next one is a line.
    """

    size: Numbers
    outline: Numbers
    place: Values
    at: Points
    corner: Flags
    way: Points
    straight: Flags

    @classmethod
    def of(cls, contours: Contours, needed: Flags, corner: float, unit: Unit) -> Vertices:
        """The vertices of outlines.

        Args:
            contours: The outlines.
            needed: Points that a polygon needs.
            corner: Smallest turn that is a corner (rad).
            unit: Of the coordinates.
        """
        corners, near = _corners(contours, _SEEN_TURN * corner, unit)
        kept = _enough(contours, (needed & ~near) | corners, corners)
        places = _Places.of(contours, np.flatnonzero(kept), corners)
        at = _sharpened(places, unit)
        straight = _straight(places, at, unit)
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
    reach = np.minimum(_REACH * unit.source, contours.length / _PARTS)
    own = reach[contours.outline]
    into = contours.points - contours.at(contours.place - own, contours.outline)
    out = contours.at(contours.place + own, contours.outline) - contours.points
    turns = _angle(into, out)
    points = np.rint(reach / (contours.length / contours.size)).astype(np.int64)
    points = np.clip(points, 1, np.maximum(contours.size // 4, 1))[contours.outline]
    most = int(points.max())
    left = np.where(turns > least, turns, 0.0)
    peak = np.zeros(len(turns), np.bool_)
    near = peak.copy()
    # What one corner hides may hide nothing else: the largest of those that are left come next.
    while (number := _largest(contours, left, points, most)).size:
        peak[number] = near[number] = True
        left[number] = 0.0
        for step in range(1, most + 1):
            within = number[step <= points[number]]
            for other in (contours.beside(within, step), contours.beside(within, -step)):
                left[other] = 0.0
                near[other] |= step <= _APART * most
    return peak, near


def _largest(contours: Contours, values: Values, points: Numbers, most: int) -> Numbers:
    """Those that are larger than as many before and after as `points` says, `most` at most."""
    number = np.flatnonzero(values)
    for step in range(1, most + 1):
        before, after = (contours.beside(number, way * step) for way in (-1, 1))
        largest = (values[number] >= values[after]) & (values[number] > values[before])
        number = number[largest | (step > points[number])]
    return number


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
    back = np.clip(0.6 * places.ahead[places.before[which]], 1.5 * rounded, far)
    on = np.clip(0.6 * places.ahead[which], 1.5 * rounded, far)
    start, end = contours.at(place - back, outline), contours.at(place - rounded, outline)
    next_start, next_end = contours.at(place + rounded, outline), contours.at(place + on, outline)
    into, out = end - start, next_end - next_start
    cross = _cross(into, out)
    meets = np.abs(cross) > _TINY
    steps = _cross(next_start - start, out) / np.where(meets, cross, 1.0)
    meeting = start + steps[:, None] * into
    moved = np.sqrt(((meeting - places.at[which]) ** 2).sum(axis=1))
    meets &= (steps >= 1) & (moved < unit.longest(_MOVED))
    sharp = places.at.copy()
    sharp[which[meets]] = meeting[meets]
    return sharp


def _straight(places: _Places, at: Points, unit: Unit) -> Flags:
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
    bends = np.minimum(_SAG[0] * unit.traced, _SAG[1] * length * theta / 8)
    long = length >= unit.longest(_LEAST_STRAIGHT)
    return np.asarray(long & (ends > 0) & (sag <= bends), np.bool_)


def unit_vectors(vectors: Points) -> Points:
    """The same directions, shape (n, 2), one unit long."""
    length = np.maximum(np.sqrt((vectors**2).sum(axis=-1)), _TINY)
    return np.asarray(vectors / length[..., None])


def _cross(one: Points, two: Points) -> Values:
    return np.asarray(one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0])


def _angle(one: Points, two: Points) -> Values:
    """Between vectors (rad)."""
    return np.asarray(np.arctan2(np.abs(_cross(one, two)), (one * two).sum(axis=-1)))

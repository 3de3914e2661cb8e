"""Outlines of pixels as lines and curves, few and smooth.

What lies between two corners or straight sides (`vtrain.tracing.vertices`) is one curve if that
stays within the tolerance, or is parted at the vertex nearest to where it is furthest off; the
parts go on in one direction there, so that nothing has kinks or facets.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vtrain.tracing import cubics
from vtrain.tracing.contours import Contours, Points, Values, beside
from vtrain.tracing.fitting import segments_of, simplified_polygon
from vtrain.tracing.segments import CUBIC, LINE, MOVE, QUADRATIC, Flags, Numbers, Segments
from vtrain.tracing.vertices import ROUNDED, Unit, Vertices

_FINEST = (0.8, 0.7)
"""Pixels allow no finer polygons, and no finer curves (px traced)."""
_STEPS = 0.8
"""Of polygons so much is left out that slanted strokes of a pixel have no steps (px traced)."""


def curved(
    outlines: list[Numbers],
    path: Numbers,
    unit: Unit,
    *,
    tolerance: float,
    corner: float,
    grid: int,
) -> Segments:
    """Outlines of whole pixels, drawn with few lines and curves.

    Args:
        outlines: Their corners, shape (n, 2) each, in order, the first one not again at the end.
        path: Which path each becomes a part of; rising.
        unit: Of the coordinates.
        tolerance: How far the drawing may be off, in units of the coordinates.
        corner: Smallest turn that stays a corner (degrees).
        grid: What ends and handles are rounded to, in units of the coordinates.
    """
    contours = Contours.of(outlines, unit.traced, unit.source // unit.traced)
    finest, finest_curve = (value * unit.traced for value in _FINEST)
    needed, specks = contours.vertices(max(tolerance, finest))
    tolerance = max(tolerance, finest_curve)
    vertices = Vertices.of(contours, needed, unit, corner=np.radians(corner), tolerance=tolerance)
    ring = _Ring.of(contours, vertices)
    drawn = _fitted(ring, vertices, tolerance, unit)
    specks_drawn = {
        int(number): simplified_polygon(outlines[number], _STEPS * unit.traced)
        for number in np.flatnonzero(specks)
    }
    return _with_specks(drawn.segments(ring, path, grid), specks_drawn, path)


@dataclass(frozen=True, slots=True)
class _Ring:
    """Vertices in the order in which outlines are drawn: each closed, and begun where it is cut.

    Attributes:
        contours: The outlines.
        number: The vertex at each place; the first one of an outline is its last too.
        outline: Of each place.
        along: How far along its outline each place is.
        at: Where it is, shape (n, 2).
        corner: Whether the outline turns there.
        way: In which direction it goes on.
        straight: Whether the side to the next place is a line.
    """

    contours: Contours
    number: Numbers
    outline: Numbers
    along: Values
    at: Points
    corner: Flags
    way: Points
    straight: Flags

    @classmethod
    def of(cls, contours: Contours, vertices: Vertices) -> _Ring:
        size = vertices.size
        first, ends = np.cumsum(size) - size, np.cumsum(size + 1) - 1
        outline = np.repeat(np.arange(len(size)), size + 1)
        within = np.arange(len(vertices.outline)) - first[vertices.outline]
        cut = np.where(_cuts(vertices), within, len(within))
        offset = np.minimum.reduceat(cut, first) % len(within)
        turn = np.arange(len(outline)) - (ends - size)[outline]
        number = np.asarray(first[outline] + (offset[outline] + turn) % size[outline], np.int64)
        begin = vertices.place[first + offset % size]
        along = vertices.place[number] - begin[outline]
        along = begin[outline] + np.mod(along, contours.length[outline])
        along[ends] = begin + contours.length
        at, way = vertices.at[number], vertices.way[number]
        corner, straight = vertices.corner[number], vertices.straight[number]
        return cls(contours, number, outline, along, at, corner, way, straight)

    def pieces(self, vertices: Vertices) -> tuple[Numbers, Numbers]:
        """From which place to which what has to be parted goes on: a curve, if that will do."""
        ends = np.flatnonzero(np.append(self.outline[1:] != self.outline[:-1], True))
        starts = ends - vertices.size
        cut = _cuts(vertices)[self.number]
        cut[starts] = cut[ends] = True
        # No curve goes all round an outline: its other half begins half-way.
        whole = np.add.reduceat(cut.astype(np.int64), starts) == 2
        for start, end in zip(starts[whole], ends[whole], strict=True):
            half = (self.along[start] + self.along[end]) / 2
            cut[start + 1 + np.abs(self.along[start + 1 : end] - half).argmin()] = True
        places = np.flatnonzero(cut)
        same = self.outline[places[:-1]] == self.outline[places[1:]]
        return places[:-1][same], places[1:][same]

    def ways(self, places: Numbers) -> Points:
        """The direction at places; not a number where the outline turns."""
        return np.where(self.corner[places][:, None], np.nan, self.way[places])

    def places(self, first: Numbers, last: Numbers, rounded: float) -> Values:
        """Places along pieces, shape (n, SAMPLES), leaving out what is so close to a corner."""
        span = self.along[last] - self.along[first]
        skipped = np.where(span < 3 * rounded, 0.0, rounded)
        start = self.along[first] + np.where(self.corner[first], skipped, 0.0)
        end = self.along[last] - np.where(self.corner[last], skipped, 0.0)
        return np.asarray(start[:, None] + (end - start)[:, None] * cubics.SHARES)

    def near(self, first: Numbers, last: Numbers, wanted: Values) -> Numbers:
        """The vertex between two others that is nearest to a place between them."""
        # Each outline is begun somewhere, and goes on for its length: so they rise together.
        start = self.contours.start[self.outline]
        rising, wanted = self.along + start, wanted + start[first]
        after = np.clip(np.searchsorted(rising, wanted), first + 1, last - 1)
        nearer = (after - 1 > first) & (wanted - rising[after - 1] < rising[after] - wanted)
        return np.where(nearer, after - 1, after)


def _cuts(vertices: Vertices) -> Flags:
    """Vertices at which something else begins: corners, and the ends of straight sides."""
    before = beside(vertices.size, -1)
    return vertices.corner | vertices.straight | vertices.straight[before]


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Lines and curves, from one place of a ring to another.

    Attributes:
        first: Where each begins.
        last: Where it ends.
        kind: `LINE`, `QUADRATIC` or `CUBIC`.
        handles: Shape (n, 2, 2).
    """

    first: Numbers
    last: Numbers
    kind: Numbers
    handles: Points

    def segments(self, ring: _Ring, path: Numbers, grid: int) -> Segments:
        """As segments, each outline begun by a move; coordinates are rounded to the grid."""
        outline = ring.outline[self.first]
        begins = np.append(True, outline[1:] != outline[:-1])
        place = np.arange(len(outline)) + np.cumsum(begins)
        moves = place[begins] - 1
        count = len(place) + len(moves)
        kind, end = np.full(count, MOVE, np.int64), np.empty((count, 2), np.int64)
        handles, owner = np.zeros((count, 2, 2), np.int64), np.empty(count, np.int64)
        at = _rounded(ring.at, grid)
        kind[place], handles[place] = self.kind, _rounded(self.handles, grid)
        end[place], end[moves] = at[self.last], at[self.first[begins]]
        owner[place], owner[moves] = outline, outline[begins]
        return Segments(kind, handles, end, path[owner])


def _fitted(ring: _Ring, vertices: Vertices, tolerance: float, unit: Unit) -> _Pieces:
    """Lines and curves that stay within the tolerance, or have no vertex left to part them at."""
    first, last = ring.pieces(vertices)
    ways = np.stack([ring.ways(first), ring.ways(last)], axis=1)
    rounded = unit.longest(ROUNDED)
    done = []
    while len(first):
        places = ring.places(first, last, rounded)
        owner = np.broadcast_to(ring.outline[first][:, None], places.shape)
        points = ring.contours.at(places, owner)
        fits = cubics.fit(ring.at[first], ring.at[last], points, ways, tolerance)
        side = last - first == 1
        turns = np.isnan(ways[..., 0]).all(axis=1)
        line = turns & (_off_chord(ring, first, last, points) <= tolerance)
        line |= side & ring.straight[first]
        kept = line | (fits.error <= tolerance)
        # Points tell of no more vertices than there are of them.
        kept = side | (kept & (last - first <= cubics.SAMPLES))
        kind = np.where(line, LINE, np.where(fits.single, QUADRATIC, CUBIC))
        done.append(_Pieces(first[kept], last[kept], kind[kept], fits.handles[kept]))
        worst = np.take_along_axis(places, fits.worst[:, None], axis=1)[~kept, 0]
        first, last, ways = first[~kept], last[~kept], ways[~kept]
        middle = ring.near(first, last, worst)
        halves = (ways[:, 0], ring.way[middle]), (ring.way[middle], ways[:, 1])
        ways = np.concatenate([np.stack(half, axis=1) for half in halves])
        first, last = np.concatenate([first, middle]), np.concatenate([middle, last])
    parts = [
        np.concatenate([getattr(one, field.name) for one in done]) for field in fields(_Pieces)
    ]
    order = np.argsort(parts[0], kind="stable")
    return _Pieces(*(part[order] for part in parts))


def _off_chord(ring: _Ring, first: Numbers, last: Numbers, points: Points) -> Values:
    """How far points are off the line between the ends; infinite where they go round."""
    starts = ring.at[first]
    chord = ring.at[last] - starts
    length = np.sqrt((chord**2).sum(axis=1))
    off = points - starts[:, None]
    aside = off[..., 1] * chord[:, None, 0] - off[..., 0] * chord[:, None, 1]
    most = np.abs(aside).max(axis=1) / np.maximum(length, cubics.TINY)
    return np.where(length < (ring.along[last] - ring.along[first]) / 2, np.inf, most)


def _with_specks(drawn: Segments, specks: dict[int, Numbers], path: Numbers) -> Segments:
    """Some outlines as polygons instead, by their number."""
    if not specks:
        return drawn
    number = np.array(list(specks))
    polygons = segments_of(list(specks.values()), path[number])
    owner = number[polygons.outline]
    is_speck = np.zeros(len(path), np.bool_)
    is_speck[number] = True
    rest = ~is_speck[drawn.outline]
    order = np.argsort(np.concatenate([drawn.outline[rest], owner]), kind="stable")
    both = zip(drawn.where(rest).columns, polygons.columns, strict=True)
    return Segments(*(np.concatenate(pair)[order] for pair in both))


def _rounded(points: NDArray[np.float64], grid: int) -> Numbers:
    return np.asarray(np.rint(points / grid).astype(np.int64) * grid)

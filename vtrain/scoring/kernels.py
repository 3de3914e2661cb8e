"""The inner loops over contours, compiled.

Pictures lie in padded planes of shape (h + 2 * PAD, row), `row` a multiple of 8, flattened. Work
is done in *segments*: runs of pixels of a row, as start and end in the flattened plane, since most
of a logo is flat and has no part in its contours. Offsets are unsigned: numba would look for a
negative one at each access, and the loops would not become vector instructions.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.compiled import compiled, inlined
from vtrain.scoring.scales import (
    COARSE_RADIUS,
    COARSE_SIGMA,
    FAINTEST,
    FINE_RADIUS,
    FINE_SIGMA,
    GATE,
    PAD,
    VISIBLE,
)

Plane = NDArray[np.float32]
Planes = tuple[Plane, Plane, Plane]
Segments = NDArray[np.uint64]


def _gaussian(radius: int, sigma: float) -> tuple[np.float32, ...]:
    """Weights from the middle outwards."""
    kernel = cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_64F)[radius:, 0]
    return tuple(np.float32(weight) for weight in kernel)


_A0, _A1, _A2, _A3 = _gaussian(FINE_RADIUS, FINE_SIGMA)
_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7 = _gaussian(COARSE_RADIUS, COARSE_SIGMA)
_0, _1, _HALF, _QUARTER = (np.float32(value) for value in (0, 1, 0.5, 0.25))
_TINY = np.float32(1e-9)
_BAND = np.uint64(16)
LINES = int(3 * _BAND + 8)
"""Lines of a plane that are kept while edges are found."""
_GAP = 3
"""Blocks from a mark to the next within a segment: few long segments take less time than many short
ones. What is laid out for the marks reaches eight pixels further, which covers two empty blocks."""
_U0, _U1, _U2, _U3, _U4, _U5, _U6, _U7, _U8 = (np.uint64(value) for value in range(9))


@compiled
def mark_changes(indices: NDArray[np.int32], marks: NDArray[np.uint8]) -> None:
    """Set `marks`, padded, where a pixel's right or lower neighbour has another colour."""
    height, width = indices.shape
    for row in range(height - 1):
        for column in range(width - 1):
            here = indices[row, column]
            marks[row + PAD, column + PAD] = np.uint8(
                (here != indices[row, column + 1]) | (here != indices[row + 1, column])
            )
        marks[row + PAD, width - 1 + PAD] = np.uint8(
            indices[row, width - 1] != indices[row + 1, width - 1]
        )
    last = height - 1
    for column in range(width - 1):
        marks[last + PAD, column + PAD] = np.uint8(
            indices[last, column] != indices[last, column + 1]
        )
    marks[last + PAD, width - 1 + PAD] = 0


@compiled
def find_segments(marks: NDArray[np.uint64], first: int, end: int, segments: Segments) -> int:
    """Segments that hold every mark, from blocks of eight pixels.

    Args:
        marks: Marks of eight pixels in a word, shape (height, row / 8).
        first: First column that a segment may hold.
        end: Column after the last.
        segments: Becomes start and end of each, in order.

    Returns:
        How many there are.
    """
    height, blocks = marks.shape
    count = 0
    for row in range(height):
        block = 0
        while block < blocks:
            if marks[row, block] == 0:
                block += 1
                continue
            start = last = block
            while block < blocks and block - last <= _GAP:
                if marks[row, block] != 0:
                    last = block
                block += 1
            block = last + 1
            low, high = max(start * 8, first), min(block * 8, end)
            if high > low:
                segments[count, 0] = row * blocks * 8 + low
                segments[count, 1] = row * blocks * 8 + high
                count += 1
    return count


@inlined
def _mirrored(place: int, length: int) -> int:
    """Place within 0 to length - 1, mirrored at the borders, which are not repeated."""
    if length == 1:
        return 0
    period = 2 * (length - 1)
    place %= period
    return period - place if place >= length else place


@compiled
def mirror(indices: NDArray[np.int32], padded: NDArray[np.int32]) -> None:
    """Fill a padded plane of shape (h + 2 * PAD, row), mirrored at the borders."""
    height, width = indices.shape
    for line in range(height + 2 * PAD):
        source, target = indices[_mirrored(line - PAD, height)], padded[line]
        target[PAD : PAD + width] = source
        for reach in range(1, PAD + 1):
            target[PAD - reach] = source[_mirrored(-reach, width)]
            target[PAD + width - 1 + reach] = source[_mirrored(width - 1 + reach, width)]


@inlined
def _smoothed_7(plane: Plane, at: Any, step: Any) -> Any:
    return (
        _A0 * plane[at]
        + _A1 * (plane[at - step] + plane[at + step])
        + _A2 * (plane[at - _U2 * step] + plane[at + _U2 * step])
        + _A3 * (plane[at - _U3 * step] + plane[at + _U3 * step])
    )


@inlined
def _smoothed_15(plane: Plane, at: Any, step: Any) -> Any:
    return (
        _B0 * plane[at]
        + _B1 * (plane[at - step] + plane[at + step])
        + _B2 * (plane[at - _U2 * step] + plane[at + _U2 * step])
        + _B3 * (plane[at - _U3 * step] + plane[at + _U3 * step])
        + _B4 * (plane[at - _U4 * step] + plane[at + _U4 * step])
        + _B5 * (plane[at - _U5 * step] + plane[at + _U5 * step])
        + _B6 * (plane[at - _U6 * step] + plane[at + _U6 * step])
        + _B7 * (plane[at - _U7 * step] + plane[at + _U7 * step])
    )


@compiled
def smooth_coarse(source: Plane, target: Plane, segments: Segments, step: Any) -> None:
    """Gaussian of `COARSE_SIGMA` within segments, along rows (`step` 1) or columns (the row)."""
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            target[at] = _smoothed_15(source, at, step)


@inlined
def _tensor(one: Plane, two: Plane, three: Plane, at: Any, row: Any) -> Any:
    """Products of central differences summed over the planes: xx, xy, yy."""
    across, down = one[at + _U1] - one[at - _U1], one[at + row] - one[at - row]
    across_2, down_2 = two[at + _U1] - two[at - _U1], two[at + row] - two[at - row]
    across_3, down_3 = three[at + _U1] - three[at - _U1], three[at + row] - three[at - row]
    return (
        _QUARTER * (across * across + across_2 * across_2 + across_3 * across_3),
        _QUARTER * (across * down + across_2 * down_2 + across_3 * down_3),
        _QUARTER * (down * down + down_2 * down_2 + down_3 * down_3),
    )


@compiled
def find_edges(  # noqa: PLR0917 - numba takes no keyword-only ones
    numbers: NDArray[np.int32],
    lab: Plane,
    where: tuple[Segments, Segments, Segments, Segments],
    shape: tuple[int, int],
    room: Plane,
    out: tuple[Planes, Planes],
) -> None:
    """The smoothed planes, and the structure tensor smoothed along its rows.

    Some lines at a time, through all the steps: what lies between them then stays in the
    processor's cache, where whole planes would not.

    Args:
        numbers: Number of each pixel's colour, padded, flattened.
        lab: Lab of each colour, shape (3, n).
        where: Segments that are given their Lab and smoothed along rows, of which nobody needs the
            ends; that are smoothed along columns; that have a tensor; and in which it is smoothed.
        shape: Length of a row, and the picture's width.
        room: Shape (3 * `LINES`, row), flattened.
        out: Become the planes, smoothed with `FINE_SIGMA`, and the tensor.
    """
    laid, smoothed, raw, coarse = where
    fine, coarse_rows = out
    row, width = np.uint64(shape[0]), shape[1]
    labs, first_rest = _parts(room, _U0, (_BAND + _U2) * row)
    lines, second_rest = _parts(room, first_rest, (_BAND + _U6) * row)
    tensors, _ = _parts(room, second_rest, _BAND * row)
    mirrored = np.empty((2 * COARSE_RADIUS, 2), np.int64)
    for reach in range(1, COARSE_RADIUS + 1):
        mirrored[reach - 1] = -reach, _mirrored(-reach, width)
        mirrored[-reach] = width - 1 + reach, _mirrored(width - 1 + reach, width)
    lay, down, edge, blur = 0, 0, 0, 0
    top = _U0
    # Each step lags behind the one before by the lines that it reaches down. Where a band begins
    # above the picture there is no segment yet.
    while top < np.uint64(numbers.size):
        end = top + _BAND * row
        here, before = _U2 * row - top, _U6 * row - top
        first, lay = lay, _after(laid, lay, end)
        _lay_out(numbers, lab, laid[first:lay], here, labs)
        for plane in range(3):
            _smooth_rows(labs[plane], here, laid[first:lay], lines[plane], before)
        first, down = down, _after(smoothed, down, end - _U3 * row)
        for plane in range(3):
            _smooth_columns(lines[plane], before, smoothed[first:down], row, fine[plane])
        first, edge = edge, _after(raw, edge, end - row)
        start, blur = blur, _after(coarse, blur, end - row)
        if edge > first:
            _lay_tensor(labs, here, raw[first:edge], row, tensors, row - top)
            for plane in range(3):
                _mirror_columns(tensors[plane], row, mirrored)
                _blur_rows(tensors[plane], row - top, coarse[start:blur], coarse_rows[plane])
                tensors[plane][:] = _0
        for plane in range(3):
            labs[plane][: _U2 * row] = labs[plane][_BAND * row :]
            lines[plane][: _U6 * row] = lines[plane][_BAND * row :]
        top = end


@inlined
def _parts(room: Plane, first: Any, size: Any) -> Any:
    """Three planes of a size from a place of some room on, all zero, and the place after them."""
    second, third, end = first + size, first + _U2 * size, first + _U3 * size
    room[first:end] = _0
    return (room[first:second], room[second:third], room[third:end]), end


@inlined
def _after(segments: Segments, number: int, end: Any) -> int:
    """Number of the first segment, from one on, that starts at a pixel or behind it."""
    while number < segments.shape[0] and segments[number, 0] < end:
        number += 1
    return number


@compiled
def _lay_out(
    numbers: NDArray[np.int32], lab: Plane, segments: Segments, to: Any, planes: Planes
) -> None:
    """Give the pixels of segments the Lab of their colour."""
    light, first, second = lab[0], lab[1], lab[2]
    one, two, three = planes
    for segment in range(segments.shape[0]):
        for at in range(segments[segment, 0], segments[segment, 1]):
            number = np.uint32(numbers[at])
            one[at + to] = light[number]
            two[at + to] = first[number]
            three[at + to] = second[number]


@compiled
def _smooth_rows(source: Plane, here: Any, segments: Segments, target: Plane, to: Any) -> None:
    """Gaussian of `FINE_SIGMA` along rows; `here` and `to` lead to places in the planes."""
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            target[at + to] = _smoothed_7(source, at + here, _U1)


@compiled
def _smooth_columns(source: Plane, here: Any, segments: Segments, row: Any, target: Plane) -> None:
    """Likewise along columns."""
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            target[at] = _smoothed_7(source, at + here, row)


@compiled
def _blur_rows(source: Plane, here: Any, segments: Segments, target: Plane) -> None:
    """Gaussian of `COARSE_SIGMA` along rows."""
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            target[at] = _smoothed_15(source, at + here, _U1)


@compiled
def _lay_tensor(  # noqa: PLR0917 - numba takes no keyword-only ones
    planes: Planes, here: Any, segments: Segments, row: Any, out: Planes, to: Any
) -> None:
    """The structure tensor of three planes."""
    one, two, three = planes
    out_xx, out_xy, out_yy = out
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            xx, xy, yy = _tensor(one, two, three, at + here, row)
            out_xx[at + to] = xx
            out_xy[at + to] = xy
            out_yy[at + to] = yy


@compiled
def _mirror_columns(plane: Plane, row: Any, mirrored: NDArray[np.int64]) -> None:
    """Fill the padding left and right of some lines: column by column, with which one."""
    for line in range(0, plane.size, row):
        for number in range(mirrored.shape[0]):
            target, source = mirrored[number, 0], mirrored[number, 1]
            plane[line + PAD + target] = plane[line + PAD + source]


@compiled
def mirror_rows(plane: Plane, height: int) -> None:
    """Fill the padding above and below a plane of shape (h + 2 * PAD, row)."""
    for reach in range(1, COARSE_RADIUS + 1):
        plane[PAD - reach] = plane[PAD + _mirrored(-reach, height)]
        plane[PAD + height - 1 + reach] = plane[PAD + _mirrored(height - 1 + reach, height)]


@inlined
def _likeness(cos: Any, sin: Any, xx: Any, xy: Any, yy: Any) -> Any:
    """Share of a fine edge of direction (cos, sin) of twice its angle that a coarse tensor has.

    And the same to a power so high that some degrees between the two count.
    """
    energy = max(xx + yy, _0)
    # Coherence times the unit orientation: the strength cancels, which leaves one division.
    similarity = (cos * (xx - yy) + sin * (xy + xy)) / (energy + _TINY)
    similarity = min(max((_1 + similarity) * _HALF, _0), _1)
    magnitude = np.sqrt(energy)
    gate = magnitude / (magnitude + GATE)
    cube = similarity * similarity * similarity
    square = similarity * similarity
    eighth = square * square * square * square
    strict = eighth * eighth * eighth * eighth
    return gate * cube, gate * strict


@inlined
def _fine_edge(one: Plane, two: Plane, three: Plane, at: Any, row: Any) -> Any:
    """Gradient magnitude, 0 where there is no edge, and cosine and sine of twice its direction."""
    xx, xy, yy = _tensor(one, two, three, at, row)
    energy = xx + yy
    cos, sin = xx - yy, xy + xy
    strength = np.sqrt(cos * cos + sin * sin) + _TINY
    weight = np.sqrt(energy) if energy > FAINTEST else _0
    return weight, cos / strength, sin / strength


@compiled
def agreement_of_fine(
    fine: Planes,
    row: Any,
    segments: Segments,
    coarse: Planes,
    near: Plane,
) -> tuple[float, float, float, float, float]:
    """What the fine edges of smoothed planes have to do with a coarse tensor.

    Args:
        fine: Three smoothed planes.
        row: Length of a row.
        segments: Where.
        coarse: The tensor.
        near: The strongest fine edge close to each pixel of the tensor's picture.

    Returns:
        Mass of the edges; of those that the tensor has too; mass of those that are seen, beyond
        `VISIBLE`; of those whose direction the tensor has strictly; and of those that are seen and
        stronger than what is near.
    """
    one, two, three = fine
    coarse_xx, coarse_xy, coarse_yy = coarse
    total, same, visible, true, stray = 0.0, 0.0, 0.0, 0.0, 0.0
    for number in range(segments.shape[0]):
        mass: Any = _0
        agreed: Any = _0
        seen: Any = _0
        strict: Any = _0
        beyond: Any = _0
        for at in range(segments[number, 0], segments[number, 1]):
            weight, cos, sin = _fine_edge(one, two, three, at, row)
            loose, tight = _likeness(cos, sin, coarse_xx[at], coarse_xy[at], coarse_yy[at])
            shown = max(weight - VISIBLE, _0)
            mass += weight
            agreed += weight * loose
            seen += shown
            strict += shown * tight
            beyond += max(shown - near[at], _0)
        total += mass
        same += agreed
        visible += seen
        true += strict
        stray += beyond
    return total, same, visible, true, stray


@compiled
def fine_edges(fine: Planes, row: Any, segments: Segments, out: Planes) -> None:
    """Weight and direction (cosine and sine of twice it) of the pixels of segments."""
    one, two, three = fine
    weights, cosines, sines = out
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            weights[at], cosines[at], sines[at] = _fine_edge(one, two, three, at, row)


@compiled
def pack(plane: Plane, row: Any, segments: Segments, packed: Plane) -> None:
    """Values along segments and along those below them, shape (2, n)."""
    place = _U0
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            packed[0, place] = plane[at]
            packed[1, place] = plane[at + row]
            place += _U1


@compiled
def unpack(packed: Plane, row: Any, segments: Segments, plane: Plane) -> None:
    """Lay values out that `pack` packed."""
    place = _U0
    for number in range(segments.shape[0]):
        for at in range(segments[number, 0], segments[number, 1]):
            plane[at] = packed[0, place]
            plane[at + row] = packed[1, place]
            place += _U1


@inlined
def _smoothed_pair(plane: Plane, at: Any, step: Any) -> Any:
    """`_smoothed_15` of a place and of the next, which have fourteen values in common."""
    first = at - _U7 * step
    a, b, c, d = plane[first], plane[first + step], plane[at - _U5 * step], plane[at - _U4 * step]
    e, f, g, h = plane[at - _U3 * step], plane[at - _U2 * step], plane[at - step], plane[at]
    i, j, k, m = (
        plane[at + step],
        plane[at + _U2 * step],
        plane[at + _U3 * step],
        plane[at + _U4 * step],
    )
    n, o, p, q = (
        plane[at + _U5 * step],
        plane[at + _U6 * step],
        plane[at + _U7 * step],
        plane[at + _U8 * step],
    )
    return (
        _B0 * h
        + (_B1 * (g + i) + _B2 * (f + j) + _B3 * (e + k) + _B4 * (d + m))
        + (_B5 * (c + n) + _B6 * (b + o) + _B7 * (a + p)),
        _B0 * i
        + (_B1 * (h + j) + _B2 * (g + k) + _B3 * (f + m) + _B4 * (e + n))
        + (_B5 * (d + o) + _B6 * (c + p) + _B7 * (b + q)),
    )


@compiled
def agreement_with_coarse(
    rows_smoothed: Planes, row: Any, segments: Segments, edges: Planes
) -> float:
    """Mass of packed fine edges that a coarse tensor has, which is smoothed along its rows only.

    Two lines at a time: what is read for the one is most of what the other needs.
    """
    plane_xx, plane_xy, plane_yy = rows_smoothed
    weights, cosines, sines = edges
    same = 0.0
    packed = _U0
    for number in range(segments.shape[0]):
        start = segments[number, 0]
        agreed: Any = _0
        for at in range(start, segments[number, 1]):
            place = packed + (at - start)
            xx, next_xx = _smoothed_pair(plane_xx, at, row)
            xy, next_xy = _smoothed_pair(plane_xy, at, row)
            yy, next_yy = _smoothed_pair(plane_yy, at, row)
            loose, _ = _likeness(cosines[0, place], sines[0, place], xx, xy, yy)
            agreed += weights[0, place] * loose
            loose, _ = _likeness(cosines[1, place], sines[1, place], next_xx, next_xy, next_yy)
            agreed += weights[1, place] * loose
        packed += segments[number, 1] - start
        same += agreed
    return same

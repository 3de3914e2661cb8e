"""Reading of path data, compiled: `M`, `L`, `H`, `V`, `Q`, `C` and `Z`, and relative ones.

SVG 2, section 9.3: letters may be left out where the command goes on, and pairs after a move are
lines; numbers need no space before a sign, nor before a point after one that has a point.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.compiled import compiled, inlined

_M, _L, _H, _V, _Q, _C, _Z = 77, 76, 72, 86, 81, 67, 90
_SMALL = 32
"""From a capital letter, an absolute command, to the small one, which is relative."""
_MINUS, _POINT, _NOUGHT, _NINE = 45, 46, 48, 57
_TINY = 1e-6

Text = NDArray[np.uint8]
Rows = NDArray[np.float32]
Places = NDArray[np.int64]


@compiled
def find_vertices(data: Text, bounds: Places, moves: Rows, segments: Rows, found: Rows) -> int:
    """The vertices of all outlines of a drawing's paths.

    Args:
        data: The text of the drawing.
        bounds: Where each `d` attribute begins and ends in it, shape (paths, 2).
        moves: What is added to the points of each path, shape (paths, 2).
        segments: Room for those of one path, shape (n, 8), n more than half its text's length.
        found: Becomes x, y, turn (degrees) and the length of the shorter segment; shape (n, 4).

    Returns:
        How many there are: one for each segment, since outlines are closed.
    """
    total = 0
    for path in range(bounds.shape[0]):
        count = _read_segments(data[bounds[path, 0] : bounds[path, 1]], segments)
        first = 0
        for number in range(count):
            if segments[number, 7] > 0:
                first = number
            last = number + 1 == count or segments[number + 1, 7] > 0
            # The one after the last of an outline is its first.
            after = first if last else number + 1
            in_x, in_y = segments[number, 4], segments[number, 5]
            out_x, out_y = segments[after, 2], segments[after, 3]
            turn = math.atan2(abs(in_x * out_y - in_y * out_x), in_x * out_x + in_y * out_y)
            found[total, 0] = segments[after, 0] + moves[path, 0]
            found[total, 1] = segments[after, 1] + moves[path, 1]
            found[total, 2] = turn * 180 / math.pi
            found[total, 3] = min(segments[number, 6], segments[after, 6])
            total += 1
    return total


@compiled
def _read_segments(data: Text, segments: Rows) -> int:
    """Start, direction there and at the end, length, and whether an outline begins."""
    numbers = np.zeros(6, np.float64)
    count, opened = 0, 0
    command, relative, held, place = 0, False, 0, 0
    start_x = start_y = x = y = 0.0
    while place < data.size:
        letter = data[place]
        if letter in (_MINUS, _POINT) or _NOUGHT <= letter <= _NINE:
            number, place = _number(data, place)
            if relative:
                across = command == _H or (command != _V and held % 2 == 0)
                number += x if across else y
            numbers[held] = number
            held += 1
        else:
            if letter >= _C:  # the commands are the only letters
                relative = letter >= _C + _SMALL
                command, held = letter - _SMALL if relative else letter, 0
                if command == _Z:
                    numbers[0], numbers[1] = start_x, start_y
                    count = _append(segments, count, opened, x, y, numbers, 2)
                    x, y = start_x, start_y
            place += 1
            continue
        if command == _H:
            numbers[1], held = y, 2
        elif command == _V:
            numbers[0], numbers[1], held = x, numbers[0], 2
        if command == _M and held == 2:
            start_x = x = numbers[0]
            start_y = y = numbers[1]
            command, held, opened = _L, 0, count
        elif held == (6 if command == _C else 4 if command == _Q else 2):
            count = _append(segments, count, opened, x, y, numbers, held)
            x, y, held = numbers[held - 2], numbers[held - 1], 0
    return count


@inlined
def _number(data: Text, place: int) -> tuple[float, int]:
    """The number at a place of the text, and the place after it."""
    sign = 1.0
    if data[place] == _MINUS:
        sign = -1.0
        place += 1
    digits, scale = 0, 0
    while place < data.size:
        letter = data[place]
        if letter == _POINT and scale == 0:
            scale = 1
        elif _NOUGHT <= letter <= _NINE:
            digits = digits * 10 + (int(letter) - _NOUGHT)
            scale *= 10
        else:
            break
        place += 1
    return sign * (digits / scale if scale > 0 else digits), place


@compiled
def _append(  # noqa: PLR0917 - numba takes no keyword-only ones
    segments: Rows, count: int, opened: int, x: float, y: float, points: Any, held: int
) -> int:
    """Add a line or a curve, unless it has no length; how many there are then."""
    end_x, end_y = points[held - 2], points[held - 1]
    run = math.sqrt((end_x - x) ** 2 + (end_y - y) ** 2)
    if run <= _TINY:
        return count
    out_x, out_y, in_x, in_y = end_x - x, end_y - y, end_x - x, end_y - y
    # A handle that lies on its end says nothing of the direction: the next point does.
    for point in range(held // 2 - 2, -1, -1):
        if abs(points[2 * point] - x) + abs(points[2 * point + 1] - y) > _TINY:
            out_x, out_y = points[2 * point] - x, points[2 * point + 1] - y
    for point in range(held // 2 - 1):
        if abs(end_x - points[2 * point]) + abs(end_y - points[2 * point + 1]) > _TINY:
            in_x, in_y = end_x - points[2 * point], end_y - points[2 * point + 1]
    segments[count, 0], segments[count, 1] = x, y
    segments[count, 2], segments[count, 3] = out_x, out_y
    segments[count, 4], segments[count, 5] = in_x, in_y
    segments[count, 6], segments[count, 7] = run, 1.0 if count == opened else 0.0
    return count + 1

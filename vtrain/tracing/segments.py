"""The outlines of a drawing as tables of segments, and reading them from what VTracer writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vtrain.errors import TraceError
from vtrain.images.loops import are_compiled

MOVE, LINE, QUADRATIC, CUBIC = range(4)
"""Kinds of segments; a move begins an outline."""

_MOVE, _LINE, _CURVE, _CLOSE = 77, 76, 67, 90  # the letters that VTracer writes
_NUMBERS = np.zeros(128, np.intp)
_NUMBERS[[_MOVE, _LINE, _CURVE]] = 2, 2, 6
_NO_LETTERS = str.maketrans("MLCZ,", "     ")

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Segments:
    """What a drawing is made of, in order; coordinates in units of the last decimal.

    Attributes:
        kind: `MOVE` where an outline begins, `LINE`, `QUADRATIC` or `CUBIC`; shape (n,).
        handles: Both handles of cubic curves, the one of quadratic ones twice; shape (n, 2, 2).
        end: Where it ends, shape (n, 2).
        path: Which path it belongs to, rising.
    """

    kind: Numbers
    handles: Numbers
    end: Numbers
    path: Numbers

    @property
    def is_move(self) -> Flags:
        """Whether an outline begins, shape (n,)."""
        return np.asarray(self.kind == MOVE)

    @property
    def is_line(self) -> Flags:
        """Whether it is a line."""
        return np.asarray(self.kind == LINE)

    @property
    def start(self) -> Numbers:
        """Where each begins that draws anything, shape (n, 2)."""
        return np.vstack([np.zeros((1, 2), np.int64), self.end[:-1]])

    @property
    def outline(self) -> Numbers:
        """Which outline each belongs to."""
        return np.asarray(np.cumsum(self.is_move) - 1, np.int64)

    @property
    def is_last(self) -> Flags:
        """Whether it is the last of its outline."""
        return np.append(self.is_move[1:], True)

    @property
    def is_home(self) -> Flags:
        """Whether it ends where its outline begins."""
        x, y = (self.end == self.end[self.is_move][self.outline]).T
        return np.asarray(x & y)

    @property
    def columns(self) -> tuple[Numbers, ...]:
        """The attributes, in order."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def where(self, kept: Flags) -> Segments:
        """Some of them."""
        return Segments(*(column[kept] for column in self.columns))


def read_outlines(
    outlines: Sequence[str], moves: Sequence[tuple[float, float]], paths: Sequence[int], digits: int
) -> Segments:
    """VTracer's path data, coordinates rounded to the last decimal.

    Args:
        outlines: Absolute `M`, `L`, `C` and `Z`, each with its own letter.
        moves: What is added to the coordinates of each.
        paths: The path that each becomes a part of; rising.
        digits: Decimals of a coordinate.

    Raises:
        TraceError: The data has other commands than those, or they lack coordinates.
    """
    text = "".join(outlines)
    data = np.frombuffer(text.encode("ascii"), np.uint8)
    places = np.flatnonzero(data >= _CURVE)
    letters = data[places]
    of_outline = np.searchsorted(np.cumsum([len(one) for one in outlines]), places, side="right")
    numbers = _numbers(text, data, digits)
    held = _NUMBERS[letters] // 2
    first = np.flatnonzero(np.diff(of_outline, prepend=-1))
    opened = np.zeros(len(letters), np.bool_)
    opened[first] = True
    opened[1:] |= letters[:-1] == _CLOSE
    if 2 * held.sum() != len(numbers) or not np.array_equal(opened, letters == _MOVE):
        raise TraceError("invalid-svg", f"VTracer wrote unexpected path data: {text[:60]!r}")
    shift = np.rint(np.array(moves, np.float64).reshape(-1, 2) * 10**digits)
    points = numbers.reshape(-1, 2) + np.repeat(shift.astype(np.int64)[of_outline], held, axis=0)
    drawn = letters != _CLOSE
    letters, last = letters[drawn], np.cumsum(held[drawn]) - 1
    kind = np.select([letters == _MOVE, letters == _CURVE], [MOVE, CUBIC], LINE)
    handles = np.zeros((len(letters), 2, 2), np.int64)
    handles[kind == CUBIC] = points[last[kind == CUBIC, None] + np.array([-2, -1])]
    return Segments(kind, handles, points[last], np.asarray(paths, np.int64)[of_outline[drawn]])


def _numbers(text: str, data: NDArray[np.uint8], digits: int) -> Numbers:
    """All numbers of path data, in units of the last decimal; `data` is the text."""
    if are_compiled():
        from vtrain.tracing.segment_kernels import read_numbers  # noqa: PLC0415 - brings numba in

        numbers = np.empty(len(data) // 2 + 1, np.int64)
        count = read_numbers(data, digits, numbers)
        if count >= 0:
            return numbers[:count]
    # `sep` makes it read text, which is much faster than to split it first.
    read = np.fromstring(text.translate(_NO_LETTERS), np.float64, sep=" ")
    return np.asarray(np.rint(read * 10**digits), np.int64)

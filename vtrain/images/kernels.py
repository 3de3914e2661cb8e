"""Loops over the pixels of a raster, compiled; imported where they are called, to start fast."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.compiled import compiled, exact, inlined

_1, _HASH, _SHIFT = np.uint64(1), np.uint64(2654435761), np.uint64(13)
"""Knuth's multiplicative hashing."""
_EMPTY, _WORD = np.uint64(0), np.uint64(32)
_BYTE, _OPAQUE = np.uint32(255), np.uint32(0xFF000000)
_HALF, _ALPHA = np.uint32(128), np.uint32(24)
_NONE = np.uint32(0)
_WEIGHT_BITS = 22
"""Bits of a weight's fraction: 32, less 8 of a sample, less 2 to spare."""


@compiled
def number_colours(
    words: NDArray[np.uint32],
    indices: NDArray[np.int32],
    colours: NDArray[np.uint32],
    table: NDArray[np.uint64],
) -> int:
    """Number the distinct words of a picture in the order in which they come.

    Args:
        words: Pixels as whole words, shape (n,).
        indices: Becomes the number of each pixel's word, likewise.
        colours: Becomes the words, half as many as the table's entries at most.
        table: Room for a hash table, all zero; its length is a power of two.

    Returns:
        How many there are; -1 when the table is too small for them.
    """
    mask = np.uint64(table.size - 1)
    count = 0
    before = ~words[0]
    number = np.int32(0)
    for pixel in range(words.size):
        word = words[pixel]
        if word != before:
            before = word
            slot = ((np.uint64(word) * _HASH) >> _SHIFT) & mask
            # One more than the number, and the word: zero is an empty entry.
            entry = table[slot]
            while entry != _EMPTY and np.uint32(entry) != word:
                slot = (slot + _1) & mask
                entry = table[slot]
            if entry == _EMPTY:
                if count >= colours.size:
                    return -1
                colours[count] = word
                count += 1
                entry = (np.uint64(count) << _WORD) | np.uint64(word)
                table[slot] = entry
            number = np.int32(entry >> _WORD) - np.int32(1)
        indices[pixel] = number
    return count


@compiled
def cut_alpha(words: NDArray[np.uint32], out: NDArray[np.uint32]) -> tuple[int, int]:
    """Alpha set to 0 or 255 at one half, clear pixels all zero.

    Returns:
        How many pixels are clear then, and how many were neither clear nor opaque.
    """
    clear, partial = 0, 0
    for pixel in range(words.size):
        word = words[pixel]
        alpha = word >> _ALPHA
        shown = alpha >= _HALF
        clear += not shown
        partial += (alpha > 0) & (alpha < np.uint32(255))
        out[pixel] = (word | _OPAQUE) if shown else _NONE
    return clear, partial


@compiled
def recolour(
    numbers: NDArray[np.int32], colours: NDArray[np.uint32], out: NDArray[np.uint32]
) -> None:
    """Give each pixel the colour of its number."""
    for pixel in range(numbers.size):
        out[pixel] = colours[np.uint32(numbers[pixel])]


@exact
def relabel(  # noqa: PLR0917 - numba takes no keyword-only ones
    pixels: NDArray[np.uint8],
    where: NDArray[np.int64],
    width: int,
    scale: int,
    near: NDArray[np.uint8],
    certain: NDArray[np.bool_],
    palette: NDArray[np.uint8],
    reach: int,
    margin: int,
    labels: NDArray[np.uint8],
) -> None:
    """Give pixels that are mixtures of colours close by the nearest one of those.

    Args:
        pixels: Shape (n, 4).
        where: Which pixels, shape (m,).
        width: Pixels of a row.
        scale: Pixels of a cell, in each direction.
        near: Label of each cell, shape (h, w).
        certain: Whether that is a colour that others may take, likewise.
        palette: Colours of the labels, shape (k, 3).
        reach: How far a cell's colour may be taken (cells).
        margin: How far a mixture may be out of the range of its colours in a channel (levels).
        labels: Of the pixels, shape (n,); changed where they are mixtures.
    """
    height, breadth = near.shape
    own, low, high = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    for number in range(where.size):
        pixel = where[number]
        row = min(pixel // width // scale, height - 1)
        column = min(pixel % width // scale, breadth - 1)
        for channel in range(3):
            own[channel], low[channel], high[channel] = pixels[pixel, channel], 255, 0
        best, chosen = 1 << 30, -1
        for y in range(max(row - reach, 0), min(row + reach + 1, height)):
            for x in range(max(column - reach, 0), min(column + reach + 1, breadth)):
                if not certain[y, x]:
                    continue
                label, distance = int(near[y, x]), 0
                for channel in range(3):
                    level: Any = np.int64(palette[label, channel])
                    low[channel] = min(low[channel], level)
                    high[channel] = max(high[channel], level)
                    distance += (own[channel] - level) ** 2
                # Of colours that are as near, the first.
                if distance < best or (distance == best and label < chosen):
                    best, chosen = distance, label
        mixed = chosen >= 0
        for channel in range(3):
            mixed &= bool(low[channel] - margin <= own[channel] <= high[channel] + margin)
        if mixed:
            labels[pixel] = chosen


@exact
def far_apart(
    planes: NDArray[np.float32], weights: NDArray[np.float32], chosen: NDArray[np.int32]
) -> int:
    """Choose the heaviest colour, then always the one farthest from all that were chosen.

    Args:
        planes: The colours, shape (3, n).
        weights: What the squared distance of each counts, shape (n,).
        chosen: Becomes which ones, shape (count,).

    Returns:
        How many: fewer than wanted when no more has a distance and a weight.
    """
    gap = np.full(weights.size, np.inf, np.float32)
    loss = weights.copy()
    for number in range(chosen.size):
        farthest = 0
        for at in range(1, loss.size):
            if loss[at] > loss[farthest]:
                farthest = at
        if number > 0 and not loss[farthest] > 0:
            return number
        chosen[number] = farthest
        x, y, z = planes[0, farthest], planes[1, farthest], planes[2, farthest]
        for at in range(loss.size):
            first, second, third = planes[0, at] - x, planes[1, at] - y, planes[2, at] - z
            squared = first * first + second * second + third * third
            gap[at] = min(gap[at], squared)
            loss[at] = gap[at] * weights[at]
    return chosen.size


@exact
def least_gaps(planes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distance of each colour, shape (3, n), from the nearest of others, shape (k, 3)."""
    least = np.full(planes.shape[1], np.inf, np.float32)
    for number in range(others.shape[0]):
        x, y, z = others[number, 0], others[number, 1], others[number, 2]
        for at in range(least.size):
            first, second, third = planes[0, at] - x, planes[1, at] - y, planes[2, at] - z
            gap = first * first + second * second + third * third
            least[at] = min(least[at], gap)
    return least


@exact
def least_rows(
    products: NDArray[np.float32], offsets: NDArray[np.float32], rows: NDArray[np.int32]
) -> None:
    """The row in which each column has its least offset minus product; the first of several.

    Args:
        products: Shape (k, n).
        offsets: Of each row, shape (k,).
        rows: Is filled, shape (n,).
    """
    least = np.full(rows.size, np.inf, np.float32)
    rows[:] = 0
    for row in range(offsets.size):
        offset, line = offsets[row], products[row]
        for column in range(rows.size):
            value = offset - line[column]
            closer = value < least[column]
            least[column] = value if closer else least[column]
            rows[column] = np.int32(row) if closer else rows[column]


@exact
def sum_groups(
    groups: NDArray[np.int32], values: NDArray[np.float32], sums: NDArray[np.float64]
) -> None:
    """Add each column of `values`, shape (m, n), to the column of `sums`, (m, k), of its group."""
    for row in range(values.shape[0]):
        line, total = values[row], sums[row]
        for column in range(groups.size):
            total[groups[column]] += np.float64(line[column])


@inlined
def _sinc(place: float) -> float:
    return math.sin(math.pi * place) / (math.pi * place) if place else 1.0


@inlined
def _lanczos(place: float, lobes: int) -> float:
    return _sinc(place) * _sinc(place / lobes) if -lobes <= place < lobes else 0.0


@exact
def lanczos_window(length: int, firsts: NDArray[np.int64], weights: NDArray[np.int32]) -> None:
    """Where each row of an enlargement begins to look, and what it makes of the rows from there on.

    In Pillow's order of operations: the weights are the same to the bit.

    Args:
        length: Rows of the source.
        firsts: Is filled; shape (count,).
        weights: Is filled, with 22 bits of fraction; zeros of shape (count, 7).
    """
    count, taps = weights.shape
    lobes = (taps - 1) // 2
    scale = length / count
    for place in range(count):
        centre = (place + 0.5) * scale
        first = max(0, int(centre - lobes + 0.5))
        end = min(length, int(centre + lobes + 0.5))
        total = 0.0
        for tap in range(end - first):
            total += _lanczos(tap + first - centre + 0.5, lobes)
        shift = max(0, first + taps - length)
        firsts[place] = first - shift
        for tap in range(end - first):
            value = _lanczos(tap + first - centre + 0.5, lobes)
            # Rounded away from zero.
            weight = value / total * (1 << _WEIGHT_BITS)
            weights[place, tap + shift] = int(weight + math.copysign(0.5, weight))


@compiled
def weigh_rows(
    samples: NDArray[np.uint8],
    first: NDArray[np.int64],
    weights: NDArray[np.int32],
    out: NDArray[np.uint8],
) -> None:
    """Each row of `out` as a weighted sum of seven rows of `samples`, from the first on.

    Args:
        samples: Shape (rows, n).
        first: The first of the seven, shape (count,).
        weights: With 22 bits of fraction, shape (count, 7).
        out: Shape (count, n).
    """
    for row in range(out.shape[0]):
        start = first[row]
        a, b, c, d, e, f, g = (
            samples[start],
            samples[start + 1],
            samples[start + 2],
            samples[start + 3],
            samples[start + 4],
            samples[start + 5],
            samples[start + 6],
        )
        p, q, r, s, t, u, v = (
            weights[row, 0],
            weights[row, 1],
            weights[row, 2],
            weights[row, 3],
            weights[row, 4],
            weights[row, 5],
            weights[row, 6],
        )
        target = out[row]
        for column in range(out.shape[1]):
            total = np.int32(1 << 21)
            total += np.int32(a[column]) * p + np.int32(b[column]) * q + np.int32(c[column]) * r
            total += np.int32(d[column]) * s + np.int32(e[column]) * t + np.int32(f[column]) * u
            total += np.int32(g[column]) * v
            level = np.int32(total) >> np.int32(22)
            target[column] = np.uint8(min(max(level, np.int32(0)), np.int32(255)))


@compiled
def from_lines(colours: NDArray[np.float32], ends: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distance of colours from the nearest of all lines between two of some.

    Args:
        colours: Shape (n, 3).
        ends: Shape (k, 3). Each is also a line of no length.

    Returns:
        Shape (n,).
    """
    least = np.full(len(colours), np.inf, np.float32)
    for start in range(len(ends)):
        for end in range(start, len(ends)):
            line = ends[end] - ends[start]
            length = line[0] * line[0] + line[1] * line[1] + line[2] * line[2]
            scale = np.float32(1) / length if length > 0 else np.float32(0)
            for number in range(len(colours)):
                x = colours[number, 0] - ends[start, 0]
                y = colours[number, 1] - ends[start, 1]
                z = colours[number, 2] - ends[start, 2]
                share = (x * line[0] + y * line[1] + z * line[2]) * scale
                share = min(max(share, np.float32(0)), np.float32(1))
                x -= share * line[0]
                y -= share * line[1]
                z -= share * line[2]
                least[number] = min(least[number], x * x + y * y + z * z)
    return least


@compiled
def premultiply(straight: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Colours of shape (n, 4) times their alpha, rounded to nearest."""
    for pixel in range(straight.shape[0]):
        alpha = np.uint32(straight[pixel, 3])
        for channel in range(3):
            scaled = np.uint32(straight[pixel, channel]) * alpha + np.uint32(128)
            out[pixel, channel] = np.uint8(((scaled >> np.uint32(8)) + scaled) >> np.uint32(8))
        out[pixel, 3] = np.uint8(alpha)


@exact
def unpremultiply(words: NDArray[np.uint32], out: NDArray[np.uint32], swap: bool) -> None:  # noqa: FBT001
    """Colours over their alpha, rounded down; as they are where it is 0 or 255.

    Args:
        words: Pixels as whole words, shape (n,).
        out: Likewise.
        swap: Whether the first and the third channel change places.
    """
    for pixel in range(words.size):
        word = words[pixel]
        alpha = word >> _ALPHA
        share = np.float32(1) / np.float32(np.int32(alpha if alpha > 0 else _BYTE))
        first = _over(word & _BYTE, share)
        second = _over((word >> np.uint32(8)) & _BYTE, share)
        third = _over((word >> np.uint32(16)) & _BYTE, share)
        if swap:
            first, third = third, first
        out[pixel] = first | (second << np.uint32(8)) | (third << np.uint32(16)) | (word & _OPAQUE)


@inlined
def _over(level: Any, share: Any) -> Any:
    """255 times a level and a share 1 / n, rounded down.

    Whole numbers have no vector division. Floats give the same: a quotient with one half more is
    1 / 2n or more away from a whole number, many times what rounding takes.
    """
    scaled = (np.float32(np.int32(level)) * np.float32(255) + np.float32(0.5)) * share
    return min(np.uint32(np.int32(scaled)), _BYTE)

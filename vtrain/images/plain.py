"""What `vtrain.images.kernels` does, in numpy: slower, but there at once.

One image takes some milliseconds more here, and loading numba takes half a second. The functions
take and fill the same arrays; the kernels say what each of them does.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_OPAQUE = np.uint32(0xFF000000)
_ALPHA, _HALF = np.uint32(24), np.uint32(128)


def number_colours(
    words: NDArray[np.uint32],
    indices: NDArray[np.int32],
    colours: NDArray[np.uint32],
    table: NDArray[np.uint64],  # noqa: ARG001 - room that only the compiled one needs
) -> int:
    """As `kernels.number_colours`."""
    # Logos are mostly runs of one colour, and sorting is what takes the time.
    starts = np.flatnonzero(np.concatenate(([True], words[1:] != words[:-1])))
    found, first, numbers = np.unique(words[starts], return_index=True, return_inverse=True)
    if len(found) > colours.size:
        return -1
    order = np.argsort(first)  # in which they come
    place = np.empty(len(found), np.int32)
    place[order] = np.arange(len(found), dtype=np.int32)
    colours[: len(found)] = found[order]
    indices[:] = np.repeat(place[numbers], np.diff(starts, append=words.size))
    return len(found)


def cut_alpha(words: NDArray[np.uint32], out: NDArray[np.uint32]) -> tuple[int, int]:
    """As `kernels.cut_alpha`."""
    alpha = words >> _ALPHA
    shown = alpha >= _HALF
    np.multiply(words | _OPAQUE, shown, out=out)
    partial = np.count_nonzero((alpha > 0) & (alpha < 255))
    return int(words.size - np.count_nonzero(shown)), int(partial)


def recolour(
    numbers: NDArray[np.int32], colours: NDArray[np.uint32], out: NDArray[np.uint32]
) -> None:
    """As `kernels.recolour`."""
    out[:] = colours[numbers]


def relabel(  # noqa: PLR0917 - as the compiled one
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
    """As `kernels.relabel`."""
    height, breadth = near.shape
    rows = np.minimum(where // width // scale, height - 1)
    columns = np.minimum(where % width // scale, breadth - 1)
    cells = rows * breadth + columns
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    own = pixels[where, :3].astype(np.int32)
    reds, greens, blues = np.ascontiguousarray(own.T)
    best = np.full(len(where), np.iinfo(np.int32).max, np.int32)
    chosen = labels[where]
    for label in np.flatnonzero(np.bincount(near[certain], minlength=len(palette))):
        sown = ((near == label) & certain).astype(np.uint8)
        close = np.flatnonzero(np.asarray(cv2.dilate(sown, kernel)).reshape(-1)[cells])
        red, green, blue = palette[label].tolist()
        distance = (reds[close] - red) ** 2 + (greens[close] - green) ** 2
        distance += (blues[close] - blue) ** 2
        nearer = distance < best[close]
        best[close[nearer]] = distance[nearer]
        chosen[close[nearer]] = label
    # Colours of the certain cells within reach are a range in each channel.
    colours = palette[near]
    low, high = colours.copy(), colours
    low[~certain], high[~certain] = 255, 0
    low = np.asarray(cv2.erode(low, kernel), np.int32).reshape(-1, 3)[cells]
    high = np.asarray(cv2.dilate(high, kernel), np.int32).reshape(-1, 3)[cells]
    within = (own >= low - margin) & (own <= high + margin)
    mixture = within[:, 0] & within[:, 1] & within[:, 2]
    labels[where[mixture]] = chosen[mixture]


def far_apart(
    planes: NDArray[np.float32], weights: NDArray[np.float32], chosen: NDArray[np.int32]
) -> int:
    """As `kernels.far_apart`."""
    gap = np.full(weights.size, np.inf, np.float32)
    loss = weights
    for number in range(chosen.size):
        farthest = int(loss.argmax())
        if number > 0 and not loss[farthest] > 0:
            return number
        chosen[number] = farthest
        np.minimum(gap, _squared(planes, planes[:, farthest]), out=gap)
        loss = gap * weights
    return int(chosen.size)


def least_gaps(planes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `kernels.least_gaps`."""
    least = np.full(planes.shape[1], np.inf, np.float32)
    for colour in others:
        np.minimum(least, _squared(planes, colour), out=least)
    return least


def least_rows(
    products: NDArray[np.float32], offsets: NDArray[np.float32], rows: NDArray[np.int32]
) -> None:
    """As `kernels.least_rows`."""
    # numpy finds the least along the last axis many times faster than along the first.
    rows[:] = np.subtract(offsets, products.T, order="C").argmin(axis=1)


def sum_groups(
    groups: NDArray[np.int32], values: NDArray[np.float32], sums: NDArray[np.float64]
) -> None:
    """As `kernels.sum_groups`."""
    sums += [np.bincount(groups, line, minlength=sums.shape[1]) for line in values]


def from_lines(colours: NDArray[np.float32], ends: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `kernels.from_lines`."""
    least = np.full(len(colours), np.inf, np.float32)
    planes = np.ascontiguousarray(colours.T)
    for start, origin in enumerate(ends):
        x, y, z = (plane - level for plane, level in zip(planes, origin, strict=True))
        for end in ends[start:]:
            along, down, deep = end - origin
            length = along * along + down * down + deep * deep
            scale = np.float32(1) / length if length > 0 else np.float32(0)
            share = np.clip((x * along + y * down + z * deep) * scale, 0, 1)
            gaps = (x - share * along) ** 2 + (y - share * down) ** 2 + (z - share * deep) ** 2
            np.minimum(least, gaps, out=least)
    return least


def _squared(planes: NDArray[np.float32], colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances of colours, shape (3, n), from one; shape (n,)."""
    # Plane by plane, as numpy is slow along a last axis of three; summed in the same order.
    first, second, third = (
        (plane - level) ** 2 for plane, level in zip(planes, colour, strict=True)
    )
    return np.asarray(first + second + third, np.float32)

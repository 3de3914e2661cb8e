"""A small palette found on flat pixels, and snapping of an image to it.

Anti-aliasing pixels must not vote, or they become colours of their own: the palette is the
weighted k-means (Lloyd 1982) in CIE Lab of the colours of pixels whose neighbourhood is flat.
Strokes too thin to hold a flat pixel get their vote back when their colour is no mixture of two
palette colours. Everything is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images.distinct import distinct_colours
from vtrain.images.lab import lab_of_unit
from vtrain.images.loops import loops

Rgba = NDArray[np.uint8]
Colours = NDArray[np.float32]

DRAWN = 128
"""Alpha from which a pixel is drawn, opaque (levels)."""
_FLAT_RANGE = 8
"""Largest spread of a channel in a flat 3x3 neighbourhood (levels)."""
_MIXTURE_DISTANCE = 14
"""Colours closer than this to the line between two palette colours are mixtures (levels)."""
_MIXTURE_PALETTE = 12
"""Heaviest palette colours that mixtures are looked for between (count)."""
_BINS_LIMIT = 4096
"""Distinct colours clustered at most; more are merged on a coarser grid first (count)."""
_ITERATIONS = 12
_PART = 1024
"""Colours whose distances are computed at a time (count)."""
_REACH = 2
"""How far a flat pixel's colour may be taken by edge pixels (px of the input)."""
_EXACT_DISTANCE = 12.0
"""Squared RGB distance under which a pixel is its palette colour and no mixture (levels^2)."""


@dataclass(frozen=True, slots=True)
class ColourCounts:
    """Distinct colours of some pixels.

    Attributes:
        rgb: Shape (n, 3), float32, 0 to 255.
        weights: Shape (n,), pixel counts.
    """

    rgb: Colours
    weights: Colours


def drawn_alpha(rgba: Rgba) -> int:
    """Alpha from which pixels of an image are drawn, opaque (levels).

    One half, or half of the most that there is in an image that is fainter everywhere: a picture of
    nothing is no drawing of it.
    """
    most = int(cv2.extractChannel(rgba, 3).max())
    return DRAWN if most >= DRAWN else max(1, (most + 1) // 2)


def flat_pixels(rgba: Rgba, *, least_alpha: int | None = None) -> NDArray[np.bool_]:
    """Pixels whose 3x3 neighbourhood has one colour and one alpha, or nearly; shape (h, w).

    Args:
        rgba: Straight alpha, shape (h, w, 4).
        least_alpha: All of the neighbourhood has at least so much (levels); None for what is drawn.
    """
    if least_alpha is None:
        least_alpha = drawn_alpha(rgba)
    kernel = np.ones((3, 3), np.uint8)
    least = cv2.erode(rgba, kernel)
    spread = cv2.subtract(cv2.dilate(rgba, kernel), least)
    # numpy reduces a short last axis many times slower than OpenCV compares planes.
    red, green, blue, alpha = cv2.split(spread)
    widest = np.asarray(cv2.max(cv2.max(red, green), cv2.max(blue, alpha)))
    flat: NDArray[np.bool_] = (least[..., 3] >= least_alpha) & (widest <= _FLAT_RANGE)
    return flat


def find_palette(rgba: Rgba, count: int) -> NDArray[np.uint8]:
    """At most `count` colours that stand for the image; shape (k, 3), RGB.

    Args:
        rgba: Straight alpha, shape (h, w, 4), at its own size.
        count: Largest number of colours, at least 1.
    """
    return find_palettes(rgba, (count,))[count]


def find_palettes(rgba: Rgba, counts: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
    """Palettes of several sizes, as `find_palette` finds each; what they share is done once.

    Args:
        rgba: Straight alpha, shape (h, w, 4), at its own size.
        counts: Largest numbers of colours, each at least 1.

    Returns:
        The palettes by their largest number of colours.
    """
    alpha = cv2.extractChannel(rgba, 3)
    drawn = alpha >= drawn_alpha(rgba)
    if not drawn.any():
        return {count: np.zeros((1, 3), np.uint8) for count in counts}
    distinct, indices = distinct_colours(np.ascontiguousarray(rgba))
    flat = flat_pixels(rgba)
    some_flat = bool(flat.any())
    voters = _count(distinct, indices[flat if some_flat else drawn])
    # The middle of a stroke on clear ground is the most opaque part of it, though maybe not wholly.
    middle = drawn & (alpha == cv2.dilate(alpha, np.ones((3, 3), np.uint8)))
    solid = _count(distinct, indices[middle & ~flat]) if some_flat else None
    least = max(4.0, 2e-4 * int(np.count_nonzero(drawn)))
    return {count: _palette(voters, solid, count, least=least) for count in counts}


def _palette(
    voters: ColourCounts, solid: ColourCounts | None, count: int, *, least: float
) -> NDArray[np.uint8]:
    """Of the voters' colours, and of other solid pixels' that are heavy and no mixtures."""
    palette = _kmeans(voters, count)
    if solid is not None:
        extra = _unmixed(solid, palette, least=least)
        if len(extra.weights):
            more = ColourCounts(
                np.concatenate([voters.rgb, extra.rgb]),
                np.concatenate([voters.weights, extra.weights]),
            )
            palette = _kmeans(more, count)
    return np.clip(np.rint(palette), 0, 255).astype(np.uint8)


def snap(
    rgba: Rgba, palette: NDArray[np.uint8], *, flat: NDArray[np.bool_] | None, scale: int
) -> Rgba:
    """The image with every opaque pixel set to a colour of the palette.

    Args:
        rgba: Shape (h, w, 4), alpha 0 or 255 (or partial, which is kept).
        palette: Shape (k, 3), RGB.
        flat: Where pixels are flat, shape (h, w); when given, other pixels may only take colours
            that a flat pixel has close by. None allows every colour everywhere.
        scale: Pixels of this image per pixel of the input; a flat pixel reaches two of those.
    """
    rgba = np.ascontiguousarray(rgba)
    distinct, indices = distinct_colours(rgba)
    nearest = _nearest(distinct[:, :3].astype(np.float32), palette)
    colours = distinct.copy()
    colours[:, :3] = palette[nearest]
    colours[distinct[:, 3] == 0] = 0
    snapped = np.empty_like(rgba)
    loops().recolour(
        indices.reshape(-1),
        colours.reshape(-1).view(np.uint32),
        snapped.reshape(-1).view(np.uint32),
    )
    if flat is not None:
        used = cv2.extractChannel(rgba, 3) > 0
        gaps = distinct[:, :3].astype(np.float32) - palette[nearest].astype(np.float32)
        exact = (gaps**2).sum(axis=1) <= _EXACT_DISTANCE
        # `take` is four times as fast as an index, and few pixels get another colour.
        certain = used & (flat | exact.take(indices))
        labels = nearest.astype(np.uint8).take(indices)
        local = _local_labels(rgba, labels, used & ~certain, certain, palette=palette, scale=scale)
        changed = np.flatnonzero(local != labels)
        snapped.reshape(-1, 4)[changed, :3] = palette[local.reshape(-1)[changed]]
    return snapped


def _local_labels(
    rgba: Rgba,
    labels: NDArray[np.uint8],
    doubtful: NDArray[np.bool_],
    certain: NDArray[np.bool_],
    *,
    palette: NDArray[np.uint8],
    scale: int,
) -> NDArray[np.uint8]:
    """Labels where doubtful pixels take the nearest colour that a certain pixel has close by.

    Only mixtures of those colours are moved: a pixel outside their range in some channel belongs to
    a stroke too thin to be flat, and keeps its own label.
    """
    where = np.flatnonzero(doubtful)
    if not len(where):
        return labels
    # The reach is found at the input's size: many times less work for the same neighbourhood.
    middle = tuple(slice(min(scale // 2, side - 1), None, scale) for side in labels.shape)
    result = labels.copy()
    loops().relabel(
        rgba.reshape(-1, 4),
        where,
        labels.shape[1],
        scale,
        np.ascontiguousarray(labels[middle]),
        np.ascontiguousarray(certain[middle]),
        palette,
        _REACH,
        _MIXTURE_DISTANCE,
        result.reshape(-1),
    )
    return result


def _rgb_of(codes: NDArray[np.intp]) -> Colours:
    """Colours of codes whose lowest byte is red, as in the memory of an RGBA pixel."""
    return np.stack([codes & 255, (codes >> 8) & 255, codes >> 16], axis=1).astype(np.float32)


def _count(distinct: Rgba, numbers: NDArray[np.int32]) -> ColourCounts:
    """How often pixels have each colour, merged to 5 bits a channel when these are too many.

    Args:
        distinct: The distinct colours of an image, shape (n, 4).
        numbers: Which one each pixel has, shape (m,).
    """
    counts = np.bincount(numbers, minlength=len(distinct))
    used = np.flatnonzero(counts)
    rgb = distinct[used, :3].astype(np.uint32)
    # In the order of their codes, and those that differ in alpha alone together.
    codes, group = np.unique(rgb[:, 0] | (rgb[:, 1] << 8) | (rgb[:, 2] << 16), return_inverse=True)
    colours = _rgb_of(codes.astype(np.intp))
    weights = np.bincount(group, counts[used]).astype(np.float32)
    if len(colours) <= _BINS_LIMIT:
        return ColourCounts(colours, weights)
    coarse = colours.astype(np.uint32) >> 3
    _, group = np.unique(
        (coarse[:, 0] << 10) | (coarse[:, 1] << 5) | coarse[:, 2], return_inverse=True
    )
    total = np.bincount(group, weights)
    means = np.stack(
        [np.bincount(group, weights * colours[:, c]) / total for c in range(3)], axis=1
    )
    return ColourCounts(means.astype(np.float32), total.astype(np.float32))


def lab_of(rgb: Colours) -> Colours:
    """CIE Lab (D65) of sRGB colours of shape (n, 3), 0 to 255; float32."""
    if not len(rgb):
        return np.zeros((0, 3), np.float32)
    unit = (rgb / np.float32(255)).astype(np.float32)
    return lab_of_unit(unit)


def _nearest(rgb: Colours, palette: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Index of the nearest palette colour in Lab."""
    nearest = np.empty(len(rgb), np.int32)
    doubled = np.ascontiguousarray(2 * lab_of(rgb).T)
    _assign(doubled, lab_of(palette.astype(np.float32)), nearest)
    return nearest


def _assign(doubled: Colours, centres: Colours, nearest: NDArray[np.int32]) -> None:
    """Find the nearest centre, shape (k, 3), of colours given as their doubles, shape (3, n)."""
    squares = (centres**2).sum(axis=1)
    # In parts that stay in the processor's cache, and too small to be handed to threads.
    for first in range(0, len(nearest), _PART):
        part = slice(first, first + _PART)
        loops().least_rows(centres @ doubled[:, part], squares, nearest[part])


def _kmeans(counts: ColourCounts, count: int) -> Colours:
    """Weighted k-means in Lab; centres come back as the mean RGB of their colours, heaviest first.

    The start takes the heaviest colour and then, again and again, the one whose squared distance
    times weight is largest: k-means++ (Arthur and Vassilvitskii 2007) without its randomness.
    """
    if len(counts.weights) <= count:
        return counts.rgb[np.argsort(-counts.weights, kind="stable")]
    lab, weights = lab_of(counts.rgb), counts.weights
    planes = np.ascontiguousarray(lab.T)
    chosen = np.empty(count, np.int32)
    middle = lab[chosen[: loops().far_apart(planes, weights, chosen)]]
    group, moved = np.zeros(len(lab), np.int32), np.empty(len(lab), np.int32)
    doubled, weighted = 2 * planes, np.concatenate([weights[None], weights * planes])
    for _ in range(_ITERATIONS):
        _assign(doubled, middle, moved)
        total, *sums = _group_sums(moved, weighted, len(middle))
        kept = total > 0
        for c in range(3):
            middle[kept, c] = sums[c][kept] / total[kept]
        if (moved == group).all():
            break
        group, moved = moved, group
    total, *sums = _group_sums(
        group, np.concatenate([weights[None], weights * counts.rgb.T]), len(middle)
    )
    kept = total > 0
    means = np.stack([plane[kept] / total[kept] for plane in sums], axis=1).astype(np.float32)
    return means[np.argsort(-total[kept], kind="stable")]


def _group_sums(groups: NDArray[np.int32], values: Colours, count: int) -> NDArray[np.float64]:
    """Sums over groups of each row of values, shape (m, n); shape (m, count)."""
    sums = np.zeros((len(values), count))
    loops().sum_groups(groups, values, sums)
    return sums


def _unmixed(counts: ColourCounts, palette: Colours, *, least: float) -> ColourCounts:
    """Colours that lie far from every line between two palette colours, heavy enough together."""
    far = loops().least_gaps(np.ascontiguousarray(counts.rgb.T), palette) > _MIXTURE_DISTANCE**2
    # Most colours are one of the palette's: the lines are for the others. The lighter have none.
    doubtful = np.flatnonzero(far)
    squared = loops().from_lines(counts.rgb[doubtful], palette[:_MIXTURE_PALETTE])
    far[doubtful] = squared > _MIXTURE_DISTANCE**2
    if float(counts.weights[far].sum()) < least:
        far[:] = False
    return ColourCounts(counts.rgb[far], counts.weights[far])

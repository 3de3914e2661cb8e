"""Features of an image: what the policy sees of it, computed once per image.

Everything is measured at the size the image is traced at and on a scale of about one. The names in
`FEATURES` and the numbers in `features` go together, one for one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.data.measures import Mask, Plane, View, blockiness, noise, stroke_widths, view_of
from vtrain.environment.outlines import (
    outline_features,
    outline_names,
    palette_features,
    palette_names,
    palettes_of,
)
from vtrain.images.distinct import Distinct

_SLOPES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Edges of the gradient-slope histogram (levels per px)."""
_THUMBNAIL = 4
"""Side of the thumbnail (px)."""


def _names() -> tuple[str, ...]:
    slopes = [f"slope_over_{edge:g}" for edge in _SLOPES]
    widths = [f"{kind}_width_{q}" for kind in ("stroke", "region") for q in (10, 50, 90)]
    cells = range(_THUMBNAIL * _THUMBNAIL)
    thumbnail = [f"thumbnail_{c}_{i}" for c in ("L", "a", "b", "alpha") for i in cells]
    return (
        "log_side",
        "log_aspect",
        "clear_share",
        "partial_share",
        "opaque",
        "foreground_share",
        "flat_share",
        "log_colours",
        "colours_for_half",
        "colours_for_90",
        "colours_for_99",
        "colour_entropy",
        "flat_colour_entropy",
        "log_regions",
        "log_small_regions",
        "edge_density",
        "axis_edges",
        "diagonal_edges",
        "corner_density",
        "noise",
        "blockiness",
        "lightness_mean",
        "lightness_std",
        "chroma_mean",
        "chroma_std",
        *slopes,
        *widths,
        *thumbnail,
        *palette_names(),
        *outline_names(),
    )


FEATURES: tuple[str, ...] = _names()
"""Names of the features, in order. New ones come last, so that policies from before find theirs."""
FEATURE_COUNTS: tuple[int, ...] = (103, len(FEATURES))
"""How many of them policies have been trained with, now and before."""


def features(
    rgba: NDArray[np.uint8], *, palettes: dict[int, NDArray[np.uint8]] | None = None
) -> Plane:
    """The features of an image; shape (len(FEATURES),), float32, finite.

    Args:
        rgba: Straight alpha, shape (h, w, 4).
        palettes: As `palettes_of` gives them, where they are known.
    """
    distinct = Distinct.of(rgba)
    view = view_of(rgba, distinct=distinct)
    found = palettes_of(rgba) if palettes is None else palettes
    values = np.concatenate(
        [
            _shape(rgba),
            _alpha(view),
            _colours(view, distinct),
            _regions(view),
            _edges(view),
            _damage(view),
            _tone(view),
            _slopes(view),
            _widths(view.foreground),
            _widths(view.flat),
            _thumbnail(view),
            palette_features(distinct, found),
            outline_features(rgba, found),
        ]
    )
    return np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=10.0, neginf=-10.0)


def _shape(rgba: NDArray[np.uint8]) -> Plane:
    height, width = rgba.shape[:2]
    return np.array([np.log2(max(height, width) / 256), np.log2(width / height)], np.float32)


def _alpha(view: View) -> Plane:
    alpha = view.rgba[..., 3]
    clear, full = (alpha == 0).mean(), (alpha == 255).mean()
    return np.array(
        [clear, 4 * (1 - clear - full), float(full == 1.0), view.foreground.mean()], np.float32
    )


def _colours(view: View, distinct: Distinct) -> Plane:
    """Shares of flat pixels, counts of distinct colours, and entropies (bits) on a 4-bit grid."""
    drawn = distinct.counts(view.foreground)
    flat = distinct.counts(view.flat & view.foreground)
    rgb = distinct.colours[:, :3].astype(np.int64)
    # Some may differ in alpha alone.
    shown = np.unique(rgb[drawn > 0] @ np.array([65536, 256, 1]), return_index=True)[0]
    counts, flat_counts = _coarse_counts(rgb, drawn), _coarse_counts(rgb, flat)
    share = np.cumsum(np.sort(flat_counts)[::-1]) / max(1, flat_counts.sum())
    needed = [np.log2(1 + np.searchsorted(share, q) + 1) for q in (0.5, 0.9, 0.99)]
    return np.array(
        [
            view.flat[view.foreground].mean() if view.foreground.any() else 0.0,
            np.log2(1 + len(shown)) / 8,
            *(value / 4 for value in needed),
            _entropy(counts) / 4,
            _entropy(flat_counts) / 4,
        ],
        np.float32,
    )


def _coarse_counts(rgb: NDArray[np.int64], counts: NDArray[np.intp]) -> NDArray[np.int64]:
    used = counts > 0
    codes = (rgb[used] >> 4) @ np.array([256, 16, 1])
    return np.bincount(codes, counts[used], minlength=1).astype(np.int64)


def _entropy(counts: NDArray[np.int64]) -> float:
    total = counts.sum()
    if total == 0:
        return 0.0
    share = counts[counts > 0] / total
    return float(-(share * np.log2(share)).sum())


def _regions(view: View) -> Plane:
    """Connected flat regions, all and those under 64 px, as logarithms of their counts."""
    flat = (view.flat & view.foreground).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(flat, connectivity=4)
    areas = np.asarray(stats)[1:, cv2.CC_STAT_AREA]
    counts = np.array([len(areas), (areas < 64).sum()])
    return np.asarray(np.log2(1 + counts) / 4, np.float32)


def _edges(view: View) -> Plane:
    edge = view.slope > 8
    count = max(1, int(edge.sum()))
    angle = np.abs(np.arctan2(view.down[edge], view.across[edge])) % (np.pi / 2)
    off_axis = np.minimum(angle, np.pi / 2 - angle)
    grey = np.asarray(view.lab[..., 0], np.float32)
    corners = np.asarray(cv2.cornerHarris(grey, 3, 3, 0.06), np.float32)
    strong = corners > 0.02 * max(1.0, float(corners.max()))
    return np.array(
        [
            edge.mean() * 4,
            (off_axis < 0.06).sum() / count,
            (np.abs(off_axis - np.pi / 4) < 0.06).sum() / count,
            strong.sum() / count,
        ],
        np.float32,
    )


def _damage(view: View) -> Plane:
    """Noise off the contours, and 8-pixel blockiness as in JPEG."""
    return np.array([min(noise(view), 10.0), np.clip(blockiness(view), -3, 3)], np.float32)


def _tone(view: View) -> Plane:
    lab = view.lab[view.foreground]
    if not len(lab):
        return np.zeros(4, np.float32)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    tone = np.array([lab[:, 0].mean(), lab[:, 0].std(), chroma.mean(), chroma.std()])
    return (tone / 50).astype(np.float32)


def _slopes(view: View) -> Plane:
    """Shares of the foreground steeper than each edge: ramps show below 8, contours above."""
    slope = view.slope[view.foreground]
    if not slope.size:
        return np.zeros(len(_SLOPES), np.float32)
    return np.array([(slope > edge).mean() for edge in _SLOPES], np.float32)


def _widths(mask: Mask) -> Plane:
    """Widths of a mask's parts (log2 px)."""
    width = stroke_widths(mask)
    if not width.any():
        return np.zeros(3, np.float32)
    return (np.log2(np.maximum(width, 0.5)) / 3).astype(np.float32)


def _thumbnail(view: View) -> Plane:
    size = (_THUMBNAIL, _THUMBNAIL)
    lab = np.asarray(cv2.resize(view.lab, size, interpolation=cv2.INTER_AREA), np.float32)
    alpha = view.rgba[..., 3].astype(np.float32) / 255
    small = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    centred = (lab - np.array([50, 0, 0], np.float32)) / np.float32(50)
    return np.concatenate([centred.transpose(2, 0, 1).ravel(), small.ravel()])

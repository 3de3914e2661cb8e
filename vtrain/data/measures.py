"""Formulas over the pixels of one image, each with its source.

All work on a `View`: planes of one raster of at most some hundred pixels a side, made once and
shared. Lengths are px of that raster, lightness and colour differences are CIE Lab units.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images.distinct import Distinct
from vtrain.images.lab import lab_of_unit
from vtrain.tracing.palette import flat_pixels, lab_of

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Rgba = NDArray[np.uint8]

NOISE_SCALE = float(np.sqrt(np.pi / 2)) / 6
"""Standard deviation of Gaussian noise for one unit of mean `laplacian` (Immerkaer 1996)."""

_KERNEL = np.ones((3, 3), np.uint8)
_EDGE = 8.0
"""Gradient above which a pixel belongs to a contour (levels per px)."""
_SEEN = 12.0
"""Local contrast of a contour that is measured (L* units)."""
_ENOUGH_CRESTS = 20
_ENOUGH_PIXELS = 50
_MARGIN = 0.02
"""Least margin that says that a logo was meant to have one (share of the side)."""
_RAMP = 0.15
"""Slope above which an area is a ramp (levels per px)."""
_LIGHT = 190.0
"""Mean grey level of a light image."""
_DISTINCT = 24
"""Difference of a channel from the ground above which a pixel of an opaque image is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Planes that several measures share; all of shape (h, w) but `rgba` and `lab`.

    Attributes:
        rgba: Straight alpha.
        lab: CIE Lab of the image over a grey page.
        foreground: What is drawn; see `foreground_of`.
        flat: Opaque pixels in neighbourhoods of one colour.
        across: Grey gradient along the rows (levels per px).
        down: Along the columns.
        slope: Its magnitude.
    """

    rgba: Rgba
    lab: Plane
    foreground: Mask
    flat: Mask
    across: Plane
    down: Plane
    slope: Plane


def view_of(rgba: Rgba, *, page: int = 128, distinct: Distinct | None = None) -> View:
    """The planes of an image.

    Args:
        rgba: Shape (h, w, 4), straight alpha.
        page: Grey level of the page under transparency. Mid grey gives every black or white shape
            an edge; `page_of` chooses the one that the image shows best on.
        distinct: The image's colours where they are known: each of them is then converted once.
    """
    if distinct is None:
        unit = over_grey(rgba, page)
        lab = np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2Lab), np.float32)
    else:
        units = over_grey(distinct.colours[None], page)[0]
        unit = units.take(distinct.numbers, axis=0)
        lab = lab_of_unit(units).take(distinct.numbers, axis=0)
    grey = np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2GRAY), np.float32) * np.float32(255)
    across = np.asarray(cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125), np.float32)
    down = np.asarray(cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125), np.float32)
    return View(
        rgba=rgba,
        lab=lab,
        foreground=foreground_of(rgba),
        flat=flat_pixels(rgba, least_alpha=255),
        across=across,
        down=down,
        slope=np.hypot(across, down),
    )


def over_grey(rgba: Rgba, page: int) -> Plane:
    """The image over a page of one grey level, as RGB of 0 to 1."""
    rgb = rgba[..., :3].astype(np.float32)
    if (rgba[..., 3] < 255).any():
        alpha = rgba[..., 3:].astype(np.float32) / np.float32(255)
        rgb = rgb * alpha + np.float32(page) * (1 - alpha)
    return rgb / np.float32(255)


def page_of(rgba: Rgba) -> int:
    """White, or black for an image so light that white would hide it (grey level)."""
    weight = rgba[..., 3].astype(np.float32)
    total = float(weight.sum())
    if total == 0:
        return 255
    grey = np.asarray(cv2.cvtColor(rgba[..., :3], cv2.COLOR_RGB2GRAY), np.float32)
    return 0 if float((grey * weight).sum()) / total > _LIGHT else 255


def foreground_of(rgba: Rgba) -> Mask:
    """What is drawn: pixels at least half opaque or, without transparency, unlike the border.

    Args:
        rgba: Straight alpha, shape (h, w, 4).
    """
    opaque: Mask = rgba[..., 3] >= 128
    if not opaque.all():
        return opaque
    border = np.concatenate([rgba[0], rgba[-1], rgba[:, 0], rgba[:, -1]])[:, :3]
    ground = np.median(border, axis=0)
    differs: Mask = away(rgba, ground) > _DISTINCT
    return differs if differs.any() else opaque


def away(rgba: Rgba, colour: NDArray[np.floating]) -> Plane:
    """Largest difference of a channel from one RGB colour (levels); shape (h, w)."""
    # Plane by plane: numpy reduces a short last axis many times slower than OpenCV compares planes.
    red, green, blue = (
        cv2.absdiff(plane.astype(np.float32), np.full_like(plane, level, np.float32))
        for plane, level in zip(cv2.split(rgba)[:3], colour.tolist(), strict=True)
    )
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)


def stroke_widths(
    mask: Mask, quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
) -> NDArray[np.float64]:
    """Quantiles of the widths of a mask's parts (px): twice the distance to the outside, on ridges.

    The ridges of the distance transform stand for the medial axis (Blum 1967).

    Returns:
        Shape (len(quantiles),); zeros when the mask is empty.
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3), np.float32)
    ridge = (distance > 0) & (distance >= np.asarray(cv2.dilate(distance, _KERNEL)) - 1e-3)
    if not ridge.any():
        return np.zeros(len(quantiles))
    return _quantiles(2 * distance[ridge], quantiles)


def noise(view: View) -> float:
    """Standard deviation of the noise (L* units) over pixels off the contours.

    Immerkaer, "Fast Noise Variance Estimation", 1996: the mean absolute response of a mask that
    is blind to constant and linear areas.
    """
    response, calm = laplacian(view), view.slope < _EDGE
    return float(response[calm].mean()) * NOISE_SCALE if calm.any() else 0.0


def laplacian(view: View) -> Plane:
    """Absolute response of Immerkaer's mask to the lightness, shape (h, w)."""
    lightness = np.ascontiguousarray(view.lab[..., 0])
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return np.abs(np.asarray(cv2.filter2D(lightness, cv2.CV_32F, mask), np.float32))


def blockiness(view: View) -> float:
    """How much more the lightness steps at every eighth column than between, in usual steps.

    After Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG compressed
    images", 2002. JPEG's blocks of 8 pixels show as values well above 0.
    """
    step = np.abs(np.diff(np.ascontiguousarray(view.lab[..., 0]), axis=1))
    moving = step > 0
    usual = _median(step[moving]) if moving.any() else 1.0
    on_grid, off_grid = step[:, 7::8], step[:, 3::8]
    return float(on_grid.mean() - off_grid.mean()) / usual if on_grid.size else 0.0


def _quantiles(values: Plane, shares: tuple[float, ...]) -> NDArray[np.float64]:
    """As `np.quantile`, which loads numpy's masked arrays on its first call; no value is a NaN."""
    ordered = np.sort(values)
    place = (ordered.size - 1) * np.array(shares)
    low = place.astype(np.intp)
    high = np.minimum(low + 1, ordered.size - 1)
    step, share = ordered[high] - ordered[low], place - low
    # From the nearer of the two.
    return np.where(share < 0.5, ordered[low] + step * share, ordered[high] - step * (1 - share))


def _median(values: Plane) -> float:
    """As `np.median`, which loads numpy's masked arrays on its first call; no value is a NaN."""
    half = values.size // 2
    first = half if values.size % 2 else half - 1
    return float(np.mean(np.partition(values, (first, half))[first : half + 1]))


def edge_width(view: View) -> float:
    """How many px a contour takes, at the sharpest quarter of the contours; 0 without contours.

    The local contrast over the steepest slope at each crest of the slope, after Marziliano and
    others, "A no-reference perceptual blur metric", 2002. An anti-aliased edge has about 2; a blur
    of standard deviation s gives about 2.5 s.
    """
    lightness = np.ascontiguousarray(view.lab[..., 0])
    around = np.ones((9, 9), np.uint8)
    contrast = np.asarray(cv2.dilate(lightness, around)) - np.asarray(cv2.erode(lightness, around))
    across = np.asarray(cv2.Sobel(lightness, cv2.CV_32F, 1, 0, scale=0.125))
    down = np.asarray(cv2.Sobel(lightness, cv2.CV_32F, 0, 1, scale=0.125))
    slope = np.sqrt(across * across + down * down)
    crest = slope >= np.asarray(cv2.dilate(slope, _KERNEL)) - 1e-6
    chosen = crest & (contrast > _SEEN) & (slope > 0.06 * contrast)
    if chosen.sum() < _ENOUGH_CRESTS:
        return 0.0
    return float(np.percentile(contrast[chosen] / slope[chosen], 25))


def unrest(view: View) -> tuple[float, float]:
    """Noise off the contours, and how much more there is beside them than far from them.

    The first is the median response of Immerkaer's mask as a standard deviation (L* units): a
    texture or a few specks do not raise it, sensor noise does. The second is high where a lossy
    codec left ripples round the contours ("ringing", "mosquito noise").
    """
    response = laplacian(view)
    edge = (view.slope > _EDGE).astype(np.uint8)
    beside = np.asarray(cv2.dilate(edge, np.ones((15, 15), np.uint8))) > 0
    on = np.asarray(cv2.dilate(edge, np.ones((5, 5), np.uint8))) > 0
    opaque = np.asarray(cv2.erode(view.rgba[..., 3], _KERNEL)) == 255
    calm = opaque & ~on
    level = float(np.median(response[calm])) if calm.any() else 0.0
    near, far = response[calm & beside], response[opaque & ~beside]
    if near.size < _ENOUGH_PIXELS:
        return level * NOISE_SCALE, 0.0
    ground = float(far.mean()) if far.size >= _ENOUGH_PIXELS else 0.0
    return level * NOISE_SCALE, float(near.mean()) - ground


def contrast_of(view: View, ground: Plane) -> float:
    """How far the drawn colours lie from their ground (CIE76 units), at the 95th percentile.

    Below 2.3 a difference is not seen (Mahy and others 1994).

    Args:
        view: Over the page that `ground` is the colour of, when the image is transparent.
        ground: Shape (3,), Lab.
    """
    drawn = view.rgba[..., 3] >= 32
    away = (view.lab if drawn.all() else view.lab[drawn]) - ground
    if not away.size:
        return 0.0
    distance = np.sqrt(np.einsum("...c,...c->...", away, away)).reshape(-1)
    return float(np.percentile(distance, 95))


def ground_of(view: View, page: int) -> Plane:
    """Lab of the page under a transparent image, or of an opaque one's border; shape (3,)."""
    rgba = view.rgba
    if (rgba[..., 3] < 255).any():
        rgb = np.full(3, page, np.float32)
    else:
        border = np.concatenate([rgba[0], rgba[-1], rgba[:, 0], rgba[:, -1]])[:, :3]
        rgb = np.median(border, axis=0).astype(np.float32)
    return np.asarray(lab_of(rgb[None])[0], np.float32)


def cut_share(foreground: Mask) -> float:
    """How much of one side of what is drawn lies on the image's border, when no other side does.

    A logo with a margin on three sides that runs into the fourth was probably cut off there. A
    logo that fills its image touches more than one side and gives 0.
    """
    if foreground.all() or not foreground.any():
        return 0.0
    height, width = foreground.shape
    rows, columns = np.flatnonzero(foreground.any(axis=1)), np.flatnonzero(foreground.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    margins = (
        top / height,
        (height - 1 - bottom) / height,
        left / width,
        (width - 1 - right) / width,
    )
    sides = (foreground[0], foreground[-1], foreground[:, 0], foreground[:, -1])
    extents = (right - left + 1, right - left + 1, bottom - top + 1, bottom - top + 1)
    touching = [side for side in range(4) if margins[side] == 0]
    if len(touching) != 1:
        return 0.0
    (side,) = touching
    if min(margin for index, margin in enumerate(margins) if index != side) < _MARGIN:
        return 0.0
    return float(sides[side].sum() / extents[side])


def ramp_share(view: View) -> float:
    """Share of what is drawn that lies in smooth ramps: a slope, but no contour near."""
    drawn = int(view.foreground.sum())
    if not drawn:
        return 0.0
    edge = (view.slope > _EDGE).astype(np.uint8)
    on = np.asarray(cv2.dilate(edge, np.ones((5, 5), np.uint8))) > 0
    return float((view.foreground & ~on & (view.slope > _RAMP)).sum() / drawn)

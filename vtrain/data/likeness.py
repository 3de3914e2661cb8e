"""A fingerprint of what an image shows, blind to its size, margins, colours and compression.

The image is trimmed to what is drawn and stretched to a square; the density of its contours is
taken in 256 cells: 16 x 16, or 32 x 8 for a picture that is twice as wide as high, whose letters
would else blur into one band. A contour counts as present or absent, so that another palette or
a JPEG's noise changes little. Two images are compared by the correlation of their densities; the
*hash*, one bit for each cell (above the image's own median or not), finds the candidates by Hamming
distance, as in Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.data.measures import away
from vtrain.images import resize

CELLS = 256
"""Cells of a print."""
_LONG = 1.0  # log2 of width over height from which a picture counts as wide
_SIDE = 112  # px, what is drawn, along each side
_MARGIN = 8  # px round it, so that a contour at the border counts
_PRESENT = 4.0  # Lab units per px from which a contour counts whole
_ALPHA = 50.0  # Lab units that clear and opaque are apart
_DRAWN = 40  # levels from the ground; a JPEG's noise stays below
_GROUND_SHARE = 0.6  # of the border that must have the ground's colour

Rgba = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """The fingerprint of one image.

    Attributes:
        print: Shape (256,), uint8: density of contours in each cell, row by row, 255 for a cell
            that is all contour.
        aspect: log2 of width over height of what is drawn. Prints of pictures whose `layout`
            differs do not compare.
    """

    print: NDArray[np.uint8]
    aspect: float

    @property
    def layout(self) -> tuple[int, int]:
        """Columns and rows of the print."""
        return layout(self.aspect)

    @property
    def hash(self) -> str:
        """64 hexadecimal digits: one bit for each cell, above the median or not."""
        return str(hashes(self.print[None])[0].tobytes().hex())


def likeness(rgba: Rgba) -> Likeness:
    """Take the fingerprint of an image of shape (h, w, 4), straight alpha."""
    drawn, ground = trim(rgba)
    height, width = drawn.shape[:2]
    aspect = float(np.log2(width / height))
    columns, rows = layout(aspect)
    wide, high = _SIDE * columns // 16, _SIDE * rows // 16
    kind: Literal["area", "lanczos"] = "area" if width >= wide and height >= high else "lanczos"
    square = resize(drawn, wide, high, kind=kind)
    cover = square[..., 3:].astype(np.float32) / np.float32(255)
    page = np.full(3, 255, np.float32) if ground is None else ground
    rgb = square[..., :3] * cover + page * (1 - cover)
    sides = (_MARGIN,) * 4
    rgb = cv2.copyMakeBorder(
        rgb / np.float32(255), *sides, cv2.BORDER_CONSTANT, value=[float(c) / 255 for c in page]
    )
    beyond = 0.0 if ground is None else 1.0
    alpha = cv2.copyMakeBorder(cover[..., 0], *sides, cv2.BORDER_CONSTANT, value=[beyond])
    planes = np.dstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab), alpha * np.float32(_ALPHA)])
    planes = cv2.GaussianBlur(planes, (0, 0), 1.0)
    across = np.asarray(cv2.Sobel(planes, cv2.CV_32F, 1, 0, scale=0.125), np.float32)
    down = np.asarray(cv2.Sobel(planes, cv2.CV_32F, 0, 1, scale=0.125), np.float32)
    square_sum = across * across + down * down
    # numpy sums a short last axis slowly.
    steep = np.sqrt(sum(square_sum[..., plane] for plane in range(4)))
    present = np.minimum(steep / np.float32(_PRESENT), 1)
    density = np.asarray(cv2.resize(present, (columns, rows), interpolation=cv2.INTER_AREA))
    return Likeness(np.clip(np.rint(density * 255), 0, 255).astype(np.uint8).reshape(-1), aspect)


def layout(aspect: float) -> tuple[int, int]:
    """Columns and rows of the cells for a picture of that log2 of width over height."""
    if aspect >= _LONG:
        return (32, 8)
    return (8, 32) if aspect <= -_LONG else (16, 16)


def trim(rgba: Rgba) -> tuple[Rgba, NDArray[np.float32] | None]:
    """Cut clear margins, then those of one colour when the rest is opaque.

    Returns:
        What is drawn, and the colour of the ground (RGB) when there is one.
    """
    opaque = rgba[..., 3] >= 64
    if opaque.any() and not opaque.all():
        rgba = rgba[_box(opaque)]
        opaque = rgba[..., 3] >= 64
    if not opaque.all():
        return rgba, None
    border = np.concatenate([rgba[0], rgba[-1], rgba[:, 0], rgba[:, -1]])[:, :3]
    ground = np.median(border, axis=0).astype(np.float32)
    off = np.abs(border - ground).max(axis=1) > _DRAWN
    if 1 - off.mean() <= _GROUND_SHARE:
        return rgba, None
    drawn = away(rgba, ground) > _DRAWN
    return (rgba[_box(drawn)], ground) if drawn.any() else (rgba, None)


def hashes(prints: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bits of prints of shape (n, 256), packed: shape (n, 32)."""
    median = np.median(prints, axis=1, keepdims=True)
    return np.packbits(prints > median, axis=1)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

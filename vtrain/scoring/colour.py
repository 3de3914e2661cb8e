"""Colour: CIE Lab of a picture, what it draws, and the clipped colour difference."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]
Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
CLIP = 25.0
"""Colour differences count up to this (dE, CIE 1976): more wrong is not more visible."""
_UNLIKE = 10
"""Difference from the border's colour that makes a pixel of an opaque image foreground (levels,
in any channel). Tracers draw a white page as 252 or 253, which nobody sees as drawn."""
_SEEN = 13
"""Alpha from which a pixel is seen (levels)."""


def composite(rgba: NDArray[np.uint8], backdrop: Colour) -> Plane:
    """A picture over one colour; shape (h, w, 3), float32, 0 to 1."""
    colour = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    alpha = cv2.extractChannel(rgba, 3)
    if cv2.minMaxLoc(alpha)[0] == 255:
        return np.multiply(colour, np.float32(1 / 255), dtype=np.float32)
    # Whole images through OpenCV: numpy is slow where the last axis has three entries.
    ground = cv2.merge([np.full_like(alpha, level) for level in backdrop])
    alpha = cv2.merge([alpha, alpha, alpha])
    clear = cv2.bitwise_not(alpha)
    ours = cv2.multiply(colour, alpha, scale=1 / 255**2, dtype=cv2.CV_32F)
    theirs = cv2.multiply(ground, clear, scale=1 / 255**2, dtype=cv2.CV_32F)
    return np.asarray(cv2.add(ours, theirs, dst=ours), np.float32)


def lab_of(unit: Plane) -> Plane:
    """CIE Lab (D65) of sRGB pixels from 0 to 1; shape (h, w, 3), float32."""
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2Lab), np.float32)


def lab_on(colours: NDArray[np.uint8], backdrop: Colour) -> Plane:
    """CIE Lab of colours of shape (n, 4), straight alpha, over one colour; shape (n, 3)."""
    return np.ascontiguousarray(lab_of(composite(colours[None], backdrop))[0])


def border_colour(rgba: NDArray[np.uint8]) -> Colour:
    """The median colour of the outermost pixels, over white (levels)."""
    # Slices of length one keep this right for pictures one pixel high or wide.
    edges = [rgba[:1], rgba[-1:], rgba[:, :1], rgba[:, -1:]]
    rim = np.concatenate([edge.reshape(-1, 4) for edge in edges])[None]
    red, green, blue = np.median(composite(rim, WHITE)[0], axis=0) * 255
    return round(float(red)), round(float(green)), round(float(blue))


def foreground_of(rgba: NDArray[np.uint8], ground: Colour | None) -> Mask:
    """What a picture draws; shape (h, w).

    Args:
        rgba: Straight alpha, shape (h, w, 4).
        ground: Colour that means nothing is drawn there; None where transparency does.
    """
    if ground is None:
        shown: Mask = cv2.extractChannel(rgba, 3) >= _SEEN
        return shown
    flat = np.ascontiguousarray(rgba[..., :3])
    if (rgba[..., 3] < 255).any():
        flat = np.asarray(np.rint(composite(rgba, WHITE) * 255), np.uint8)
    low = [max(0, level - _UNLIKE) for level in ground]
    high = [min(255, level + _UNLIKE) for level in ground]
    unlike: Mask = cv2.inRange(flat, np.array(low, np.uint8), np.array(high, np.uint8)) == 0
    return unlike


def content_box(mask: Mask, *, margin: int) -> Box:
    """Rows and columns that hold a mask, with a margin (px); everything when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    return (
        slice(max(0, int(rows[0]) - margin), min(mask.shape[0], int(rows[-1]) + margin + 1)),
        slice(max(0, int(columns[0]) - margin), min(mask.shape[1], int(columns[-1]) + margin + 1)),
    )

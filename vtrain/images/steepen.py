"""Edges of an enlarged picture made as steep as those of a picture drawn at that size.

What is enlarged twice has ramps of two pixels where a drawing of the same shape has one, so a
drawing that is right looks wrong beside it. Between the least and the greatest value close by, each
value is pushed away from their middle: a toggle mapping (Kramer and Bruckner, Iterations of a
non-linear transformation for enhancement of digital images, 1975) that stops half way. Where the
range is small, as on the ramp of a gradient, nothing is moved. Channels are moved apart from each
other, in premultiplied alpha: at the edge of a dark shape alpha alone has a range.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images.lanczos import premultiplied, straight
from vtrain.images.pixels import has_transparency

_GAIN = 1.5
"""How much steeper an edge gets (times)."""
_WINDOW = 5
"""Side of the neighbourhood that the range is found in (px)."""
_LEAST_RANGE = 32
"""Ranges up to this are left alone, those from twice this on are edges (levels)."""


def steepen(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with steeper edges; straight alpha, shape (h, w, 4), a copy."""
    partial = has_transparency(rgba)
    pixels = premultiplied(rgba) if partial else np.ascontiguousarray(rgba)
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_WINDOW, _WINDOW))
    low = np.asarray(cv2.erode(pixels, window), np.float32)
    extent = np.asarray(cv2.dilate(pixels, window), np.float32) - low
    place = (pixels - low) / np.maximum(extent, 1)
    steeper = np.clip((place - 0.5) * np.float32(_GAIN) + 0.5, 0, 1)
    edge = np.clip(extent / _LEAST_RANGE - 1, 0, 1)
    moved = low + (place + (steeper - place) * edge) * extent
    made = np.clip(np.rint(moved), 0, 255).astype(np.uint8)
    return straight(made) if partial else made

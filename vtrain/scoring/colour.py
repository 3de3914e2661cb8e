"""Colour: CIE Lab of a picture, its foreground, and the clipped colour difference."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]

CLIP = 25.0
"""Colour differences count up to this (dE, CIE 1976): more wrong is not more visible."""
_UNLIKE = 4.0
"""Difference from the border's colour that makes a pixel of an opaque image foreground (dE)."""
_SEEN = 13
"""Alpha from which a pixel is seen (levels)."""


def composite(rgba: NDArray[np.uint8], backdrop: tuple[int, int, int]) -> Plane:
    """A picture over one colour; shape (h, w, 3), float32, 0 to 1."""
    # Plane by plane: numpy is slow where the last axis has three entries.
    *colours, alpha = (np.asarray(plane, np.float32) for plane in cv2.split(rgba))
    alpha *= np.float32(1 / 255)
    mixed = [
        (alpha * (colour - np.float32(ground)) + np.float32(ground)) * np.float32(1 / 255)
        for colour, ground in zip(colours, backdrop, strict=True)
    ]
    return np.asarray(cv2.merge(mixed), np.float32)


def lab_of(unit: Plane) -> Plane:
    """CIE Lab (D65) of sRGB pixels from 0 to 1; shape (h, w, 3), float32."""
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2Lab), np.float32)


def difference(lab: Plane, other: Plane) -> Plane:
    """CIE 1976 colour difference, clipped at `CLIP`; shape (h, w)."""
    delta = lab - other
    squared = np.einsum("ijk,ijk->ij", delta, delta)
    return np.asarray(np.minimum(np.sqrt(squared), np.float32(CLIP)), np.float32)


def foreground_of(rgba: NDArray[np.uint8], *, transparent: bool) -> Mask:
    """What a picture draws; shape (h, w).

    Args:
        rgba: Straight alpha, shape (h, w, 4).
        transparent: Whether clear means nothing there; otherwise the border's colour does.
    """
    if transparent:
        return np.asarray(rgba[..., 3] >= _SEEN, np.bool_)
    lab = lab_of(composite(rgba, (255, 255, 255)))
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    delta = lab - np.median(border, axis=0).astype(np.float32)
    squared = np.einsum("ijk,ijk->ij", delta, delta)
    return np.asarray(squared > _UNLIKE**2, np.bool_)


def content_box(mask: Mask, *, margin: int) -> Box:
    """Rows and columns that hold a mask, with a margin (px); everything when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )

"""Resizing, compositing and encoding of RGBA images with straight alpha.

Colours are averaged only in premultiplied form: under full transparency a file may hold any
colour, and averaging it in would draw a halo round every transparent logo.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vtrain.images.lanczos import can_enlarge, enlarge, premultiplied, straight
from vtrain.images.loops import are_compiled


def has_transparency(rgba: NDArray[np.uint8]) -> bool:
    """Say whether any pixel of `rgba`, shape (h, w, 4), is less than opaque."""
    return bool((rgba[..., 3] < 255).any())


def reduce(rgba: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Reduce to a longest side of `side` px by area averaging; never enlarge.

    Args:
        rgba: Shape (h, w, 4), straight alpha.
        side: Longest side of the result (px), at least 1.

    Returns:
        Shape (h', w', 4) with the aspect ratio kept to the pixel; a copy.
    """
    height, width = rgba.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return rgba.copy()
    scale = side / longest
    return resize(rgba, max(1, round(width * scale)), max(1, round(height * scale)), kind="area")


def resize(
    rgba: NDArray[np.uint8],
    width: int,
    height: int,
    *,
    kind: Literal["area", "lanczos"] = "area",
) -> NDArray[np.uint8]:
    """Resize in premultiplied alpha.

    Args:
        rgba: Shape (h, w, 4), straight alpha.
        width: Width of the result (px).
        height: Height of the result (px).
        kind: ``area`` averages (for reducing), ``lanczos`` interpolates (for enlarging).

    Returns:
        Shape (height, width, 4), straight alpha. Fully transparent pixels are black.
    """
    if kind == "lanczos":
        return _resize_lanczos(rgba, width, height)
    if not has_transparency(rgba):
        # Three 8-bit channels take the fast path of OpenCV and lose nothing.
        colour = cv2.resize(rgba[..., :3], (width, height), interpolation=cv2.INTER_AREA)
        return _with_alpha(np.asarray(colour, np.uint8), 255)
    # Plane by plane: numpy is slow along a last axis of four.
    *colours, alpha = (plane.astype(np.float32) for plane in cv2.split(rgba))
    share = alpha / np.float32(255)
    small_alpha = _by_area(alpha, width, height)
    seen = small_alpha >= 0.5
    planes = [np.zeros((height, width), np.float32) for _ in colours]
    for plane, colour in zip(planes, colours, strict=True):
        small = _by_area(colour * share, width, height)
        np.divide(small * np.float32(255), small_alpha, out=plane, where=seen)
    merged = np.asarray(cv2.merge([*planes, small_alpha]), np.float32)
    return np.asarray(np.clip(np.rint(merged, out=merged), 0, 255, out=merged), np.uint8)


def _by_area(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _resize_lanczos(rgba: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    lanczos = Image.Resampling.LANCZOS
    own = are_compiled() and can_enlarge(rgba.shape, width, height)  # the same, but sooner
    if not has_transparency(rgba):
        if own:
            return enlarge(np.ascontiguousarray(rgba), width, height)
        opaque = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
        return _with_alpha(np.asarray(opaque.resize((width, height), lanczos)), 255)
    if own:
        return straight(enlarge(premultiplied(rgba), width, height))
    # "RGBa" is Pillow's premultiplied mode; its round trip rounds and clips correctly.
    image = Image.fromarray(np.ascontiguousarray(rgba)).convert("RGBa")
    return np.array(image.resize((width, height), lanczos).convert("RGBA"))


def _with_alpha(rgb: NDArray[np.uint8], alpha: int) -> NDArray[np.uint8]:
    rgba = np.empty((*rgb.shape[:2], 4), np.uint8)
    rgba[..., :3] = rgb
    rgba[..., 3] = alpha
    return rgba


def over(rgba: NDArray[np.uint8], backdrop: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Lay `rgba`, shape (h, w, 4), over one colour; gives RGB of shape (h, w, 3).

    Porter and Duff's *over*: ``colour * a + backdrop * (1 - a)``, rounded to nearest.
    """
    if not has_transparency(rgba):
        return np.ascontiguousarray(rgba[..., :3])
    alpha = rgba[..., 3:].astype(np.uint32)
    blend = rgba[..., :3] * alpha + np.array(backdrop, np.uint32) * (255 - alpha)
    return np.asarray((blend + 127) // 255, np.uint8)


def encode_png(rgba: NDArray[np.uint8]) -> bytes:
    """Encode as a lossless PNG; opaque images are written without alpha."""
    # cv2 takes BGR order. Flat areas need no prediction: without it, level 1 is four times faster
    # than with it, and its files are smaller.
    order = cv2.COLOR_RGBA2BGRA if has_transparency(rgba) else cv2.COLOR_RGBA2BGR
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    done, data = cv2.imencode(".png", cv2.cvtColor(rgba, order), options)
    if not done:  # pragma: no cover - only on an array that is not an image
        msg = f"cannot encode an array of shape {rgba.shape} as PNG"
        raise ValueError(msg)
    return data.tobytes()

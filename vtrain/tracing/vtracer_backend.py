"""The seam to VTracer 0.6: pixels and settings in, its SVG text out.

VTracer's alpha keying (leaving clear pixels out, with real holes in the shapes around them) only
starts when it meets enough clear pixels on five scan lines. A clear border of one pixel always
gives it enough, so holes stay holes however small they are.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import vtracer
from numpy.typing import NDArray

from vtrain.errors import TraceError
from vtrain.tracing.parameters import Settings, is_curved

_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)
_KEYS = np.array([0x0000FF, 0x00FF00, 0xFF0000, 0x00FFFF, 0xFFFF00, 0xFF00FF], np.uint32)
"""Colours that VTracer tries to mark clear pixels with, as the memory of an RGBA pixel has them:
red, green, blue, yellow, cyan, magenta. When all are in the image it takes colours by chance."""
_COLOUR, _ALMOST_RED = np.uint32(0x00FFFFFF), np.uint32(0x0000FE)
_PIXELS = "none"
"""VTracer's name for outlines as they are."""
BORDER = 1
"""Clear border put around keyed images (px)."""


def run_vtracer(rgba: NDArray[np.uint8], settings: Settings, *, keyed: bool) -> str:
    """VTracer's SVG of an image.

    Args:
        rgba: Shape (h, w, 4).
        settings: The tracer's part of it is used.
        keyed: Whether a clear border is added so that clear pixels are left out.

    Raises:
        TraceError: VTracer panicked or refused the image.
    """
    if keyed:
        rgba = np.pad(rgba, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)))
    return _convert(encode(_without_chance(rgba)), settings)


def _without_chance(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image, or one with almost red for red, where VTracer would key by chance.

    Enlarging transparent images makes such pixels: next to nothing of a colour, but a pure one.
    """
    if not (rgba[..., 3] == 0).any():
        return rgba
    words = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    colours = words & _COLOUR
    if not all((colours == key).any() for key in _KEYS):
        return rgba
    changed = np.where(colours == _KEYS[0], words & ~_COLOUR | _ALMOST_RED, words)
    return changed.view(np.uint8).reshape(rgba.shape)


def encode(rgba: NDArray[np.uint8]) -> bytes:
    """An image as VTracer takes it.

    Unfiltered PNG at level 1 is the fastest way in: other filters take four times as long to write,
    other formats and pixel lists cost more on the way.

    Args:
        rgba: Shape (h, w, 4).

    Raises:
        TraceError: It cannot be encoded.
    """
    encoded, png = cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), _PNG)
    if not encoded:
        raise TraceError("encode", "The image could not be handed to VTracer")
    return png.tobytes()


def vtracer_arguments(settings: Settings) -> dict[str, Any]:
    """The tracer's part of settings, by the names of its functions' arguments.

    Where curves are fitted to outlines VTracer gives them pixel by pixel, which is no slower: the
    vertices of its polygons lie to one side of an edge, and say nothing of what is between.
    """
    return {
        "colormode": "color",
        "hierarchical": settings.hierarchical,
        "mode": _PIXELS if is_curved(settings) else settings.mode,
        "filter_speckle": settings.filter_speckle,
        "color_precision": settings.color_precision,
        "layer_difference": settings.layer_difference,
        "corner_threshold": settings.corner_threshold,
        "length_threshold": settings.length_threshold,
        "max_iterations": 10,
        "splice_threshold": settings.splice_threshold,
        "path_precision": settings.path_precision,
    }


def _convert(png: bytes, settings: Settings) -> str:
    try:
        svg = vtracer.convert_raw_image_to_svg(
            png,
            img_format="png",
            **vtracer_arguments(settings),
        )
    except BaseException as error:
        # A Rust panic is a BaseException of a class that cannot be imported.
        if type(error).__name__ == "PanicException" or isinstance(error, (ValueError, OSError)):
            raise TraceError("panic", f"VTracer failed: {error}") from error
        raise
    return str(svg)

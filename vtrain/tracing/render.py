"""Rendering of an SVG to pixels, for judging.

`pylunasvg` where it has a wheel (fastest by far); elsewhere `resvg`, which agrees with it closely.
"""

from __future__ import annotations

from importlib.util import find_spec

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.errors import TraceError
from vtrain.images.lanczos import straight
from vtrain.images.loops import are_compiled

# There is no wheel for some machines; the resvg path below is complete.
RENDERER = "pylunasvg" if find_spec("pylunasvg") else "resvg"
"""Name of the renderer in use, for versions and cache keys."""


def render(svg: str, width: int, height: int) -> NDArray[np.uint8]:
    """The drawing at a size, straight alpha, shape (height, width, 4).

    Args:
        svg: A document with `viewBox`.
        width: Width of the picture (px).
        height: Height of the picture (px).

    Raises:
        TraceError: The document cannot be rendered.
    """
    if RENDERER == "resvg":
        return render_resvg(svg, width, height)
    import pylunasvg  # noqa: PLC0415  it brings in urllib; a trace that is not judged needs neither

    document = pylunasvg.Document.loadFromData(svg)
    if document is None:
        raise TraceError("invalid-svg", "The SVG could not be parsed for rendering")
    bitmap = document.renderToBitmap(width, height)
    if bitmap.isNull():
        raise TraceError("invalid-svg", f"The SVG could not be rendered at {width}x{height}")
    # `Bitmap.data()` returns the first byte, not an address; the buffer protocol is sound.
    # The memory belongs to the bitmap, which ends with this call: hence the copy.
    if are_compiled():  # the same, but sooner
        return straight(np.asarray(memoryview(bitmap)), swap=True)
    bitmap.convertToRGBA()
    return np.array(memoryview(bitmap), np.uint8)


def render_resvg(svg: str, width: int, height: int) -> NDArray[np.uint8]:
    """As `render`, with resvg.

    Raises:
        TraceError: The document cannot be rendered.
    """
    import resvg_py  # noqa: PLC0415  only machines without pylunasvg, and checks, need it

    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height)
    except ValueError as error:
        raise TraceError("invalid-svg", f"The SVG could not be rendered: {error}") from error
    picture = cv2.imdecode(np.frombuffer(bytes(png), np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise TraceError("invalid-svg", "The rendered picture could not be read back")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.uint8)

"""Safe decoding of untrusted images, and the pixel arithmetic that respects alpha.

Everywhere in vtrain an image is a `NDArray[np.uint8]` of shape (height, width, 4): RGBA with
straight (not premultiplied) alpha, 0 to 255.

    picture = decode(data, name="logo.png")   # from bytes; raises ImageRefused only
    picture = read(path)                      # from a file; the same
    small = reduce(picture.rgba, 256)         # longest side 256 px, by area
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrain.images.decode import decode, read
from vtrain.images.pixels import encode_png, has_transparency, over, reduce, resize
from vtrain.images.types import FORMATS, Limits, Picture

if TYPE_CHECKING:
    from vtrain.images.svg import render_svg

__all__ = [
    "FORMATS",
    "Limits",
    "Picture",
    "decode",
    "encode_png",
    "has_transparency",
    "over",
    "read",
    "reduce",
    "render_svg",
    "resize",
]


def __getattr__(name: str) -> Any:
    if name != "render_svg":
        raise AttributeError(f"module 'vtrain.images' has no attribute {name!r}")
    from vtrain.images.svg import render_svg  # noqa: PLC0415 - rasters need no XML parser

    return render_svg

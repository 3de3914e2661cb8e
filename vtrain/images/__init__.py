"""Safe decoding of untrusted images, and the pixel arithmetic that respects alpha.

Everywhere in vtrain an image is a `NDArray[np.uint8]` of shape (height, width, 4): RGBA with
straight (not premultiplied) alpha, 0 to 255.

    picture = decode(data, name="logo.png")   # from bytes; raises ImageRefused only
    picture = read(path)                      # from a file; the same
    small = reduce(picture.rgba, 256)         # longest side 256 px, by area
"""

from vtrain.images.decode import decode, read
from vtrain.images.pixels import encode_png, has_transparency, over, reduce, resize
from vtrain.images.svg import render_svg
from vtrain.images.types import FORMATS, Limits, Picture

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

"""What a decoder is allowed to take, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RASTER_FORMATS: tuple[str, ...] = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
FORMATS: tuple[str, ...] = (*RASTER_FORMATS, "SVG")


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest image and the largest file that are decoded.

    Args:
        max_pixels: Width times height (px), judged by the header before anything is decoded.
        max_file_bytes: File size (bytes), judged before anything is read.
    """

    max_pixels: int = 64_000_000
    max_file_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded image.

    Args:
        rgba: Shape (height, width, 4), straight alpha.
        format: One of `FORMATS`.
        notes: What a person should know: ``animated: first frame``, ``16 bits reduced to 8``, ...
        mode: Pixels of the file as Pillow names them (``RGBA``, ``P``, ``CMYK``, ...); ``SVG``.
        bit_depth: Bits of a channel in the file.
        jpeg_quality: What a JPEG's tables stand for on the IJG's scale, 1 to 100; 0 for others.
    """

    rgba: NDArray[np.uint8]
    format: str
    notes: tuple[str, ...] = ()
    mode: str = "RGBA"
    bit_depth: int = 8
    jpeg_quality: int = 0


DEFAULT_LIMITS = Limits()

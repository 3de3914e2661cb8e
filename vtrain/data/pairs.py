"""Make of one source image what is traced (the input) and what judges it (the reference)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.config.data import DataConfig
from vtrain.errors import ImageRefused
from vtrain.images import Limits, read, reduce, resize

_MIN_REFERENCE_SCALE = 1.5  # below this a larger original says little more than the input


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The two rasters made of one source image.

    Args:
        input: What is traced, shape (h, w, 4).
        reference: What traces are judged against; its sides are those of the input times `scale`,
            the longer one exactly, the shorter one rounded to a pixel.
        scale: At least 1; 1 means that the reference is the input.
    """

    input: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    scale: float


def prepare_image(path: Path, config: DataConfig, *, isolated: bool = True) -> Prepared:
    """Decode one file and make its input and reference.

    Args:
        path: The file.
        config: Sizes and limits.
        isolated: Whether an SVG is rendered in a process of its own; see `vtrain.images.decode`.

    Raises:
        ImageRefused: It cannot be decoded, or is ``blank``.
    """
    limits = Limits(config.max_pixels, config.max_file_bytes)
    # An SVG is rendered at twice the input at least, to be reduced by area: smoother edges.
    side = config.input_size * max(config.reference_scale, 2)
    picture = read(path, limits=limits, svg_side=side, isolated=isolated)
    return prepare_pair(picture.rgba, config, name=str(path))


def prepare_pair(rgba: NDArray[np.uint8], config: DataConfig, *, name: str) -> Prepared:
    """Make the input and the reference of a decoded image.

    A raster larger than the input by half or more keeps up to `reference_scale` times the input's
    size as the reference; any other raster is its own reference, and is reduced to the input's
    size when it is larger.

    Args:
        rgba: Shape (h, w, 4), straight alpha.
        config: Sizes.
        name: For the message.

    Raises:
        ImageRefused: It is ``blank``.
    """
    size, scale = config.input_size, config.reference_scale
    if _is_blank(rgba):
        raise ImageRefused(name, "blank", "every pixel is the same")
    longest = max(rgba.shape[:2])
    if scale == 1 or longest < _MIN_REFERENCE_SCALE * size:
        only = reduce(rgba, size)
        return Prepared(only, only, 1.0)
    return _pair(reduce(rgba, size * scale), size)


def _pair(reference: NDArray[np.uint8], size: int) -> Prepared:
    """Make the input of `size` px, and the reference's shorter side an exact multiple of its own.

    The trace of the input is drawn at the reference's size: a side that is no multiple would
    shift every edge. So the reference grows by its last row or column, repeated, at most a few px.
    """
    height, width = reference.shape[:2]
    scale = max(height, width) / size
    inner = (
        max(1, -(-height * size // max(height, width))),
        max(1, -(-width * size // max(height, width))),
    )
    outer = (round(inner[0] * scale), round(inner[1] * scale))
    padding = ((0, outer[0] - height), (0, outer[1] - width), (0, 0))
    aligned = np.pad(reference, padding, mode="edge")
    return Prepared(resize(aligned, inner[1], inner[0], kind="area"), aligned, scale)


def _is_blank(rgba: NDArray[np.uint8]) -> bool:
    if not rgba[..., 3].any():
        return True
    words = np.ascontiguousarray(rgba).view(np.uint32)
    return bool((words == words[0, 0]).all())

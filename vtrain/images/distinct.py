"""The distinct colours of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.images.loops import loops

_FIRST_ROOM = 1 << 13
"""Least entries of the hash table at first (count)."""
_PIXELS_AN_ENTRY = 32
"""Of a large picture (count): a table that turns out too small is time lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The distinct colours of a picture, as `distinct_colours` gives them.

    Attributes:
        colours: Shape (n, 4).
        numbers: Which one each pixel has, shape (h, w).
    """

    colours: NDArray[np.uint8]
    numbers: NDArray[np.int32]

    @classmethod
    def of(cls, rgba: NDArray[np.uint8]) -> Distinct:
        """Those of a picture of shape (h, w, 4) with at least one pixel."""
        return cls(*distinct_colours(np.ascontiguousarray(rgba)))

    def counts(self, mask: NDArray[np.bool_]) -> NDArray[np.intp]:
        """How many pixels of a mask, shape (h, w), have each colour; shape (n,)."""
        return np.bincount(self.numbers[mask], minlength=len(self.colours))


def distinct_colours(
    rgba: NDArray[np.uint8], indices: NDArray[np.int32] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The distinct colours of a picture, alpha included, and which one each pixel has.

    Args:
        rgba: Shape (h, w, 4), contiguous, at least one pixel.
        indices: Room for the result, shape (h, w); None makes it.

    Returns:
        Colours, shape (n, 4), in the order in which they come; their numbers, shape (h, w).
    """
    words = rgba.reshape(-1).view(np.uint32)
    if indices is None:
        indices = np.empty(rgba.shape[:2], np.int32)
    room = max(_FIRST_ROOM, 1 << (words.size // _PIXELS_AN_ENTRY).bit_length())
    while True:
        colours, table = np.empty(room // 2, np.uint32), np.zeros(room, np.uint64)
        count = loops().number_colours(words, indices.reshape(-1), colours, table)
        if count >= 0:
            return colours[:count].view(np.uint8).reshape(count, 4), indices
        room *= 4

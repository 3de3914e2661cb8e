"""The distinct colours of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.images.loops import loops

_FIRST_SLOTS = 1 << 13
"""Slots of the hash table at first (count)."""


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
    slots = _FIRST_SLOTS
    while True:
        colours = np.empty(slots // 2, np.uint32)
        keys, numbers = np.empty(slots, np.uint32), np.full(slots, -1, np.int32)
        count = loops().number_colours(words, indices.reshape(-1), colours, keys, numbers)
        if count >= 0:
            return colours[:count].view(np.uint8).reshape(count, 4), indices
        slots *= 4

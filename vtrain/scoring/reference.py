"""The picture that traces are judged against, with all that depends on it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.images import has_transparency
from vtrain.scoring.colour import Box, composite, content_box, foreground_of, lab_of
from vtrain.scoring.contour import Contours, agreement, contours

WHITE = (255, 255, 255)
DARK = (32, 32, 32)
_MARGIN = 10
"""Kept around what is drawn, for the reach of the coarse tensor (px)."""


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The reference laid over one colour, cropped to the reference's view.

    Attributes:
        colour: The colour under it; for an opaque reference it makes no difference.
        lab: CIE Lab, shape (h, w, 3).
        contours: Its edges.
        own: Agreement of the reference with itself, which scores are relative to.
    """

    colour: tuple[int, int, int]
    lab: NDArray[np.float32]
    contours: Contours
    own: float


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference, ready to be compared with.

    Attributes:
        rgba: The picture; shape (height, width, 4), straight alpha.
        view: The part that is compared pixel by pixel: what is drawn, with a margin.
        area: Pixels of the box round what is drawn, without margin (count).
        backdrops: One for an opaque picture; white and dark for a transparent one.
    """

    rgba: NDArray[np.uint8]
    view: Box
    area: int
    backdrops: tuple[Backdrop, ...]

    @property
    def width(self) -> int:
        """Width (px)."""
        return int(self.rgba.shape[1])

    @property
    def height(self) -> int:
        """Height (px)."""
        return int(self.rgba.shape[0])

    @property
    def transparent(self) -> bool:
        """Whether it is judged on two backdrops."""
        return len(self.backdrops) > 1

    @property
    def nbytes(self) -> int:
        """Memory it holds (bytes)."""
        planes = sum(item.lab.nbytes + item.contours.nbytes for item in self.backdrops)
        return int(self.rgba.nbytes + planes)

    @classmethod
    def of(cls, rgba: NDArray[np.uint8]) -> Reference:
        """Analyse a picture.

        Args:
            rgba: Straight alpha, shape (h, w, 4).
        """
        transparent = has_transparency(rgba)
        drawn = foreground_of(rgba, transparent=transparent)
        view = content_box(drawn, margin=_MARGIN)
        rows, columns = content_box(drawn, margin=0)
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        colours = (WHITE, DARK) if transparent else (WHITE,)
        part = rgba[view]
        return cls(rgba, view, area, tuple(_backdrop(part, colour) for colour in colours))


def _backdrop(rgba: NDArray[np.uint8], colour: tuple[int, int, int]) -> Backdrop:
    lab = lab_of(composite(rgba, colour))
    edges = contours(lab)
    return Backdrop(colour, lab, edges, max(agreement(edges, edges), 1e-6))

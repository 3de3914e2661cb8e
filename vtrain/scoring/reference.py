"""The picture that traces are judged against, with all that depends on it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.images import has_transparency
from vtrain.scoring.colour import (
    WHITE,
    Box,
    Colour,
    border_colour,
    content_box,
    foreground_of,
    lab_on,
)
from vtrain.scoring.contour import REACH, Canvas, Contours, canvas_of

DARK: Colour = (32, 32, 32)
_ALLOWANCE = 0.03
"""Share of the reference's edges that are taken for right beforehand, so that the first faint
wrong edge does not decide where there is little to draw."""
_INVISIBLE = 0.02
"""Share of the edges seen on the other backdrop below which a logo is invisible on this one."""
_UNSEEN_ALLOWANCE = 0.1
"""Allowance there, as a share of the edges on the other backdrop: white traced as 253 on white
is not a fault."""


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The reference laid over one colour, cropped to the reference's view.

    Attributes:
        colour: The colour under it; for an opaque reference it makes no difference.
        lab: CIE Lab of each of its colours, shape (n, 3).
        contours: Its edges. Scores are relative to its agreement with itself.
        allowance: Edge mass taken for right beforehand (Lab units).
    """

    colour: Colour
    lab: NDArray[np.float32]
    contours: Contours
    allowance: float

    def precision(self, picture: Canvas) -> float:
        """Share of a picture's edges that the reference has, in its direction; 0 to 1."""
        total, same = picture.precision(self.contours)
        return self._share(same / self.contours.own_precision, total)

    def recall(self, picture: Canvas) -> float:
        """Share of the reference's edges that a picture has, in their direction; 0 to 1."""
        edges = self.contours
        return self._share(picture.recall(edges) / edges.own_recall, edges.total)

    def _share(self, same: float, total: float) -> float:
        if total + self.allowance <= 0:
            return 1.0
        return min(1.0, (same + self.allowance) / (total + self.allowance))


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference, ready to be compared with.

    Attributes:
        rgba: The picture; shape (height, width, 4), straight alpha.
        ground: Its border's colour, which counts as nothing drawn; None when it is transparent.
        view: The part that is compared: what is drawn, with a margin.
        area: Pixels of the box round what is drawn, without margin (count).
        indices: Number of the colour of each pixel of the view, shape (h, w).
        backdrops: One for an opaque picture; white and dark for a transparent one.
    """

    rgba: NDArray[np.uint8]
    ground: Colour | None
    view: Box
    area: int
    indices: NDArray[np.int32]
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
        return self.ground is None

    @property
    def nbytes(self) -> int:
        """Memory it holds (bytes)."""
        planes = sum(item.lab.nbytes + item.contours.nbytes for item in self.backdrops)
        return int(self.rgba.nbytes + self.indices.nbytes + planes)

    @classmethod
    def of(cls, rgba: NDArray[np.uint8]) -> Reference:
        """Analyse a picture.

        Args:
            rgba: Straight alpha, shape (h, w, 4), at least 1x1.

        Raises:
            ValueError: It has another shape or type.
        """
        if rgba.dtype != np.uint8 or rgba.ndim != 3 or rgba.shape[2] != 4 or not rgba.size:
            raise ValueError(f"a picture is (h, w, 4) of uint8, not {rgba.shape} of {rgba.dtype}")
        ground = None if has_transparency(rgba) else border_colour(rgba)
        drawn = foreground_of(rgba, ground)
        rows, columns = content_box(drawn, margin=0)
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        view = content_box(drawn, margin=REACH)
        indices, backdrops = _look(rgba[view], transparent=ground is None)
        return cls(rgba, ground, view, area, indices, backdrops)

    def covering(self, rgba: NDArray[np.uint8]) -> Reference:
        """This reference with a view that holds all that `rgba`, of its size, draws too."""
        drawn = foreground_of(rgba, self.ground)
        inside = int(np.count_nonzero(drawn[self.view]))
        if inside == int(np.count_nonzero(drawn)):
            return self
        rows, columns = content_box(drawn, margin=REACH)
        view = (_union(rows, self.view[0]), _union(columns, self.view[1]))
        indices, backdrops = _look(self.rgba[view], transparent=self.transparent)
        return Reference(self.rgba, self.ground, view, self.area, indices, backdrops)


def _union(one: slice, other: slice) -> slice:
    return slice(min(one.start, other.start), max(one.stop, other.stop))


def _look(
    part: NDArray[np.uint8], *, transparent: bool
) -> tuple[NDArray[np.int32], tuple[Backdrop, ...]]:
    """The colours of each pixel by number, and the picture on each backdrop."""
    colours = (WHITE, DARK) if transparent else (WHITE,)
    canvas = canvas_of(*part.shape[:2])
    used = canvas.load(np.ascontiguousarray(part))
    found = []
    for colour in colours:
        lab = lab_on(used, colour)
        canvas.lay(lab)
        found.append((colour, lab, canvas.contours()))
    most = max(edges.total for _, _, edges in found)
    backdrops = tuple(
        Backdrop(colour, lab, edges, _allowance(edges.total, most)) for colour, lab, edges in found
    )
    return canvas.indices.copy(), backdrops


def _allowance(total: float, most: float) -> float:
    unseen = total < _INVISIBLE * most
    return _UNSEEN_ALLOWANCE * most if unseen else _ALLOWANCE * total

"""The picture that traces are judged against, with all that depends on it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
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
from vtrain.scoring.contour import REACH, Canvas, Contours, canvas_of, row_of

DARK: Colour = (32, 32, 32)
_ALLOWANCE = 0.03
"""Share of the reference's edges that are taken for right beforehand, so that the first faint
wrong edge does not decide where there is little to draw."""
_INVISIBLE = 0.02
"""Share of the edges seen on the other backdrop below which a logo is invisible on this one."""
_WHOLE = 1 - 1e-9
"""Share from which only rounding is missing."""
_LEAST_EDGES = 100.0
"""Visible edges that a reference is taken to have at least (Lab units): it may have none."""
_OUTLINE = 4.0
"""Fine gradient from which a pixel lies on an outline (Lab units per px)."""
_LEAST_OUTLINE = 40.0
"""Length of outlines that a reference is taken to have at least (px)."""
_CORNER_REACH = 2
"""Distance within which a vertex belongs to a corner (px)."""
_UNSEEN_ALLOWANCE = 0.1
"""Allowance there, as a share of the edges on the other backdrop: white traced as 253 on white
is not a fault."""


@dataclass(frozen=True, slots=True)
class EdgeScores:
    """How the edges of a picture agree with a reference's.

    Attributes:
        precision: Share of its edges that the reference has, in about their direction; 0 to 1.
        recall: Share of the reference's edges that it has, likewise.
        truth: Share of its visible edges whose direction is strictly the reference's; 0 to 1.
        stray: Its visible edges that are stronger than any of the reference near by, over the
            reference's visible edges; from 0.
    """

    precision: float
    recall: float
    truth: float
    stray: float


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

    def compare(self, picture: Canvas) -> EdgeScores:
        """How a picture's edges agree with the reference's."""
        edges = self.contours
        found = picture.edges(edges)
        return EdgeScores(
            precision=self._share(found.same / edges.own_precision, found.total),
            recall=self._share(picture.recall(edges) / edges.own_recall, edges.total),
            truth=self._share(found.true / edges.own_truth, found.visible),
            stray=found.stray / max(edges.visible + self.allowance, _LEAST_EDGES),
        )

    def _share(self, same: float, total: float) -> float:
        if total + self.allowance <= 0:
            return 1.0
        share = (same + self.allowance) / (total + self.allowance)
        return share if share < _WHOLE else 1.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference, ready to be compared with.

    Attributes:
        rgba: The picture; shape (height, width, 4), straight alpha.
        ground: Its border's colour, which counts as nothing drawn; None when it is transparent.
        view: The part that is compared: what is drawn, with a margin.
        area: Pixels of the box round what is drawn, without margin (count).
        indices: Number of the colour of each pixel of the view, shape (h, w).
        corners: How much of a corner there is at or beside each pixel of the view, 0 to 255.
        outline: Length of what is drawn in lines and borders (px).
        backdrops: One for an opaque picture; white and dark for a transparent one.
    """

    rgba: NDArray[np.uint8]
    ground: Colour | None
    view: Box
    area: int
    indices: NDArray[np.int32]
    corners: NDArray[np.uint8]
    outline: float
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
        return int(self.rgba.nbytes + self.indices.nbytes + self.corners.nbytes + planes)

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
        look = _look(rgba[view], transparent=ground is None)
        return cls(rgba, ground, view, area, *look)

    def covering(self, rgba: NDArray[np.uint8]) -> Reference:
        """This reference with a view that holds all that `rgba`, of its size, draws too."""
        rows, columns = self.view
        # Mostly next to nothing lies outside.
        outside = (rgba[: rows.start], rgba[rows.stop :])
        beside = (rgba[rows, : columns.start], rgba[rows, columns.stop :])
        if not any(
            part.size and foreground_of(part, self.ground).any() for part in (*outside, *beside)
        ):
            return self
        rows, columns = content_box(foreground_of(rgba, self.ground), margin=REACH)
        view = (_union(rows, self.view[0]), _union(columns, self.view[1]))
        look = _look(self.rgba[view], transparent=self.transparent)
        return Reference(self.rgba, self.ground, view, self.area, *look)


def _union(one: slice, other: slice) -> slice:
    return slice(min(one.start, other.start), max(one.stop, other.stop))


def _look(
    part: NDArray[np.uint8], *, transparent: bool
) -> tuple[NDArray[np.int32], NDArray[np.uint8], float, tuple[Backdrop, ...]]:
    """Colours by number, corners, length of outlines, and the picture on each backdrop."""
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
    edges = [item.contours for item in backdrops]
    return canvas.indices.copy(), _corners(edges, canvas), _outline(edges, canvas), backdrops


def _corners(edges: Sequence[Contours], canvas: Canvas) -> NDArray[np.uint8]:
    """Share of the smaller eigenvalue of the coarse tensor, on the backdrop with more contrast."""
    from vtrain.scoring.colour_kernels import mark_corners  # noqa: PLC0415 - brings numba in

    strongest, corners = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.uint8)
    for item in edges:
        mark_corners(item.coarse, row_of(canvas.shape[1]), strongest, corners)
    side = 2 * _CORNER_REACH + 1
    return np.asarray(cv2.dilate(corners, np.ones((side, side), np.uint8)), np.uint8)


def _outline(edges: Sequence[Contours], canvas: Canvas) -> float:
    from vtrain.scoring.kernels import unpack  # noqa: PLC0415 - brings numba in

    strongest = np.zeros((len(edges), edges[0].near.size), np.float32)
    for item, plane in zip(edges, strongest, strict=True):
        unpack(item.fine[0], np.uint64(row_of(canvas.shape[1])), item.segments, plane)
    # An outline is some two pixels wide.
    return max(_LEAST_OUTLINE, float(np.count_nonzero(strongest.max(axis=0) > _OUTLINE)) / 2)


def _allowance(total: float, most: float) -> float:
    unseen = total < _INVISIBLE * most
    return _UNSEEN_ALLOWANCE * most if unseen else _ALLOWANCE * total

"""Agreement of contours: whether edges are where the reference has them, in its direction.

The structure tensor of a picture in CIE Lab, summed over channels, gives each pixel an edge
strength and an orientation. The fine edges of one picture are held against the coarse tensor of
the other: jagged edges and slivers have fine orientations that the smoothed reference does not
have (precision); edges that were lost or rounded are missed the other way round (recall).

Agreement is the sum over pixels of ``weight * gate * ((1 + c * cos(2 dtheta)) / 2) ** 3``: the
weight is the fine gradient's magnitude, ``c`` the coarse tensor's coherence, and the gate
``m / (m + GATE)`` of its magnitude ``m``. Scales, gate and sharpness are the ones that agree best
with the labelled pairs (`scripts/fit_appearance.py`), within the plateau where that agreement does
not hang on them.

Everything is done near changes of colour only: a logo is mostly flat, where all of it is zero.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images.distinct import distinct_colours
from vtrain.scoring.scales import COARSE_RADIUS, FINE_RADIUS, NEAR, PAD

Plane = NDArray[np.float32]
Planes = tuple[Plane, Plane, Plane]
Segments = NDArray[np.uint64]

REACH = 10
"""Distance beyond which a pixel has no part in the tensors (px)."""
_BLOCK = 8
_LEAST_OWN = 1e-6


@dataclass(frozen=True, slots=True)
class Contours:
    """The edges of a picture at both scales, of shape (h, w).

    Attributes:
        segments: Where it has fine edges, as `vtrain.scoring.kernels` means them: on every other
            line, for that and the next.
        fine: Gradient magnitude (Lab units per px), cosine and sine of twice its direction, packed
            along the segments; shape (2, n).
        coarse: Planes xx, xy and yy of the coarse tensor ((Lab units per px)^2), padded, flattened.
        near: The strongest fine magnitude within `NEAR` of each pixel, padded, flattened.
        total: Sum of the magnitudes.
        visible: Sum of what they have beyond `VISIBLE`.
        own_precision: Share of them on which the picture agrees with itself: the most that is
            attainable, since corners and thin lines differ between the scales.
        own_recall: The same the other way round; equal but for rounding.
        own_truth: Share of `visible` whose direction is strictly its own.
    """

    segments: Segments
    fine: Planes
    coarse: Planes
    near: Plane
    total: float
    visible: float
    own_precision: float
    own_recall: float
    own_truth: float

    @property
    def nbytes(self) -> int:
        """Memory of the arrays (bytes)."""
        arrays = (self.segments, *self.fine, *self.coarse, self.near)
        return int(sum(array.nbytes for array in arrays))


@dataclass(frozen=True, slots=True)
class Found:
    """The edges of a picture, held against those of a reference.

    Attributes:
        total: Sum of their magnitudes (Lab units).
        same: Of that, what the reference has in about the same direction.
        visible: Sum of what they have beyond `VISIBLE`.
        true: Of that, what the reference has in strictly the same direction.
        stray: Of that, what is beyond the strongest edge near by in the reference.
    """

    total: float
    same: float
    visible: float
    true: float
    stray: float


class Canvas:
    """A picture that is looked at, and the room to do so, which the next picture takes over.

    Args:
        height: Of the picture (px).
        width: Likewise.
        pool: Room for `PLANES` planes.
    """

    PLANES = 8

    def __init__(self, height: int, width: int, pool: Plane) -> None:
        self.shape = height, width
        self._rows = height + 2 * PAD
        self._row = row_of(width)
        size = self._rows * self._row
        planes = [pool[number * size : (number + 1) * size] for number in range(self.PLANES)]
        self._fine, self._coarse_rows = _three(planes[0:3]), _three(planes[3:6])
        self._numbers = planes[7].view(np.int32)
        self.indices = planes[6].view(np.int32)[: height * width].reshape(height, width)
        self._found = _scratch(size // (2 * _BLOCK) + self._rows)
        self._step = np.uint64(self._row)

    def load(self, rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Take a picture; its distinct colours, shape (n, 4), which `indices` number.

        Args:
            rgba: Straight alpha, shape (h, w, 4), contiguous.
        """
        from vtrain.scoring import kernels  # noqa: PLC0415 - brings numba in

        colours, _ = distinct_colours(rgba, self.indices)
        marks = np.zeros((self._rows, self._row), np.uint8)
        kernels.mark_changes(self.indices, marks)
        kernels.mirror(self.indices, self._numbers.reshape(marks.shape))
        # Differences reach one pixel, and a change lies between a pixel and the next: two in all.
        raw = _spread(marks, 2, 2)
        fine = self._inside(_spread(raw, FINE_RADIUS, FINE_RADIUS))
        coarse = self._inside(_spread(raw, 0, COARSE_RADIUS))
        self._coarse_marks = coarse
        self._fine_segments = self._segments(fine)
        # Smoothed values are needed one pixel beyond, and segments are whole blocks.
        smooth = _spread(fine, 1, _BLOCK)
        self._where = (
            self._segments(_spread(smooth, FINE_RADIUS, FINE_RADIUS), pad=0),
            self._segments(smooth, pad=PAD - FINE_RADIUS - 1),
            self._segments(self._inside(raw)),
            self._segments(coarse),
        )
        # What is laid is the same pixels each time: the others stay zero.
        for plane in self._coarse_rows:
            plane.fill(0)
        return colours

    def lay(self, lab: Plane) -> None:
        """Give the colours of `load` their values, shape (n, 3), and find the edges."""
        from vtrain.scoring import kernels  # noqa: PLC0415 - brings numba in

        height, width = self.shape
        kernels.find_edges(
            self._numbers,
            np.ascontiguousarray(lab.T),
            self._where,
            (self._row, width),
            np.empty(3 * kernels.LINES * self._row, np.float32),
            (self._fine, self._coarse_rows),
        )
        for plane in self._coarse_rows:
            kernels.mirror_rows(plane.reshape(self._rows, self._row), height)

    def edges(self, reference: Contours) -> Found:
        """The edges here, against a reference's."""
        from vtrain.scoring import kernels  # noqa: PLC0415 - brings numba in

        return Found(
            *kernels.agreement_of_fine(
                self._fine, self._step, self._fine_segments, reference.coarse, reference.near
            )
        )

    def recall(self, reference: Contours) -> float:
        """Mass of a reference's edges that are here too (Lab units)."""
        from vtrain.scoring import kernels  # noqa: PLC0415 - brings numba in

        return kernels.agreement_with_coarse(
            self._coarse_rows, self._step, reference.segments, reference.fine
        )

    def contours(self) -> Contours:
        """The edges, to keep."""
        from vtrain.scoring import kernels  # noqa: PLC0415 - brings numba in

        size, height = self._rows * self._row, self.shape[0]
        coarse = _three([np.zeros(size, np.float32) for _ in range(3)])
        around = self._segments(self._inside(_spread(self._coarse_marks, COARSE_RADIUS, 0)))
        for source, target in zip(self._coarse_rows, coarse, strict=True):
            kernels.smooth_coarse(source, target, around, self._step)
        segments = self._fine_segments
        edges = _three([np.zeros(size, np.float32) for _ in range(3)])
        kernels.fine_edges(self._fine, self._step, segments, edges)
        weights = edges[0].reshape(self._rows, self._row)
        side = 2 * NEAR + 1
        spread = cv2.dilate(weights, np.ones((side, side), np.uint8))
        near = np.ascontiguousarray(spread, np.float32).reshape(-1)
        total, same, visible, true, _ = kernels.agreement_of_fine(
            self._fine, self._step, segments, coarse, near
        )
        # Much of what lies beside a change of colour is no edge: it need not be looked at again.
        shown = (weights > 0).view(np.uint8)
        first, end = slice(PAD, PAD + height, 2), slice(PAD + 1, PAD + height + 1, 2)
        pairs = np.zeros_like(shown)
        pairs[first] = shown[first] | shown[end]
        segments = self._segments(pairs)
        count = int((segments[:, 1] - segments[:, 0]).sum())
        fine = _three([np.empty((2, count), np.float32) for _ in range(3)])
        for plane, packed in zip(edges, fine, strict=True):
            kernels.pack(plane, self._step, segments, packed)
        found = kernels.agreement_with_coarse(self._coarse_rows, self._step, segments, fine)
        return Contours(
            segments,
            fine,
            coarse,
            near,
            total,
            visible,
            own_precision=_own(same, total),
            own_recall=_own(found, total),
            own_truth=_own(true, visible),
        )

    def _inside(self, marks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Marks without those in the padding."""
        height, width = self.shape
        marks[:PAD] = marks[PAD + height :] = 0
        marks[:, :PAD] = marks[:, PAD + width :] = 0
        return marks

    def _segments(self, marks: NDArray[np.uint8], pad: int = PAD) -> Segments:
        """Segments that hold the marks, `pad` pixels or more from the border of the plane."""
        from vtrain.scoring import kernels  # noqa: PLC0415 - brings numba in

        end = PAD + self.shape[1] + (PAD - pad)
        count = kernels.find_segments(marks.view(np.uint64), pad, end, self._found)
        return self._found[:count].copy()


def _own(mass: float, total: float) -> float:
    return max(mass / total, _LEAST_OWN) if total > 0 else 1.0


def row_of(width: int) -> int:
    """Length of a padded row (px), a multiple of eight."""
    return (width + 2 * PAD + _BLOCK - 1) // _BLOCK * _BLOCK


def canvas_of(height: int, width: int) -> Canvas:
    """A canvas for pictures of a size. Each thread has one pool, which its next canvas reuses."""
    size = Canvas.PLANES * (height + 2 * PAD) * row_of(width)
    pool: Plane | None = getattr(_LOCAL, "pool", None)
    if pool is None or len(pool) < size:
        pool = _LOCAL.pool = np.zeros(size, np.float32)
    return Canvas(height, width, pool)


def _scratch(count: int) -> Segments:
    """Room for so many segments."""
    room: Segments | None = getattr(_LOCAL, "segments", None)
    if room is None or len(room) < count:
        room = _LOCAL.segments = np.empty((count, 2), np.uint64)
    return room


_LOCAL = threading.local()


def _spread(marks: NDArray[np.uint8], down: int, across: int) -> NDArray[np.uint8]:
    """Marks and all pixels within a distance of them (px)."""
    kernel = np.ones((2 * down + 1, 2 * across + 1), np.uint8)
    return np.asarray(cv2.dilate(marks, kernel), np.uint8)


def _three(planes: list[Plane]) -> Planes:
    one, two, three = planes
    return one, two, three

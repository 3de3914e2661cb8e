"""Agreement of contours: whether edges are where the reference has them, in its direction.

The structure tensor of a picture in CIE Lab, summed over channels, gives each pixel an edge
strength and an orientation. The fine edges of one picture are held against the coarse tensor of
the other: jagged edges and slivers have fine orientations that the smoothed reference does not
have (precision); edges that were lost or rounded are missed the other way round (recall).

Scales, gate and sharpness are the ones that agree best with the labelled pairs
(`scripts/fit_appearance.py`), within the plateau where that agreement does not hang on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

FINE_SIGMA = 0.75
"""Smoothing before the fine gradient (px at twice the input's size)."""
COARSE_SIGMA = 2.5
"""Smoothing of the coarse tensor (px at twice the input's size)."""
GATE = 2.0
"""Coarse gradient at which an edge counts half (Lab units per px)."""
REACH = 10
"""Distance beyond which a pixel has no part in the tensors (px)."""
_FAINTEST = 1e-3
"""Squared fine gradient below which there is no edge at all ((Lab units per px)^2)."""
_FINE_KERNEL = (7, 7)
_COARSE_KERNEL = (15, 15)
_EPSILON = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class Contours:
    """The edges of a picture at both scales.

    Attributes:
        at: Flat indices of the n pixels with a fine edge.
        weight: Their gradient magnitude, shape (n,) (Lab units per px).
        cos: Cosine of twice the direction of the gradient, shape (n,).
        sin: Its sine, shape (n,).
        coarse: Planes xx, xy and yy of the coarse tensor, flattened ((Lab units per px)^2).
        total: Sum of `weight`.
    """

    at: NDArray[np.intp]
    weight: Plane
    cos: Plane
    sin: Plane
    coarse: tuple[Plane, Plane, Plane]
    total: float

    @property
    def nbytes(self) -> int:
        """Memory of the arrays (bytes)."""
        fine = self.at.nbytes + self.weight.nbytes + self.cos.nbytes + self.sin.nbytes
        return int(fine + sum(plane.nbytes for plane in self.coarse))


def contours(lab: Plane) -> Contours:
    """The edges of a picture.

    Args:
        lab: CIE Lab, shape (h, w, 3), float32.
    """
    planes = cv2.split(lab)
    coarse = tuple(
        cv2.GaussianBlur(plane, _COARSE_KERNEL, COARSE_SIGMA, dst=plane).ravel()
        for plane in _tensor(planes)
    )
    for plane in planes:
        cv2.GaussianBlur(plane, _FINE_KERNEL, FINE_SIGMA, dst=plane)
    xx, xy, yy = (plane.ravel() for plane in _tensor(planes))
    at = np.flatnonzero((xx + yy) > _FAINTEST)
    xx, xy, yy = xx[at], xy[at], yy[at]
    weight = np.sqrt(xx + yy)
    cos, sin = xx - yy, 2 * xy
    strength = np.sqrt(cos * cos + sin * sin) + _EPSILON
    total = float(weight.sum(dtype=np.float64))
    return Contours(at, weight, cos / strength, sin / strength, coarse, total)  # type: ignore[arg-type]


def agreement(fine: Contours, coarse: Contours) -> float:
    """Mass of the fine edges of one picture that the other has, in the same direction.

    The sum over pixels of ``weight * gate * ((1 + c * cos(2 dtheta)) / 2) ** 3``, where ``c``
    is the coarse tensor's coherence and ``gate = m / (m + GATE)`` of its magnitude ``m``.

    Args:
        fine: Gives fine edges.
        coarse: Gives the coarse tensor, of a picture of the same shape.

    Returns:
        0 to ``fine.total`` (Lab units).
    """
    xx, xy, yy = (plane[fine.at] for plane in coarse.coarse)
    energy = np.maximum(xx + yy, 0)
    # Coherence times the unit orientation: the strength cancels, which leaves one division.
    similarity = (fine.cos * (xx - yy) + fine.sin * (2 * xy)) / (energy + _EPSILON)
    similarity = np.clip((1 + similarity) / 2, 0, 1)
    magnitude = np.sqrt(energy)
    gate = magnitude / (magnitude + np.float32(GATE))
    # numpy's power of float32 is fifty times slower than two products.
    mass = fine.weight * gate * similarity * similarity * similarity
    return float(mass.sum(dtype=np.float64))


def _tensor(planes: Any) -> tuple[Plane, Plane, Plane]:
    """Products of central differences summed over channels: xx, xy, yy."""
    shape = planes[0].shape
    xx, xy, yy = (np.zeros(shape, np.float32) for _ in range(3))
    # Two buffers for all planes: fresh memory costs more than the arithmetic.
    across, down = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for plane in planes:
        cv2.Sobel(plane, cv2.CV_32F, 1, 0, dst=across, ksize=1, scale=0.5)
        cv2.Sobel(plane, cv2.CV_32F, 0, 1, dst=down, ksize=1, scale=0.5)
        cv2.accumulateSquare(across, xx)
        cv2.accumulateProduct(across, down, xy)
        cv2.accumulateSquare(down, yy)
    return xx, xy, yy

"""Agreement of contours: whether edges are where the reference has them, in its direction.

The structure tensor of a picture in CIE Lab, summed over channels, gives each pixel an edge
strength and an orientation. A fine tensor of one picture is held against a coarse tensor of the
other: jagged edges and slivers have fine orientations that the smoothed reference does not have,
lost or rounded edges are missed the other way round.

Scales and gate are the ones that agree best with the labelled pairs (see `vtrain.scoring.fit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

FINE_SIGMA = 0.7
"""Smoothing before the fine tensor (px at twice the input's size)."""
COARSE_SIGMA = 2.5
"""Smoothing of the coarse tensor (px at twice the input's size)."""
GATE = 0.5
"""Coarse gradient at which an edge counts half (Lab units per px)."""
_EPSILON = np.float32(1e-9)
_CENTRAL = np.array([-0.5, 0.0, 0.5], np.float32)
_KEEP = np.array([1.0], np.float32)


@dataclass(frozen=True, slots=True)
class Contours:
    """The edges of a picture at both scales; planes of one shape (h, w).

    Attributes:
        weight: Fine gradient magnitude (Lab units per px).
        weight_cos: `weight` times the cosine of twice the fine orientation.
        weight_sin: `weight` times its sine.
        gate: Coarse edge presence, 0 to 1.
        gate_cos: `gate` times coherence times the cosine of twice the coarse orientation.
        gate_sin: `gate` times coherence times its sine.
        total: Sum of `weight`.
    """

    weight: Plane
    weight_cos: Plane
    weight_sin: Plane
    gate: Plane
    gate_cos: Plane
    gate_sin: Plane
    total: float

    @property
    def nbytes(self) -> int:
        """Memory of the planes (bytes)."""
        return 6 * self.weight.nbytes


def contours(lab: Plane) -> Contours:
    """The edges of a picture.

    Args:
        lab: CIE Lab, shape (h, w, 3), float32.
    """
    planes = cv2.split(lab)
    smoothed = [cv2.GaussianBlur(plane, (0, 0), FINE_SIGMA) for plane in planes]
    weight, weight_cos, weight_sin = _fine(*_tensor(smoothed))
    coarse = [cv2.GaussianBlur(plane, (0, 0), COARSE_SIGMA) for plane in _tensor(planes)]
    gate, gate_cos, gate_sin = _coarse(*(np.asarray(plane, np.float32) for plane in coarse))
    total = float(weight.sum(dtype=np.float64))
    return Contours(weight, weight_cos, weight_sin, gate, gate_cos, gate_sin, total)


def _fine(xx: Plane, xy: Plane, yy: Plane) -> tuple[Plane, Plane, Plane]:
    """Gradient magnitude, and it times cosine and sine of twice the orientation."""
    difference, cross = xx - yy, 2 * xy
    weight = np.sqrt(xx + yy)
    strength = np.sqrt(difference * difference + cross * cross)
    scale = weight / (strength + _EPSILON)
    return weight, scale * difference, scale * cross


def _coarse(xx: Plane, xy: Plane, yy: Plane) -> tuple[Plane, Plane, Plane]:
    """Edge presence, and it times coherence times cosine and sine of twice the orientation."""
    energy = np.maximum(xx + yy, 0)
    magnitude = np.sqrt(energy)
    gate = magnitude / (magnitude + np.float32(GATE))
    # Coherence (strength over energy) times the unit orientation: one division for both.
    scale = gate / (energy + _EPSILON)
    return gate, scale * (xx - yy), scale * (2 * xy)


def agreement(fine: Contours, coarse: Contours) -> float:
    """Share of the fine edges of one picture that the other has, in the same direction; 0 to 1.

    The mean over pixels, weighted by the fine gradient, of ``gate * (1 + c * cos(2 dtheta)) / 2``
    with the coarse coherence ``c``.

    Args:
        fine: Gives fine edges.
        coarse: Gives coarse edges, of the same shape.
    """
    if fine.total <= 0:
        return 1.0 if coarse.total <= 0 else 0.0
    same = (
        np.vdot(fine.weight, coarse.gate)
        + np.vdot(fine.weight_cos, coarse.gate_cos)
        + np.vdot(fine.weight_sin, coarse.gate_sin)
    )
    return float(same) / (2 * fine.total)


def _tensor(planes: Sequence[Any]) -> tuple[Plane, Plane, Plane]:
    """Products of central differences summed over channels: xx, xy, yy."""
    shape = planes[0].shape
    xx, xy, yy = (np.zeros(shape, np.float32) for _ in range(3))
    for plane in planes:
        across = np.asarray(cv2.sepFilter2D(plane, cv2.CV_32F, _CENTRAL, _KEEP), np.float32)
        down = np.asarray(cv2.sepFilter2D(plane, cv2.CV_32F, _KEEP, _CENTRAL), np.float32)
        xx += across * across
        xy += across * down
        yy += down * down
    return xx, xy, yy

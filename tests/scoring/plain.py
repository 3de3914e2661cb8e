"""The scores by their definition, over whole planes: what the compiled loops are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.scoring.colour import CLIP, Colour, composite, lab_of

Plane = NDArray[np.float32]
Rgba = NDArray[np.uint8]

FINE_SIGMA, COARSE_SIGMA, GATE, FAINTEST = 0.75, 2.5, 2.0, 1e-3
VISIBLE, NEAR, STRICT = 2.0, 3, 32
EPSILON = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class Edges:
    """Fine gradient magnitude, cosine and sine of twice its direction; the coarse tensor."""

    weight: Plane
    cos: Plane
    sin: Plane
    coarse: tuple[Plane, Plane, Plane]


def edges(lab: Plane) -> Edges:
    """Of a picture in CIE Lab, shape (h, w, 3)."""
    coarse = [cv2.GaussianBlur(plane, (15, 15), COARSE_SIGMA) for plane in tensor(lab)]
    xx, xy, yy = tensor(cv2.GaussianBlur(lab, (7, 7), FINE_SIGMA))
    energy = xx + yy
    cos, sin = xx - yy, 2 * xy
    strength = np.sqrt(cos * cos + sin * sin) + EPSILON
    weight = np.where(energy > FAINTEST, np.sqrt(energy), 0)
    return Edges(weight, cos / strength, sin / strength, (coarse[0], coarse[1], coarse[2]))  # type: ignore[arg-type]


def tensor(lab: Any) -> tuple[Plane, Plane, Plane]:
    """Products of central differences summed over channels: xx, xy, yy."""
    across = np.reshape(cv2.Sobel(lab, cv2.CV_32F, 1, 0, ksize=1, scale=0.5), lab.shape)
    down = np.reshape(cv2.Sobel(lab, cv2.CV_32F, 0, 1, ksize=1, scale=0.5), lab.shape)
    products = across * across, across * down, down * down
    xx, xy, yy = (np.asarray(product.sum(axis=2), np.float32) for product in products)
    return xx, xy, yy


def agreement(fine: Edges, coarse: Edges, *, power: int = 3, weight: Plane | None = None) -> float:
    """Mass of the fine edges of one picture that the coarse tensor of another has."""
    xx, xy, yy = coarse.coarse
    energy = np.maximum(xx + yy, 0)
    similarity = (fine.cos * (xx - yy) + fine.sin * (2 * xy)) / (energy + EPSILON)
    similarity = np.clip((1 + similarity) / 2, 0, 1)
    magnitude = np.sqrt(energy)
    weight = fine.weight if weight is None else weight
    mass = weight * magnitude / (magnitude + np.float32(GATE)) * similarity**power
    return float(mass.sum(dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Sums:
    """What the scores are made of: masses of edges, and the colour differences' sum."""

    total: float
    same: float
    visible: float
    true: float
    stray: float
    found: float
    wrong: float


def sums(reference: Rgba, picture: Rgba, backdrop: Colour) -> Sums:
    """Of two pictures of one size on a backdrop."""
    ours, theirs = (lab_of(composite(one, backdrop)) for one in (picture, reference))
    mine, other = edges(ours), edges(theirs)
    gap = np.sqrt(((ours - theirs).astype(np.float64) ** 2).sum(axis=2))
    seen = np.maximum(mine.weight - VISIBLE, 0)
    near = cv2.dilate(other.weight, np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8))
    return Sums(
        total=float(mine.weight.sum(dtype=np.float64)),
        same=agreement(mine, other),
        visible=float(seen.sum(dtype=np.float64)),
        true=agreement(mine, other, power=STRICT, weight=seen),
        stray=float(np.maximum(seen - near, 0).sum(dtype=np.float64)),
        found=agreement(other, mine),
        wrong=float(np.minimum(gap, CLIP).sum()),
    )

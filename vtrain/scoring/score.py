"""Scores of a rendered trace against its reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.images import over
from vtrain.scoring.appearance import Appearance
from vtrain.scoring.classical import ms_ssim, mse, psnr, ssim
from vtrain.scoring.colour import CLIP, composite, difference, foreground_of, lab_of
from vtrain.scoring.contour import agreement, contours
from vtrain.scoring.reference import Backdrop, Reference


@dataclass(frozen=True, slots=True)
class Scores:
    """How a picture compares with its reference, on the backdrop where it looks worse.

    Attributes:
        precision: Share of its edges that the reference has, 0 to 1.
        recall: Share of the reference's edges that it has, 0 to 1.
        colour_error: Mean clipped colour difference over the box of what is drawn (dE, 0 to 25).
        appearance: The model's value; larger looks better.
    """

    precision: float
    recall: float
    colour_error: float
    appearance: float


@dataclass(frozen=True, slots=True)
class FullScores(Scores):
    """With the classical metrics over the foreground, on the same backdrop.

    Attributes:
        ssim: Structural similarity, -1 to 1.
        ms_ssim: Multi-scale structural similarity, 0 to 1.
        mse: Mean squared error (levels^2).
        psnr: Peak signal-to-noise ratio (dB), at most 100.
    """

    ssim: float
    ms_ssim: float
    mse: float
    psnr: float


def score(reference: Reference, rgba: NDArray[np.uint8]) -> Scores:
    """Contour, colour and appearance.

    Args:
        reference: The reference.
        rgba: The picture at the reference's size, straight alpha.

    Raises:
        ValueError: The sizes differ.
    """
    return _worst(reference, rgba)[0]


def score_fully(reference: Reference, rgba: NDArray[np.uint8]) -> FullScores:
    """As `score`, with the classical metrics."""
    scores, backdrop = _worst(reference, rgba)
    ours, theirs = over(rgba, backdrop.colour), over(reference.rgba, backdrop.colour)
    drawn = [
        foreground_of(picture, transparent=reference.transparent)
        for picture in (reference.rgba, rgba)
    ]
    mask = drawn[0] | drawn[1]
    error = mse(theirs, ours, mask)
    return FullScores(
        precision=scores.precision,
        recall=scores.recall,
        colour_error=scores.colour_error,
        appearance=scores.appearance,
        ssim=ssim(theirs, ours, mask),
        ms_ssim=ms_ssim(theirs, ours, mask),
        mse=error,
        psnr=psnr(error),
    )


def _worst(reference: Reference, rgba: NDArray[np.uint8]) -> tuple[Scores, Backdrop]:
    if rgba.shape != reference.rgba.shape:
        raise ValueError(f"a picture of shape {rgba.shape} against {reference.rgba.shape}")
    found = [(_on(backdrop, reference, rgba), backdrop) for backdrop in reference.backdrops]
    return min(found, key=lambda pair: pair[0].appearance)


def _on(backdrop: Backdrop, reference: Reference, rgba: NDArray[np.uint8]) -> Scores:
    part = rgba[reference.view]
    lab = lab_of(composite(part, backdrop.colour))
    edges = contours(lab)
    precision = min(1.0, agreement(edges, backdrop.contours) / backdrop.own)
    recall = min(1.0, agreement(backdrop.contours, edges) / backdrop.own)
    wrong = float(difference(lab, backdrop.lab).sum(dtype=np.float64))
    wrong += _outside(reference, rgba, part)
    error = min(CLIP, wrong / reference.area)
    value = Appearance.load().value(precision, recall, error)
    return Scores(precision, recall, error, value)


def _outside(reference: Reference, rgba: NDArray[np.uint8], part: NDArray[np.uint8]) -> float:
    """Colour error of paint outside the reference's view, where nothing should be (dE * px)."""
    if not reference.transparent or part.shape == rgba.shape:
        return 0.0
    paint = int(np.count_nonzero(rgba[..., 3])) - int(np.count_nonzero(part[..., 3]))
    return CLIP * paint

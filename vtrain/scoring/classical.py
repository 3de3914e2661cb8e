"""Classical pixel metrics over the foreground. Reported, never optimised: they mislead on logos."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

PSNR_LIMIT = 100.0
"""Reported for equal pictures, whose ratio is infinite (dB)."""
_WINDOW = 7
"""Side of SSIM's window (px), scikit-image's default."""
_MS_WINDOW = 11
"""Side of the Gaussian window (px)."""
_MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang, Simoncelli and Bovik 2003)."""


def mse(reference: Rgb, picture: Rgb, mask: Mask) -> float:
    """Mean squared error over the masked pixels and channels (levels^2)."""
    delta = reference[mask].astype(np.float64) - picture[mask]
    return float((delta * delta).mean()) if delta.size else 0.0


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio of a mean squared error (dB), at most `PSNR_LIMIT`."""
    return min(PSNR_LIMIT, 10 * math.log10(255**2 / error)) if error > 0 else PSNR_LIMIT


def ssim(reference: Rgb, picture: Rgb, mask: Mask) -> float:
    """Structural similarity (Wang et al. 2004), scikit-image's map averaged over the mask."""
    return _similarity(reference, picture, mask)


def ms_ssim(reference: Rgb, picture: Rgb, mask: Mask) -> float:
    """Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003) on luma, masked.

    Contrast and structure at every scale, luminance at the coarsest; scales that would be smaller
    than the window are left out and the exponents normalised over the rest.
    """
    one = np.asarray(cv2.cvtColor(reference, cv2.COLOR_RGB2GRAY), np.float64)
    other = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float64)
    inside = mask.astype(np.float64)
    scales = [(one, other, inside)]
    while len(scales) < len(_MS_WEIGHTS) and min(scales[-1][0].shape) >= 2 * _MS_WINDOW:
        half = tuple(side // 2 for side in reversed(scales[-1][0].shape))
        scales.append(
            tuple(
                np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.float64)
                for plane in scales[-1]
            )  # type: ignore[arg-type]
        )
    weights = np.array(_MS_WEIGHTS[: len(scales)])
    weights /= weights.sum()
    product = 1.0
    for index, (left, right, part) in enumerate(scales):
        luminance, structure = _ssim_terms(left, right)
        use = part > 0.5 if (part > 0.5).any() else np.ones_like(part, np.bool_)
        values = structure * luminance if index == len(scales) - 1 else structure
        product *= max(float(values[use].mean()), 0.0) ** weights[index]
    return product


def _similarity(reference: Rgb, picture: Rgb, mask: Mask) -> float:
    if min(mask.shape) < _WINDOW:
        return 1.0 if np.array_equal(reference, picture) else 0.0
    _, full = structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image leaves it bare
        reference, picture, channel_axis=2, data_range=255, full=True
    )
    chosen = full[mask] if mask.any() else full
    return float(chosen.mean())


def _ssim_terms(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maps of luminance and of contrast times structure, with a Gaussian window (sigma 1.5 px)."""

    def blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(plane, (_MS_WINDOW, _MS_WINDOW), 1.5), np.float64)

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean, mean_other = blur(one), blur(other)
    variance = blur(one * one) - mean * mean
    variance_other = blur(other * other) - mean_other * mean_other
    covariance = blur(one * other) - mean * mean_other
    luminance = (2 * mean * mean_other + c1) / (mean**2 + mean_other**2 + c1)
    structure = (2 * covariance + c2) / (variance + variance_other + c2)
    return luminance, structure

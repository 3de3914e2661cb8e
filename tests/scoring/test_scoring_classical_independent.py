"""The classical metrics against scikit-image's and against their formulas in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from vtrain.images import over
from vtrain.scoring.classical import ms_ssim, mse, psnr, ssim
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score_fully

Rgba = NDArray[np.uint8]
Plane = NDArray[np.float64]
WHITE, DARK = (255, 255, 255), (32, 32, 32)
SIDE = 96


def picture(seed: int) -> tuple[Rgba, Rgba]:
    """Soft-edged shapes, every other one transparent, and the same picture spoilt in all ways."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    rgba = np.zeros((SIDE, SIDE, 4))
    if seed % 2:
        rgba[:] = (*random.uniform(0, 255, 3), 255)
    for _ in range(5):
        centre, radius = random.uniform(20, 76, 2), random.uniform(6, 26)
        inside = np.clip(radius - np.hypot(x - centre[0], y - centre[1]), 0, 1)[..., None]
        colour = np.array([*random.uniform(0, 255, 3), random.choice((255.0, 160.0))])
        rgba = np.where(inside > 0, (1 - inside) * rgba + inside * colour, rgba)
    spoilt = rgba + random.normal(0, random.uniform(1, 25), rgba.shape)
    if seed % 2:
        spoilt[..., 3] = 255
    else:
        spoilt[..., 3] = np.where(rgba[..., 3] > 0, spoilt[..., 3], 0)
    return tuple(np.clip(np.rint(item), 0, 255).astype(np.uint8) for item in (rgba, spoilt))  # type: ignore[return-value]


def laid(rgba: Rgba, backdrop: tuple[int, int, int]) -> Rgba:
    """Porter and Duff's over, in floating point."""
    alpha = rgba[..., 3:] / 255
    blend = rgba[..., :3] * alpha + np.array(backdrop) * (1 - alpha)
    return np.asarray(np.floor(blend + 0.5 - 1e-9), np.uint8)


def windowed(plane: Plane, weights: Plane, mode: str) -> Plane:
    """Weighted sums over a window around each pixel, one pixel of the window at a time."""
    reach = len(weights) // 2
    padded = np.pad(plane, reach, mode=mode)  # type: ignore[call-overload]
    height, width = plane.shape
    found = np.zeros_like(plane)
    for row in range(len(weights)):
        for column in range(len(weights)):
            found += weights[row, column] * padded[row : row + height, column : column + width]
    return found


def similarity(one: Plane, other: Plane, weights: Plane, mode: str, sample: float) -> Plane:
    """Maps of luminance and of contrast times structure (Wang et al. 2004, equations 6 and 13)."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean, mean_other = windowed(one, weights, mode), windowed(other, weights, mode)
    variance = sample * (windowed(one * one, weights, mode) - mean**2)
    variance_other = sample * (windowed(other * other, weights, mode) - mean_other**2)
    covariance = sample * (windowed(one * other, weights, mode) - mean * mean_other)
    luminance = (2 * mean * mean_other + c1) / (mean**2 + mean_other**2 + c1)
    structure = (2 * covariance + c2) / (variance + variance_other + c2)
    return np.stack([luminance, structure])


def plain_ssim(one: Rgba, other: Rgba, mask: NDArray[np.bool_]) -> float:
    weights = np.full((7, 7), 1 / 49)
    channels = [
        similarity(
            one[..., n].astype(np.float64),
            other[..., n].astype(np.float64),
            weights,
            "symmetric",
            49 / 48,
        ).prod(axis=0)[mask]
        for n in range(3)
    ]
    return float(np.mean(channels))


def plain_ms_ssim(one: Rgba, other: Rgba, mask: NDArray[np.bool_]) -> float:
    line = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(line, line) / line.sum() ** 2
    luma = np.array([0.299, 0.587, 0.114])
    planes = [np.rint(item.astype(np.float64) @ luma) for item in (one, other)]
    planes.append(mask.astype(np.float64))
    scales = [planes]
    while len(scales) < 5 and min(planes[0].shape) >= 22:
        planes = [
            item.reshape(item.shape[0] // 2, 2, item.shape[1] // 2, 2).mean(axis=(1, 3))
            for item in planes
        ]
        scales.append(planes)
    exponents = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][: len(scales)])
    exponents /= exponents.sum()
    product = 1.0
    for place, (left, right, part) in enumerate(scales):
        luminance, structure = similarity(left, right, weights, "reflect", 1.0)
        values = luminance * structure if place == len(scales) - 1 else structure
        inside = part > 0.5 if (part > 0.5).any() else np.ones_like(part, np.bool_)
        product *= max(float(values[inside].mean()), 0.0) ** exponents[place]
    return product


@pytest.mark.parametrize("seed", range(50))
def test_metrics_equal_scikit_image_and_their_formulas(seed: int) -> None:
    reference, spoilt = picture(seed)
    for backdrop in (WHITE, DARK):
        one, other = over(reference, backdrop), over(spoilt, backdrop)
        mask = (reference[..., 3] >= 13) | (spoilt[..., 3] >= 13)
        error = float(((one[mask].astype(np.float64) - other[mask]) ** 2).mean())
        _, full = structural_similarity(  # type: ignore[no-untyped-call]
            one, other, channel_axis=2, data_range=255, full=True
        )

        assert np.abs(one.astype(int) - laid(reference, backdrop)).max() == 0
        assert mse(one, other, mask) == pytest.approx(error, abs=1e-4)
        assert mse(one, other, mask) == pytest.approx(
            mean_squared_error(one[mask], other[mask]), abs=1e-4
        )
        assert psnr(error) == pytest.approx(
            peak_signal_noise_ratio(one[mask], other[mask]),  # type: ignore[no-untyped-call]
            abs=1e-4,
        )
        assert ssim(one, other, mask) == pytest.approx(full[mask].mean(), abs=1e-4)
        assert ssim(one, other, mask) == pytest.approx(plain_ssim(one, other, mask), abs=1e-4)
        assert ms_ssim(one, other, mask) == pytest.approx(plain_ms_ssim(one, other, mask), abs=1e-4)


@pytest.mark.parametrize("seed", range(0, 20, 2))
def test_a_transparent_pair_is_scored_on_one_of_the_two_pages(seed: int) -> None:
    reference, spoilt = picture(seed)
    judged = Reference.of(reference)
    mask = (reference[..., 3] >= 13) | (spoilt[..., 3] >= 13)

    full = score_fully(judged, spoilt)

    found = np.array([full.ssim, full.ms_ssim, full.mse, full.psnr])
    expected = []
    for backdrop in judged.backdrops:
        one, other = laid(reference, backdrop.colour), laid(spoilt, backdrop.colour)
        error = float(((one[mask].astype(np.float64) - other[mask]) ** 2).mean())
        decibels = 10 * np.log10(255**2 / error)
        expected.append(
            [plain_ssim(one, other, mask), plain_ms_ssim(one, other, mask), error, decibels]
        )
    assert len(expected) == 2
    assert min(np.abs(found - values).max() for values in expected) < 1e-4

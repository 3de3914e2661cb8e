"""The classical metrics equal scikit-image's, and keep to the foreground."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from vtrain.scoring.classical import PSNR_LIMIT, ms_ssim, mse, psnr, ssim
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score_fully

Rgb = NDArray[np.uint8]


@pytest.fixture
def pair() -> tuple[Rgb, Rgb]:
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    one = coarse.repeat(16, axis=0).repeat(16, axis=1)
    noise = random.normal(0, 12, one.shape)
    return one, np.asarray(np.clip(one + noise, 0, 255), np.uint8)


def everything(picture: Rgb) -> NDArray[np.bool_]:
    return np.ones(picture.shape[:2], np.bool_)


def test_metrics_equal_scikit_image_where_all_is_foreground(pair: tuple[Rgb, Rgb]) -> None:
    one, other = pair
    whole = everything(one)
    _, full = structural_similarity(  # type: ignore[no-untyped-call]
        one, other, channel_axis=2, data_range=255, full=True
    )
    ratio = peak_signal_noise_ratio(one, other)  # type: ignore[no-untyped-call]

    assert mse(one, other, whole) == pytest.approx(mean_squared_error(one, other))
    assert psnr(mse(one, other, whole)) == pytest.approx(ratio)
    assert ssim(one, other, whole) == pytest.approx(full.mean())


def test_score_fully_gives_scikit_image_figures_on_an_opaque_foreground() -> None:
    random = np.random.default_rng(4)
    one = np.full((96, 96, 4), 255, np.uint8)
    one[8:88, 8:88, :3] = random.integers(0, 200, (80, 80, 3))
    other = one.copy()
    other[8:88, 8:88, :3] = random.integers(0, 200, (80, 80, 3))

    full = score_fully(Reference.of(one), other)

    expected = mean_squared_error(one[8:88, 8:88, :3], other[8:88, 8:88, :3])
    assert full.mse == pytest.approx(expected)
    assert full.psnr == pytest.approx(10 * np.log10(255**2 / expected))


def test_equal_pictures_are_perfect_and_finite(pair: tuple[Rgb, Rgb]) -> None:
    one, _ = pair
    whole = everything(one)

    assert mse(one, one, whole) == 0
    assert psnr(0.0) == PSNR_LIMIT
    assert ssim(one, one, whole) == pytest.approx(1)
    assert ms_ssim(one, one, whole) == pytest.approx(1)


def test_what_lies_outside_the_foreground_does_not_count(pair: tuple[Rgb, Rgb]) -> None:
    one, other = pair
    mask = everything(one)
    mask[:, 128:] = False
    half = other.copy()
    half[:, :128] = one[:, :128]

    assert mse(one, half, mask) == 0
    assert ssim(one, half, mask) > ssim(one, half, everything(one))


def test_ms_ssim_falls_with_noise(pair: tuple[Rgb, Rgb]) -> None:
    one, other = pair
    random = np.random.default_rng(5)
    worse = np.asarray(np.clip(one + random.normal(0, 60, one.shape), 0, 255), np.uint8)
    whole = everything(one)

    assert 1 > ms_ssim(one, other, whole) > ms_ssim(one, worse, whole) > 0


def test_ms_ssim_of_flat_pictures_is_the_coarsest_luminance_term() -> None:
    # Flat pictures have no structure to lose (all those terms are 1), so that only the luminance
    # of the coarsest scale remains, to its exponent (Wang, Simoncelli and Bovik 2003).
    one, other = np.full((256, 256, 3), 100, np.uint8), np.full((256, 256, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)

    assert ms_ssim(one, other, everything(one)) == pytest.approx(luminance**0.1333, rel=1e-3)

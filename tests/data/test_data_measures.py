"""Each measure answers to what it is named after, and to little else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vtrain.data import measures
from vtrain.data.degrade import blurred
from vtrain.data.measures import view_of
from vtrain.images import decode
from vtrain.images.distinct import Distinct

Rgba = NDArray[np.uint8]


def disc(side: int = 128, *, clear: bool = True, colour: str = "#c02040") -> Rgba:
    """An anti-aliased disc with a hole."""
    big = Image.new("RGBA", (4 * side, 4 * side), (0, 0, 0, 0) if clear else (255, 255, 255, 255))
    draw = ImageDraw.Draw(big)
    draw.ellipse((side, side, 3 * side, 3 * side), fill=colour)
    draw.ellipse(
        (1.6 * side, 1.6 * side, 2.4 * side, 2.4 * side), fill=(0, 0, 0, 0) if clear else "white"
    )
    return np.array(big.resize((side, side), Image.Resampling.BOX))


def jpeg(rgba: Rgba, quality: int) -> Rgba:
    buffer = io.BytesIO()
    Image.fromarray(rgba).convert("RGB").save(buffer, "JPEG", quality=quality)
    return decode(buffer.getvalue(), name="a.jpg").rgba


@pytest.mark.parametrize("ground", ["clear", "white"])
def test_contours_widen_with_the_blur(ground: str) -> None:
    logo = disc(clear=ground == "clear")

    widths = [
        measures.edge_width(view_of(blurred(logo, sigma) if sigma else logo, page=255))
        for sigma in (0.0, 1.0, 2.0, 3.0)
    ]

    assert widths[0] < 2.3
    assert widths == sorted(widths)
    assert widths[3] > 6


def test_an_image_without_contours_has_no_edge_width() -> None:
    assert measures.edge_width(view_of(np.full((40, 40, 4), 255, np.uint8))) == 0.0


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_noise_is_measured_in_lightness(sigma: float) -> None:
    grain = np.random.default_rng(0).normal(0, sigma, (128, 128, 1))
    grey = np.clip(np.rint(128 + grain), 0, 255).astype(np.uint8)
    rgba = np.concatenate([grey, grey, grey, np.full_like(grey, 255)], axis=2)

    # A grey level is 0.39 of a unit of L* there.
    assert measures.noise(view_of(rgba)) == pytest.approx(0.39 * sigma, rel=0.25)
    assert measures.unrest(view_of(disc()))[0] == 0.0


def test_ripples_beside_contours_tell_a_jpeg() -> None:
    logo = disc(clear=False)

    assert measures.unrest(view_of(logo))[1] < 0.05
    assert measures.unrest(view_of(jpeg(logo, 20)))[1] > 0.25


def test_blocks_show_on_the_grid_of_eight() -> None:
    ramp = np.tile(np.arange(128, dtype=np.uint8)[None, :, None], (128, 1, 4))
    ramp[..., 3] = 255
    stairs = ramp // 8 * 8
    stairs[..., 3] = 255

    assert measures.blockiness(view_of(stairs)) > 0.5
    assert measures.blockiness(view_of(ramp)) < 0.1


@pytest.mark.parametrize(("width", "expected"), [(3, 3), (8, 8), (20, 20)])
def test_stroke_width_is_that_of_the_bars(width: int, expected: float) -> None:
    mask = np.zeros((80, 80), bool)
    mask[10:70, 10 : 10 + width] = True

    assert measures.stroke_widths(mask)[1] == pytest.approx(expected, abs=1.1)
    assert measures.stroke_widths(~mask & mask).tolist() == [0, 0, 0]


def test_contrast_is_to_the_page_or_to_the_ground() -> None:
    def contrast(rgba: Rgba) -> float:
        view = view_of(rgba, page=255)
        return measures.contrast_of(view, measures.ground_of(view, 255))

    assert contrast(disc(colour="#000000")) > 90
    assert contrast(disc(colour="#ffffff")) == pytest.approx(0, abs=0.5)
    assert contrast(disc(clear=False, colour="#f8f8f8")) < 5
    assert contrast(disc(clear=False, colour="#000000")) > 60


def test_only_what_runs_into_one_side_is_cut() -> None:
    logo = measures.foreground_of(disc())
    tight = logo[32:96, 32:96]

    assert measures.cut_share(logo) == 0
    assert measures.cut_share(tight) == 0
    for turn in range(4):
        assert measures.cut_share(np.rot90(logo, turn)[48:]) > 0.5
    assert measures.cut_share(np.ones((9, 9), bool)) == 0


def test_light_images_are_seen_on_black() -> None:
    assert measures.page_of(disc(colour="#ffffff")) == 0
    assert measures.page_of(disc()) == 255
    assert measures.page_of(np.zeros((4, 4, 4), np.uint8)) == 255


def test_ramps_are_told_from_flats() -> None:
    ramp = np.zeros((64, 64, 4), np.uint8)
    ramp[..., 3] = 255
    ramp[8:56, 8:56, 0] = np.arange(100, 196, 2, dtype=np.uint8)

    assert measures.ramp_share(view_of(ramp)) > 0.5
    assert measures.ramp_share(view_of(disc())) < 0.05
    assert measures.ramp_share(view_of(np.zeros((8, 8, 4), np.uint8))) == 0


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1001])
def test_quantiles_and_medians_are_those_of_numpy(size: int) -> None:
    values = (np.random.default_rng(size).integers(0, 90, size) / np.float32(7)).astype(np.float32)
    shares = (0.1, 0.5, 0.9)

    np.testing.assert_array_equal(measures._quantiles(values, shares), np.quantile(values, shares))
    assert measures._median(values) == np.median(values)


@pytest.mark.parametrize("page", [0, 128, 255])
def test_known_colours_change_no_plane(page: int) -> None:
    rgba = np.random.default_rng(page).integers(0, 256, (30, 40, 4)).astype(np.uint8) // 60 * 60
    rgba[:10, :, 3] = 255

    plain = view_of(rgba, page=page)
    known = view_of(rgba, page=page, distinct=Distinct.of(rgba))

    for name in ("lab", "across", "down", "slope"):
        np.testing.assert_array_equal(getattr(known, name), getattr(plain, name))

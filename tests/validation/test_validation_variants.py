from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.validation.judging import entry
from vtrain.config.data import DegradeConfig
from vtrain.data.store import ImageStore
from vtrain.validation.variants import (
    degraded,
    disturbances,
    grain,
    jpeg,
    rescale,
    shift,
    write_variants,
)

Rgba = NDArray[np.uint8]


@pytest.fixture
def ring() -> tuple[Rgba, Rgba]:
    """A soft ring, transparent outside: 64 px and 128 px."""

    def draw(side: int) -> Rgba:
        y, x = (np.mgrid[:side, :side] + 0.5) * 128 / side
        distance = np.hypot(x - 64, y - 64)
        rgba = np.zeros((side, side, 4), np.uint8)
        rgba[..., :3] = (200, 60, 20)
        rgba[..., 3] = np.rint(255 * np.clip(50 - distance, 0, 1) * np.clip(distance - 25, 0, 1))
        return rgba

    return draw(64), draw(128)


def test_a_shift_moves_input_and_reference_by_the_same_share(ring: tuple[Rgba, Rgba]) -> None:
    moved, reference = shift(*ring)

    np.testing.assert_array_equal(moved[:, 1:], ring[0][:, :-1])
    np.testing.assert_array_equal(reference[:, 2:], ring[1][:, :-2])
    assert not moved[:, 0].any()
    assert not reference[:, :2].any()


def test_a_shift_between_pixels_of_the_reference_keeps_its_centre_of_mass() -> None:
    small = np.full((20, 20, 4), 255, np.uint8)
    large = np.zeros((30, 30, 4), np.uint8)
    large[10:20, 10:20] = (10, 20, 30, 255)

    _, moved = shift(small, large)  # 1 px of the input is 1.5 px of the reference

    columns = np.arange(30)
    before, after = (
        (image[..., 3].sum(axis=0) @ columns) / image[..., 3].sum() for image in (large, moved)
    )
    assert after - before == pytest.approx(1.5, abs=0.01)
    # Between clear and drawn the colour stays: alpha alone is mixed.
    assert (moved[15, 11:22][moved[15, 11:22, 3] > 0][:, :3] == (10, 20, 30)).all()


def test_an_opaque_image_is_shifted_over_more_of_its_ground() -> None:
    picture = np.full((8, 8, 4), 255, np.uint8)
    picture[:, :2, :3] = (9, 8, 7)

    moved, _ = shift(picture, picture)

    assert (moved[:, :3, :3] == (9, 8, 7)).all()
    assert (moved[..., 3] == 255).all()


def test_a_rescale_is_of_one_in_a_hundred(ring: tuple[Rgba, Rgba]) -> None:
    assert rescale(np.zeros((300, 200, 4), np.uint8)).shape == (297, 198, 4)
    assert rescale(ring[0]).shape == (63, 63, 4)


def test_jpeg_changes_colours_a_little_and_the_alpha_not_at_all(ring: tuple[Rgba, Rgba]) -> None:
    rgba = ring[0].copy()
    rgba[rgba[..., 3] == 0] = 0  # black under the clear pixels, as many files have it

    spoilt = jpeg(rgba)

    shown = rgba[..., 3] > 0
    gap = np.abs(spoilt[shown].astype(int) - rgba[shown])[:, :3]
    np.testing.assert_array_equal(spoilt[..., 3], rgba[..., 3])
    assert gap.max() <= 4
    random = np.random.default_rng(0).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    random[..., 3] = 255
    assert (jpeg(random) != random).any()


def test_noise_is_one_level_at_most_and_seeded(ring: tuple[Rgba, Rgba]) -> None:
    noisy = grain(ring[0], 7)

    gap = noisy.astype(int) - ring[0]
    assert set(np.unique(gap[..., :3])) == {-1, 0, 1}
    assert not gap[..., 3].any()
    np.testing.assert_array_equal(noisy, grain(ring[0], 7))
    assert (noisy != grain(ring[0], 8)).any()


def test_variants_are_named_by_their_pixels_and_read_back(
    ring: tuple[Rgba, Rgba], tmp_path: Path
) -> None:
    source, target = ImageStore(tmp_path / "images"), ImageStore(tmp_path / "variants")
    original = replace(entry(1), id=source.write(*ring).id)

    for name, change in disturbances(0).items():
        (found,) = write_variants([original], change, source=source, target=target)
        (again,) = write_variants([original], change, source=source, target=target)

        assert found == again
        assert found.id != original.id, name
        assert target.input(found.id).shape == (found.height, found.width, 4)
        assert (found.name, found.brand) == (original.name, original.brand)
        if name != "shift":
            np.testing.assert_array_equal(target.reference(found.id), ring[1])


def test_degraded_inputs_are_damaged_and_their_reference_is_not(
    ring: tuple[Rgba, Rgba], tmp_path: Path
) -> None:
    source, target = ImageStore(tmp_path / "images"), ImageStore(tmp_path / "variants")
    original = replace(entry(1), id=source.write(*ring).id)
    blur = DegradeConfig(
        blur_chance=1.0, padding_chance=0, background_chance=0, rescale_chance=0, noise_chance=0,
        jpeg_chance=0,
    )  # fmt: skip

    (found,) = write_variants([original], degraded(blur), source=source, target=target)

    np.testing.assert_array_equal(target.reference(found.id), ring[1])
    assert (target.input(found.id) != ring[0]).any()

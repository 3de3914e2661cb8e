import cv2
import numpy as np
import pytest

from vtrain.environment.outlines import (
    PALETTES,
    TURNS,
    outline_features,
    outline_names,
    palette_features,
    palette_names,
    palettes_of,
)
from vtrain.images.distinct import Distinct


def outlines(rgba: np.ndarray) -> dict[str, float]:
    values = outline_features(rgba, palettes_of(rgba))
    return dict(zip(outline_names(), values.tolist(), strict=True))


def palette(rgba: np.ndarray) -> dict[str, float]:
    values = palette_features(Distinct.of(rgba), palettes_of(rgba))
    return dict(zip(palette_names(), values.tolist(), strict=True))


def page(*, clear: bool = False) -> np.ndarray:
    return np.zeros((128, 128, 4), np.uint8) if clear else np.full((128, 128, 4), 255, np.uint8)


def square() -> np.ndarray:
    rgba = page()
    rgba[32:96, 32:96, :3] = 10
    return rgba


def disc() -> np.ndarray:
    rgba = page()
    grey = np.full((128, 128), 255, np.uint8)
    cv2.circle(grey, (64, 64), 36, 10, -1)
    rgba[..., :3] = grey[..., None]
    return rgba


def test_a_square_is_straight_and_a_disc_is_not() -> None:
    straight, round_ = outlines(square()), outlines(disc())

    assert straight["straight_1_30"] > 0.95
    assert round_["straight_1_30"] < 0.6  # no more than the page's own edge
    assert straight["turns_0"] > round_["turns_0"] + 0.2
    assert round_["log_corners_1"] > straight["log_corners_1"]


def test_turns_are_shares_of_all_points() -> None:
    found = outlines(disc())

    assert sum(found[f"turns_{low}"] for low in TURNS[:-1]) == pytest.approx(1)


def test_a_square_has_its_outline_and_the_page_round_it() -> None:
    found = outlines(square())

    # The square, the hole that it leaves, and the page's own edge.
    length = 4 * 63 + 4 * 64 + 4 * 127
    assert 2 ** (4 * found["log_outlines"]) - 1 == pytest.approx(3, abs=1e-3)
    assert 2 ** (4 * found["log_outline_length"]) - 1 == pytest.approx(length, rel=0.01)
    assert found["log_specks"] == 0


def test_specks_are_counted_apart() -> None:
    rgba = square()
    for row in range(8, 30, 6):
        rgba[row : row + 2, 8:10, :3] = 10

    found = outlines(rgba)

    # Four of them, and the hole that each leaves.
    assert 2 ** (4 * found["log_specks"]) - 1 == pytest.approx(8, abs=1e-3)


def test_few_flat_colours_are_all_in_a_palette() -> None:
    assert all(value == 0 for value in palette(square()).values())


def test_a_ramp_needs_many_colours() -> None:
    rgba = page()
    rgba[..., 0] = np.linspace(0, 255, 128).astype(np.uint8)

    found = palette(rgba)

    errors = [found[f"palette_{count}_error"] for count in PALETTES]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 3 * errors[-1] > 0
    assert found["palette_4_over_3"] > found["palette_16_over_3"]


def test_what_is_clear_does_not_count() -> None:
    rgba = page(clear=True)
    rgba[32:96, 32:96] = (200, 30, 30, 255)
    hidden = rgba.copy()
    hidden[:32, :, :3] = np.random.default_rng(0).integers(0, 256, (32, 128, 3))  # alpha is zero

    assert palette(hidden) == palette(rgba)
    assert outlines(hidden) == outlines(rgba)


def test_of_nothing_drawn_there_is_the_frame_alone() -> None:
    rgba = page(clear=True)

    assert set(palette(rgba).values()) == {0.0}
    found = outlines(rgba)
    assert 2 ** (4 * found["log_outlines"]) - 1 == pytest.approx(1, abs=1e-3)
    assert found["straight_1_30"] == pytest.approx(1, abs=0.02)
    assert found["log_specks"] == 0

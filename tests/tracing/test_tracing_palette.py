import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.images import reduce
from vtrain.tracing.palette import find_palette, find_palettes, flat_pixels, snap
from vtrain.tracing.parameters import PRESETS, Settings
from vtrain.tracing.preparation import Preparation


def colours_of(rgba: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    return {tuple(row) for row in rgba[rgba[..., 3] > 0][:, :3].tolist()}


def test_anti_aliasing_gets_no_vote(two_colours: NDArray[np.uint8]) -> None:
    assert len(colours_of(two_colours)) > 2

    palette = find_palette(two_colours, 8)

    assert {tuple(row) for row in palette.tolist()} == {(255, 255, 255), (20, 40, 200)}


def test_a_stroke_too_thin_to_be_flat_keeps_its_colour() -> None:
    rgba = np.full((64, 64, 4), 255, np.uint8)
    rgba[:, 30:32, :3] = (200, 0, 0)

    assert (200, 0, 0) in {tuple(row) for row in find_palette(rgba, 8).tolist()}


def test_a_ramp_becomes_bands() -> None:
    rgba = np.full((32, 256, 4), 255, np.uint8)
    rgba[..., 0] = np.arange(256)
    rgba[..., 1:3] = 40

    palette = find_palette(rgba, 8)
    snapped = snap(rgba, palette, flat=None, scale=1)

    assert len(palette) == 8
    assert np.abs(snapped[..., 0].astype(int) - rgba[..., 0]).max() <= 32


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1, 4, 16]))
def test_snapping_uses_only_the_palette_and_keeps_alpha(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    rgba = generator.integers(0, 256, (12, 9, 4)).astype(np.uint8)
    rgba[..., 3] = generator.choice([0, 255], (12, 9))

    palette = find_palette(rgba, count)
    for flat in (None, flat_pixels(rgba)):
        snapped = snap(rgba, palette, flat=flat, scale=1)

        assert len(palette) <= count
        assert colours_of(snapped) <= {tuple(row) for row in palette.tolist()}
        assert (snapped[..., 3] == rgba[..., 3]).all()


def test_edge_snapping_leaves_no_third_colour_between_two_regions() -> None:
    # Anti-aliasing between black and white looks like the grey of a patch far away.
    rgba = np.full((64, 64, 4), 255, np.uint8)
    rgba[:, 32:, :3] = 0
    rgba[:, 31, :3] = 140
    rgba[:10, :10, :3] = 128
    palette = find_palette(rgba, 4)

    plain = snap(rgba, palette, flat=None, scale=1)
    edged = snap(rgba, palette, flat=flat_pixels(rgba), scale=1)

    assert plain[40, 31, 0] == 128
    assert edged[40, 31, 0] in {0, 255}
    assert edged[5, 5, 0] == 128


def test_prepared_alpha_is_all_or_nothing(ring: NDArray[np.uint8]) -> None:
    prepared = Preparation(ring).apply(PRESETS["recipe"])

    assert set(np.unique(prepared.rgba[..., 3]).tolist()) == {0, 255}
    assert prepared.keyed
    assert not prepared.rgba[prepared.rgba[..., 3] == 0].any()


def test_the_file_as_it_is_is_not_touched(ring: NDArray[np.uint8]) -> None:
    prepared = Preparation(ring).apply(PRESETS["default"])

    assert (prepared.rgba == ring).all()
    assert not prepared.keyed


def test_several_palettes_at_once_are_those_found_one_by_one() -> None:
    rgba = np.random.default_rng(3).integers(0, 256, (40, 30, 4)).astype(np.uint8)
    rgba[8:30, 4:20] = (10, 90, 160, 255)

    together = find_palettes(rgba, (2, 8, 32))

    assert list(together) == [2, 8, 32]
    for count, palette in together.items():
        assert np.array_equal(palette, find_palette(rgba, count))


def test_a_preparation_finds_its_palettes_on_the_reduced_picture() -> None:
    large = np.random.default_rng(4).integers(0, 256, (90, 150, 4)).astype(np.uint8)
    large[20:70, 30:90] = (200, 40, 10, 255)
    wanted = PRESETS["recipe"]
    given_palettes = find_palettes(reduce(large, 64), (wanted.colours,))

    alone = Preparation(large, 64).apply(wanted)
    helped = Preparation(large, 64, palettes=given_palettes).apply(wanted)

    assert np.array_equal(alone.rgba, helped.rgba)


def test_translucent_areas_have_their_own_colour() -> None:
    # A logo drawn at four fifths, with a little of another colour that is opaque.
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[8:56, 8:30] = (90, 20, 160, 204)
    rgba[8:56, 30:52] = (20, 160, 90, 150)
    rgba[20:26, 56:62] = (250, 200, 0, 255)

    palette = find_palette(rgba, 8)
    drawn = Preparation(rgba).apply(PRESETS["recipe"])

    expected = {(90, 20, 160), (20, 160, 90), (250, 200, 0)}
    assert {tuple(row) for row in palette.tolist()} == expected
    assert colours_of(drawn.rgba) == expected


def test_a_shadow_too_faint_to_be_drawn_gets_no_vote() -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[4:60, 4:60] = (0, 0, 0, 90)
    rgba[8:40, 8:40] = (200, 30, 60, 255)

    assert {tuple(row) for row in find_palette(rgba, 8).tolist()} == {(200, 30, 60)}
    assert not flat_pixels(rgba)[50, 50]
    assert flat_pixels(rgba, least_alpha=64)[50, 50]


@pytest.mark.parametrize(("alpha", "width"), [(140, 1), (204, 2)])
def test_a_thin_stroke_on_clear_ground_keeps_its_colour(alpha: int, width: int) -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[4:40, 4:40] = (20, 40, 200, 255)
    rgba[50 : 50 + width, 4:60] = (200, 0, 0, alpha)

    assert {tuple(row) for row in find_palette(rgba, 8).tolist()} == {(20, 40, 200), (200, 0, 0)}


def test_what_is_faint_everywhere_has_its_colour() -> None:
    # Reduced, thin strokes are nowhere half opaque; enlarged, they are.
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[20, 4:60] = (200, 0, 0, 65)

    assert find_palette(rgba, 8).tolist() == [[200, 0, 0]]


def test_an_image_that_is_faint_everywhere_is_drawn() -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[4:60, 4:30] = (200, 0, 0, 100)
    rgba[4:60, 30:60] = (0, 0, 200, 80)
    rgba[0:2] = (0, 200, 0, 30)

    prepared = Preparation(rgba).apply(PRESETS["recipe"]).rgba

    assert colours_of(prepared) == {(200, 0, 0), (0, 0, 200)}
    assert prepared[64, 64, 3] == 255
    assert not prepared[1, 64, 3]


def test_a_clear_image_has_a_palette() -> None:
    assert find_palette(np.zeros((8, 8, 4), np.uint8), 8).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(("width", "height"), [(1000, 1), (1, 1000), (1000, 2), (3, 700)])
def test_a_line_of_pixels_is_prepared_at_the_size_of_others(width: int, height: int) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (height, width, 4)).astype(np.uint8)
    rgba[..., 3] = 255

    prepared = Preparation(rgba, 256).apply(
        Settings(alpha="cut", upscale=3, colours=8, edge_snap=True)
    )

    assert max(prepared.rgba.shape[:2]) == 768
    assert len(colours_of(prepared.rgba)) <= 8

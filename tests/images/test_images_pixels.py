"""Resizing and compositing respect alpha."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vtrain.images import decode, encode_png, has_transparency, over, reduce, resize

rgba_images = arrays.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(4)))


@pytest.mark.parametrize("kind", ["area", "lanczos"])
def test_colour_under_full_transparency_does_not_bleed(kind: Literal["area", "lanczos"]) -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., :3] = (0, 255, 0)  # a green that nobody sees
    rgba[16:48, 16:48] = (255, 0, 0, 255)

    small = resize(rgba, 24, 24, kind=kind)

    seen = small[small[..., 3] > 8]
    assert len(seen) > 100
    assert seen[:, 1].max() <= 3


def test_area_averaging_gives_half_alpha_on_a_half_covered_pixel() -> None:
    rgba = np.zeros((2, 4, 4), np.uint8)
    rgba[:, 1:] = (200, 100, 50, 255)

    assert reduce(rgba, 2).tolist() == [[[200, 100, 50, 128], [200, 100, 50, 255]]]


@given(rgba_images, st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_reduce_keeps_the_aspect_and_never_enlarges(rgba: np.ndarray, side: int) -> None:
    height, width = rgba.shape[:2]

    small = reduce(rgba, side)

    assert max(small.shape[:2]) == min(side, max(height, width))
    assert abs(small.shape[0] * width - small.shape[1] * height) <= max(height, width)
    assert small is not rgba


@given(rgba_images)
@settings(max_examples=60, deadline=None)
def test_png_is_lossless(rgba: np.ndarray) -> None:
    assert np.array_equal(decode(encode_png(rgba), name="it").rgba, rgba)


@given(rgba_images, st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=60, deadline=None)
def test_over_stays_between_the_picture_and_the_backdrop(
    rgba: np.ndarray, backdrop: tuple[int, int, int]
) -> None:
    laid = over(rgba, backdrop)

    colour = rgba[..., :3]
    assert (laid >= np.minimum(colour, np.array(backdrop, np.uint8))).all()
    assert (laid <= np.maximum(colour, np.array(backdrop, np.uint8))).all()
    opaque = rgba[..., 3] == 255
    assert np.array_equal(laid[opaque], colour[opaque])
    assert (laid[rgba[..., 3] == 0] == backdrop).all()


def test_transparency_is_seen() -> None:
    rgba = np.full((4, 4, 4), 255, np.uint8)

    assert not has_transparency(rgba)
    rgba[2, 2, 3] = 254
    assert has_transparency(rgba)

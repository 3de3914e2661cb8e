"""The colour term: per pixel of the reference's box, clipped, whatever lies outside included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.scoring.colour import border_colour, content_box
from vtrain.scoring.colour_kernels import colour_differences
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score

Rgba = NDArray[np.uint8]
levels = st.integers(0, 255)


def block(ink: tuple[int, int, int], *, opaque: bool = True) -> Rgba:
    """A block of 40x40 in the middle of 100x100."""
    picture = np.full((100, 100, 4), 255 if opaque else 0, np.uint8)
    picture[30:70, 30:70] = (*ink, 255)
    return picture


@pytest.mark.parametrize("opaque", [False, True])
def test_an_unlike_colour_counts_up_to_the_limit(opaque: bool) -> None:  # noqa: FBT001 a parameter
    reference = Reference.of(block((220, 20, 20), opaque=opaque))

    found = score(reference, block((20, 20, 220), opaque=opaque))

    assert found.colour_error == pytest.approx(25)


def test_paint_outside_is_charged_by_the_reference_box() -> None:
    reference = Reference.of(block((0, 0, 0)))
    painted = block((0, 0, 0))
    painted[2:12, 2:12, :3] = 0

    # 100 pixels that are as wrong as can be, over a box of 1600.
    assert score(reference, painted).colour_error == pytest.approx(25 * 100 / 1600)


def test_far_too_much_paint_stays_at_the_limit() -> None:
    reference = Reference.of(block((0, 0, 0)))

    assert score(reference, np.full((100, 100, 4), (0, 0, 0, 255), np.uint8)).colour_error == 25


@given(st.tuples(levels, levels, levels), st.tuples(levels, levels, levels))
def test_the_error_keeps_within_its_range(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    found = score(Reference.of(block(one)), block(other))

    assert 0 <= found.colour_error <= 25
    assert (found.colour_error == 0) == (one == other)


def test_the_difference_is_the_clipped_distance() -> None:
    black = np.zeros((2, 1, 3), np.float32)
    others = np.array([[(3, 4, 12), (60, -60, 60)], [(0, 0, 0), (2, 0, 0)]], np.float32)
    pixels = np.zeros((2, 3), np.int32), np.array([(0, 1, 1), (0, 0, 1)], np.int32)

    found = colour_differences(*pixels, black, others, np.float32(25))

    assert found == pytest.approx([3 * 13 + 3 * 25, 3 * 2])


def test_the_border_colour_is_the_usual_one() -> None:
    picture = block((9, 9, 9))
    picture[0, :20, :3] = 0

    assert border_colour(picture) == (255, 255, 255)


def test_the_box_stops_at_the_picture_and_an_empty_one_is_all_of_it() -> None:
    mask = np.zeros((10, 20), np.bool_)

    assert content_box(mask, margin=3) == (slice(0, 10), slice(0, 20))
    mask[8, 1] = True
    assert content_box(mask, margin=3) == (slice(5, 10), slice(0, 5))

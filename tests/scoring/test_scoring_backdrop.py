"""A transparent logo is judged where its trace looks worse, an opaque one as it is."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.scoring.appearance import WORST
from vtrain.scoring.colour import WHITE
from vtrain.scoring.reference import DARK, Reference
from vtrain.scoring.score import _worst, score, score_fully

Rgba = NDArray[np.uint8]


def two_tone(ink: int, part: int) -> Rgba:
    """A block of one grey on nothing, with a block of another beside it."""
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[32:96, 24:64] = (ink, ink, ink, 255)
    picture[32:96, 64:104] = (part, part, part, 255)
    return picture


def without_part(picture: Rgba) -> Rgba:
    lost = picture.copy()
    lost[:, 64:] = 0
    return lost


@pytest.mark.parametrize(
    ("ink", "part", "expected"), [(0, 255, DARK), (255, 0, WHITE), (255, 32, WHITE)]
)
def test_a_lost_part_is_judged_where_it_shows(
    ink: int, part: int, expected: tuple[int, int, int]
) -> None:
    whole = two_tone(ink, part)

    found, backdrop = _worst(Reference.of(whole), without_part(whole), None)

    assert backdrop.colour == expected
    assert found.recall < 0.7
    assert found == score(Reference.of(whole), without_part(whole))


def test_classical_metrics_are_taken_on_the_backdrop_that_counts() -> None:
    whole = two_tone(0, 255)

    full = score_fully(Reference.of(whole), without_part(whole))

    # White against the dark backdrop over half of what is drawn; on white there is no error.
    assert full.mse == pytest.approx((255 - DARK[0]) ** 2 / 2)


def test_an_opaque_reference_is_judged_on_white_alone() -> None:
    picture = np.full((64, 64, 4), 255, np.uint8)
    picture[20:40, 20:40, :3] = 0
    reference = Reference.of(picture)
    clear = picture.copy()
    clear[(picture[..., :3] == 255).all(axis=2)] = 0

    assert [item.colour for item in reference.backdrops] == [WHITE]
    assert score(reference, clear) == score(reference, picture)


BLANKS = {
    "clear": np.zeros((48, 48, 4), np.uint8),
    "white": np.full((48, 48, 4), 255, np.uint8),
    "black": np.full((48, 48, 4), (0, 0, 0, 255), np.uint8),
    "drawn": np.pad(np.full((16, 16, 4), (200, 0, 0, 255), np.uint8), ((16, 16), (16, 16), (0, 0))),
}


@pytest.mark.parametrize("one", BLANKS)
@pytest.mark.parametrize("other", BLANKS)
def test_blank_references_and_renders_give_finite_scores(one: str, other: str) -> None:
    full = score_fully(Reference.of(BLANKS[one]), BLANKS[other])

    assert all(math.isfinite(value) for value in astuple(full))
    assert 0 <= full.precision <= 1
    assert 0 <= full.recall <= 1
    assert full.appearance >= WORST


def test_drawing_on_a_blank_reference_loses_all_precision() -> None:
    found = score(Reference.of(BLANKS["clear"]), BLANKS["drawn"])

    assert found.precision == pytest.approx(0, abs=1e-6)
    assert found.recall == 1

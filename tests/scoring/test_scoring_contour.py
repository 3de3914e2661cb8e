"""Which of the two contour terms each kind of damage lowers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.scoring.colour import WHITE, lab_on
from vtrain.scoring.contour import Canvas, Contours, canvas_of
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import Scores, score

Rgba = NDArray[np.uint8]
SIDE = 192


@pytest.fixture(scope="module")
def square() -> Rgba:
    """A dark square on white, its sides along the axes."""
    picture = np.full((SIDE, SIDE, 4), 255, np.uint8)
    picture[48:144, 48:144, :3] = (20, 40, 90)
    return picture


def laid(picture: Rgba) -> Canvas:
    canvas = canvas_of(*picture.shape[:2])
    canvas.lay(lab_on(canvas.load(picture), WHITE))
    return canvas


def edges_of(picture: Rgba) -> Contours:
    return laid(picture).contours()


def against(reference: Rgba, picture: Rgba) -> Scores:
    return score(Reference.of(reference), picture)


def rotated(picture: Rgba, degrees: float) -> Rgba:
    matrix = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), degrees, 1.0)
    turned = cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=(255, 255, 255, 255)
    )
    return np.asarray(turned, np.uint8)


def slanted(*, steps: int) -> Rgba:
    """A dark half plane with a slanted edge, smooth or in steps of so many pixels."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    if steps:
        y, x = y // steps * steps, x // steps * steps
    inside = np.clip(x - 0.6 * y - 30, 0, 1)
    inside[:12] = inside[-12:] = 0
    inside[:, -12:] = 0
    picture = np.full((SIDE, SIDE, 4), 255, np.uint8)
    picture[..., :3] = np.rint(255 - inside[..., None] * 220).astype(np.uint8)
    return picture


def test_agreement_is_no_more_than_all_the_edges(square: Rgba) -> None:
    edges = edges_of(square)

    assert 0 < edges.own_precision <= 1
    assert laid(square).recall(edges) == pytest.approx(edges.own_recall * edges.total)


def test_edges_at_right_angles_do_not_agree() -> None:
    across, down = np.full((64, 64, 4), 255, np.uint8), np.full((64, 64, 4), 255, np.uint8)
    across[:, 32:, :3] = 0
    down[32:, :, :3] = 0
    upright = edges_of(across)

    assert laid(down).recall(upright) < 0.25 * upright.own_recall * upright.total


def test_a_flat_picture_has_no_edges() -> None:
    assert edges_of(np.full((32, 32, 4), 90, np.uint8)).total == 0


@pytest.mark.parametrize("steps", [3, 6])
def test_a_staircase_loses_precision(steps: int) -> None:
    smooth = slanted(steps=0)

    assert against(smooth, slanted(steps=steps)).precision < 0.92
    assert against(smooth, smooth).precision == 1


def test_larger_steps_lose_more_precision() -> None:
    smooth = slanted(steps=0)
    found = [against(smooth, slanted(steps=steps)).precision for steps in (2, 4, 8)]

    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0] - 0.05


def test_a_turned_picture_loses_precision_and_recall(square: Rgba) -> None:
    found = [against(square, rotated(square, degrees)) for degrees in (0, 10, 30)]

    for term in ("precision", "recall"):
        values = [getattr(scores, term) for scores in found]
        assert values[0] == 1
        assert values[0] > values[1] > values[2]
    assert max(found[2].precision, found[2].recall) < 0.7


def test_a_shifted_picture_loses_both_alike(square: Rgba) -> None:
    found = against(square, np.roll(square, 12, axis=(0, 1)))

    assert max(found.precision, found.recall) < 0.5
    assert found.precision == pytest.approx(found.recall, abs=0.02)


def test_a_strong_blur_loses_recall(square: Rgba) -> None:
    blurred = np.asarray(cv2.GaussianBlur(square, (0, 0), 8), np.uint8)

    assert against(square, blurred).recall < 0.9


def test_an_added_figure_loses_precision_only(square: Rgba) -> None:
    crowded = square.copy()
    crowded[80:112, 80:112, :3] = 255

    found = against(square, crowded)

    assert found.recall == pytest.approx(1, abs=0.01)
    assert found.precision < 0.85


def test_damage_swaps_the_terms_when_the_pictures_are_swapped(square: Rgba) -> None:
    crowded = square.copy()
    crowded[80:112, 80:112, :3] = 255

    found = against(crowded, square)

    assert found.precision == pytest.approx(1, abs=0.01)
    assert found.recall < 0.85

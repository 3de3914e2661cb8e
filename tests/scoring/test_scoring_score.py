"""What a trace loses when it is jagged, blurred, shifted, recoloured, incomplete or cluttered."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.scoring.appearance import WORST, Appearance, Terms
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score, score_fully

Rgba = NDArray[np.uint8]
BEST = Appearance.load().value(Terms(0.0, 1.0, 1.0, 0.0, 0.0))


def drawing(
    *, ink: tuple[int, int, int] = (200, 30, 40), opaque: bool = False, side: int = 256
) -> Rgba:
    """A ring and a bar with smooth edges, transparent or on white."""
    alpha = np.zeros((4 * side, 4 * side), np.uint8)
    cv2.circle(alpha, (2 * side, 2 * side), 5 * side // 4, 255, side // 3)
    cv2.rectangle(alpha, (2 * side - side // 8, side), (2 * side + side // 8, 3 * side), 255, -1)
    alpha = np.asarray(cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    rgba = np.empty((side, side, 4), np.uint8)
    rgba[..., :3] = ink
    rgba[..., 3] = alpha
    return on_white(rgba) if opaque else rgba


def on_white(rgba: Rgba) -> Rgba:
    share = rgba[..., 3:] / 255.0
    flat = np.full_like(rgba, 255)
    flat[..., :3] = np.rint(rgba[..., :3] * share + 255 * (1 - share))
    return flat


def jagged(rgba: Rgba) -> Rgba:
    """Every block of pixels takes the colour of one: a staircase."""
    small = rgba[2::4, 2::4]
    return np.ascontiguousarray(small.repeat(4, axis=0).repeat(4, axis=1))


@pytest.mark.parametrize("opaque", [False, True])
def test_a_picture_scores_best_against_itself(opaque: bool) -> None:  # noqa: FBT001 a parameter
    picture = drawing(opaque=opaque)

    scores = score(Reference.of(picture), picture)

    assert (scores.precision, scores.recall, scores.colour_error) == (1.0, 1.0, 0.0)
    assert scores.appearance == BEST


def test_jagged_edges_lose_precision() -> None:
    picture = drawing(opaque=True)

    scores = score(Reference.of(picture), jagged(picture))

    assert scores.precision < 0.9
    assert scores.appearance < BEST - 2


def test_slivers_beside_edges_lose_precision() -> None:
    picture = drawing(opaque=True)
    cluttered = picture.copy()
    for x in range(20, 236, 12):
        cv2.line(cluttered, (x, 30), (x + 5, 60), (90, 90, 90, 255), 1)

    scores = score(Reference.of(picture), cluttered)

    assert scores.precision < 0.85
    assert scores.recall > scores.precision + 0.05


def test_a_missing_part_loses_recall_not_precision() -> None:
    picture = drawing(opaque=True)
    partial = picture.copy()
    partial[:, :128] = 255

    scores = score(Reference.of(picture), partial)

    assert scores.recall < 0.7
    assert scores.precision > scores.recall + 0.2


def test_another_colour_costs_colour_and_keeps_the_contour() -> None:
    reference = Reference.of(drawing(opaque=True))

    near = score(reference, drawing(ink=(200, 60, 60), opaque=True))
    far = score(reference, drawing(ink=(40, 60, 200), opaque=True))

    assert 0 < near.colour_error < far.colour_error
    assert near.precision > 0.97
    assert near.recall > 0.97
    assert BEST > near.appearance > far.appearance


def test_further_shifts_and_stronger_blurs_score_lower() -> None:
    picture = drawing(opaque=True)
    reference = Reference.of(picture)

    shifted = [score(reference, np.roll(picture, by, axis=1)).appearance for by in (0, 2, 5, 12)]
    blurred = [
        score(reference, np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)).appearance
        for sigma in (0.3, 2.0, 6.0)
    ]

    assert shifted == sorted(shifted, reverse=True)
    assert blurred == sorted(blurred, reverse=True)


def test_paint_beyond_the_drawing_is_charged() -> None:
    for opaque in (False, True):
        picture = drawing(opaque=opaque)
        picture[:40] = 255 if opaque else 0
        picture[216:] = 255 if opaque else 0
        spotted = picture.copy()
        spotted[2:12, 2:12] = (0, 0, 0, 255)
        reference = Reference.of(picture)

        scores = score(reference, spotted)

        assert reference.view[0].start > 12
        assert scores.precision < 1
        assert scores.colour_error > 0


def test_a_page_drawn_almost_white_costs_next_to_nothing() -> None:
    picture = drawing(opaque=True)
    tinted = picture.copy()
    tinted[(tinted[..., :3] == 255).all(axis=2)] = (253, 253, 253, 255)

    assert score(Reference.of(picture), tinted).appearance > BEST - 1


def test_a_black_logo_that_lost_its_white_part_is_judged_on_the_dark_backdrop() -> None:
    whole = drawing(ink=(0, 0, 0))
    whole[100:156, 60:196] = (255, 255, 255, 255)
    without = whole.copy()
    without[(without[..., :3] == 255).all(axis=2)] = 0

    lost = score(Reference.of(whole), without)
    opaque = score(Reference.of(on_white(whole)), on_white(without))

    assert opaque.appearance == BEST  # on white alone nobody could tell
    assert lost.appearance < BEST - 5
    assert lost.recall < 0.9


def test_a_white_logo_drawn_black_is_caught_on_either_backdrop() -> None:
    white, black = drawing(ink=(255, 255, 255)), drawing(ink=(0, 0, 0))

    assert score(Reference.of(white), black).appearance < BEST - 8
    assert score(Reference.of(black), white).appearance < BEST - 8


def test_white_drawn_as_almost_white_is_a_small_fault_on_white() -> None:
    # The white reference has no edges on white, so any edge is a wrong one: without an allowance
    # an outline that nobody sees would count as badly as one that everybody sees.
    reference = Reference.of(drawing(ink=(255, 255, 255)))

    unseen = score(reference, drawing(ink=(253, 253, 253)))
    seen = score(reference, drawing(ink=(160, 160, 160)))

    assert unseen.precision > 0.9
    assert unseen.appearance > seen.appearance + 5


def test_only_a_transparent_reference_has_two_backdrops() -> None:
    clear, flat = Reference.of(drawing()), Reference.of(drawing(opaque=True))

    assert [len(item.backdrops) for item in (clear, flat)] == [2, 1]
    assert (clear.transparent, flat.transparent) == (True, False)
    assert clear.nbytes > flat.nbytes > 256 * 256 * 4


def test_nothing_drawn_is_as_bad_as_it_gets_by_contour() -> None:
    nothing = np.zeros((256, 256, 4), np.uint8)

    scores = score(Reference.of(drawing(ink=(0, 0, 0))), nothing)

    assert scores.recall < 0.1
    assert WORST <= scores.appearance < BEST - 8


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (5, 3), (64, 64)])
@pytest.mark.parametrize("level", [0, 255])
def test_degenerate_pictures_score_within_bounds(shape: tuple[int, int], level: int) -> None:
    pictures = [np.full((*shape, 4), level, np.uint8), np.full((*shape, 4), 128, np.uint8)]
    pictures.append(np.full((*shape, 4), (255, 0, 0, 255), np.uint8))

    for picture in pictures:
        reference = Reference.of(picture)
        assert score(reference, picture).appearance == BEST
        for other in pictures:
            full = score_fully(reference, other)
            assert WORST <= full.appearance <= BEST
            assert np.isfinite([full.ssim, full.ms_ssim, full.mse, full.psnr]).all()


def test_another_size_or_type_is_refused() -> None:
    reference = Reference.of(drawing())

    with pytest.raises(ValueError, match="against"):
        score(reference, np.zeros((255, 256, 4), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        score(reference, np.zeros((256, 256, 4), np.float32))
    with pytest.raises(ValueError, match="a picture is"):
        Reference.of(np.zeros((256, 256, 3), np.uint8))

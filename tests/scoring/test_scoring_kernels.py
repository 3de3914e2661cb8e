"""The compiled loops give what the definition gives, for pictures of every shape and content."""

from __future__ import annotations

from dataclasses import asdict, astuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.scoring.plain import Sums, sums
from vtrain.scoring.colour import CLIP, WHITE, Colour, lab_on
from vtrain.scoring.colour_kernels import colour_differences
from vtrain.scoring.contour import canvas_of
from vtrain.scoring.reference import DARK

Rgba = NDArray[np.uint8]
SHAPES = [(1, 1), (1, 40), (40, 1), (2, 3), (5, 64), (7, 7), (16, 9), (33, 130), (128, 128)]


def compiled_sums(reference: Rgba, picture: Rgba, backdrop: Colour) -> Sums:
    height, width = reference.shape[:2]
    canvas = canvas_of(height, width)
    colours = canvas.load(reference)
    other_lab = lab_on(colours, backdrop)
    canvas.lay(other_lab)
    kept, others = canvas.contours(), canvas.indices.copy()
    canvas = canvas_of(height, width)
    lab = lab_on(canvas.load(picture), backdrop)
    canvas.lay(lab)
    edges = canvas.edges(kept)
    (wrong,) = colour_differences(
        canvas.indices, others, lab[None], other_lab[None], np.float32(CLIP)
    )
    return Sums(found=canvas.recall(kept), wrong=float(wrong), **asdict(edges))


def drawn(shape: tuple[int, int], seed: int, *, grey: bool = False) -> Rgba:
    """Filled figures with soft edges, up to the border, some see-through."""
    random = np.random.default_rng(seed)
    height, width = shape
    picture = np.zeros((height, width, 4), np.uint8)
    for _ in range(6):
        centre = int(random.integers(-9, width + 9)), int(random.integers(-9, height + 9))
        axes = int(random.integers(1, 30)), int(random.integers(1, 30))
        level = random.integers(0, 256, 4)
        colour = [int(level[0])] * 4 if grey else [int(value) for value in level]
        cv2.ellipse(picture, centre, axes, 30, 0, 360, colour, -1, cv2.LINE_AA)
    return picture


def close(one: Sums, other: Sums) -> None:
    scale = max(other.total, 1.0)
    assert one.total == pytest.approx(other.total, rel=1e-5, abs=1e-4)
    assert one.same == pytest.approx(other.same, abs=1e-5 * scale)
    assert one.visible == pytest.approx(other.visible, rel=1e-5, abs=1e-3)
    assert one.true == pytest.approx(other.true, abs=1e-4 * scale)
    assert one.stray == pytest.approx(other.stray, abs=1e-4 * scale)
    assert one.found == pytest.approx(other.found, abs=1e-5 * scale)
    assert one.wrong == pytest.approx(other.wrong, rel=1e-5, abs=1e-3)


@pytest.mark.parametrize("backdrop", [WHITE, DARK])
@pytest.mark.parametrize("shape", SHAPES)
def test_drawings_of_every_shape(shape: tuple[int, int], backdrop: Colour) -> None:
    for seed in range(4):
        one, other = drawn(shape, seed), drawn(shape, seed + 100)

        close(compiled_sums(one, other, backdrop), sums(one, other, backdrop))
        close(compiled_sums(one, one, backdrop), sums(one, one, backdrop))


def test_noise_and_ramps_of_many_colours() -> None:
    random = np.random.default_rng(3)
    noise = random.integers(0, 256, (90, 110, 4), dtype=np.uint8)
    ramp = np.zeros((90, 110, 4), np.uint8)
    ramp[..., 0] = np.arange(110)
    ramp[..., 1] = np.arange(90)[:, None]
    ramp[..., 3] = 255
    for one, other in ((noise, ramp), (ramp, noise), (ramp, ramp)):
        close(compiled_sums(one, other, WHITE), sums(one, other, WHITE))


def test_a_smaller_picture_after_a_larger_one_is_not_mistaken() -> None:
    """The room is used again, with what the picture before left in it."""
    for shape in ((120, 200), (30, 40), (64, 20), (120, 200)):
        one, other = drawn(shape, 5), drawn(shape, 6, grey=True)

        close(compiled_sums(one, other, DARK), sums(one, other, DARK))


def test_flat_pictures_have_no_edges() -> None:
    flat = np.full((20, 30, 4), 200, np.uint8)

    found = compiled_sums(flat, flat, WHITE)

    assert astuple(found) == (0,) * 7

"""The same picture is recognised in other sizes, colours, margins and files; others are not."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vtrain.config.data import DuplicatesConfig
from vtrain.data.duplicates import Groups, Resemblance
from vtrain.data.likeness import CELLS, Likeness, hashes, layout, likeness
from vtrain.data.samples.write import sample_svg
from vtrain.images import decode, over, reduce, render_svg, resize

Rgba = NDArray[np.uint8]


def hue(rgba: Rgba) -> Rgba:
    hsv = np.asarray(cv2.cvtColor(rgba[..., :3], cv2.COLOR_RGB2HSV))
    hsv[..., 0] = (hsv[..., 0].astype(int) + 70) % 180
    return np.dstack([cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), rgba[..., 3]])


def jpeg(rgba: Rgba) -> Rgba:
    buffer = io.BytesIO()
    Image.fromarray(over(rgba, (255, 255, 255))).save(buffer, "JPEG", quality=60)
    return decode(buffer.getvalue(), name="a").rgba


CHANGES: dict[str, Callable[[Rgba], Rgba]] = {
    "half the size": lambda rgba: reduce(rgba, max(rgba.shape) // 2),
    "odd size": lambda rgba: resize(rgba, rgba.shape[1] * 3 // 5, rgba.shape[0] * 3 // 5),
    "margin": lambda rgba: np.pad(rgba, ((40, 40), (40, 40), (0, 0))),
    "uneven margin": lambda rgba: np.pad(rgba, ((0, 90), (30, 5), (0, 0))),
    "recoloured": hue,
    "jpeg": jpeg,
}


@pytest.fixture(scope="module")
def logos() -> list[Rgba]:
    return [
        render_svg(sample_svg(category, index, 11)[1], 384)
        for category in ("simple", "text", "gradient", "complex")
        for index in range(10)
    ]


def joined(prints: list[Likeness]) -> Groups:
    groups = Groups(len(prints))
    resembling(np.stack([one.print for one in prints]), [one.aspect for one in prints]).join(groups)
    return groups


def resembling(prints: NDArray[np.uint8], aspects: Sequence[float] | None = None) -> Resemblance:
    shapes = np.zeros(len(prints)) if aspects is None else aspects
    return Resemblance(prints, np.asarray(shapes, np.float32), DuplicatesConfig())


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_others_are_not(logos: list[Rgba], change: str) -> None:
    prints = [likeness(logo) for logo in logos]
    copies = [likeness(CHANGES[change](logo)) for logo in logos]

    groups = joined([*prints, *copies])

    found = [groups.find(n) == groups.find(n + len(logos)) for n in range(len(logos))]
    assert np.mean(found) >= 0.95
    assert len({groups.find(n) for n in range(len(logos))}) >= len(logos) - 1


def test_images_without_contours_are_described_too() -> None:
    empty = likeness(np.zeros((5, 9, 4), np.uint8))

    assert empty.print.shape == (CELLS,)
    assert joined([empty, empty, likeness(np.full((30, 30, 4), 255, np.uint8))]).find(1) == 0


@given(st.floats(-9, 9))
def test_every_layout_has_as_many_cells(aspect: float) -> None:
    columns, rows = layout(aspect)

    assert columns * rows == CELLS


def test_hash_has_a_bit_for_each_cell() -> None:
    prints = np.random.default_rng(0).integers(0, 256, (3, CELLS), np.uint8)

    assert hashes(prints).shape == (3, CELLS // 8)
    assert Likeness(prints[0], 0.0).hash == hashes(prints)[0].tobytes().hex()


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=60))
def test_groups_are_what_the_pairs_connect(pairs: list[tuple[int, int]]) -> None:
    groups = Groups(30)
    for one, other in pairs:
        groups.join(one, other)

    expected = [{n} for n in range(30)]
    for one, other in pairs:
        both = expected[one] | expected[other]
        for n in both:
            expected[n] = both
    assert list(groups.roots()) == [min(group) for group in expected]


def test_many_copies_of_one_image_are_one_group() -> None:
    generator = np.random.default_rng(1)
    prints = generator.integers(0, 256, (400, CELLS), np.uint8)
    prints[100:] = prints[7]
    groups = Groups(400)

    pairs = resembling(prints).join(groups)

    assert {groups.find(n) for n in range(100, 400)} == {7}
    assert len(pairs) == 300


def test_one_image_or_none_has_no_pairs() -> None:
    for count in (0, 1):
        prints = np.zeros((count, CELLS), np.uint8)
        assert resembling(prints).join(Groups(count)) == []
        assert resembling(prints).among(range(count)) == []


def test_among_few_every_pair_is_found() -> None:
    prints = np.random.default_rng(3).integers(0, 256, (9, CELLS), np.uint8)
    prints[[4, 7]] = prints[2]

    found = [(pair.first, pair.second) for pair in resembling(prints).among([7, 0, 2, 4, 8])]

    assert sorted(found) == [(2, 4), (2, 7), (4, 7)]


def test_look_alikes_are_kept_apart_by_their_shape() -> None:
    print_ = np.random.default_rng(2).integers(0, 256, CELLS).astype(np.uint8)

    assert joined([Likeness(print_, 0.0), Likeness(print_, 0.1)]).find(1) == 0
    assert joined([Likeness(print_, 0.0), Likeness(print_, 0.5)]).find(1) == 1


def test_a_photo_like_border_is_not_trimmed() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 4)).astype(np.uint8)
    noise[..., 3] = 255

    assert likeness(noise).aspect == pytest.approx(np.log2(1.5))

"""Families keep brands and look-alikes together, and never move what was placed before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.data import SplitConfig
from vtrain.data.duplicates import Pair
from vtrain.data.families import Image, Looks, Memory, Place, place
from vtrain.data.records import Split

NOTHING = Memory({}, {})


def image(number: int, brand: str = "") -> Image:
    return Image(f"{number:016x}", brand or f"brand{number}", "simple")


def pair(first: int, second: int) -> Pair:
    return Pair(first, second, 1.0, 0)


def placed(
    images: list[Image], pairs: list[Pair] | None = None, memory: Memory = NOTHING
) -> list[Place]:
    known = pairs or []

    def among(indices: Sequence[int]) -> list[Pair]:
        return [one for one in known if {one.first, one.second} <= set(indices)]

    return place(images, Looks(known, among), memory, SplitConfig(), 0)[0]


MANY = [image(number) for number in range(100, 160)]


def test_brands_and_look_alikes_are_one_family() -> None:
    images = [image(0, "a"), image(1, "a"), image(2, "b"), image(3, "c"), *MANY]

    places = placed(images, [pair(1, 2)])

    assert places[0].family == places[1].family == places[2].family
    assert places[0].split == places[1].split == places[2].split
    assert places[3].family == "c"
    assert all(one.split for one in places)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_copy_goes_where_its_original_was(split: Split) -> None:
    images = [image(0, "old"), image(1, "copy"), *MANY]

    places = placed(images, [pair(0, 1)], Memory({images[0].id: split}, {"old": split}))

    assert [one.split for one in places[:2]] == [split, split]


def test_a_changed_image_goes_where_its_brand_was() -> None:
    places = placed([image(5, "old"), *MANY], memory=Memory({}, {"old": "test"}))

    assert places[0].split == "test"


def test_what_joins_two_sides_is_left_out_and_nothing_moves() -> None:
    images = [image(0, "a"), image(1, "b"), image(2, "bridge"), image(3, "bridge"), *MANY]
    memory = Memory({images[0].id: "train", images[1].id: "test"}, {"a": "train", "b": "test"})

    places = placed(images, [pair(0, 2), pair(1, 2), pair(1, 3)], memory)

    assert [one.split for one in places[:4]] == ["train", "test", None, "test"]
    assert "a in train" in places[2].detail
    assert "b in test" in places[2].detail


def test_a_look_alike_of_another_brand_with_a_side_is_left_out() -> None:
    images = [image(0, "a"), image(1, "b"), *MANY]
    memory = Memory({images[0].id: "train"}, {"a": "train", "b": "validation"})

    places = placed(images, [pair(0, 1)], memory)

    assert [one.split for one in places[:2]] == ["train", None]
    assert "validation" in places[1].detail


def test_a_chain_of_new_images_is_cut_at_its_far_end() -> None:
    images = [image(0, "a"), image(1, "b"), image(2), image(3), image(4), *MANY]
    memory = Memory({images[0].id: "train", images[1].id: "test"}, {"a": "train", "b": "test"})

    places = placed(images, [pair(0, 2), pair(2, 3), pair(3, 4), pair(1, 4)], memory)

    assert [one.split for one in places[:5]] == ["train", "test", "train", "train", None]


def test_old_images_that_meet_only_now_give_way() -> None:
    """One of them was away while the other was placed on the other side."""
    images = [image(0, "a"), image(1, "b"), *MANY]
    memory = Memory({images[0].id: "train", images[1].id: "test"}, {"a": "train", "b": "test"})

    places = placed(images, [pair(0, 1)], memory)

    assert [one.split for one in places[:2]] == ["train", None]
    assert "a in train" in places[1].detail


def test_an_image_renamed_to_a_brand_of_another_side_is_left_out() -> None:
    images = [image(0, "a"), image(1, "a"), image(2, "c"), *MANY]
    memory = Memory(
        {images[0].id: "train", images[1].id: "validation", images[2].id: "train"},
        {"a": "train", "b": "validation", "c": "train"},
    )

    places = placed(images, [pair(0, 2)], memory)

    assert [one.split for one in places[:3]] == ["train", None, "train"]
    assert "validation" in places[1].detail


@given(st.integers(0, 2**32))
def test_nothing_leaks_and_nothing_moves(seed: int) -> None:
    generator = np.random.default_rng(seed)
    images = [image(n, f"brand{generator.integers(12)}") for n in range(30)]
    pairs = [pair(*sorted(generator.choice(30, 2, replace=False).tolist())) for _ in range(8)]
    splits: tuple[Split, ...] = ("train", "validation", "test")
    memory = Memory(
        {one.id: splits[generator.integers(3)] for one in images[:15]},
        {f"brand{n}": splits[generator.integers(3)] for n in range(6)},
    )

    places = placed([*images, *MANY], pairs, memory)

    sides: dict[str, set[Split]] = {}
    for one, where in zip(images, places, strict=False):
        if where.split is not None:
            sides.setdefault(one.brand, set()).add(where.split)
            assert memory.images.get(one.id, where.split) == where.split
            assert memory.brands.get(one.brand, where.split) == where.split
    assert all(len(found) == 1 for found in sides.values())
    for link in pairs:
        ends = {places[link.first].split, places[link.second].split} - {None}
        assert len(ends) <= 1


def test_what_is_left_of_a_parted_family_stays_together() -> None:
    images = [image(0, "a"), image(1, "b"), image(2, "bridge"), image(3), image(4), *MANY]
    memory = Memory({images[0].id: "train", images[1].id: "test"}, {"a": "train", "b": "test"})

    places = placed(images, [pair(0, 2), pair(1, 2), pair(2, 3), pair(3, 4)], memory)

    assert places[2].split is None
    assert places[3].family == places[4].family
    assert places[3].split == places[4].split


def test_pairs_that_the_joining_passed_over_count_when_a_family_is_parted() -> None:
    """The joining knows a chain a-1-2-b; image 1 looks like b as well."""
    images = [image(0, "a"), image(1), image(2), image(3, "b"), *MANY]
    memory = Memory({images[0].id: "train", images[3].id: "test"}, {"a": "train", "b": "test"})
    chain = [pair(0, 1), pair(1, 2), pair(2, 3)]
    looks = Looks(chain, lambda _: [*chain, pair(1, 3)])

    places, pairs = place(images, looks, memory, SplitConfig(), 0)

    assert [one.split for one in places[:4]] == ["train", None, "test", "test"]
    assert pair(1, 3) in pairs

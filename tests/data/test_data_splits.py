"""Splits are stable, seeded, in the wanted shares, and never leak a brand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.data import SplitConfig
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.records import Entry
from vtrain.data.splits import Family, assign, check_no_leak
from vtrain.errors import DataError

ENTRY = Entry(
    id="0" * 16,
    name="a.png",
    category="simple",
    brand="acme",
    split="train",
    width=9,
    height=8,
    transparent=True,
    reference_scale=1.7,
)
MANY = [f"brand{number}" for number in range(2000)]


def new(names: Iterable[str], category: Category = "simple") -> list[Family]:
    return [Family(name, category) for name in names]


@given(st.sets(st.text(), min_size=6, max_size=60), st.integers(0, 50))
def test_adding_families_never_moves_old_ones(names: set[str], seed: int) -> None:
    before = assign(new(names), SplitConfig(), seed)
    old = [replace(family, split=before[family.name]) for family in new(names)]

    after = assign([*old, *new(MANY)], SplitConfig(), seed)

    assert {name: after[name] for name in names} == before


def test_other_runs_over_more_logos_mostly_agree() -> None:
    before = assign(new(MANY[:1000]), SplitConfig(), 0)
    after = assign(new(MANY), SplitConfig(), 0)

    assert sum(after[name] != before[name] for name in before) <= 20


@given(
    st.lists(st.tuples(st.sampled_from(CATEGORIES), st.integers(1, 4)), min_size=40, max_size=200),
    st.integers(0, 20),
)
def test_each_category_has_its_shares(kinds: list[tuple[Category, int]], seed: int) -> None:
    config = SplitConfig(train=0.6, validation=0.25, test=0.15)
    families = [Family(f"f{n}", category, size) for n, (category, size) in enumerate(kinds)]

    splits = assign(families, config, seed)

    for category in CATEGORIES:
        mine = [family for family in families if family.category == category]
        total = sum(family.images for family in mine)
        for name, share in (("train", 0.6), ("validation", 0.25), ("test", 0.15)):
            got = sum(family.images for family in mine if splits[family.name] == name)
            # A family of four cannot be cut.
            assert abs(got - share * total) <= max(5, 0.02 * total)


def test_shares_are_those_of_the_config() -> None:
    splits = list(assign(new(MANY), SplitConfig(train=0.5, validation=0.3, test=0.2), 0).values())

    shares = [splits.count(name) / len(MANY) for name in ("train", "validation", "test")]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_another_seed_gives_another_split() -> None:
    assert assign(new(MANY), SplitConfig(), 0) != assign(new(MANY), SplitConfig(), 1)
    assert assign(new(MANY), SplitConfig(), 1) == assign(new(reversed(MANY)), SplitConfig(), 1)


@given(st.sets(st.text(), min_size=3, max_size=8), st.integers(0, 20))
def test_a_small_corpus_still_fills_every_split(brands: set[str], seed: int) -> None:
    assert set(assign(new(brands), SplitConfig(), seed).values()) == {"train", "validation", "test"}


def test_a_split_without_a_share_stays_empty() -> None:
    splits = assign(new(MANY), SplitConfig(train=0.8, validation=0.2, test=0.0), 0)

    assert set(splits.values()) == {"train", "validation"}


def test_too_few_brands_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"data\.split\.test=0"):
        assign(new(["a", "b"]), SplitConfig(), 0)


def test_leaks_are_found_by_brand_and_by_picture() -> None:
    other = replace(ENTRY, id="1" * 16, brand="other", split="test")
    check_no_leak([ENTRY, other])

    with pytest.raises(DataError, match="brand 'acme'"):
        check_no_leak([ENTRY, replace(other, brand="acme")])
    with pytest.raises(DataError, match=r"a\.png looks like b\.png"):
        check_no_leak([ENTRY, replace(other, name="b.png")], [(ENTRY.id, other.id)])
    with pytest.raises(DataError, match="family 'f'"):
        check_no_leak([replace(ENTRY, family="f"), replace(other, family="f")])
    with pytest.raises(DataError, match="picture 0000"):
        check_no_leak([ENTRY, replace(other, id=ENTRY.id)])

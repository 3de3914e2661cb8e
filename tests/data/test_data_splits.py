"""Splits are stable, seeded, in the wanted shares, and never leak a brand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.schema import SplitConfig
from vtrain.data.catalog import Entry
from vtrain.data.splits import assign, check_no_leak
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


@given(st.sets(st.text(), min_size=60, max_size=200), st.integers(0, 50))
def test_adding_brands_never_moves_old_ones(brands: set[str], seed: int) -> None:
    before = assign(brands, SplitConfig(), seed)
    after = assign([*brands, *MANY], SplitConfig(), seed)

    if (
        len(set(before.values())) == 3
        and min(map(list(before.values()).count, before.values())) > 1
    ):
        assert {brand: after[brand] for brand in brands} == before


def test_shares_are_those_of_the_config() -> None:
    splits = list(assign(MANY, SplitConfig(train=0.5, validation=0.3, test=0.2), 0).values())

    shares = [splits.count(name) / len(MANY) for name in ("train", "validation", "test")]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_another_seed_gives_another_split() -> None:
    assert assign(MANY, SplitConfig(), 0) != assign(MANY, SplitConfig(), 1)
    assert assign(MANY, SplitConfig(), 1) == assign(reversed(MANY), SplitConfig(), 1)


@given(st.sets(st.text(), min_size=3, max_size=8), st.integers(0, 20))
def test_a_small_corpus_still_fills_every_split(brands: set[str], seed: int) -> None:
    assert set(assign(brands, SplitConfig(), seed).values()) == {"train", "validation", "test"}


def test_a_split_without_a_share_stays_empty() -> None:
    splits = assign(MANY, SplitConfig(train=0.8, validation=0.2, test=0.0), 0)

    assert set(splits.values()) == {"train", "validation"}


def test_too_few_brands_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"data\.split\.test=0"):
        assign(["a", "b"], SplitConfig(), 0)


def test_leaks_are_found_by_brand_and_by_picture() -> None:
    other = replace(ENTRY, id="1" * 16, brand="other", split="test")
    check_no_leak([ENTRY, other])

    with pytest.raises(DataError, match="brand 'acme'"):
        check_no_leak([ENTRY, replace(other, brand="acme")])
    with pytest.raises(DataError, match="picture 0000"):
        check_no_leak([ENTRY, replace(other, id=ENTRY.id)])

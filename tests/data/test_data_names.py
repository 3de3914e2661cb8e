"""Category and brand come from the folder and the file's name."""

from __future__ import annotations

import csv
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.data import DataConfig
from vtrain.data.categories import brand_of, category_of


@pytest.mark.parametrize(
    ("stem", "brand"),
    [
        ("logos-bitrise-icon", "bitrise"),
        ("logos-apache-superset-icon", "apachesuperset"),
        ("devicon-dot-net", "dotnet"),
        ("Acme Logo (2)", "acme"),
        ("acme@2x", "acme"),
        ("acme-512x512", "acme"),
        ("acme_256", "acme"),
        ("acme-white", "acme"),
        ("ACME", "acme"),
        ("mit-logo", "logo"),
        ("logo", "logo"),
        ("icon-dark", "icondark"),
        ("123", "123"),
        ("Müller-Bräu", "müllerbräu"),
        ("---", "---"),
    ],
)
def test_brand_is_what_is_left_without_variants(stem: str, brand: str) -> None:
    assert brand_of(stem) == brand


@given(st.text(min_size=1))
def test_every_name_has_a_brand_that_can_be_written(stem: str) -> None:
    assert brand_of(stem)
    brand_of(stem).encode()


def test_brands_never_part_what_the_manifest_holds_together(shared_data: Path) -> None:
    with (shared_data / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    ours: dict[str, set[str]] = {}
    for row in rows:
        ours.setdefault(row["brand"], set()).add(brand_of(PurePath(row["svg"]).stem))

    parted = {brand for brand, names in ours.items() if len(names) > 1}

    assert len(rows) == 1997
    assert len(parted) <= 2


@pytest.mark.parametrize(
    ("folders", "category"),
    [
        (("simple", "logos"), "simple"),
        (("Text_Based", "simple"), "text"),
        (("2024", "gradients", "simple"), "gradient"),
        (("2024", "acme"), None),
        ((), None),
    ],
)
def test_nearest_known_folder_names_the_category(
    folders: tuple[str, ...], category: str | None
) -> None:
    assert category_of(folders, DataConfig()) == category


def test_category_names_are_the_users() -> None:
    config = DataConfig(category_names={"Wappen": "complex"})

    assert category_of(("wappen",), config) == "complex"
    assert category_of(("text",), config) is None

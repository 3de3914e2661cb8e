"""Sample logos are seeded, varied, transparent mostly, and safe SVG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vtrain.config.section import CATEGORIES, Category
from vtrain.data.categories import brand_of
from vtrain.data.samples import sample_svg, write_samples
from vtrain.images import has_transparency, render_svg


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.svg")}


def test_more_logos_never_change_the_first_ones(tmp_path: Path) -> None:
    write_samples(tmp_path / "few", 8, 3)
    write_samples(tmp_path / "many", 20, 3)
    write_samples(tmp_path / "other", 8, 4)

    few, many = files(tmp_path / "few"), files(tmp_path / "many")
    assert len(many) == 20
    assert few.items() <= many.items()
    assert not few.items() & files(tmp_path / "other").items()


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_design_renders_and_no_two_logos_are_alike(category: Category) -> None:
    pictures = [render_svg(sample_svg(category, index)[1], 64) for index in range(24)]

    assert len({picture.tobytes() for picture in pictures}) == 24
    assert sum(has_transparency(picture) for picture in pictures) >= 16
    for picture in pictures:
        drawn = picture[picture[..., 3] > 128]
        assert len(drawn) > 0.03 * picture[..., 3].size
        assert len(np.unique(drawn[:, :3], axis=0)) >= 1


def test_categories_differ_in_what_makes_them(tmp_path: Path) -> None:
    write_samples(tmp_path, 64, 0)
    by_category = {
        category: [path.read_text() for path in sorted((tmp_path / category).iterdir())]
        for category in CATEGORIES
    }

    assert all("Gradient" in svg for svg in by_category["gradient"])
    assert not any("Gradient" in svg for svg in by_category["simple"] + by_category["complex"])
    elements = {
        category: float(np.median([svg.count("<") for svg in svgs]))
        for category, svgs in by_category.items()
    }
    assert elements["complex"] > 3 * elements["simple"]


def test_text_is_outlines_so_that_no_font_is_needed(tmp_path: Path) -> None:
    write_samples(tmp_path, 40, 1)

    for svg in files(tmp_path).values():
        assert "<text" not in svg


def test_every_sample_is_its_own_brand(tmp_path: Path) -> None:
    paths = write_samples(tmp_path, 200, 0)

    assert len({(path.parent.name, brand_of(path.stem)) for path in paths}) == 200

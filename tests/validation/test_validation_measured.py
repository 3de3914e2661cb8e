"""Baselines that know the training images, on tables with a known answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.validation.judging import entry, measured, table
from vtrain.config.load import load_config
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import PRESETS, canonical, encode_settings
from vtrain.validation.baselines import (
    BestFixedPerCategoryChooser,
    NeighbourChooser,
    PortfolioChooser,
    TreesChooser,
)
from vtrain.validation.validate import measured_settings

DEFAULT, FLATTENED, POSTER, PHOTO, RECIPE = (
    canonical(encode_settings(settings)) for settings in PRESETS.values()
)


def test_each_category_has_its_own_best_setting() -> None:
    scores = [[9, 1], [1, 4], [1, 4]]
    known = measured(table([POSTER, PHOTO], scores), ["simple", "text", "text"])
    chooser = BestFixedPerCategoryChooser(known)

    assert chooser.choose(entry(7, "simple"), 0.4, 1) == [POSTER]
    assert chooser.choose(entry(7, "text"), 0.4, 1) == [PHOTO]


def test_a_category_that_was_not_measured_gets_the_best_of_all() -> None:
    known = measured(table([POSTER, PHOTO], [[9, 1], [1, 4]]), ["simple", "text"])

    assert BestFixedPerCategoryChooser(known).choose(entry(7, "complex"), 0.4, 1) == [POSTER]


def test_the_best_of_a_category_depends_on_the_taste() -> None:
    known = measured(table([POSTER, PHOTO], [[5, 4]], [[3, 1]]))
    chooser = BestFixedPerCategoryChooser(known)

    assert chooser.choose(entry(7), 0.1, 1) == [POSTER]
    assert chooser.choose(entry(7), 0.9, 1) == [PHOTO]


def test_a_portfolio_complements_its_first_setting_instead_of_repeating_it() -> None:
    # The flattened one is second best by itself, and adds nothing to the best.
    scores = [
        [5.0, 4.9, 0.0],
        [5.0, 4.9, 0.0],
        [0.0, 0.0, 6.0],
    ]
    chooser = PortfolioChooser(table([RECIPE, FLATTENED, PHOTO], scores))

    assert chooser.choose(entry(7), 0.4, 1) == [RECIPE]
    assert chooser.choose(entry(7), 0.4, 2) == [RECIPE, PHOTO]


def test_a_portfolio_starts_with_the_best_fixed_setting_and_grows() -> None:
    generator = np.random.default_rng(0)
    actions = [DEFAULT, FLATTENED, POSTER, PHOTO, RECIPE]
    known = table(actions, generator.normal(size=(9, 5)).tolist(), generator.normal(size=(9, 5)))
    chooser = PortfolioChooser(known)

    grown = [chooser.choose(entry(7), 0.4, count) for count in (1, 2, 3, 9)]

    assert grown[0] == [known.best_fixed(0.4)]
    assert all(len(set(found)) == len(found) for found in grown)
    assert grown[1] == grown[2][:2] == grown[3][:2]
    assert len(grown[3]) == 5


def test_neighbours_pass_on_what_did_well_on_images_alike() -> None:
    # Images 0 to 9 like the poster, 10 to 19 the photo; the first feature is the number.
    scores = [[5, 1, 2]] * 10 + [[1, 5, 2]] * 10
    chooser = NeighbourChooser(measured(table([POSTER, PHOTO, RECIPE], scores)))

    assert chooser.choose(entry(0), 0.4, 1) == [POSTER]
    assert chooser.choose(entry(40), 0.4, 1) == [PHOTO]
    assert chooser.choose(entry(40), 0.4, 2) == [PHOTO, RECIPE]
    assert len(chooser.choose(entry(40), 0.4, 9)) == 3


def test_neighbours_weigh_size_by_the_taste() -> None:
    known = measured(table([POSTER, PHOTO], [[5, 4]], [[3, 1]]))
    chooser = NeighbourChooser(known)

    assert chooser.choose(entry(0), 0.1, 1) == [POSTER]
    assert chooser.choose(entry(0), 0.9, 1) == [PHOTO]


def test_trees_learn_which_images_like_which_setting() -> None:
    # How hard an image is says nothing about the choice, and must not drown it.
    hardness = np.random.default_rng(0).normal(0, 20, (80, 1))
    scores = np.array([[5.0, 1.0, 2.0]] * 50 + [[1.0, 5.0, 2.0]] * 30) + hardness
    chooser = TreesChooser(measured(table([POSTER, PHOTO, RECIPE], scores.tolist())))

    assert chooser.choose(entry(3), 0.4, 1) == [POSTER]
    assert chooser.choose(entry(90), 0.4, 1) == [PHOTO]
    assert chooser.choose(entry(90), 0.4, 2) == [PHOTO, RECIPE]


def test_trees_predict_looks_and_cost_for_any_taste() -> None:
    scores, costs = [[5, 4]] * 40, [[3, 1]] * 40
    chooser = TreesChooser(measured(table([POSTER, PHOTO], scores, costs)))

    assert chooser.choose(entry(3), 0.1, 1) == [POSTER]
    assert chooser.choose(entry(3), 0.9, 1) == [PHOTO]


def test_trees_repeat_themselves() -> None:
    generator = np.random.default_rng(1)
    actions = [DEFAULT, FLATTENED, POSTER, PHOTO, RECIPE]
    known = measured(table(actions, generator.normal(size=(30, 5)).tolist()))

    first, second = TreesChooser(known), TreesChooser(known)

    assert [first.choose(entry(image), 0.4, 5) for image in range(30)] == [
        second.choose(entry(image), 0.4, 5) for image in range(30)
    ]


@pytest.mark.parametrize("chooser", [NeighbourChooser, TreesChooser])
def test_a_table_of_one_image_is_enough(
    chooser: type[NeighbourChooser | TreesChooser],
) -> None:
    known = measured(table([POSTER, PHOTO], [[4, 5]]))

    assert len(chooser(known).choose(entry(3), 0.4, 2)) == 2


def test_what_is_best_for_damaged_copies_counts_for_damaged_logos_alone(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", name="run")
    config = load_config(
        (), ("data.input_size=32", "data.sample_count=8", "data.degrade.variants=2")
    ).config
    prepare([], run=run, config=config.data, workers=0)
    train = Catalog.load(run.catalog).split("train")
    scores = [[1.0, 9.0] if one.damage else [2.0, 0.0] for one in train]
    own = table([POSTER, PHOTO], scores)
    replace(own, images=tuple(one.id for one in train)).save(run.data_cache / "table.json")

    def best(*, damaged: bool) -> tuple[tuple[int, ...], int]:
        found = measured_settings(run, lambda _: np.zeros(1, np.float32), damaged=damaged)
        assert found is not None
        assert set(found.categories) == set(found.table.images)
        return found.table.best_fixed(0.4), len(found.table.images)

    clean = sum(not one.damage for one in train)
    assert 0 < clean < len(train)
    assert best(damaged=False) == (POSTER, clean)
    assert best(damaged=True) == (PHOTO, len(train))

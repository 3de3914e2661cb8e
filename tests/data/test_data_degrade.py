"""Damage is seeded, spoils the input alone, and changes the picture in both alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.config.data import DataConfig, DegradeConfig
from vtrain.data.catalog import Catalog
from vtrain.data.degrade import Damage, degrade, draw_damage, photograph
from vtrain.data.prepare import prepare
from vtrain.data.samples.write import sample_svg
from vtrain.data.store import ImageStore
from vtrain.errors import ImageRefused
from vtrain.images import has_transparency, reduce, render_svg
from vtrain.rundir import RunDirectory

Rgba = NDArray[np.uint8]
ALWAYS = DegradeConfig(
    variants=1,
    padding_chance=1,
    background_chance=1,
    rescale_chance=1,
    blur_chance=1,
    noise_chance=1,
    jpeg_chance=1,
)
NEVER = DegradeConfig(
    variants=1,
    padding_chance=0,
    background_chance=0,
    rescale_chance=0,
    blur_chance=0,
    noise_chance=0,
    jpeg_chance=0,
)


@pytest.fixture(scope="module")
def pair() -> tuple[Rgba, Rgba]:
    reference = render_svg(sample_svg("complex", 3, 5)[1], 256)
    return reduce(reference, 128), reference


@given(st.integers(0, 2**64 - 1), st.integers(1, 9))
def test_damage_is_a_function_of_seed_image_and_number(image: int, variant: int) -> None:
    name = f"{image:016x}"
    config = DegradeConfig(variants=9)
    all_of_it = draw_damage(ALWAYS, name, variant, transparent=True)
    other_seed = ALWAYS.model_copy(update={"seed": 1})

    drawn = draw_damage(config, name, variant, transparent=True)

    assert drawn == draw_damage(config, name, variant, transparent=True)
    # With every chance taken: small chances can come to the same.
    assert all_of_it != draw_damage(other_seed, name, variant, transparent=True)
    assert all_of_it != draw_damage(ALWAYS, name, variant + 1, transparent=True)
    assert all_of_it != draw_damage(ALWAYS, f"{image ^ 1:016x}", variant, transparent=True)
    assert not drawn.jpeg or drawn.background
    assert draw_damage(config, name, variant, transparent=False).background == ""


def test_no_chance_is_no_damage() -> None:
    damage = draw_damage(NEVER, "0" * 16, 1, transparent=True)

    assert str(damage) == "none"


def test_all_damage_is_told_in_words() -> None:
    words = str(draw_damage(ALWAYS, "0" * 16, 1, transparent=True))

    for word in ("padding", "background", "rescaled", "blur", "noise", "JPEG"):
        assert word in words


@pytest.mark.parametrize(
    "damage",
    [
        Damage(rescale=0.5),
        Damage(blur=1.0),
        Damage(noise=6.0),
        Damage(background="#ffffff", jpeg=30),
    ],
    ids=str,
)
def test_what_spoils_leaves_the_reference_clean(pair: tuple[Rgba, Rgba], damage: Damage) -> None:
    spoilt, clean = degrade(*pair, damage)

    laid, expected = degrade(*pair, Damage(background=damage.background))
    assert np.array_equal(clean, expected)
    assert spoilt.shape == laid.shape
    assert not np.array_equal(spoilt, laid)


@pytest.mark.parametrize("background", ["#20c040", "photo"])
def test_backgrounds_go_under_both(pair: tuple[Rgba, Rgba], background: str) -> None:
    spoilt, clean = degrade(*pair, Damage(background=background, photo_seed=4))

    assert not has_transparency(spoilt)
    assert not has_transparency(clean)
    small = reduce(clean, 128).astype(int)
    assert np.abs(small - spoilt)[..., :3].mean() < 4


def test_margins_are_added_to_both(pair: tuple[Rgba, Rgba]) -> None:
    spoilt, clean = degrade(*pair, Damage(padding=0.25))

    assert max(spoilt.shape[:2]) == 128
    assert max(clean.shape[:2]) == 256
    assert not spoilt[:15, :, 3].any()
    assert not clean[:30, :, 3].any()
    assert clean[..., 3].any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 50))
def test_any_size_can_be_damaged(width: int, height: int, seed: int) -> None:
    rgba = np.random.default_rng(seed).integers(0, 256, (height, width, 4)).astype(np.uint8)
    damage = draw_damage(ALWAYS, f"{seed:016x}", 1, transparent=True)

    spoilt, clean = degrade(rgba, rgba, damage)

    assert spoilt.shape == clean.shape


def test_a_photograph_is_seeded_and_lively() -> None:
    first = photograph(60, 40, 1)

    assert first.shape == (40, 60, 3)
    assert np.array_equal(first, photograph(60, 40, 1))
    assert not np.array_equal(first, photograph(60, 40, 2))
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 200


@pytest.mark.parametrize("workers", [0, 2])
def test_training_images_get_copies_and_others_do_not(
    samples: Path, run: RunDirectory, workers: int
) -> None:
    config = DataConfig(input_size=64, degrade=DegradeConfig(variants=2))
    plain = prepare([samples], run=run, config=DataConfig(input_size=64), workers=workers)

    catalog = prepare([samples], run=run, config=config, workers=workers)

    copies = [entry for entry in catalog.entries if entry.variant]
    originals = {entry.name: entry for entry in catalog.entries if not entry.variant}
    assert list(originals.values()) == list(plain.entries)
    assert len(copies) >= len(plain.split("train"))
    store = ImageStore(run.images)
    for copy in copies:
        assert copy.split == originals[copy.name].split == "train"
        assert copy.damage
        assert store.input(copy.id).shape[:2] == (copy.height, copy.width)
    before = run.catalog.read_bytes()
    assert prepare([samples], run=run, config=config, workers=workers) == catalog
    assert run.catalog.read_bytes() == before
    assert Catalog.load(run.catalog).digest != plain.digest


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match="jpeg must be a range"):
        DegradeConfig(jpeg=(90, 20))


def test_a_copy_that_cannot_be_made_is_an_error(
    samples: Path, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ImageRefused("a", "decoder-died", "it ended")

    monkeypatch.setattr("vtrain.data.copies.degrade", refuse)

    with pytest.raises(ImageRefused):
        prepare(
            [samples],
            run=run,
            config=DataConfig(input_size=64, degrade=DegradeConfig(variants=1)),
            workers=0,
        )

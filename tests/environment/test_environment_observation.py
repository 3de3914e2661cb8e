import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrain.environment.features import FEATURES, features
from vtrain.environment.measurement import failed
from vtrain.environment.observation import (
    LIMIT,
    OBSERVATION_NAMES,
    OBSERVATION_SIZE,
    Attempt,
    Normaliser,
    observe,
)
from vtrain.tracing.parameters import ACTION_LEVELS


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 40), st.sampled_from("ncof"))
def test_features_are_finite_whatever_the_image(
    seed: int, height: int, width: int, kind: str
) -> None:
    rgba = np.random.default_rng(seed).integers(0, 256, (height, width, 4)).astype(np.uint8)
    if kind == "c":
        rgba[:] = 0
    elif kind == "o":
        rgba[..., 3] = 255
    elif kind == "f":
        rgba[:] = (200, 10, 10, 255)

    values = features(rgba)

    assert values.shape == (len(FEATURES),)
    assert np.isfinite(values).all()


def value(name: str, rgba: np.ndarray) -> float:
    return float(features(rgba)[FEATURES.index(name)])


def test_features_tell_a_ramp_from_a_flat_mark() -> None:
    flat = np.full((64, 64, 4), 255, np.uint8)
    flat[16:48, 16:48, :3] = 10
    ramp = flat.copy()
    ramp[16:48, 16:48, 0] = np.linspace(0, 200, 32)

    assert value("log_colours", ramp) > value("log_colours", flat) + 0.3
    assert value("slope_over_1", ramp) > value("slope_over_1", flat) + 0.2


def test_features_see_thin_strokes() -> None:
    thin = np.zeros((64, 64, 4), np.uint8)
    thin[30:32] = (0, 0, 0, 255)
    thick = np.zeros((64, 64, 4), np.uint8)
    thick[20:44] = (0, 0, 0, 255)

    assert value("stroke_width_50", thin) < value("stroke_width_50", thick)


def test_normalised_features_are_centred_on_the_training_images() -> None:
    rows = [
        np.random.default_rng(n).normal(3, 2, len(FEATURES)).astype(np.float32) for n in range(50)
    ]
    normaliser = Normaliser.fit(rows)

    table = np.stack([normaliser.apply(row) for row in rows])

    assert np.abs(table.mean(axis=0)).max() < 0.05
    assert table.std(axis=0) == pytest.approx(1, abs=0.05)


def test_a_constant_feature_does_not_blow_up() -> None:
    row = np.ones(len(FEATURES), np.float32)

    assert np.isfinite(Normaliser.fit([row, row]).apply(row + 1)).all()


def test_an_observation_holds_the_taste_and_the_last_attempt() -> None:
    blank = np.zeros(len(FEATURES), np.float32)
    attempt = Attempt(tuple(n - 1 for n in ACTION_LEVELS), failed("panic"), -12.0, -12.0)

    fidelity, compact = observe(blank, 0.05), observe(blank, 1.0)
    later = observe(blank, 0.05, left=0.5, last=attempt)

    assert fidelity.shape == (OBSERVATION_SIZE,)
    assert not np.array_equal(fidelity, compact)
    assert not np.array_equal(fidelity, later)
    assert np.abs(later).max() <= LIMIT


def test_every_entry_of_an_observation_has_a_name() -> None:
    assert len(set(OBSERVATION_NAMES)) == len(OBSERVATION_NAMES) == OBSERVATION_SIZE
    seen = observe(np.zeros(len(FEATURES), np.float32), 1.2, left=0.25)

    assert seen[OBSERVATION_NAMES.index("taste")] == pytest.approx(1.2)
    assert seen[OBSERVATION_NAMES.index("left")] == 0.25

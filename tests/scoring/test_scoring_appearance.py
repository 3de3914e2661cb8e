"""The appearance model, its fit to labelled pairs, and the utility."""

from __future__ import annotations

import hashlib
import json
import math
import tarfile
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.scoring import ScoringConfig
from vtrain.errors import UsageError
from vtrain.scoring.appearance import WORST, Appearance
from vtrain.scoring.fit import Terms, fit
from vtrain.scoring.preferences import labelled_terms
from vtrain.scoring.utility import cost, lambda_of, utility

MODEL = Appearance.load()
CONFIG = ScoringConfig()
shares = st.floats(0, 1)
errors = st.floats(0, 25)


@given(shares, shares, shares, errors)
def test_appearance_never_falls_with_precision_or_recall(
    one: float, other: float, fixed: float, error: float
) -> None:
    low, high = sorted((one, other))

    assert MODEL.value(low, fixed, error) <= MODEL.value(high, fixed, error)
    assert MODEL.value(fixed, low, error) <= MODEL.value(fixed, high, error)


@given(shares, shares, errors, errors)
def test_appearance_never_rises_with_the_colour_error(
    precision: float, recall: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))

    assert MODEL.value(precision, recall, low) >= MODEL.value(precision, recall, high)


@given(shares, shares, errors)
def test_appearance_is_finite_and_no_lower_than_the_worst(
    precision: float, recall: float, error: float
) -> None:
    value = MODEL.value(precision, recall, error)

    assert math.isfinite(value)
    assert WORST <= value <= MODEL.value(1, 1, 0)


def test_each_term_weighs_in() -> None:
    best = MODEL.value(1, 1, 0)

    assert best > MODEL.value(0.9, 1, 0)
    assert best > MODEL.value(1, 0.9, 0)
    assert best > MODEL.value(1, 1, 1)


def test_the_fit_learns_which_term_decides() -> None:
    better, worse = Terms(0.9, 0.9, 2.0), Terms(0.9, 0.9, 12.0)
    fitted = fit([(better, worse)] * 20)
    against = fit([(worse, better)] * 60)

    assert fitted.agreement == fitted.held_out == 1
    assert fitted.colour > against.colour >= 0


@pytest.fixture(scope="module")
def labelled(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Terms, Terms]]:
    preferences = shared_data / "preferences.json"
    wanted = {f"train_svg/{pair['file']}" for pair in json.loads(preferences.read_text())["pairs"]}
    folder = tmp_path_factory.mktemp("sources")
    with tarfile.open(shared_data / "train_svg.tar.xz") as archive:
        members = [member for member in archive if member.name.removeprefix("./") in wanted]
        archive.extractall(folder, members, filter="data")
    return list(labelled_terms(preferences, folder / "train_svg"))


def test_appearance_agrees_with_held_out_labels(
    labelled: list[tuple[Terms, Terms]],
) -> None:
    assert len(labelled) == 39
    assert fit(labelled).held_out >= 0.85


def test_the_weights_in_use_are_the_fitted_ones(
    labelled: list[tuple[Terms, Terms]], shared_data: Path
) -> None:
    fitted = fit(labelled)
    record = json.loads(files("vtrain.scoring").joinpath("appearance.json").read_text("utf-8"))
    labels = (shared_data / "preferences.json").read_bytes()

    assert pytest.approx(fitted.contour, abs=1e-3) == MODEL.contour
    assert pytest.approx(fitted.colour, abs=1e-3) == MODEL.colour
    assert pytest.approx(fitted.held_out, abs=1e-4) == record["fit"]["held_out"]
    assert record["fit"]["labels_sha256"] == hashlib.sha256(labels).hexdigest()


def test_cost_counts_doublings() -> None:
    base = cost(99, 1000, 65536, CONFIG)

    assert cost(199, 1000, 65536, CONFIG) - base == pytest.approx(CONFIG.segments_weight)
    assert cost(99, 2000, 65536, CONFIG) - base == pytest.approx(CONFIG.bytes_weight)
    assert cost(99, 1000, 131072, CONFIG) - base == pytest.approx(CONFIG.pixels_weight)
    assert cost(0, 0, 0, CONFIG) == 0


def test_utility_prices_size_at_the_taste() -> None:
    assert utility(5.0, 10.0, 0.4) == pytest.approx(1.0)
    assert utility(5.0, 10.0, 0.0) == 5.0


@pytest.mark.parametrize("name", ["fidelity", "balanced", "compact"])
def test_a_taste_has_its_configured_price(name: str) -> None:
    assert lambda_of(name, CONFIG) == getattr(CONFIG.taste, name)


def test_a_taste_may_be_a_number() -> None:
    assert lambda_of("0.25", CONFIG) == 0.25


@pytest.mark.parametrize("text", ["", "prettiest", "-1", "5", "nan", "inf", "1e9"])
def test_an_unknown_taste_names_the_choices(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        lambda_of(text, CONFIG)

    assert all(name in str(caught.value) for name in ("fidelity", "balanced", "compact"))

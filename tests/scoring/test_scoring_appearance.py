"""The appearance model, its fit to labelled pairs, and the utility."""

from __future__ import annotations

import hashlib
import json
import math
import tarfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.fit_appearance import LABELS
from scripts.label_pairs import picture
from vtrain.config.scoring import ScoringConfig
from vtrain.errors import UsageError
from vtrain.scoring.appearance import WORST, Appearance, Terms
from vtrain.scoring.fit import Pair, fit
from vtrain.scoring.preferences import labelled_pairs
from vtrain.scoring.utility import cost, lambda_of, utility

MODEL = Appearance.load()
CONFIG = ScoringConfig()
PERFECT = Terms(0.0, 1.0, 1.0, 0.0, 0.0)
RANGES = {
    "colour_error": (0.0, 25.0),
    "recall": (1.0, 0.0),
    "truth": (1.0, 0.0),
    "stray": (0.0, 3.0),
    "facets": (0.0, 30.0),
}
"""Of each term, from its best value to its worst."""
shares = st.floats(0, 1)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Any."""
    values = {}
    for name, (best, worst) in RANGES.items():
        values[name] = best + draw(shares) * (worst - best)
    return Terms(**values)


@given(terms(), st.sampled_from(sorted(RANGES)), shares)
def test_appearance_never_rises_when_a_term_gets_worse(one: Terms, name: str, share: float) -> None:
    worst = RANGES[name][1]
    value = getattr(one, name)

    worse = replace(one, **{name: value + share * (worst - value)})

    assert MODEL.value(worse) <= MODEL.value(one) + 1e-9


@given(terms())
def test_appearance_is_finite_and_no_lower_than_the_worst(one: Terms) -> None:
    value = MODEL.value(one)

    assert math.isfinite(value)
    assert WORST - 1e-9 <= value <= MODEL.value(PERFECT)


@given(terms())
def test_what_the_faults_take_off_is_the_appearance(one: Terms) -> None:
    parts = MODEL.parts(one)

    assert set(parts) == set(one.faults())
    assert max(parts.values()) <= 0
    assert sum(parts.values()) == pytest.approx(MODEL.value(one))


@pytest.mark.parametrize("name", RANGES)
def test_each_term_weighs_in(name: str) -> None:
    best, worst = RANGES[name]

    assert MODEL.value(replace(PERFECT, **{name: best + 0.1 * (worst - best)})) < 0
    assert MODEL.value(PERFECT) == 0


@pytest.fixture(scope="module")
def labelled(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    labels = (LABELS, shared_data / "preferences.json")
    wanted = {
        f"train_svg/{pair['file']}"
        for path in labels
        for pair in json.loads(path.read_text("utf-8"))["pairs"]
    }
    folder = tmp_path_factory.mktemp("sources")
    with tarfile.open(shared_data / "train_svg.tar.xz") as archive:
        members = [member for member in archive if member.name.removeprefix("./") in wanted]
        archive.extractall(folder, members, filter="data")
    return [pair for path in labels for pair in labelled_pairs(path, folder / "train_svg", picture)]


@pytest.mark.slow
def test_the_weights_in_use_are_fitted_to_the_labels(
    labelled: list[Pair], shared_data: Path
) -> None:
    fitted = fit(labelled)
    record = json.loads(files("vtrain.scoring").joinpath("appearance.json").read_text("utf-8"))
    digest = hashlib.sha256(LABELS.read_bytes() + (shared_data / "preferences.json").read_bytes())

    assert record["fit"]["labels_sha256"] == digest.hexdigest()
    assert fitted.held_out == pytest.approx(record["fit"]["held_out"], abs=0.005)
    for name, weight in MODEL.weights.items():
        assert fitted.weights[name] == pytest.approx(weight, rel=0.01)


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


@pytest.mark.parametrize("text", ["", "prettiest", "-1", "9", "nan", "inf", "1e9"])
def test_an_unknown_taste_names_the_choices(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        lambda_of(text, CONFIG)

    assert all(name in str(caught.value) for name in ("fidelity", "balanced", "compact"))

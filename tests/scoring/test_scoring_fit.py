"""The fit finds made-up weights again, and the weights in use are the fit's."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from vtrain.scoring.appearance import Appearance
from vtrain.scoring.fit import FLOOR, PRIOR, RIDGE, Terms, fit

Pair = tuple[Terms, Terms]


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    text = files("vtrain.scoring").joinpath("appearance.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def judged(weights: tuple[float, float], count: int) -> list[Pair]:
    """Random pairs, labelled as a person with these weights would, by chance where it is close."""
    random = np.random.default_rng(11)
    pairs = []
    for _ in range(count):
        one, other = (
            Terms(
                float(random.uniform(0.6, 1)),
                float(random.uniform(0.6, 1)),
                float(random.uniform(0, 6)),
            )
            for _ in range(2)
        )
        odds = float(np.dot(weights, np.subtract(one.values(), other.values())))
        pairs.append((one, other) if random.random() < 1 / (1 + np.exp(-odds)) else (other, one))
    return pairs


@pytest.mark.parametrize("weights", [(6.0, 0.2), (1.5, 0.3), (3.0, 1.0), (3.0, 0.2)])
def test_the_fit_recovers_made_up_weights(weights: tuple[float, float]) -> None:
    fitted = fit(judged(weights, 400))
    found = (fitted.contour, fitted.colour)

    # The ridge holds the fit back, so that it need only come more than half the way; weights that
    # lie close together could not be told apart from so few labels.
    for value, true, prior in zip(found, weights, PRIOR, strict=True):
        assert abs(value - true) <= 0.25 * true + 0.5 * abs(prior - true)
    assert np.argsort(found).tolist() == np.argsort(weights).tolist()
    assert 0.5 < fitted.held_out <= fitted.agreement + 0.05 <= 1.05


def test_the_shares_are_shares_even_for_contradicting_labels() -> None:
    better, worse = Terms(0.9, 0.9, 2.0), Terms(0.7, 0.8, 5.0)

    fitted = fit([(better, worse), (worse, better)])

    assert fitted.agreement == 0.5
    assert 0 <= fitted.held_out <= 1
    assert min(fitted.contour, fitted.colour) >= 0


def test_held_out_pairs_do_not_vote_for_themselves() -> None:
    # Colour speaks for the preferred one and contour, a little louder by the prior, against it:
    # only this pair's own label turns the scales. The other pair says nothing, and is not right.
    better, worse = Terms(0.9, 0.9, 0.0), Terms(0.98, 0.98, 7.5)
    odds = float(np.dot(PRIOR, np.subtract(better.values(), worse.values())))
    assert -1 < odds < 0

    fitted = fit([(better, worse), (worse, worse)])

    assert (fitted.agreement, fitted.held_out) == (0.5, 0.0)


def test_the_weights_file_says_how_it_was_fitted(record: dict[str, Any]) -> None:
    model, note = Appearance.load(), record["fit"]

    assert model == Appearance(record["contour"], record["colour"], record["floor"])
    assert (model.floor, tuple(note["prior"]), note["ridge"]) == (FLOOR, PRIOR, RIDGE)
    assert model.contour == pytest.approx(note["contour"], abs=1e-3)
    assert model.colour == pytest.approx(note["colour"], abs=1e-3)
    assert 0.85 <= note["held_out"] <= 1

"""The fit finds made-up weights again, and the weights in use are the fit's."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from vtrain.scoring.appearance import Appearance, Terms
from vtrain.scoring.fit import LEAST, RIDGE, Pair, fit


def judged(weights: dict[str, float], count: int) -> list[Pair]:
    """Random pairs, labelled as a person with these weights would, by chance where it is close."""
    random = np.random.default_rng(11)
    pairs = []
    for number in range(count):
        one, other = (
            Terms(
                float(random.uniform(0, 4)),
                float(random.uniform(0.9, 1)),
                float(random.uniform(0.8, 1)),
                float(random.uniform(0, 0.5)),
                float(random.uniform(0, 3)),
            )
            for _ in range(2)
        )
        odds = Appearance(weights).value(one) - Appearance(weights).value(other)
        better, worse = (one, other) if random.random() < 1 / (1 + np.exp(-odds)) else (other, one)
        pairs.append(Pair(f"logo-{number // 4}", better, worse))
    return pairs


@pytest.mark.parametrize(
    "weights",
    [
        {"colour": 1.0, "lost": 25.0, "untruth": 20.0, "stray": 0.5, "facets": 0.6},
        {"colour": 0.2, "lost": 40.0, "untruth": 5.0, "stray": 1.5, "facets": 0.2},
    ],
)
def test_the_fit_recovers_made_up_weights(weights: dict[str, float]) -> None:
    fitted = fit(judged(weights, 3000))

    for name, weight in weights.items():
        assert fitted.weights[name] == pytest.approx(weight, rel=0.35, abs=0.15), name
    assert 0.6 < fitted.held_out <= fitted.agreement + 0.02


def test_no_weight_falls_below_its_least() -> None:
    whole, partial = Terms(1.0, 1.0, 0.9, 0.1, 1.0), Terms(1.0, 0.5, 0.9, 0.1, 1.0)
    pairs = [Pair(f"logo-{number}", partial, whole) for number in range(40)]

    fitted = fit(pairs)

    assert fitted.weights["lost"] == pytest.approx(LEAST["lost"])
    assert all(weight >= 0 for weight in fitted.weights.values())
    assert fitted.agreement == fitted.held_out == 0


def test_pairs_of_a_logo_do_not_vote_for_themselves() -> None:
    # By colour one logo's pairs say this and the rest say that; each alone would have its way.
    pale, strong = Terms(4.0, 1.0, 1.0, 0.0, 0.0), Terms(1.0, 1.0, 1.0, 0.0, 0.0)
    pairs = [Pair(f"logo-{number % 30}", strong, pale) for number in range(60)]
    pairs += [Pair("other", pale, strong)] * 3

    fitted = fit(pairs)

    assert fitted.right == (True,) * 60 + (False,) * 3
    assert fitted.held_out == pytest.approx(60 / 63)


def test_pairs_that_were_ordered_both_ways_hold_the_weights_down_and_do_not_count() -> None:
    weights = {"colour": 1.0, "lost": 25.0, "untruth": 20.0, "stray": 0.5, "facets": 0.6}
    sure = judged(weights, 400)
    open_ = [Pair(pair.logo, pair.worse, pair.better, decided=False) for pair in sure]

    alone, held = fit(sure), fit([*sure, *open_])

    assert sum(held.weights[name] < alone.weights[name] for name in weights) >= 4
    assert held.held_out > 0.6


def test_the_weights_file_says_how_it_was_fitted() -> None:
    record = json.loads(files("vtrain.scoring").joinpath("appearance.json").read_text("utf-8"))
    note = record["fit"]

    assert Appearance.load() == Appearance(record["weights"])
    assert (note["ridge"], note["least"]) == (RIDGE, LEAST)
    assert note["pairs"] > 250
    assert 0.75 <= note["held_out"] <= 1

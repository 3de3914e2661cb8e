"""How often equal policies are promoted: fewer pairs than the script, enough to fail."""

from __future__ import annotations

import pytest

from scripts.simulate_promotion import NOISE, SPREAD, chain, promoted
from vtrain.config.schema import CheckpointsConfig
from vtrain.training.best import gains_beyond_noise

CONFIDENCE = CheckpointsConfig().best_confidence


@pytest.mark.parametrize("images", [20, 80, 200])
@pytest.mark.parametrize("noise", NOISE)
def test_equal_policies_are_promoted_in_at_most_a_twentieth(noise: str, images: int) -> None:
    share = promoted(NOISE[noise], images=images, pairs=600, confidence=CONFIDENCE)

    # Two standard errors above one twentieth are 0.068.
    assert share <= 0.05


def test_the_level_follows_the_confidence() -> None:
    share = promoted(NOISE["far"], images=80, pairs=1000, confidence=0.8)

    assert 0.16 <= share <= 0.24


@pytest.mark.parametrize("noise", ["close", "far"])
def test_a_gain_of_a_fifth_is_found_on_200_images(noise: str) -> None:
    found = promoted(
        NOISE[noise], images=200, pairs=300, confidence=CONFIDENCE, gain=0.2 / SPREAD, seed=1
    )

    assert found >= 0.9


def test_an_incumbent_chosen_for_its_luck_is_replaced_less_often_still() -> None:
    assert chain(NOISE["far"], images=80, chains=15, confidence=CONFIDENCE) <= 0.025


def test_a_little_on_most_and_a_loss_on_few_is_no_gain() -> None:
    assert not gains_beyond_noise([0.1] * 78 + [-3.0, -3.0], CONFIDENCE)
    assert gains_beyond_noise([0.1, 0.2] * 40, CONFIDENCE)

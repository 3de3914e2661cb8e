from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.agent.network import PolicyNetwork, policy_arrays
from vtrain.agent.portfolio import Portfolio, in_turn
from vtrain.environment.features import FEATURES
from vtrain.environment.observation import (
    OBSERVATION_NAMES,
    OBSERVATION_SIZE,
    Normaliser,
    observe,
)
from vtrain.errors import CheckpointError
from vtrain.tracing.parameters import ACTION_LEVELS, PRESETS, canonical, encode_settings

ONE, TWO, THREE = (
    canonical(encode_settings(PRESETS[name])) for name in ("default", "recipe", "poster")
)
PORTFOLIO = Portfolio((0.15, 1.2, 3.0), ((ONE, TWO), (TWO, THREE), (THREE, ONE)))


def arrays(portfolio: Portfolio | None) -> dict[str, NDArray[Any]]:
    weights = {
        "mlp_extractor.policy_net.0.weight": np.zeros((4, OBSERVATION_SIZE), np.float32),
        "mlp_extractor.policy_net.0.bias": np.zeros(4, np.float32),
        "action_net.weight": np.zeros((sum(ACTION_LEVELS), 4), np.float32),
        "action_net.bias": np.linspace(0, 1, sum(ACTION_LEVELS), dtype=np.float32),
    }
    plain = Normaliser(np.zeros(len(FEATURES), np.float32), np.ones(len(FEATURES), np.float32))
    return policy_arrays(weights, plain, input_size=64, portfolio=portfolio)


@pytest.mark.parametrize(
    ("taste", "expected"), [(0.0, ONE), (0.2, ONE), (0.5, TWO), (2.0, THREE), (4.0, THREE)]
)
def test_the_nearest_taste_counts(taste: float, expected: tuple[int, ...]) -> None:
    assert PORTFOLIO.at(taste)[0] == expected


def test_a_policy_keeps_its_portfolio() -> None:
    again = PolicyNetwork.from_arrays(arrays(PORTFOLIO), name="again")

    assert again.portfolio == PORTFOLIO
    assert PolicyNetwork.from_arrays(arrays(None), name="none").portfolio is None


def test_one_trace_is_the_policys_own_and_then_others_are_tried_too() -> None:
    network = PolicyNetwork.from_arrays(arrays(PORTFOLIO), name="policy")
    image = np.zeros(len(FEATURES), np.float32)
    own = network.most_probable(observe(image, 1.2), 3)

    assert network.candidates(image, 1.2, 1) == own[:1]
    # This policy chooses the same at every taste.
    found = network.candidates(image, 1.2, 40)
    assert found[0] == own[0]
    assert {TWO, THREE} <= set(found[:6])
    assert len(set(found)) == 40


def test_a_finer_taste_comes_next_then_a_draw_a_coarser_taste_and_both_in_turn() -> None:
    by_taste = arrays(Portfolio((1.2,), ((ONE, TWO, THREE),)))
    by_taste["mlp_extractor.policy_net.0.weight"][0, OBSERVATION_NAMES.index("taste")] = 1.0
    by_taste["mlp_extractor.policy_net.0.bias"][0] = -1.2
    head = by_taste["action_net.weight"]
    head[:, 0] = np.random.default_rng(2).normal(0.0, 9.0, len(head))
    network = PolicyNetwork.from_arrays(by_taste, name="policy")
    image = np.zeros(len(FEATURES), np.float32)
    finer, own, coarser = (
        network.candidates(image, taste, 1)[0] for taste in (1.2 / 1.7, 1.2, 1.2 * 1.7)
    )

    found = network.candidates(image, 1.2, 8)

    drawn = [action for action in found if action not in {finer, own, coarser, ONE, TWO, THREE}]
    assert len({finer, own, coarser, ONE, TWO, THREE}) == 6
    assert found[:4] == [own, finer, drawn[0], coarser]
    assert found[4:] == [drawn[1], ONE, drawn[2], TWO]
    for count in range(1, 9):
        assert network.candidates(image, 1.2, count) == found[:count]


def test_a_policy_that_is_certain_tries_the_portfolio_and_then_its_next_best() -> None:
    certain = arrays(PORTFOLIO)
    certain["action_net.bias"] *= 1000
    network = PolicyNetwork.from_arrays(certain, name="policy")
    image = np.zeros(len(FEATURES), np.float32)
    own = network.most_probable(observe(image, 1.2), 6)

    assert network.candidates(image, 1.2, 6) == [own[0], TWO, THREE, *own[1:4]]


def test_in_turn_gives_each_once() -> None:
    assert in_turn([ONE, TWO], (ONE, THREE, TWO)) == [ONE, TWO, THREE]


@pytest.mark.parametrize(
    "broken",
    [
        {"portfolio.actions": np.zeros((3, 2, 5), np.uint8)},
        {"portfolio.actions": np.full((3, 2, len(ACTION_LEVELS)), 99, np.uint8)},
        {"portfolio.tastes": np.zeros(0)},
        {"portfolio.tastes": np.zeros(2)},
    ],
)
def test_a_portfolio_that_does_not_fit_is_refused(
    broken: dict[str, NDArray[Any]],
) -> None:
    with pytest.raises(CheckpointError, match=r"bad\.safetensors does not fit: its portfolio"):
        PolicyNetwork.from_arrays({**arrays(PORTFOLIO), **broken}, name="bad.safetensors")

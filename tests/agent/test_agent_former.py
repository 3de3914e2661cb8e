"""Policies of a table with fewer rows go on choosing what they chose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.agent.policies import HIDDEN, arrays
from vtrain.agent import TraceAgent
from vtrain.agent.former import brought_up, leaves_rows_alone
from vtrain.agent.network import PolicyNetwork
from vtrain.environment.features import FEATURES
from vtrain.environment.observation import BEFORE_ACTION, observation_size, observe
from vtrain.errors import CheckpointError
from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    FORMER_TABLES,
    PARAMETERS,
    TABLE_DIGEST,
    Settings,
    decode_action,
)

ROWS = sorted(FORMER_TABLES.values())


def former(rows: int) -> dict[str, NDArray[Any]]:
    """A policy whose table ended after so many rows."""
    saved = arrays()
    outputs, place = sum(ACTION_LEVELS[:rows]), len(FEATURES) + BEFORE_ACTION + rows
    first = "mlp_extractor.policy_net.0.weight"
    later = range(place, place + len(ACTION_LEVELS) - rows)
    saved[first] = np.delete(saved[first], later, axis=1)
    saved["action_net.weight"] = saved["action_net.weight"][:outputs]
    saved["action_net.bias"] = saved["action_net.bias"][:outputs]
    saved["portfolio.tastes"] = np.array([0.5])
    saved["portfolio.actions"] = np.ones((1, 2, rows), np.uint8)
    digest = next(digest for digest, held in FORMER_TABLES.items() if held == rows)
    saved["meta.table_digest"] = np.frombuffer(digest.encode(), np.uint8)
    return saved


@pytest.mark.parametrize("rows", ROWS)
def test_its_rows_are_chosen_as_before_and_later_ones_left_alone(rows: int) -> None:
    saved = former(rows)
    network = PolicyNetwork.from_arrays(saved, name="former")
    normalised = np.random.default_rng(3).normal(0, 1, len(FEATURES)).astype(np.float32)
    observation = observe(normalised, 1.2)

    found = network.log_probabilities(observation)

    seen = np.delete(
        observation, range(len(observation) - 6 - len(PARAMETERS) + rows, len(observation) - 6)
    )
    hidden = seen
    for layer in ("0", "2"):
        name = f"mlp_extractor.policy_net.{layer}"
        hidden = np.tanh(saved[f"{name}.weight"] @ hidden + saved[f"{name}.bias"])
    logits = saved["action_net.weight"] @ hidden + saved["action_net.bias"]
    for own, row in zip(
        found, np.split(logits, np.cumsum(ACTION_LEVELS[:rows])[:-1]), strict=False
    ):
        np.testing.assert_allclose(np.exp(own), np.exp(row) / np.exp(row).sum(), rtol=1e-4)
    for own in found[rows:]:
        assert np.exp(own).tolist() == [1.0] + [0.0] * (len(own) - 1)
    generator = np.random.default_rng(0)
    for action in (*network.most_probable(observation, 8), network.draw(observation, generator)):
        settings = decode_action(action)
        assert (settings.simplify, settings.smooth) == (0.0, 0)


@pytest.mark.parametrize("rows", ROWS)
def test_its_portfolio_stays(rows: int) -> None:
    network = PolicyNetwork.from_arrays(former(rows), name="former")

    assert network.portfolio is not None
    assert network.portfolio.at(1.0)[0] == (1,) * rows + (0,) * (len(ACTION_LEVELS) - rows)


def test_the_first_level_of_a_later_row_is_its_default() -> None:
    for row in PARAMETERS[min(ROWS) :]:
        assert row.levels[0] == getattr(Settings(), row.name)


def test_a_policy_of_the_present_table_is_left_alone() -> None:
    saved = arrays()

    assert brought_up(saved).keys() == saved.keys()
    assert all(brought_up(saved)[name] is array for name, array in saved.items())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("action_net.weight", (HIDDEN,)),
        ("action_net.bias", (2, HIDDEN)),
        ("mlp_extractor.policy_net.0.weight", (HIDDEN,)),
        ("normaliser.mean", ()),
        ("portfolio.actions", (3,)),
    ],
)
def test_odd_shapes_are_refused_by_what_uses_them(name: str, shape: tuple[int, ...]) -> None:
    saved = former(ROWS[0])
    saved[name] = np.zeros(shape, np.float32)

    with pytest.raises(CheckpointError, match="does not fit"):
        PolicyNetwork.from_arrays(saved, name="odd")


def test_the_policy_that_comes_along_fits() -> None:
    assert TraceAgent.shipped().network.layers


def test_what_is_brought_up_learns_no_more_rows() -> None:
    assert leaves_rows_alone(brought_up(former(ROWS[0])))
    assert not leaves_rows_alone(arrays())


def test_what_is_brought_up_says_so() -> None:
    found = brought_up(former(ROWS[0]))

    assert bytes(found["meta.table_digest"]).decode() == TABLE_DIGEST
    width = observation_size(len(FEATURES))
    assert found["mlp_extractor.policy_net.0.weight"].shape == (HIDDEN, width)

"""The policy in training: probabilities are those of pictures, whatever inert rows say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, MultiDiscrete
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy

from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    PARAMETERS,
    Settings,
    canonical,
    decode_action,
    encode_settings,
    preset,
)
from vtrain.training.policy import PicturePolicy, mattering_rows

SPACES = Box(-1, 1, (3,)), MultiDiscrete(list(ACTION_LEVELS))
POLYGON = replace(preset("recipe"), smooth=60)


@pytest.fixture
def policy() -> PicturePolicy:
    torch.manual_seed(1)
    policy = PicturePolicy(*SPACES, lambda _: 1e-3)
    with torch.no_grad():  # the head begins all but level
        head(policy).weight.normal_()
    return policy


def head(policy: PicturePolicy) -> torch.nn.Linear:
    assert isinstance(policy.action_net, torch.nn.Linear)
    return policy.action_net


def drawn(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(3).integers(ACTION_LEVELS, size=(count, len(ACTION_LEVELS)))


def tensor(*settings: Settings) -> torch.Tensor:
    return torch.tensor([encode_settings(one) for one in settings])


def test_the_rows_that_matter_are_those_the_canonical_action_keeps() -> None:
    actions = drawn(200)
    matters = mattering_rows(actions).astype(bool)
    kept = np.array([canonical(action) for action in actions.tolist()])
    assert (kept[matters] == actions[matters]).all()
    assert not matters.all(axis=1).any()  # splines have rows of their own, and so have polygons
    for action, row in zip(actions.tolist(), matters, strict=True):
        settings = decode_action(action)
        assert row.tolist() == [parameter.matters(settings) for parameter in PARAMETERS]


def test_actions_of_one_picture_are_as_probable(policy: PicturePolicy) -> None:
    states, actions = torch.rand(50, 3), drawn(50)
    pictures = np.array([canonical(action) for action in actions.tolist()])
    assert (pictures != actions).any(axis=1).all()
    found = policy.get_distribution(states)
    logs = found.log_prob(torch.from_numpy(actions))
    torch.testing.assert_close(found.log_prob(torch.from_numpy(pictures)), logs)
    # As stable-baselines3 evaluates while it draws, too.
    _, logs_drawn, _ = policy.evaluate_actions(states, torch.from_numpy(actions))
    torch.testing.assert_close(logs_drawn, logs)


def test_a_picture_is_as_probable_as_all_its_actions_together(policy: PicturePolicy) -> None:
    """Each action of a polygon, whatever it says of corners, as stable-baselines3 counts them."""
    plain = ActorCriticPolicy(*SPACES, lambda _: 1e-3)
    plain.load_state_dict(policy.state_dict())
    state = torch.rand(1, 3)
    inert = ("corner_threshold", "length_threshold", "splice_threshold")
    names = [row.name for row in PARAMETERS]
    levels = [PARAMETERS[names.index(name)].levels for name in inert]
    actions = tensor(
        *(
            replace(POLYGON, corner_threshold=a, length_threshold=b, splice_threshold=c)
            for a in levels[0]
            for b in levels[1]
            for c in levels[2]
        )
    )
    states = state.repeat(len(actions), 1)
    together = plain.get_distribution(states).log_prob(actions).exp().sum()
    picture = policy.get_distribution(state).log_prob(tensor(POLYGON)).exp().sum()
    torch.testing.assert_close(picture, together)


def test_inert_rows_learn_nothing_and_have_no_entropy(policy: PicturePolicy) -> None:
    _, logs, entropy = policy.evaluate_actions(torch.rand(1, 3), tensor(POLYGON))
    assert entropy is not None
    gradient = torch.autograd.grad((logs + entropy).sum(), [head(policy).bias])[0]
    rows = torch.split(gradient, list(ACTION_LEVELS))
    for row, slopes in zip(PARAMETERS, rows, strict=True):
        assert bool(slopes.abs().sum() > 0) == row.matters(POLYGON), row.name
    whole = policy.get_distribution(torch.rand(1, 3)).entropy()
    assert whole is not None
    assert entropy.item() < whole.item()


def test_a_state_that_comes_several_times_is_judged_as_each_of_them(policy: PicturePolicy) -> None:
    """Values, log-probabilities, entropy and gradients, seen once or with others in between."""
    states = torch.rand(3, 3).repeat_interleave(torch.tensor([4, 1, 2]), dim=0)
    actions = torch.from_numpy(drawn(7))
    weights = torch.linspace(0.5, 2.0, 7)
    apart = torch.tensor([0, 4, 1, 5, 2, 6, 3])

    judged, gradients = [], []
    for order in (torch.arange(7), apart):
        values, logs, entropy = policy.evaluate_actions(states[order], actions[order])
        assert entropy is not None
        back = torch.argsort(order)
        judged.append((values[back], logs[back], entropy[back]))
        loss = ((values.flatten() + logs + entropy) * weights[order]).sum()
        gradients.append(torch.autograd.grad(loss, list(policy.parameters())))

    torch.testing.assert_close(judged[1], judged[0])
    # Sums of numbers some ten in size, added up in another order.
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)

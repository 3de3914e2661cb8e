"""The first value that is not finite ends training: what looks for it, and what it is called.

A NaN spreads: one step after it appears every weight holds one, and nothing tells any more where
it came from. So each place that a value passes through is looked at: observations and rewards when
they come from the environment; outputs, gradients, weights and moments in the passes of the
network; the figures of the update at its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO

from vtrain.environment.observation import OBSERVATION_NAMES
from vtrain.environment.sampler import Draw
from vtrain.errors import NonFiniteError

_UNDEFINED = ("explained_variance",)
"""Figures that are not defined for some sound rollouts: here, when all returns are equal."""


def check_observations(observations: NDArray[np.float32], draws: Sequence[Draw]) -> None:
    """Refuse observations that are not finite.

    Args:
        observations: Shape (n, OBSERVATION_SIZE).
        draws: What each is about.

    Raises:
        NonFiniteError: One is not finite; names image, taste and entry.
    """
    good = np.isfinite(observations)
    if good.all():
        return
    row, column = (int(place) for place in np.argwhere(~good)[0])
    entry, value, draw = OBSERVATION_NAMES[column], observations[row, column], draws[row]
    bad = dict.fromkeys(draws[int(index)].image for index in np.flatnonzero(~good.all(axis=1)))
    raise NonFiniteError(
        f"The observation of image {draw.image} at taste {draw.taste:g} is not finite: its entry "
        f"{entry} is {value}.",
        what=f"observation entry {entry}",
        images=tuple(bad),
    )


def check_rewards(rewards: NDArray[np.float32], draws: Sequence[Draw]) -> None:
    """Refuse rewards that are not finite.

    Args:
        rewards: Shape (n,).
        draws: What each is for.

    Raises:
        NonFiniteError: One is not finite; names image and taste.
    """
    bad = np.flatnonzero(~np.isfinite(rewards))
    if bad.size:
        draw = draws[int(bad[0])]
        raise NonFiniteError(
            f"The reward of image {draw.image} at taste {draw.taste:g} is {rewards[bad[0]]}.",
            what="reward",
            images=tuple(dict.fromkeys(draws[int(index)].image for index in bad)),
        )


def watch(model: PPO) -> None:
    """Have every pass of the network and every step of its optimiser looked at from now on.

    What is seen raises `NonFiniteError` at once, in the middle of a rollout or an update.
    """
    policy = model.policy
    for name in ("action_net", "value_net"):
        layer: torch.nn.Module = getattr(policy, name)
        layer.register_forward_hook(_look_at_output(f"output of {name}"))
    for name, parameter in policy.named_parameters():
        look = _look_at_gradient(f"gradient of {name}")
        parameter.register_hook(look)  # type: ignore[no-untyped-call]  # torch leaves it bare
    policy.optimizer.register_step_post_hook(lambda *_: check_model(model))


def check_model(model: PPO) -> None:
    """Look at every weight and every moment.

    Raises:
        NonFiniteError: One is not finite; names the tensor.
    """
    for name, tensor in model.policy.state_dict().items():
        _check(f"weights {name}", tensor)
    optimizer = model.policy.optimizer
    for name, parameter in model.policy.named_parameters():
        for moment, tensor in optimizer.state.get(parameter, {}).items():
            _check(f"optimiser's {moment} of {name}", torch.as_tensor(tensor))


def check_losses(losses: Mapping[str, float]) -> None:
    """Look at the figures of an update.

    Raises:
        NonFiniteError: One is not finite; names it.
    """
    for name, value in losses.items():
        if name not in _UNDEFINED and not math.isfinite(value):
            raise NonFiniteError(f"The figure {name} of the update is {value}.", what=name)


def _look_at_output(what: str) -> Callable[[torch.nn.Module, Any, torch.Tensor], None]:
    def look(_layer: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        _check(what, output.detach())

    return look


def _look_at_gradient(what: str) -> Callable[[torch.Tensor], None]:
    def look(gradient: torch.Tensor) -> None:
        _check(what, gradient)

    return look


def _check(what: str, tensor: torch.Tensor) -> None:
    if bool(torch.isfinite(tensor).all()):
        return
    bad = tensor[~torch.isfinite(tensor)]
    raise NonFiniteError(
        f"The {what} is not finite: {bad.numel()} of {tensor.numel()} values, the first {bad[0]}.",
        what=what,
    )

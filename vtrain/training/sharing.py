"""A rollout whose traces teach every taste that their image was drawn with.

A measurement tells looks and cost apart, so its reward is known at any taste, not at that of its
episode alone. The episodes of one step that share an image are a group of states: the same picture
at different tastes. Each trace of the group counts for each state, as if it had been drawn there:
relabelled in hindsight (Andrychowicz et al., Hindsight experience replay, 2017), weighted by the
balance heuristic of the mixture that the group's traces were drawn from (Veach and Guibas,
Optimally combining sampling techniques, 1995), and held against the group's other traces (Kool,
van Hoof and Welling, Buy 4 REINFORCE samples, get a baseline for free!, 2019). With eight episodes
an image that is eight times the samples for the same traces, of far less variance.

All else is PPO: the objective, its clip, and as many gradient steps as without.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import MultiCategoricalDistribution
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from vtrain.environment.episode import Rules, reward_scale
from vtrain.environment.measurement import Measurement
from vtrain.environment.sampler import Draw
from vtrain.training.policy import mattering_rows

Array = NDArray[np.float32]

_LEAST_WEIGHT = 0.02
"""Traces that a state would have drawn so much less often than the group did are left out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trace of a rollout.

    Attributes:
        draw: Image and taste of its episode.
        measurement: Against the reference.
        baseline: The reward's baseline on the image, likewise.
    """

    draw: Draw
    measurement: Measurement
    baseline: Measurement


@dataclass(frozen=True, slots=True)
class Samples:
    """What an update learns from, a row for each state and trace.

    Attributes:
        observations: Shape (n, OBSERVATION_SIZE).
        actions: Shape (n, rows of the parameter table).
        values: What the value function said of the state; shape (n,), as all that follow.
        log_probs: Of the action in the state, before the update.
        advantages: Times the weight of the row.
        returns: What the state is worth, by all traces of its group.
    """

    observations: Array
    actions: NDArray[np.int64]
    values: Array
    log_probs: Array
    advantages: Array
    returns: Array


class SharedRollout(RolloutBuffer):
    """stable-baselines3's buffer, which hands out `samples` for its own rows when it has any."""

    samples: Samples | None = None

    def reset(self) -> None:
        """As `RolloutBuffer.reset`."""
        self.samples = None
        super().reset()

    def get(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples, None, None]:
        """Minibatches in random order, as many as without sharing."""
        samples = self.samples
        if samples is None:
            yield from super().get(batch_size)
            return
        own, count = self.buffer_size * self.n_envs, len(samples.advantages)
        batches = 1 if batch_size is None else -(-own // batch_size)
        order = np.random.permutation(count)  # noqa: NPY002  as stable-baselines3 draws
        for part in np.array_split(order, min(batches, count)):
            rows = np.sort(part)  # the rows of a state side by side; see `PicturePolicy`
            yield RolloutBufferSamples(
                observations=self.to_torch(samples.observations[rows]),
                actions=self.to_torch(samples.actions[rows].astype(np.float32)),
                old_values=self.to_torch(samples.values[rows]),
                old_log_prob=self.to_torch(samples.log_probs[rows]),
                advantages=self.to_torch(samples.advantages[rows]),
                returns=self.to_torch(samples.returns[rows]),
            )


def share(model: PPO, outcomes: Sequence[Sequence[Outcome]], rules: Rules) -> None:
    """Let each trace of a full rollout count for all states of its group.

    Args:
        model: The learner, after its rollout; its buffer is a `SharedRollout`.
        outcomes: Of each environment, at each step.
        rules: The reward.
    """
    buffer = cast("SharedRollout", model.rollout_buffer)
    logs = _log_probabilities(model, buffer)
    parts = [
        _samples(buffer, (step, part), logs[step, part], _rewards(row[part], rules))
        for step, row in enumerate(outcomes)
        for part in _groups(row)
    ]
    buffer.samples = Samples(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Samples.__slots__
        }
    )


def _groups(outcomes: Sequence[Outcome]) -> Iterator[slice]:
    """Environments side by side with the same image."""
    start = 0
    for _, members in groupby(outcomes, key=lambda outcome: outcome.draw.image):
        end = start + len(list(members))
        yield slice(start, end)
        start = end


def _log_probabilities(model: PPO, buffer: SharedRollout) -> NDArray[np.float32]:
    """Of every level in every state, one row of the parameter table after the other.

    Returns:
        Shape (steps, environments, levels of all rows).
    """
    states = buffer.observations.reshape(-1, *buffer.obs_shape)
    with torch.no_grad():
        found = model.policy.get_distribution(buffer.to_torch(states))
        rows = cast("MultiCategoricalDistribution", found).distribution
        logs = torch.cat([row.logits for row in rows], dim=1)
    return logs.numpy().reshape(buffer.buffer_size, buffer.n_envs, -1)


def _rewards(outcomes: Sequence[Outcome], rules: Rules) -> Array:
    """What each trace (column) earns at the taste of each state (row); shape (n, n)."""
    found = [
        [rules.gain(one.measurement, one.baseline, state.draw) for one in outcomes]
        for state in outcomes
    ]
    scales = [reward_scale(state.draw.taste) for state in outcomes]
    return np.asarray(np.array(found) * np.array(scales)[:, None], np.float32)


def _samples(
    buffer: SharedRollout, where: tuple[int, slice], logs: Array, rewards: Array
) -> Samples:
    """The rows of a group of n states and as many traces: n^2, less those of next to no weight.

    Args:
        buffer: States, actions and values.
        where: Step and environments of the group.
        logs: Log-probabilities of all levels; shape (n, levels).
        rewards: Of each trace (column) in each state (row); shape (n, n).
    """
    actions, values = buffer.actions[where].astype(np.int64), buffer.values[where]
    # What each state thinks of each trace: the logarithms of its levels that matter, added up.
    levels = logs[:, actions + _first_levels(buffer)] * mattering_rows(actions)
    drawn = levels.sum(axis=2, dtype=np.float32)
    weights = _weights(drawn)
    advantages, worth = _judged(weights, rewards, values)
    states, traces = np.nonzero(weights > _LEAST_WEIGHT)
    return Samples(
        observations=buffer.observations[where][states],
        actions=actions[traces],
        values=values[states],
        log_probs=drawn[states, traces],
        advantages=(weights * advantages)[states, traces],
        returns=worth[states],
    )


def _weights(drawn: Array) -> Array:
    """How much more often a state would have drawn a trace than its group did.

    Args:
        drawn: Log-probability of each trace (column) in each state (row); shape (n, n).

    Returns:
        Likewise; at most n.
    """
    most = drawn.max(axis=0)
    mixture = np.log(np.exp(drawn - most).mean(axis=0)) + most
    return np.asarray(np.exp(drawn - mixture), np.float32)


def _judged(weights: Array, rewards: Array, values: Array) -> tuple[Array, Array]:
    """Advantages, and what each state is worth.

    A trace is held against the others of the group, and the less they say of the state the more
    against the value function: it never is part of what it is held against.

    Args:
        weights: Of each trace (column) in each state (row); shape (n, n).
        rewards: Likewise.
        values: What the value function says of each state; shape (n,).

    Returns:
        Advantages of shape (n, n), worths of shape (n,).
    """
    total, mass = weights.sum(axis=1), (weights * rewards).sum(axis=1)
    others = total[:, None] - weights
    known = mass[:, None] - weights * rewards
    # As one more trace of weight one that earned what the value function says.
    against = (known + values[:, None]) / (others + 1)
    return rewards - against, mass / total


def _first_levels(buffer: SharedRollout) -> NDArray[np.int64]:
    """Where the levels of each row of the parameter table begin among those of all."""
    space: Any = buffer.action_space
    return np.cumsum([0, *space.nvec[:-1]])

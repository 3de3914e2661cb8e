"""The start of learning: a policy fitted to the table of measured settings.

For every training image and taste the table says how good each of its settings is. The policy is
fitted to the soft-max of those utilities, which is a regularised maximiser of the expected utility
over the table; part of the images decides when to stop. PPO goes on from there with every action
of the space.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO

from vtrain.config.schema import EnvironmentConfig, WarmStartConfig
from vtrain.environment.episode import Rules, reward_scale
from vtrain.environment.observation import observe
from vtrain.tracing.parameters import ACTION_LEVELS
from vtrain.training.policy import mattering_rows
from vtrain.validation.table import MeasuredTable

_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 1e-3
_BATCH = 256
_HELD_OUT = 5
"""One image in this many decides when to stop (count)."""
_FEATURE_NOISE = 0.15
"""Spread of the noise on normalised features, against learning images by heart."""
_VALUE_WEIGHT = 0.05
_LEAST_SHARE = 0.02
"""Keeps every level of the table possible at the start."""
_NONE = 1e-6
"""Less of the targets than this has nothing to say of a row."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """How the fit went.

    Attributes:
        epochs: Passes over the table until the best fit (count).
        loss: Negative log-likelihood on the held-out images there (nats).
        start_loss: The same before the fit (nats).
    """

    epochs: int
    loss: float
    start_loss: float


def fit_table(
    model: PPO,
    table: MeasuredTable,
    rules: Rules,
    *,
    environment: EnvironmentConfig,
    config: WarmStartConfig,
    seed: int,
) -> WarmStart:
    """Fit the model's policy and value function to a table.

    Args:
        model: A fresh learner; its weights change, its optimiser does not.
        table: Measured settings on training images, the reward's baseline among them or not.
        rules: Features and normaliser.
        environment: Range of tastes.
        config: Epochs and softness.
        seed: Seed of batches and noise.
    """
    generator = np.random.default_rng((seed, 5))
    held = np.arange(len(table.images)) % _HELD_OUT == _HELD_OUT - 1
    if not held.any() or held.all():
        held = np.zeros(len(table.images), np.bool_)
    features = np.stack([rules.normaliser.apply(rules.features[i]) for i in table.images])
    data = _TableData(features, table, environment.tastes, config.temperature)
    check_rows = np.flatnonzero(held) if held.any() else np.arange(len(table.images))
    check = data.batch(np.tile(check_rows, len(environment.tastes)), None)
    learn = np.flatnonzero(~held)
    start_loss = float(_loss(model, data, check)[0].detach())
    _start_at_shares(model, data, data.batch(np.tile(learn, len(environment.tastes)), None))
    optimizer = torch.optim.AdamW(
        model.policy.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY
    )
    best_loss = float(_loss(model, data, check)[0].detach())
    best_epoch, best_weights = 0, copy.deepcopy(model.policy.state_dict())
    for epoch in range(1, config.epochs + 1):
        rows = generator.permutation(np.tile(learn, len(environment.tastes)))
        for first in range(0, len(rows), _BATCH):
            batch = data.batch(rows[first : first + _BATCH], generator)
            policy_loss, value_loss = _loss(model, data, batch)
            loss = policy_loss + _VALUE_WEIGHT * value_loss
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it bare
            torch.nn.utils.clip_grad_norm_(model.policy.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            now = float(_loss(model, data, check)[0])
        if now < best_loss:
            best_loss, best_epoch = now, epoch
            best_weights = copy.deepcopy(model.policy.state_dict())
    model.policy.load_state_dict(best_weights)
    return WarmStart(best_epoch, best_loss, start_loss)


@dataclass(frozen=True, slots=True)
class _Batch:
    observations: torch.Tensor
    targets: torch.Tensor
    values: torch.Tensor


class _TableData:
    """Batches of observations with their target distributions over the table's actions."""

    def __init__(
        self,
        features: NDArray[np.float32],
        table: MeasuredTable,
        tastes: tuple[float, ...],
        temperature: float,
    ) -> None:
        self._features = features
        self._table = table
        self._low, self._high = max(min(tastes), 1e-3), max(tastes)
        self._tastes = sorted(tastes)
        self._temperature = temperature
        # Where each action's levels stand in the policy's logits.
        offsets = np.cumsum([0, *ACTION_LEVELS[:-1]])
        actions = np.array(table.actions, np.int64)
        self.places = torch.from_numpy(actions + offsets)
        self.matters = torch.from_numpy(mattering_rows(actions))

    def batch(self, rows: NDArray[np.intp], generator: np.random.Generator | None) -> _Batch:
        """A batch of images; without a generator, tastes go through the grid and nothing varies."""
        features = self._features[rows]
        if generator is None:
            count = len(rows) // len(self._tastes)
            tastes = np.repeat(self._tastes, count)
        else:
            share = generator.random(len(rows))
            tastes = self._low * (self._high / self._low) ** share
            noise = generator.normal(0, _FEATURE_NOISE, features.shape)
            features = (features + noise).astype(np.float32)
        utilities = (
            self._table.appearance[rows] - np.asarray(tastes)[:, None] * self._table.cost[rows]
        )
        # As rewards are scaled, so that the targets of all tastes are as sharp.
        utilities *= np.array([reward_scale(float(taste)) for taste in tastes])[:, None]
        shifted = (utilities - utilities.max(axis=1, keepdims=True)) / self._temperature
        targets = np.exp(shifted)
        targets /= targets.sum(axis=1, keepdims=True)
        # What the policy will earn: relative to a middling setting, as rewards are to a baseline.
        values = (targets * utilities).sum(axis=1) - np.median(utilities, axis=1)
        observations = np.stack(
            [observe(row, float(taste)) for row, taste in zip(features, tastes, strict=True)]
        )
        return _Batch(
            torch.from_numpy(observations),
            torch.from_numpy(targets.astype(np.float32)),
            torch.from_numpy(values.astype(np.float32)),
        )


def _start_at_shares(model: PPO, data: _TableData, batch: _Batch) -> None:
    """Set the head's bias to the share that each level has among the targets.

    Features are centred, so what all images have in common is seen by the bias alone. Left to
    gradient steps, a few images learn it through their own features instead, which then misleads
    on every other image.
    """
    shares = torch.zeros(sum(ACTION_LEVELS)).index_add_(
        0,
        data.places.flatten(),
        (batch.targets.mean(dim=0)[:, None] * data.matters).flatten(),
    )
    # Of those to which the row matters: a curve that few images want has its own best corners.
    rows = torch.split(shares, list(ACTION_LEVELS))
    shares = torch.cat([row / row.sum().clamp(min=_NONE) for row in rows])
    bias = cast("torch.Tensor", model.policy.action_net.bias)
    with torch.no_grad():
        bias.copy_(torch.log(shares + _LEAST_SHARE))


def _loss(model: PPO, data: _TableData, batch: _Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of the policy against the targets, and the value function's squared error."""
    policy = model.policy
    latent, value_latent = policy.mlp_extractor(batch.observations)
    rows = torch.split(policy.action_net(latent), list(ACTION_LEVELS), dim=1)
    logs = torch.cat([torch.log_softmax(row, dim=1) for row in rows], dim=1)
    joint = (logs[:, data.places] * data.matters).sum(dim=2)
    cross_entropy = -(batch.targets * joint).sum(dim=1).mean()
    values = policy.value_net(value_latent).flatten()
    return cross_entropy, torch.nn.functional.mse_loss(values, batch.values)

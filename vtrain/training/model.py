"""The learner: stable-baselines3's PPO over the vectorised environment, one update at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

from vtrain.config.schema import Config, PPOConfig
from vtrain.training.finite import check_losses, check_model, watch
from vtrain.training.policy import PicturePolicy
from vtrain.training.sharing import SharedRollout, share
from vtrain.training.vec_env import FinishedEpisode, TraceVecEnv


@dataclass(frozen=True, slots=True)
class Update:
    """One PPO update.

    Attributes:
        episodes: Episodes that ended in its rollout.
        losses: Figures of stable-baselines3's logger, such as ``approx_kl``.
        rewards: Rewards of the rollout; shape (n_steps, n_envs).
        rollout_seconds: Time that the rollout took (s).
        learn_seconds: Time that the passes over it took (s).
    """

    episodes: list[FinishedEpisode]
    losses: dict[str, float]
    rewards: NDArray[np.float32]
    rollout_seconds: float
    learn_seconds: float


class _Silent(BaseCallback):
    def _on_step(self) -> bool:
        return True


def make_model(
    env: TraceVecEnv, config: PPOConfig, *, seed: int, writers: list[KVWriter] | None = None
) -> PPO:
    """A fresh learner; seeds every generator that training uses.

    Args:
        env: The environments.
        config: PPO's settings.
        seed: Seed of weights and sampling.
        writers: Extra outputs of stable-baselines3's logger, such as TensorBoard's.
    """

    def learning_rate(left: float) -> float:
        return _between(config.final_learning_rate, config.learning_rate, left=left)

    model = PPO(
        PicturePolicy,
        env,
        learning_rate=learning_rate,
        n_steps=config.n_steps,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_range,
        ent_coef=config.ent_coef,
        vf_coef=config.vf_coef,
        max_grad_norm=config.max_grad_norm,
        target_kl=config.target_kl or None,
        policy_kwargs=network_shape(config.hidden),
        rollout_buffer_class=SharedRollout,
        seed=seed,
        # A network this small learns no faster on an accelerator; tracing takes the time.
        device="cpu",
    )
    watch(model)
    model.set_logger(Logger(folder=None, output_formats=writers or []))
    return model


def shares_traces(config: Config) -> bool:
    """Whether traces count for every taste of their image; only where none depends on another."""
    return config.ppo.share_traces and config.environment.traces == 1


def network_shape(hidden: Sequence[int]) -> dict[str, Any]:
    """Arguments of stable-baselines3's policy for two towers of hidden layers (units each)."""
    return {
        "net_arch": {"pi": list(hidden), "vf": list(hidden)},
        "activation_fn": torch.nn.Tanh,
    }


def updates(model: PPO, env: TraceVecEnv, config: Config, *, total: int) -> Iterator[Update]:
    """Learn, handing out each update when it is done, until `total` traces were made.

    The same steps as stable-baselines3's `learn`, opened up so that everything between two updates
    (checkpoints, checks, stages) reads from top to bottom at the caller's.

    Args:
        model: The learner, with its last observations in place (see `start`).
        env: Its environments.
        config: The whole configuration.
        total: Traces at which learning ends; also the end of the schedules.

    Raises:
        NonFiniteError: A value of the rollout or of the update is not finite.
    """
    shares = shares_traces(config)
    silent = _Silent()
    silent.init_callback(model)
    while model.num_timesteps < total:
        env.drawn.clear()
        env.outcomes.clear()
        began = time.monotonic()
        model.collect_rollouts(env, silent, model.rollout_buffer, model.n_steps)
        model._update_current_progress_remaining(model.num_timesteps, total)  # noqa: SLF001
        rolled = time.monotonic()
        rewards = model.rollout_buffer.rewards.copy()
        bonus = config.ppo.ent_coef
        model.ent_coef = _between(config.ppo.final_ent_share * bonus, bonus, left=_left(model))
        if shares:
            share(model, env.outcomes, env.rules)
        model.train()
        values = {
            name.removeprefix("train/"): float(value)
            for name, value in model.logger.name_to_value.items()
            if name.startswith("train/")
        }
        check_losses(values)
        check_model(model)
        yield Update(
            env.take_finished(), values, rewards, rolled - began, time.monotonic() - rolled
        )
        model.logger.dump(model.num_timesteps)


def _left(model: PPO) -> float:
    """Part of the training that is still to come."""
    return float(model._current_progress_remaining)  # noqa: SLF001


def _between(end: float, beginning: float, *, left: float) -> float:
    """A value that goes evenly from its beginning to its end, and no further.

    The last rollout may go beyond the traces that were asked for: then less than nothing is left.
    """
    return end + max(left, 0.0) * (beginning - end)


def start(model: PPO, total: int) -> None:
    """Reset the environments and put the first observations in place."""
    model._setup_learn(total, None)  # noqa: SLF001  what `learn` does before its loop


def policy_weights(model: PPO) -> dict[str, NDArray[Any]]:
    """Weights of the policy and the value function under stable-baselines3's names."""
    return {
        name: tensor.detach().cpu().numpy().copy()
        for name, tensor in model.policy.state_dict().items()
    }


def load_policy_weights(model: PPO, arrays: dict[str, NDArray[Any]]) -> None:
    """Put weights back that `policy_weights` gave."""
    own = model.policy.state_dict()
    model.policy.load_state_dict({name: torch.from_numpy(arrays[name].copy()) for name in own})

"""The exact state of training between two updates: captured into arrays and JSON, and put back.

`PPO.load` is never used: it seeds every generator anew. The state is taken when the rollout buffer
is empty and the update is done, so neither belongs to it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO

from vtrain.training.averaging import Arrays, WeightAverage
from vtrain.training.curriculum import Curriculum
from vtrain.training.model import load_policy_weights, policy_weights
from vtrain.training.vec_env import TraceVecEnv


@dataclass(frozen=True, slots=True)
class ExactState:
    """Everything that the next update depends on.

    Attributes:
        weights: Policy and value function.
        averaged: Their mean over the latest updates, with which the policy is used.
        optimizer: Adam's moments and step counts.
        generators: Torch's generator and the last episode starts.
        document: Counters, the other generators, environments and curriculum, as JSON values.
    """

    weights: Arrays
    averaged: Arrays
    optimizer: Arrays
    generators: Arrays
    document: dict[str, Any]


def capture(
    model: PPO, env: TraceVecEnv, curriculum: Curriculum, average: WeightAverage, *, update: int
) -> ExactState:
    """The state now.

    Args:
        model: The learner, between two updates.
        env: Its environments.
        curriculum: The curriculum.
        average: The mean of its weights.
        update: Updates done.
    """
    moments: Arrays = {}
    for index, values in model.policy.optimizer.state_dict()["state"].items():
        for name, value in values.items():
            moments[f"{index}.{name}"] = torch.as_tensor(value).detach().cpu().numpy().copy()
    algorithm, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002  stable-baselines3 draws from it
    version, internal, gauss = random.getstate()
    generators = {
        "torch": torch.get_rng_state().numpy().copy(),
        "numpy": np.asarray(keys, np.uint32).copy(),
        "episode_starts": np.asarray(model._last_episode_starts, np.bool_).copy(),  # noqa: SLF001
    }
    document = {
        "update": update,
        "traces": model.num_timesteps,
        "n_updates": model._n_updates,  # noqa: SLF001
        "progress_remaining": model._current_progress_remaining,  # noqa: SLF001
        "numpy": [str(algorithm), int(position), int(has_gauss), float(cached)],
        "python": [version, list(internal), gauss],
        "environments": env.state(),
        "curriculum": curriculum.state(),
        "averaged": average.count,
    }
    # The mean is made anew by each update: nothing changes these arrays.
    return ExactState(policy_weights(model), average.weights, moments, generators, document)


def restore(
    state: ExactState,
    model: PPO,
    env: TraceVecEnv,
    curriculum: Curriculum,
    average: WeightAverage,
) -> int:
    """Put a state back into freshly built objects; the updates done.

    Args:
        state: What `capture` gave.
        model: A learner built from the same configuration, after `start`.
        env: Its environments.
        curriculum: A curriculum built from the same configuration.
        average: A mean built from the same configuration.
    """
    load_policy_weights(model, state.weights)
    own = policy_weights(model)
    # Before there was a mean, the policy was the newest weights: it begins there.
    average.restore(
        {name: state.averaged[name] for name in own}, int(state.document.get("averaged", 0))
    )
    _restore_optimizer(model, state.optimizer)
    document = state.document
    curriculum.restore(document["curriculum"])
    model._last_obs = env.restore(document["environments"])  # noqa: SLF001
    model._last_episode_starts = state.generators["episode_starts"]  # noqa: SLF001
    model.num_timesteps = document["traces"]
    model._n_updates = document["n_updates"]  # noqa: SLF001
    model._current_progress_remaining = document["progress_remaining"]  # noqa: SLF001
    algorithm, position, has_gauss, cached = document["numpy"]
    keys = state.generators["numpy"]
    np.random.set_state((algorithm, keys, position, has_gauss, cached))  # noqa: NPY002
    version, internal, gauss = document["python"]
    random.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(torch.from_numpy(state.generators["torch"].copy()))
    return int(document["update"])


def _restore_optimizer(model: PPO, moments: Arrays) -> None:
    optimizer = model.policy.optimizer
    saved = optimizer.state_dict()
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in moments.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = torch.from_numpy(value.copy())
    optimizer.load_state_dict({"state": state, "param_groups": saved["param_groups"]})

"""Prove that a resume is exact: go on from a checkpoint twice, and compare what comes out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.config.schema import Config
from vtrain.environment.engine import Engine, open_engine
from vtrain.rundir import RunDirectory
from vtrain.training.averaging import WeightAverage
from vtrain.training.curriculum import Curriculum
from vtrain.training.lineage import Origin
from vtrain.training.model import make_model, policy_weights, start, updates
from vtrain.training.problem import Problem, load_problem
from vtrain.training.stages import carry_over
from vtrain.training.state import ExactState, capture, restore
from vtrain.training.vec_env import TraceVecEnv


@dataclass(frozen=True, slots=True)
class Replay:
    """Two updates from one checkpoint.

    Attributes:
        first: SHA-256 of the whole state after the one.
        second: After the other, made by objects of its own.
        moved: Whether the update changed the weights at all; without, it would prove nothing.
    """

    first: str
    second: str
    moved: bool

    @property
    def exact(self) -> bool:
        """Whether both ended alike, after a change."""
        return self.first == self.second and self.moved


def replay(run: RunDirectory, config: Config, checkpoint: Checkpoint) -> Replay:
    """Make one PPO update from a checkpoint, twice.

    Nothing is written but measurements to the cache.

    Args:
        run: The checkpoint's run, with its prepared data.
        config: Its configuration.
        checkpoint: Where to go on from.

    Raises:
        CheckpointError: The checkpoint does not fit.
        DataError: The data is not prepared.
    """
    torch.set_num_threads(config.resources.torch_threads)
    origin = Origin(checkpoint, checkpoint.load(), resumed=True, run=run.root)
    problem = load_problem(run, config)
    origin.check_changes(config, problem.catalog.digest, accept=False)
    with open_engine(
        run.images,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=run.measurements,
    ) as engine:
        ends = [_one_update(config, problem, engine, origin) for _ in range(2)]
    before = origin.state.weights
    moved = any(not np.array_equal(array, before[name]) for name, array in ends[0].weights.items())
    return Replay(state_digest(ends[0]), state_digest(ends[1]), moved)


def _one_update(config: Config, problem: Problem, engine: Engine, origin: Origin) -> ExactState:
    curriculum = Curriculum(config.curriculum)
    env = TraceVecEnv(
        problem.rules,
        problem.sampler,
        engine,
        count=config.ppo.n_envs,
        membership=curriculum.membership,
    )
    model = make_model(env, config.ppo, seed=config.seed)
    average = WeightAverage(config.ppo.average_updates)
    start(model, config.ppo.total_traces)
    done = restore(origin.state, model, env, curriculum, average)
    if curriculum.wants_best:
        if carry_over(model, CheckpointStore(origin.run / "checkpoints"), origin.best):
            average.start(policy_weights(model))
        curriculum.carried_over()
    # At the end of a training there is no update left: the next one is made all the same.
    total = max(config.ppo.total_traces, model.num_timesteps + 1)
    update = next(iter(updates(model, env, config, total=total)))
    average.add(policy_weights(model))
    curriculum.after_update([episode.gain for episode in update.episodes])
    return capture(model, env, curriculum, average, update=done + 1)


def state_digest(state: ExactState) -> str:
    """SHA-256 over every array and value of a state."""
    digest = hashlib.sha256()
    groups: dict[str, dict[str, Any]] = {
        "weights": state.weights,
        "averaged": state.averaged,
        "optimizer": state.optimizer,
        "generators": state.generators,
    }
    for group, arrays in groups.items():
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{group}/{name} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
    digest.update(json.dumps(state.document, sort_keys=True).encode())
    return digest.hexdigest()

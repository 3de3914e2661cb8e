"""Checkpoints of a training: what goes in, which is best, which are kept."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from vtrain.agent.network import policy_arrays
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import config_hash
from vtrain.config.schema import Config
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import TABLE_DIGEST
from vtrain.training.check import Check
from vtrain.training.problem import Problem
from vtrain.training.state import ExactState


class Saving:
    """Writes the checkpoints of one training.

    Args:
        config: The configuration.
        run: The run directory.
        problem: Its normaliser belongs to the policy.
    """

    def __init__(self, config: Config, run: RunDirectory, problem: Problem) -> None:
        self._config, self._run, self._problem = config, run, problem
        self._store = CheckpointStore(run.checkpoints)
        self.best: tuple[float, int] | None = None
        """Utility and step of the best check so far."""

    def policy(self, state: ExactState) -> dict[str, NDArray[Any]]:
        """The arrays of ``policy.safetensors``."""
        return policy_arrays(
            state.weights,
            self._problem.rules.normaliser,
            input_size=self._config.data.input_size,
        )

    def save(self, state: ExactState, check: Check | None, *, stage: str) -> str:
        """Write a checkpoint of a state, point at it, and prune; its name.

        Args:
            state: At the end of an update.
            check: Its validation check, if there was one.
            stage: The curriculum's stage.

        Raises:
            StorageError: It cannot be written.
        """
        update, step = int(state.document["update"]), int(state.document["traces"])
        better = check is not None and (self.best is None or check.utility > self.best[0])
        if check is not None and better:
            self.best = (check.utility, step)
        checkpoint = self._store.save(
            step,
            tensors={
                "policy": self.policy(state),
                "optimizer": state.optimizer,
                "generators": state.generators,
            },
            documents={"state": {**state.document, "best": self.best}},
            info={
                "update": update,
                "traces": step,
                "utility": check.utility if check else None,
                "check": check.as_dict() if check else None,
                "config": config_hash(self._config),
                "dataset": self._problem.catalog.digest,
                "table": TABLE_DIGEST,
                "stage": stage,
            },
        )
        if better:
            self._store.mark_best(checkpoint)
        kept = self._config.checkpoints
        self._store.prune(kept.keep_last, kept.keep_best)
        self._run.record_event("checkpoint", name=checkpoint.name, best=better, update=update)
        return checkpoint.name

"""Checkpoints of a training: what goes in, and writing them beside it."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vtrain.agent.network import policy_arrays
from vtrain.agent.portfolio import Portfolio
from vtrain.checkpoints.request import fulfil
from vtrain.checkpoints.retention import rules_of
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import config_hash
from vtrain.config.schema import Config
from vtrain.environment.features import FEATURES
from vtrain.errors import CheckpointError, StorageError, quoted
from vtrain.rundir import RunDirectory, storage_error
from vtrain.tracing.parameters import TABLE_DIGEST
from vtrain.training.best import Best, is_better
from vtrain.training.check import Check
from vtrain.training.problem import Problem
from vtrain.training.state import ExactState

logger = logging.getLogger(__name__)

_OVERHEAD = 200_000
"""Bytes of a checkpoint besides weights and moments: generators, environments, manifest."""


class Saving:
    """Writes the checkpoints of one training, beside it.

    One checkpoint is written at a time, by a thread of its own: hashing and flushing leave the
    interpreter's lock alone, so training goes on. A state is a copy, which nothing changes while it
    is written.

    Args:
        config: The configuration.
        run: The run directory.
        problem: Its normaliser belongs to the policy.
    """

    def __init__(self, config: Config, run: RunDirectory, problem: Problem) -> None:
        self._config, self._run, self._problem = config, run, problem
        self._rules = rules_of(config.checkpoints)
        self._store = CheckpointStore(run.checkpoints)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vtrain-checkpoint")
        self._pending: Future[str] | None = None
        self._before: Best | None = None
        self._written: list[str] = []
        self._failures = 0
        self.best: Best | None = None
        """The best check so far."""
        self.portfolio: Portfolio | None = None
        """Settings that are tried in turn with the policy's own."""

    def close(self) -> None:
        """Wait for what is being written."""
        self._thread.shutdown(wait=True)

    def policy(self, state: ExactState) -> dict[str, NDArray[Any]]:
        """The arrays of ``policy.safetensors``."""
        return policy_arrays(
            state.averaged,
            self._problem.rules.normaliser,
            input_size=self._config.data.input_size,
            portfolio=self.portfolio,
        )

    def check_space(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Make sure that the disk holds what the rules keep, before anything is learned.

        Raises:
            CheckpointError: It does not.
        """
        kept = self._config.checkpoints
        # Each weight is there as learned and as averaged, and Adam keeps two moments of it.
        each = 4 * sum(array.nbytes for array in weights.values()) + _OVERHEAD
        count = kept.keep_last + kept.keep_best + 1
        if kept.keep_every:
            ppo = self._config.ppo
            count += ppo.total_traces // (ppo.n_envs * ppo.n_steps * kept.keep_every)
        free = shutil.disk_usage(self._run.root).free
        # What is there already is pruned as the new ones come.
        there = sum(item.size for item in self._store.checkpoints())
        if each * count > free + there:
            raise CheckpointError(
                f"The checkpoints would take some {each * count / 1e6:,.0f} MB ({count} of "
                f"{each / 1e6:,.1f} MB), and {self._run.root} has {free / 1e6:,.0f} MB free.",
                hint="Free some space, or keep fewer with checkpoints.keep_last and keep_every.",
            )

    def save(
        self,
        state: ExactState,
        check: Check | None,
        *,
        stage: str,
        figures: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint of a state, point at it, and prune.

        Args:
            state: At the end of an update.
            check: Its validation check, if there was one.
            stage: The curriculum's stage.
            figures: The record of its update, if there was one.

        Raises:
            CheckpointError: Too many writes in a row failed.
        """
        self._collect()
        update, step = int(state.document["update"]), int(state.document["traces"])
        self._before = self.best
        confidence = self._config.checkpoints.best_confidence
        better = check is not None and is_better(check, self.best, confidence)
        if check is not None and better:
            self.best = Best(check.utility, step, check.values)
        tensors, documents, info = self._content(state, check, stage=stage)
        info["figures"] = {key: value for key, value in (figures or {}).items() if key != "wall"}

        def write() -> str:
            try:
                checkpoint = self._store.save(step, tensors=tensors, documents=documents, info=info)
                fulfil(self._run)
                if better:
                    self._store.mark_best(checkpoint)
                self._prune()
            except OSError as error:  # the folder may go at any moment
                raise storage_error(error, self._store.folder) from error
            self._run.record_event("checkpoint", name=checkpoint.name, best=better, update=update)
            return checkpoint.name

        self._pending = self._thread.submit(write)
        if not self._config.checkpoints.background:
            self._collect()

    def _prune(self) -> None:
        try:
            self._store.prune(self._rules)
        except CheckpointError as error:  # too many of them are no reason to end a training
            logger.warning("No checkpoint was removed. %s", error)

    def _content(
        self, state: ExactState, check: Check | None, *, stage: str
    ) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, Any], dict[str, Any]]:
        """Tensors, documents and facts of a checkpoint."""
        tensors = {
            "policy": self.policy(state),
            "learner": state.weights,
            "optimizer": state.optimizer,
            "generators": state.generators,
        }
        documents = {
            "state": {
                **state.document,
                "best": self.best.to_document() if self.best else None,
            },
            "config": self._config.model_dump(mode="json"),
        }
        info = {
            "update": int(state.document["update"]),
            "traces": int(state.document["traces"]),
            "utility": check.utility if check else None,
            "check": check.as_dict() if check else None,
            "config": config_hash(self._config),
            "dataset": self._problem.catalog.digest,
            "table": TABLE_DIGEST,
            "features": len(FEATURES),
            "stage": stage,
            "best_step": self.best.step if self.best else None,
            "torch_threads": self._config.resources.torch_threads,
        }
        return tensors, documents, info

    def finished(self) -> Sequence[str]:
        """Names of the checkpoints that were written since this was asked last.

        Raises:
            CheckpointError: Too many writes in a row failed.
        """
        if self._pending is not None and self._pending.done():
            self._collect()
        names, self._written = self._written, []
        return names

    def settle(self) -> Sequence[str]:
        """As `finished`, once nothing is being written any more.

        Raises:
            CheckpointError: The last write failed.
        """
        self._collect(last=True)
        return self.finished()

    def rescue(
        self, state: ExactState, error: CheckpointError | StorageError, *, stage: str
    ) -> CheckpointError:
        """Save a state wherever it can be, once the run directory fails; what to raise.

        Args:
            state: The newest whole one.
            error: What went wrong.
            stage: The curriculum's stage.
        """
        step = int(state.document["traces"])
        places = (
            self._store,
            CheckpointStore(
                Path(tempfile.gettempdir()) / f"vtrain-rescue-{os.getpid()}" / "checkpoints"
            ),
        )
        again = f"go on with `vtrain train --run {quoted(self._run.root)} --resume`."
        newest = next(iter(self._store.checkpoints()[::-1]), None)
        if newest is not None and newest.step == step and not newest.problems():
            return CheckpointError(
                f"{error.message} All that was learned, {step} traces, is in {newest.path}.",
                hint=f"{error.hint} Then {again}",
            )
        tensors, documents, info = self._content(state, None, stage=stage)
        for store in places:
            try:
                made = store.save(step, tensors=tensors, documents=documents, info=info)
            except StorageError as other:
                logger.warning("The state cannot be saved in %s: %s", store.folder, other)
                continue
            here = store is self._store
            back = "" if here else f" Move {made.path} to {self._store.folder}."
            return CheckpointError(
                f"{error.message} All that was learned, {step} traces, was saved in {made.path}.",
                hint=f"{error.hint}{back} Then {again}",
            )
        return CheckpointError(
            f"{error.message} What was learned since the last checkpoint could not be saved.",
            hint=error.hint,
        )

    def _collect(self, *, last: bool = False) -> None:
        """Take what the thread says of the write before."""
        if self._pending is None:
            return
        try:
            self._written.append(self._pending.result())
        except StorageError as error:
            self._failures += 1
            self.best = self._before
            logger.error("A checkpoint could not be written: %s", error)  # noqa: TRY400 - told below
            self._tell_failure(error)
            if last or self._failures >= self._config.checkpoints.failures_allowed:
                times = "" if self._failures == 1 else f" ({self._failures} times in a row)"
                raise CheckpointError(
                    f"A checkpoint could not be written{times}: {error.message}",
                    hint=f"{error.hint} The earlier checkpoints are there: go on with "
                    f"`vtrain train --run {quoted(self._run.root)} --resume`.",
                ) from error
        else:
            self._failures = 0
        finally:
            self._pending = None

    def _tell_failure(self, error: StorageError) -> None:
        try:
            self._run.record_event("checkpoint-failed", problem=error.message)
        except StorageError:  # the same full disk; the log has it
            logger.warning("The event of it could not be written either.")

"""What is kept of the stages of the curriculum, and the policy that the next one begins with."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stable_baselines3 import PPO

from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import CheckpointError, DataError
from vtrain.rundir import (
    RunDirectory,
    read_json,
    read_jsonl,
    storage_error,
    write_bytes,
    write_json,
)
from vtrain.training.best import Best
from vtrain.training.check import Check
from vtrain.training.curriculum import Curriculum, StageCheck, StageResult
from vtrain.training.events import TrainingEvent
from vtrain.training.model import load_policy_weights

logger = logging.getLogger(__name__)

_FILE = re.compile(r"stage-(\d+)-.*\.json")
_PLOT = "curriculum"
_LONGEST_NAME = 60
"""Characters of a stage's name in the name of its file."""


class StageResults:
    """The folder ``curriculum/`` of a run: a file for each attempt at a stage, and the plot.

    Args:
        run: The run directory.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    def begin(self, update: int) -> None:
        """Forget what came after the update that training goes on from; 0 forgets everything.

        Raises:
            StorageError: A file cannot be removed.
        """
        for number, path in self._files():
            if number > update:
                _remove(path)
        if update == 0:
            for path in self._plots():
                _remove(path)

    def keep(self, update: int, result: StageResult) -> bool:
        """Write the result of an attempt that ended after an update, draw the plot, and record it.

        The end of a training that went on after all is forgotten.

        Returns:
            Whether it is a new one: a training that is resumed at its end adds nothing.

        Raises:
            StorageError: It cannot be written.
        """
        name = re.sub(r"[^\w.-]+", "-", result.stage)[:_LONGEST_NAME]
        path = self._run.curriculum / f"stage-{update:05d}-{name}.json"
        before = dict(self.read()).get(update)
        if path.exists() and before and (result.check is None or before.get("check")):
            return False
        for number, told in self.read():
            if told.get("then") == "end" and number < update:
                for other, stale in self._files():
                    if other == number:
                        _remove(stale)
        write_json(path, {"update": update, **result.as_dict()})
        self.draw()
        self._run.record_event("stage", **result.as_dict())
        return True

    def read(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Update and content of each file that can be read, in order."""
        found: list[tuple[int, Mapping[str, Any]]] = []
        for number, path in self._files():
            try:
                found.append((number, read_json(path)))
            except DataError as error:  # the curve and the checkpoints do not depend on it
                logger.warning("The result of a stage is left out: %s", error)
        return found

    def draw(self) -> None:
        """Draw the plot anew; nothing while no update was made.

        Raises:
            StorageError: It cannot be written.
        """
        records = read_jsonl(self._run.metrics)
        if not records:
            return
        from vtrain.training import stage_plot  # noqa: PLC0415  matplotlib, only when it draws
        from vtrain.validation.plots import files_of  # noqa: PLC0415  likewise

        figure = stage_plot.draw(records, [told for _, told in self.read()])
        for path, content in zip(self._plots(), files_of(figure), strict=True):
            write_bytes(path, content)

    def _plots(self) -> tuple[Path, Path]:
        folder = self._run.curriculum
        return folder / f"{_PLOT}.png", folder / f"{_PLOT}.svg"

    def _files(self) -> list[tuple[int, Path]]:
        folder = self._run.curriculum
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        matches = [found for name in names if (found := _FILE.fullmatch(name))]
        return sorted((int(found[1]), folder / found[0]) for found in matches)


def stage_check(check: Check | None) -> StageCheck | None:
    """What a stage's result says of a check."""
    if check is None:
        return None
    return StageCheck(check.utility, check.interval, dict(check.by_category))


def stage_event(result: StageResult) -> TrainingEvent:
    """What is told when an attempt has ended."""
    again = f", attempt {result.attempt}," if result.attempt > 1 else ""
    told = f"Stage {result.stage}{again} ended ({result.reason}): {result.then}"
    return TrainingEvent("stage", told, data=result.as_dict())


def begin_with_best(
    model: PPO, curriculum: Curriculum, run: RunDirectory, best: Best | None
) -> TrainingEvent | None:
    """Do what the curriculum wants before the next update, and record it.

    Args:
        model: The learner, between two updates.
        curriculum: At the beginning of an attempt.
        run: Its checkpoints are read, of which none is being written.
        best: The best check.

    Returns:
        A warning when the policy of the best check is gone and the last one is kept.
    """
    name = carry_over(model, CheckpointStore(run.checkpoints), best)
    curriculum.carried_over()
    stage = {"stage": curriculum.stage.name, "attempt": curriculum.attempt}
    run.record_event("carry-over" if name else "carry-over-lost", checkpoint=name, **stage)
    if name:
        return None
    told = "The policy of the best check is gone; the last one is kept."
    return TrainingEvent("warning", told, data=stage)


def carry_over(model: PPO, store: CheckpointStore, best: Best | None) -> str | None:
    """Put the policy of the best check in place, with an optimiser that has not moved yet.

    Args:
        model: The learner, between two updates.
        store: The run's checkpoints, of which none is being written.
        best: The best check.

    Returns:
        Name of the checkpoint; None, and nothing changed, when it is gone.
    """
    if best is None:
        return None
    try:
        checkpoint = store.resolve(str(best.step))
        weights = store.load(checkpoint).tensors["policy"]
    except CheckpointError as error:
        logger.warning("The policy of the best check cannot be carried over: %s", error)
        return None
    load_policy_weights(model, weights)
    model.policy.optimizer.state.clear()
    return checkpoint.name


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error

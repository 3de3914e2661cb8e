"""What a run's own files say at the end: its checkpoints, resources and alerts."""

from __future__ import annotations

from dataclasses import dataclass

from vtrain.checkpoints.store import CheckpointStore
from vtrain.monitoring.report import RunReport, report
from vtrain.rundir import RunDirectory

SET_ASIDE = "set aside"
"""What the store says of a folder that was found damaged before."""


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """A checkpoint, as it was found.

    Attributes:
        name: Its folder's name.
        update: PPO updates behind it (count); None when not known.
        utility: Mean utility over the baseline in its check; None without one.
        bytes: Size of its files (bytes).
        roles: ``best``, ``latest``, both or none.
        problems: What is wrong with it; empty when it is whole, and loads.
    """

    name: str
    update: int | None
    utility: float | None
    bytes: int
    roles: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run's files say of it.

    Attributes:
        checkpoints: All of them, each verified, the oldest first.
        report: Resources of the training, how it used its time, open alerts, and advice.
    """

    checkpoints: tuple[CheckpointState, ...]
    report: RunReport


def run_state(run: RunDirectory) -> RunState:
    """Read a run's files, and verify every checkpoint.

    Raises:
        DataError: A file cannot be read.
    """
    return RunState(checkpoints=tuple(_checkpoints(run)), report=report(run, events=0))


def _checkpoints(run: RunDirectory) -> list[CheckpointState]:
    store = CheckpointStore(run.checkpoints)
    found = [
        CheckpointState(
            name=item.name,
            update=item.update,
            utility=item.utility,
            bytes=item.size,
            roles=tuple(role for role in ("best", "latest") if store.pointer(role) == item.name),
            problems=tuple(store.verify(item)),
        )
        for item in store.checkpoints()
    ]
    return found + [
        CheckpointState(path.name, None, None, 0, (), (problem,))
        for path, problem in store.damaged()
    ]

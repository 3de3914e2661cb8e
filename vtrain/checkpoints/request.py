"""Ask a training from outside for a checkpoint."""

from __future__ import annotations

import time

from vtrain.checkpoints.pointers import read_pointer
from vtrain.errors import CheckpointError, RunLocked
from vtrain.rundir import RunDirectory, now, write_json

_FILE = "request.json"
_POLL_S = 0.2


def requested(run: RunDirectory) -> bool:
    """Whether someone asked; asking again tells no more."""
    return (run.checkpoints / _FILE).exists()


def fulfil(run: RunDirectory) -> None:
    """Take the request back, once it is answered.

    Raises:
        OSError: It cannot be removed.
    """
    (run.checkpoints / _FILE).unlink(missing_ok=True)


def ask(run: RunDirectory, wait: float = 0.0) -> str | None:
    """Ask whoever trains in a run to save at the end of its update.

    Args:
        run: The run directory.
        wait: How long to wait for it (s); 0 not at all.

    Returns:
        The new checkpoint's name; None when it was not waited for.

    Raises:
        CheckpointError: Nobody trains there, or it took longer.
        StorageError: The request cannot be written.
    """
    if not _held(run):
        raise CheckpointError(
            f"Nobody trains in {run.root}.",
            hint="What was saved last is there: 'vtrain checkpoint list'.",
        )
    write_json(run.checkpoints / _FILE, {"asked": now()})
    if not wait:
        return None
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if not requested(run):
            return read_pointer(run.checkpoints, "latest")
        if not _held(run):
            fulfil(run)
            raise CheckpointError(
                f"The training in {run.root} ended before it answered.",
                hint="What was saved last is there: 'vtrain checkpoint list'.",
            )
        time.sleep(_POLL_S)
    raise CheckpointError(
        f"No checkpoint was written within {wait:g} s.",
        hint="An update may take longer: look with 'vtrain monitor watch'.",
    )


def _held(run: RunDirectory) -> bool:
    """Whether another process works in a run."""
    try:
        with run.lock("checkpoint request"):
            return False
    except RunLocked:
        return True

"""Ask a training from outside for a checkpoint."""

from __future__ import annotations

import time

from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import CheckpointError, RunLocked
from vtrain.rundir import RunDirectory

_POLL_S = 0.2


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
    try:
        with run.lock("checkpoint request"):
            raise CheckpointError(
                f"Nobody trains in {run.root}.",
                hint="What was saved last is there: 'vtrain checkpoint list'.",
            )
    except RunLocked:
        pass
    store = CheckpointStore(run.checkpoints)
    store.request()
    if not wait:
        return None
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if not store.requested():
            return store.pointer("latest")
        time.sleep(_POLL_S)
    raise CheckpointError(
        f"No checkpoint was written within {wait:g} s.",
        hint="An update may take longer: look with 'vtrain monitor watch'.",
    )

"""The pointers ``latest`` and ``best``: hints, for the truth is what verifies."""

from __future__ import annotations

import logging
from pathlib import Path

from vtrain.checkpoints.checkpoint import Checkpoint
from vtrain.checkpoints.names import parse_name
from vtrain.checkpoints.sealed import seal, unseal
from vtrain.errors import CheckpointError
from vtrain.rundir import write_bytes

POINTERS = ("latest", "best")
_SCHEMA = 2
"""Schema 1 had no digest."""

logger = logging.getLogger(__name__)


def read_pointer(folder: Path, name: str) -> str | None:
    """The name of the checkpoint that a pointer names; None when it, or the checkpoint, is gone.

    Args:
        folder: The folder of checkpoints.
        name: ``latest`` or ``best``.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        target = str(unseal(path, newest=_SCHEMA, unsealed=1).get("name"))
    except CheckpointError as error:  # a hint, no more: there is another way to find one
        logger.warning("%s", error)
        return None
    return target if parse_name(target) and (folder / target).is_dir() else None


def write_pointer(folder: Path, name: str, checkpoint: Checkpoint) -> None:
    """Let a pointer name a checkpoint.

    Raises:
        StorageError: It cannot be written.
    """
    body = {"schema": _SCHEMA, "name": checkpoint.name, "step": checkpoint.step}
    write_bytes(folder / f"{name}.json", seal(body))

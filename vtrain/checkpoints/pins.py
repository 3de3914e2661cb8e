"""Pins: checkpoints that stay whatever the rules of pruning say."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vtrain.checkpoints.sealed import NewerSchema, seal, unseal
from vtrain.errors import CheckpointError
from vtrain.rundir import storage_error, write_together

_FILE = "pins.json"
_SCHEMA = 2
"""Schema 1 had no digest."""


def read_pins(folder: Path) -> dict[str, str]:
    """Names of pinned checkpoints, with the note of each.

    Args:
        folder: The folder of checkpoints.

    Raises:
        CheckpointError: The list is damaged: which ones are pinned is not known.
    """
    path = folder / _FILE
    if not path.exists():
        return {}
    try:
        pinned = unseal(path, newest=_SCHEMA, unsealed=1)["pinned"]
        return {str(name): str(note) for name, note in pinned.items()}
    except NewerSchema:
        raise
    except (CheckpointError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is damaged: which checkpoints are pinned is not known, so none is removed.",
            hint="Set it aside with 'vtrain checkpoint restore', then pin what should stay.",
        ) from error


@contextmanager
def change_pins(
    folder: Path, beside: Callable[[Mapping[str, str]], Mapping[Path, bytes]]
) -> Iterator[dict[str, str]]:
    """The list, to be changed: written at the end of the block, one process after another.

    Args:
        folder: The folder of checkpoints.
        beside: Gives the files that tell of the list, from the list as it is going to be. They are
            written with it, or nothing is.

    Raises:
        CheckpointError: The list is damaged.
        StorageError: It, or what tells of it, cannot be written; then it is as it was.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error(error, folder) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        pinned = read_pins(folder)
        before = dict(pinned)
        yield pinned
        files = dict(beside(pinned))
        if pinned != before:
            files[folder / _FILE] = seal({"schema": _SCHEMA, "pinned": pinned})
        write_together(files)
    finally:
        os.close(handle)


def set_pins_aside(folder: Path) -> Path:
    """Rename a damaged list, so that a new one can begin; its new place.

    Raises:
        OSError: It cannot be renamed.
    """
    path = folder / _FILE
    target = path.with_name(f"{_FILE}.bad")
    if target.exists():
        target = path.with_name(f"{_FILE}.bad-{secrets.token_hex(4)}")
    path.rename(target)
    return target

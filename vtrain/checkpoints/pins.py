"""Pins: checkpoints that stay whatever the rules of pruning say."""

from __future__ import annotations

from pathlib import Path

from vtrain.checkpoints.sealed import NewerSchema, seal, unseal
from vtrain.errors import CheckpointError
from vtrain.rundir import write_bytes

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


def write_pins(folder: Path, pinned: dict[str, str]) -> None:
    """Replace the list.

    Raises:
        StorageError: It cannot be written.
    """
    write_bytes(folder / _FILE, seal({"schema": _SCHEMA, "pinned": pinned}))


def set_pins_aside(folder: Path) -> Path:
    """Rename a damaged list, so that a new one can begin; its new place.

    Raises:
        OSError: It cannot be renamed.
    """
    path = folder / _FILE
    target = path.with_name(f"{_FILE}.bad")
    path.rename(target)
    return target

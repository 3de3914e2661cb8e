"""Make a new run of another run's data, config and policy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from vtrain.checkpoints.names import parse_source
from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.errors import UsageError
from vtrain.rundir import RunDirectory, storage_error, write_bytes


def fork_run(source: str, target: Path) -> Checkpoint:
    """Make a run directory that is ready to be trained from another run's policy.

    The prepared images are linked where the file system can, else copied; what was measured of them
    comes along, so that nothing is measured twice.

    Args:
        source: ``RUN`` or ``RUN@STEP``, STEP also ``best`` or ``latest``.
        target: The new run directory, which holds no run yet.

    Returns:
        The checkpoint that it starts from.

    Raises:
        CheckpointError: There is none.
        UsageError: `target` holds a run.
        StorageError: `target` cannot be written.
    """
    path, step = parse_source(source, "best")
    origin = RunDirectory.open(path)
    checkpoint = CheckpointStore(origin.checkpoints).resolve(step)
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} exists and is not empty.", hint="Name a new folder.")
    made = RunDirectory.create(target, name=target.name)
    try:
        shutil.copytree(origin.data_cache, made.data_cache, copy_function=_link, dirs_exist_ok=True)
        if origin.dataset_info.is_file():
            write_bytes(made.dataset_info, origin.dataset_info.read_bytes())
        if origin.config.is_file():
            write_bytes(made.config, origin.config.read_bytes())
    except OSError as error:
        raise storage_error(error, target) from error
    return checkpoint


def _link(source: str, target: str) -> None:
    # Images are never written in place; databases are, and must not be shared.
    if source.endswith(".png"):
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
    else:
        shutil.copy2(source, target)

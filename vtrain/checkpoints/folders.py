"""A checkpoint's folder on the disk: written whole, set aside, removed."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from vtrain.checkpoints.names import checkpoint_name
from vtrain.rundir import make_folder, storage_error, sync_folder, write_new

logger = logging.getLogger(__name__)


def write_folder(folder: Path, step: int, content: Mapping[str, bytes]) -> Path:
    """Write a checkpoint's files, and give the folder its final name when all are on the disk.

    Args:
        folder: Where checkpoints are kept; made when it is missing.
        step: The checkpoint's step.
        content: Its files in the order in which they are written, the manifest last.

    Raises:
        StorageError: It cannot be written; nothing is left of it.
    """
    make_folder(folder)
    final = folder / checkpoint_name(step)
    temporary = folder / f".{final.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    revision = 1
    while final.exists() or final.with_name(f"{final.name}.bad").exists():
        revision += 1  # a resumed run saves the same step again: a new name, never replaced
        final = folder / checkpoint_name(step, revision)
    try:
        temporary.mkdir()
        for file, data in content.items():
            write_new(temporary / file, data)
        sync_folder(temporary)
        temporary.rename(final)
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, final) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def pass_over(path: Path, reason: str, *, rename: bool) -> None:
    """Say that a checkpoint is damaged; out of the way with it, if wanted.

    Args:
        path: Its folder.
        reason: What is wrong with it.
        rename: Whether it is set aside as ``NAME.bad``.
    """
    if not path.exists():  # pruned by the trainer in the meantime
        return
    if not rename:
        logger.warning("%s is damaged: %s", path, reason)
        return
    target = path.with_name(f"{path.name}.bad")
    if target.exists():
        target = path.with_name(f"{path.name}.bad-{secrets.token_hex(4)}")
    try:
        path.rename(target)
    except OSError as error:
        logger.warning("%s is damaged and stays where it is (%s): %s", path, error, reason)
    else:
        logger.warning("A damaged checkpoint was set aside as %s: %s", target, reason)


def remove(paths: Iterable[Path]) -> None:
    """Remove folders or files, one after another.

    Raises:
        StorageError: One cannot be removed.
    """
    for path in paths:
        # Under a hidden name first: half a checkpoint must not look like one.
        hidden = path if path.name.startswith(".") else path.with_name(f".{path.name}.tmp")
        try:
            if hidden != path:
                path.rename(hidden)
            if hidden.is_dir():
                shutil.rmtree(hidden)
            else:
                hidden.unlink()
        except OSError as error:
            raise storage_error(error, path) from error

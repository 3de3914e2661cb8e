"""Lock files: who works where only one may, told to whoever comes second."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from vtrain.errors import RunLocked
from vtrain.files import make_folder, now, storage_error, to_json

_RETRY_S = 0.2
"""Time between two looks at a lock that is waited for (s)."""


@contextlib.contextmanager
def hold(path: Path, purpose: str, *, busy: str, hint: str, wait: float = 0.0) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however.

    Args:
        path: The lock file; made, with its folder, when it is missing.
        purpose: What the holder does, for the message that another process prints.
        busy: Begins the message that tells who holds it.
        hint: What to do then.
        wait: How long to wait for it (s).

    Raises:
        RunLocked: Another process holds it; the message says which, where and since when.
        StorageError: The lock file cannot be written.
    """
    make_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise storage_error(error, path) from error
    end = time.monotonic() + wait
    try:
        while not _try_lock(handle, path):
            if time.monotonic() >= end:
                raise RunLocked(f"{busy} by {_holder(os.pread(handle, 4096, 0))}.", hint=hint)
            time.sleep(_RETRY_S)
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "purpose": purpose,
            "since": now(),
        }
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, to_json(holder).encode(), 0)
        except OSError as error:
            raise storage_error(error, path) from error
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some network file systems have no locks
        raise storage_error(error, path) from error
    return True


def _holder(content: bytes) -> str:
    """Who holds a lock, from what the lock file says."""
    try:
        fields = json.loads(content)
        return (
            f"process {fields['pid']} on {fields['host']} "
            f"({fields['purpose']}, since {fields['since']})"
        )
    except (ValueError, KeyError, TypeError):  # it has only just taken the lock
        return "another process"

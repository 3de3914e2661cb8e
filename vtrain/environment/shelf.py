"""A shelf of arrays in shared memory: made by one process, read by all that work on one engine.

An entry is a file in a memory file system, written whole and then mapped by whoever wants it, so
that its pages exist once whatever the number of processes. Files rather than POSIX segments, for
two reasons: writing into a file system that is full is an error, where touching a segment that does
not fit kills the process; and a file that is renamed into place is never seen half-written.

An entry is written when it is wanted for the second time: writing one takes longer than reading
the file it comes from, and a job that visits each image once would pay for nothing. What came first
stays: with images visited in random order no other rule finds more, and none writes less.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.resources import memory_limit

Array = NDArray[Any]

_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder itself is made as a private one
_PREFIX = "vtrain-shelf-"
_LOCK = "lock"
_WANTED = "wanted"
"""Folder of marks, beside the entries: these are counted each time that one is added."""
_ALIGNED = 64
_UNLOCKED_S = 3600.0
"""Age from which a folder without a lock is what a killed process left (s)."""
_MOST_OF_MEMORY = 0.25
_MOST_OF_FREE = 0.5
_MIB = 1024 * 1024


@dataclass(slots=True)
class Shelf:
    """Entries in one folder; each process has an object of its own.

    Args:
        folder: Where they are; made by `open_shelf`.
        limit: Size beyond which nothing is added (bytes).
    """

    folder: Path
    limit: int
    _full: bool = False

    def get(self, key: str) -> tuple[dict[str, Any], list[Array]] | None:
        """An entry's notes and arrays, or None. Writing to the arrays changes a private copy.

        Args:
            key: A file name.
        """
        try:
            with (self.folder / key).open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except OSError:
            return None
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        arrays = []
        for dtype, shape, offset in header["arrays"]:
            count = math.prod(shape)
            flat = np.frombuffer(data, dtype=np.dtype(dtype), count=count, offset=offset)
            arrays.append(flat.reshape(shape))
        return header["notes"], arrays

    def put(self, key: str, notes: dict[str, Any], arrays: Sequence[Array]) -> None:
        """Add an entry that was wanted before; note that it is wanted now, otherwise.

        Nothing is added when the shelf or its file system is full.

        Args:
            key: A file name.
            notes: JSON values.
            arrays: Of plain numbers.
        """
        if self._full or self._first_time(key):
            return
        if self._used() + sum(array.nbytes for array in arrays) > self.limit:
            self._full = True
            return
        path = self.folder / f".{key}-{os.getpid()}"
        try:
            with path.open("wb") as file:
                _write(file, notes, arrays)
            path.rename(self.folder / key)
        except OSError:  # no room, or the engine is closing: the shelf saves time and nothing else
            self._full = True
            with contextlib.suppress(OSError):
                path.unlink()

    def _first_time(self, key: str) -> bool:
        """Whether nobody has put it before; the next one has."""
        try:
            (self.folder / _WANTED / key).touch(exist_ok=False)
        except FileExistsError:
            return False
        except OSError:  # as below
            self._full = True
        return True

    def _used(self) -> int:
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as files:
            return sum(file.stat().st_size for file in files)
        return 0


@contextlib.contextmanager
def open_shelf(size: int, folder: Path | None = None) -> Iterator[Shelf | None]:
    """A shelf for as long as the `with` block, or None where there is no room for one.

    At most a quarter of this machine's (or container's) memory and half of what is free in the
    memory file system is taken. What earlier processes left when they were killed is removed.

    Args:
        size: Size that is wanted (MiB); 0 for no shelf.
        folder: Where to make it; None for the memory file system, or else the temporary folder.
    """
    parent = folder or (_MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir()))
    _sweep(parent)
    free = shutil.disk_usage(parent).free
    limit = int(min(size * _MIB, _MOST_OF_MEMORY * memory_limit(), _MOST_OF_FREE * free))
    if limit < _MIB:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True) as made,
        (Path(made) / _LOCK).open("wb") as held,
    ):
        # Held until this process ends, however it ends.
        fcntl.flock(held, fcntl.LOCK_EX)
        (Path(made) / _WANTED).mkdir()
        yield Shelf(Path(made), limit)


def _sweep(parent: Path) -> None:
    """Remove the shelves of processes that are gone."""
    for path in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.stat().st_uid == os.getuid() and _left(path):
                shutil.rmtree(path)


def _left(path: Path) -> bool:
    try:
        with (path / _LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # between the making of the folder and of its lock, or a ruin
        return time.time() - path.stat().st_mtime > _UNLOCKED_S
    except BlockingIOError:
        return False
    return True


def _write(file: Any, notes: dict[str, Any], arrays: Sequence[Array]) -> None:
    """The length of the header, the header, and each array at a multiple of 64 bytes."""
    shapes = [(array.dtype.str, array.shape) for array in arrays]
    # Offsets have as many digits as they have: the header is laid out with room for all of them.
    room = len(json.dumps({"notes": notes, "arrays": shapes})) + 24 * len(arrays) + 8
    offset, table = _aligned(room), []
    for array, (dtype, shape) in zip(arrays, shapes, strict=True):
        table.append((dtype, shape, offset))
        offset = _aligned(offset + array.nbytes)
    header = json.dumps({"notes": notes, "arrays": table}).encode()
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for array, (_, _, start) in zip(arrays, table, strict=True):
        file.seek(start)
        file.write(np.ascontiguousarray(array).data)
    file.truncate(offset)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNED) * _ALIGNED

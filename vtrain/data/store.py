"""The prepared pixels on disk: lossless PNGs, two for each image, named by its id."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.errors import DataError, ImageRefused
from vtrain.images import encode_png, has_transparency, read
from vtrain.rundir import write_bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A pair of images that was written.

    Attributes:
        id: As of `Entry`.
        width: Of the input (px).
        height: Of the input (px).
        transparent: Whether any pixel of the input is less than opaque.
        input_bytes: Size of the input's file (bytes).
        reference_bytes: Size of the reference's file (bytes).
    """

    id: str
    width: int
    height: int
    transparent: bool
    input_bytes: int
    reference_bytes: int


@dataclass(frozen=True, slots=True)
class ImageStore:
    """Prepared images in one folder.

    Args:
        folder: Where they are; made on the first write.
    """

    folder: Path

    def write(self, input_rgba: NDArray[np.uint8], reference_rgba: NDArray[np.uint8]) -> Stored:
        """Write a pair of images under the id that their pixels give, each file atomically.

        They are not flushed to the disk: they can be made again, and `holds` tells when they must.

        Raises:
            StorageError: A file cannot be written.
        """
        id_ = pair_id(input_rgba, reference_rgba)
        first = encode_png(input_rgba)
        # Without a larger original the reference is the input.
        second = first if reference_rgba is input_rgba else encode_png(reference_rgba)
        for path, data in ((self._input(id_), first), (self._reference(id_), second)):
            if not _has(path, len(data)):
                write_bytes(path, data, flush=False)
        height, width = input_rgba.shape[:2]
        transparent = has_transparency(input_rgba)
        return Stored(id_, width, height, transparent, len(first), len(second))

    def holds(self, stored: Stored) -> bool:
        """Whether both files are there and whole, judged by their sizes alone."""
        return _has(self._input(stored.id), stored.input_bytes) and _has(
            self._reference(stored.id), stored.reference_bytes
        )

    def input(self, id: str) -> NDArray[np.uint8]:  # noqa: A002 - the catalog's word
        """The raster that is traced, shape (h, w, 4).

        Raises:
            DataError: The file is missing or damaged.
        """
        return self._read(self._input(id))

    def reference(self, id: str) -> NDArray[np.uint8]:  # noqa: A002 - the catalog's word
        """The raster that traces are judged against, shape (h, w, 4), at least as large.

        Raises:
            DataError: The file is missing or damaged.
        """
        return self._read(self._reference(id))

    def keep(self, wanted: Callable[[str], bool]) -> int:
        """Delete the images of ids that are not wanted, and what a killed pass left half-written.

        Args:
            wanted: Whether an id is.

        Returns:
            The number of files deleted.
        """
        gone = 0
        if not self.folder.is_dir():
            return 0
        with os.scandir(self.folder) as files:
            for file in files:
                stem, _, kind = file.name.rpartition("-")
                ours = kind in ("input.png", "reference.png")
                torn = file.name.startswith(".") and file.name.endswith(".tmp")
                if torn or (ours and not wanted(stem)):
                    with contextlib.suppress(FileNotFoundError):
                        Path(file.path).unlink()
                        gone += 1
        return gone

    def _input(self, id_: str) -> Path:
        return self.folder / f"{id_}-input.png"

    def _reference(self, id_: str) -> Path:
        return self.folder / f"{id_}-reference.png"

    def _read(self, path: Path) -> NDArray[np.uint8]:
        try:
            return read(path).rgba
        except ImageRefused as error:
            # Its size may be right, by which `holds` judges: out of the way, it is made again.
            with contextlib.suppress(OSError):
                path.rename(path.with_name(f".{path.name}.tmp"))
            raise DataError(
                f"The prepared image {path} cannot be used: {error.detail}.",
                hint="Make it again with 'vtrain data prepare SOURCE... --run DIR'.",
            ) from error


def pair_id(input_rgba: NDArray[np.uint8], reference_rgba: NDArray[np.uint8]) -> str:
    """16 hexadecimal digits of a SHA-256 over both rasters' shapes and pixels."""
    digest = hashlib.sha256()
    for rgba in (input_rgba, reference_rgba):
        digest.update(repr(rgba.shape).encode())
        digest.update(np.ascontiguousarray(rgba).data)
    return digest.hexdigest()[:16]


def _has(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False

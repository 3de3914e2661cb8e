"""The prepared pixels on disk: lossless PNGs, two for each image, named by its id."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.errors import DataError, ImageRefused
from vtrain.images import encode_png, read
from vtrain.rundir import write_bytes


@dataclass(frozen=True, slots=True)
class ImageStore:
    """Prepared images in one folder.

    Args:
        folder: Where they are; made on the first write.
    """

    folder: Path

    def write(
        self,
        id: str,  # noqa: A002 - the catalog's word
        input_rgba: NDArray[np.uint8],
        reference_rgba: NDArray[np.uint8],
    ) -> None:
        """Write both images of `id`, each atomically; what is there already is kept.

        Raises:
            StorageError: A file cannot be written.
        """
        for path, rgba in (
            (self._input(id), input_rgba),
            (self._reference(id), reference_rgba),
        ):
            # The id is a digest of the pixels: an existing file holds the same ones.
            if not path.exists():
                write_bytes(path, encode_png(rgba))

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

    def keep(self, ids: Iterable[str]) -> int:
        """Delete the images of all other ids; gives the number of files deleted."""
        wanted = {path for id_ in ids for path in (self._input(id_), self._reference(id_))}
        gone = 0
        for path in self.folder.glob("*.png") if self.folder.is_dir() else ():
            if path not in wanted:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
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
            raise DataError(
                f"The prepared image {path} cannot be used: {error.detail}.",
                hint="Make it again with 'vtrain data prepare SOURCE... --run DIR'.",
            ) from error

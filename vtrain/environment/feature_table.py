"""Features of a corpus: computed once, kept beside the images."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vtrain.data.store import ImageStore
from vtrain.environment.features import FEATURES, features
from vtrain.environment.observation import Vector
from vtrain.images.loops import compile_loops
from vtrain.rundir import write_bytes

_LOG = logging.getLogger(__name__)
_VERSION = 3
"""Raised when `features` computes something else under the same names."""
_MANY = 50
"""Images for which compiled loops are worth the loading of their compiler (count)."""


def feature_table(
    store: ImageStore,
    images: Sequence[str],
    *,
    kept: Path | None = None,
    keep: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Vector]:
    """The features of images by id.

    Args:
        store: The images.
        images: Ids.
        kept: File that features are read from and written to; None for none.
        keep: Whether it is written: it then holds these images and no others.
        on_progress: Called with the images done and wanted.
    """
    known = _read(kept) if kept else {}
    table = {image: known[image] for image in images if image in known}
    missing = [image for image in images if image not in table]
    if len(missing) > _MANY:
        compile_loops()
    for done, image in enumerate(missing, 1):
        table[image] = features(store.input(image))
        if on_progress:
            on_progress(done, len(missing))
    if kept and keep and missing:
        buffer = io.BytesIO()
        ids = np.array(list(table), np.str_)
        np.savez(buffer, identity=_identity(), images=ids, values=np.stack(list(table.values())))
        write_bytes(kept, buffer.getvalue())
    return {image: table[image] for image in images}


def _identity() -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    names = hashlib.sha256("\n".join((str(_VERSION), *FEATURES)).encode()).hexdigest()
    return np.array([names], np.str_)


def _read(path: Path) -> dict[str, Vector]:
    """What an earlier call kept; nothing when it was made by another version or is damaged."""
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as saved:
            if saved["identity"].tolist() != _identity().tolist():
                return {}
            return dict(zip(saved["images"].tolist(), saved["values"], strict=True))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        _LOG.warning("%s cannot be used and is computed anew: %s", path, error)
        return {}

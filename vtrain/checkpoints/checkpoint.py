"""One checkpoint: reading it, and telling whether it is whole."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from vtrain.checkpoints.manifest import MANIFEST, Manifest
from vtrain.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Loaded:
    """The contents of a checkpoint: named groups of arrays, and JSON documents."""

    tensors: dict[str, dict[str, NDArray[Any]]]
    documents: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose manifest could be read; its files are not checked yet.

    Args:
        step: Traces (environment steps) behind it.
        path: Its folder.
        manifest: What it holds.
    """

    step: int
    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def info(self) -> Mapping[str, Any]:
        """What the writer said about it."""
        return self.manifest.info

    @property
    def size(self) -> int:
        """Size of its files (bytes)."""
        return sum(record.size for record in self.manifest.files.values())

    @property
    def utility(self) -> float | None:
        """Mean utility in validation; None when it was not judged."""
        value = self.info.get("utility")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if math.isfinite(value) else None

    @property
    def update(self) -> int | None:
        """PPO updates behind it; None when it does not say."""
        value = self.info.get("update")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def best_step(self) -> int | None:
        """Step of the checkpoint that was the best when this one was written; None if unknown."""
        best = self.info.get("best_step")
        if best is None and "state.json" in self.manifest.files:  # of earlier versions
            try:
                recorded = json.loads(self.manifest.read_file(self.path, "state.json"))["best"]
                best = recorded["step"] if isinstance(recorded, Mapping) else recorded[1]
            except (CheckpointError, ValueError, KeyError, TypeError, IndexError):
                return None
        return best if isinstance(best, int) and not isinstance(best, bool) else None

    @property
    def metrics(self) -> dict[str, float]:
        """The finite figures of its update and its validation check, and its utility."""
        recorded = [self.info.get("figures"), self.info.get("check"), {"utility": self.utility}]
        figures = {
            name: value
            for group in recorded
            if isinstance(group, Mapping)
            for name, value in group.items()
        }
        return {
            name: float(value)
            for name, value in figures.items()
            if isinstance(value, (int, float))
            and not isinstance(value, bool)
            and math.isfinite(value)
        }

    @property
    def written(self) -> float:
        """When it was written (s since the epoch); 0 when it does not say."""
        try:
            return datetime.fromisoformat(self.manifest.created).timestamp()
        except ValueError:
            return 0.0

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """The checkpoint in the folder `path`.

        Raises:
            CheckpointError: Its manifest is missing, damaged or of a newer schema.
        """
        manifest = Manifest.read(path)
        return cls(manifest.step, path, manifest)

    def problems(self) -> list[str]:
        """What is wrong with its files; empty when all are as they were written."""
        problems = []
        for name in self.manifest.files:
            try:
                self.manifest.read_file(self.path, name)
            except CheckpointError as error:
                problems.append(error.message)
        problems += [
            f"{self.path / name} is not in the manifest."
            for name in sorted(_names(self.path) - {MANIFEST, *self.manifest.files})
        ]
        if not problems:
            try:  # the manifest may have gone bad since it was read
                if Manifest.read(self.path) != self.manifest:
                    problems.append(f"{self.path / MANIFEST} has changed.")
            except CheckpointError as error:
                problems.append(error.message)
        return problems

    def load(self) -> Loaded:
        """Read all of it, checking each file before it is parsed.

        Raises:
            CheckpointError: A file is missing or damaged.
        """
        loaded = Loaded({}, {})
        for name in self.manifest.files:
            data = self.manifest.read_file(self.path, name)
            key, _, kind = name.partition(".")
            try:
                if kind == "json":
                    loaded.documents[key] = json.loads(data)
                else:
                    arrays = safetensors.numpy.load(data)
                    # Copies, since the arrays as loaded cannot be written to.
                    loaded.tensors[key] = {part: value.copy() for part, value in arrays.items()}
            except (ValueError, RecursionError, safetensors.SafetensorError) as error:
                raise CheckpointError(
                    f"{self.path / name} cannot be understood: {error}."
                ) from error
        return loaded


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError:  # its files tell why
        return set()


def pack(group: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as a safetensors file."""
    # asarray and not ascontiguousarray, which would turn a scalar into a vector.
    return safetensors.numpy.save({key: np.asarray(item, order="C") for key, item in group.items()})

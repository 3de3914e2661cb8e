"""The manifest: what a checkpoint holds, and how to tell that it is whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtrain.checkpoints.sealed import read_regular, seal, unseal
from vtrain.errors import CheckpointError

MANIFEST = "manifest.json"
SCHEMA = 1
_FILE = re.compile(r"[a-z0-9_]+\.(?:safetensors|json)$")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size (bytes) and SHA-256 (hex) of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of `manifest.json`.

    Args:
        step: Traces (environment steps) behind the checkpoint.
        created: When it was written, UTC, ISO 8601.
        files: The other files, by name.
        versions: Versions of what wrote it.
        info: What the writer says about it: ``utility`` of the validation, table digest, hashes.
    """

    step: int
    created: str
    files: Mapping[str, FileRecord]
    versions: Mapping[str, str | None]
    info: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """As JSON, with a digest over all of it."""
        body = {
            "schema": SCHEMA,
            "step": self.step,
            "created": self.created,
            "files": {
                name: {"size": record.size, "sha256": record.sha256}
                for name, record in self.files.items()
            },
            "versions": dict(self.versions),
            "info": dict(self.info),
        }
        return seal(body)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check the manifest of the checkpoint in `folder`.

        Raises:
            CheckpointError: It is missing, damaged or of a newer schema.
        """
        path = folder / MANIFEST
        body = unseal(path, newest=SCHEMA)
        try:
            files = {
                name: FileRecord(int(record["size"]), str(record["sha256"]))
                for name, record in body["files"].items()
            }
            manifest = cls(
                int(body["step"]), str(body["created"]), files, body["versions"], body["info"]
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{path} is damaged: {error}.") from error
        strange = [name for name in files if not _FILE.match(name) or name == MANIFEST]
        if strange:
            raise CheckpointError(f"{path} names files that no checkpoint has: {strange[0]!r}.")
        return manifest

    def read_file(self, folder: Path, name: str) -> bytes:
        """The bytes of one file, which are what was written.

        Raises:
            CheckpointError: They are not.
        """
        record = self.files[name]
        data = read_regular(folder / name, record.size)
        if len(data) != record.size:
            raise CheckpointError(
                f"{folder / name} has {len(data)} bytes, and the manifest says {record.size}."
            )
        if hashlib.sha256(data).hexdigest() != record.sha256:
            raise CheckpointError(f"{folder / name} is damaged: its SHA-256 does not match.")
        return data


def is_file_name(name: str) -> bool:
    """Whether a checkpoint may hold a file of this name."""
    return _FILE.match(name) is not None and name != MANIFEST

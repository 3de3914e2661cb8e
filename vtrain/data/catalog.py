"""The catalog: every prepared image with its category, brand and split, as one JSON file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from vtrain.config.schema import Category
from vtrain.errors import DataError
from vtrain.rundir import read_json, write_json

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_SCHEMA = 1
_AGAIN = "Make it again with 'vtrain data prepare SOURCE... --run DIR'."


@dataclass(frozen=True, slots=True)
class Entry:
    """One prepared image.

    Args:
        id: 16 hexadecimal digits of a SHA-256 over the pixels of the input and the reference.
        name: Path below its source, with forward slashes.
        category: One of the four categories.
        brand: Whose logo it is; all images of a brand are in one split.
        split: ``train``, ``validation`` or ``test``.
        width: Width of the input (px).
        height: Height of the input (px).
        transparent: Whether any pixel of the input is less than opaque.
        reference_scale: Longest side of the reference over that of the input, at least 1.
    """

    id: str
    name: str
    category: Category
    brand: str
    split: Split
    width: int
    height: int
    transparent: bool
    reference_scale: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """One file that could not be used.

    Args:
        name: Path below its source.
        reason: A short fixed word, as of `ImageRefused`, or ``blank``, ``outside-link``,
            ``folder-link``, ``duplicate``.
        detail: The sentence a person reads.
    """

    name: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All prepared images of a run, in a stable order (by name, then id).

    Args:
        entries: The images.
        rejected: The files that were left out, with reasons.
        digest: SHA-256 over what learning depends on: ids, categories, brands and splits.
    """

    entries: tuple[Entry, ...]
    rejected: tuple[Rejected, ...]
    digest: str

    @classmethod
    def of(cls, entries: Sequence[Entry], rejected: Sequence[Rejected] = ()) -> Catalog:
        """Order the entries and compute the digest."""
        ordered = tuple(sorted(entries, key=lambda entry: (entry.name, entry.id)))
        told = [(entry.id, entry.category, entry.brand, entry.split) for entry in ordered]
        digest = hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()
        return cls(ordered, tuple(rejected), digest)

    def split(self, name: str) -> tuple[Entry, ...]:
        """The entries of the split `name`.

        Raises:
            DataError: There is no split of that name.
        """
        if name not in SPLITS:
            raise DataError(f"There is no split {name!r}.", hint=f"Choose {', '.join(SPLITS)}.")
        return tuple(entry for entry in self.entries if entry.split == name)

    def save(self, path: Path) -> None:
        """Write the catalog atomically.

        Raises:
            StorageError: The file cannot be written.
        """
        document = {
            "digest": self.digest,
            "entries": [asdict(entry) for entry in self.entries],
            "rejected": [asdict(item) for item in self.rejected],
        }
        write_json(path, document, schema=_SCHEMA)

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """Read a catalog and check that it is whole.

        Raises:
            DataError: The file is missing, damaged, of another schema or was edited.
        """
        if not path.is_file():
            raise DataError(f"There is no catalog at {path}: no images were prepared.", hint=_AGAIN)
        document = read_json(path)
        if document.get("schema") != _SCHEMA:
            raise DataError(
                f"{path} has schema {document.get('schema')!r}; this version reads {_SCHEMA}.",
                hint=_AGAIN,
            )
        try:
            catalog = cls.of(
                [_build(Entry, item) for item in document["entries"]],
                [_build(Rejected, item) for item in document["rejected"]],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is damaged: {error}.", hint=_AGAIN) from error
        if catalog.digest != document.get("digest"):
            raise DataError(f"{path} does not match its own digest.", hint=_AGAIN)
        return catalog


def _build(kind: type[Any], item: dict[str, Any]) -> Any:
    names = {field.name for field in fields(kind)}
    return kind(**{key: value for key, value in item.items() if key in names})

"""What is known of a corpus, record by record: images, files left out, look-alikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vtrain.config.section import Category
from vtrain.data.metadata import Metadata

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


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
        category_from: What told the category: ``folder``, ``image`` or ``default``.
        family: Names the brands and look-alikes that stay on one side of the split.
        quality: ``ok`` or ``warn``.
        reasons: Why it was warned about, joined by commas.
        variant: 0 for the image itself, else the number of its damaged copy.
        damage: What was done to a damaged copy.
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
    category_from: str = "folder"
    family: str = ""
    quality: str = "ok"
    reasons: str = ""
    variant: int = 0
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One file that could not be used.

    Args:
        name: Path below its source.
        reason: A short fixed word, as of `ImageRefused`, or ``blank``, ``outside-link``,
            ``folder-link``, ``duplicate``, ``joins-splits``, or of `quality.REASONS`.
        detail: The sentence a person reads.
    """

    name: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Detail:
    """An image and what was measured of it."""

    entry: Entry
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Alike:
    """Two images that show the same thing.

    Attributes:
        first: Id of the one.
        second: Id of the other.
        correlation: Of their prints.
        distance: Of their hashes (bits).
    """

    first: str
    second: str
    correlation: float
    distance: int

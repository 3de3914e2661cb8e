"""Damaged copies of the training images, made in processes of their own and remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from vtrain.config.schema import DataConfig
from vtrain.data.cache import DataCache
from vtrain.data.catalog import Entry
from vtrain.data.degrade import degrade, draw_damage
from vtrain.data.pairs import pair_id
from vtrain.data.pool import runner
from vtrain.data.store import ImageStore
from vtrain.errors import ImageRefused
from vtrain.images import has_transparency

_VERSION = 1
"""Raised when the same numbers give other damage."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A damaged copy that was stored.

    Attributes:
        id: As of `Entry`.
        width: Of the input (px).
        height: Of the input (px).
        transparent: Whether any pixel of the input is less than opaque.
        damage: In words.
        input_bytes: Size of the stored input (bytes).
        reference_bytes: Size of the stored reference (bytes).
    """

    id: str
    width: int
    height: int
    transparent: bool
    damage: str
    input_bytes: int
    reference_bytes: int


def make_copy(task: tuple[str, int, bool], *, config: DataConfig, folder: Path) -> Copy:
    """Make and store one copy.

    Args:
        task: Id of the image, number of the copy, whether the image is transparent.
        config: The damage.
        folder: Where the images are.

    Raises:
        StorageError: It cannot be written.
    """
    image, variant, transparent = task
    store = ImageStore(folder)
    damage = draw_damage(config.degrade, image, variant, transparent=transparent)
    spoilt, clean = degrade(store.input(image), store.reference(image), damage)
    id_ = pair_id(spoilt, clean)
    sizes = store.write(id_, spoilt, clean)
    height, width = spoilt.shape[:2]
    return Copy(id_, width, height, has_transparency(spoilt), str(damage), *sizes)


def copies(
    entries: Iterable[Entry],
    *,
    cache: DataCache,
    config: DataConfig,
    folder: Path,
    workers: int | None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[Entry]:
    """The entries of the damaged copies of the training images among `entries`, in their order.

    Args:
        entries: Images with their splits.
        cache: Remembers copies, so that a second pass makes none.
        config: How many, and the damage.
        folder: Where the images are.
        workers: As of `runner`.
        on_progress: Called with the copies made and to make.
    """
    settings = config.degrade.model_dump(mode="json", exclude={"variants"})
    digest = hashlib.sha256(json.dumps([_VERSION, settings]).encode()).hexdigest()[:16]
    store = ImageStore(folder)
    tasks = [
        (entry, number)
        for entry in entries
        if entry.split == "train"
        for number in range(1, config.degrade.variants + 1)
    ]
    known: dict[tuple[str, int], Copy] = {}
    missing: list[tuple[Entry, int]] = []
    for entry, number in tasks:
        value = cache.value(f"copy:{digest}:{entry.id}:{number}")
        copy = Copy(**value) if value is not None else None
        if copy and store.holds(copy.id, copy.input_bytes, copy.reference_bytes):
            known[entry.id, number] = copy
        else:
            missing.append((entry, number))
    if missing:
        job = partial(make_copy, config=config, folder=folder)
        with runner(job, workers=workers) as run:
            things = (
                ((entry.id, number), (entry.id, number, entry.transparent))
                for entry, number in missing
            )
            for key, made in run(things):
                if isinstance(made, ImageRefused):
                    raise made
                known[key] = made
                cache.remember_value(f"copy:{digest}:{key[0]}:{key[1]}", asdict(made))
                if on_progress is not None:
                    on_progress(len(known), len(tasks))
    seen: set[str] = set()
    for entry, number in tasks:
        copy = known[entry.id, number]
        if copy.id not in seen and copy.id != entry.id:  # some damage leaves an image as it is
            seen.add(copy.id)
            yield replace(
                entry,
                id=copy.id,
                width=copy.width,
                height=copy.height,
                transparent=copy.transparent,
                variant=number,
                damage=copy.damage,
            )

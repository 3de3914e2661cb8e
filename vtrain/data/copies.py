"""Damaged copies of the training images, made in processes of their own and remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from vtrain.config.data import DataConfig
from vtrain.data.cache import DataCache
from vtrain.data.degrade import degrade, draw_damage
from vtrain.data.pool import runner
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore, Stored
from vtrain.errors import ImageRefused

_VERSION = 1
"""Raised when the same numbers give other damage."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A damaged copy that was stored.

    Attributes:
        stored: Where its pixels are.
        damage: In words.
    """

    stored: Stored
    damage: str


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
    return Copy(store.write(spoilt, clean), str(damage))


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
        copy = Copy(Stored(**value["stored"]), value["damage"]) if value is not None else None
        if copy and store.holds(copy.stored):
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
            for key, result in run(things):
                if isinstance(result, ImageRefused):
                    raise result
                known[key] = result
                cache.remember_value(f"copy:{digest}:{key[0]}:{key[1]}", asdict(result))
                if on_progress is not None:
                    on_progress(len(known), len(tasks))
    seen: set[str] = set()
    for entry, number in tasks:
        copy = known[entry.id, number]
        made = copy.stored
        if made.id not in seen and made.id != entry.id:  # some damage leaves an image as it is
            seen.add(made.id)
            yield replace(
                entry,
                id=made.id,
                width=made.width,
                height=made.height,
                transparent=made.transparent,
                variant=number,
                damage=copy.damage,
            )

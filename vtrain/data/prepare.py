"""One pass over the sources: decode what is new, judge, find families, split, write the catalog.

What is measured of each image stays on disk: the files found go into a table, what came of each
into the cache, and the catalog is written row by row. In memory an image takes less than a
kilobyte. A pass that is killed leaves a cache that the next one goes on from; the catalog of the
pass before stays until the new one is whole.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vtrain.config.data import DataConfig
from vtrain.data.cache import DataCache, set_aside
from vtrain.data.catalog import Catalog, CatalogWriter, read_splits
from vtrain.data.copies import copies
from vtrain.data.describe import dataset_info
from vtrain.data.duplicates import Groups, Pair, Resemblance
from vtrain.data.families import Image, Looks, Memory, Place, place
from vtrain.data.intake import Counts, Intake
from vtrain.data.pool import make, runner
from vtrain.data.records import Alike, Entry, Rejected, Split
from vtrain.data.samples import write_samples
from vtrain.data.splits import check_no_leak, settings_of
from vtrain.data.store import ImageStore
from vtrain.data.taking import Progress, Taken, Taking
from vtrain.errors import DataError, ImageRefused, StorageError
from vtrain.rundir import RunDirectory, write_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a pass did.

    Attributes:
        catalog: As written.
        counts: Files that were new, changed, unchanged or gone.
        info: What `dataset_info.json` holds.
    """

    catalog: Catalog
    counts: Counts
    info: dict[str, Any]


def prepare(
    sources: Sequence[str | Path],
    *,
    run: RunDirectory,
    config: DataConfig,
    on_progress: Progress | None = None,
    workers: int | None = None,
) -> Catalog:
    """Prepare the images of `sources` in a run directory; see `prepare_counted`."""
    return prepare_counted(
        sources, run=run, config=config, on_progress=on_progress, workers=workers
    ).catalog


def prepare_counted(
    sources: Sequence[str | Path],
    *,
    run: RunDirectory,
    config: DataConfig,
    on_progress: Progress | None = None,
    workers: int | None = None,
) -> Preparation:
    """Prepare the images of `sources` in a run directory.

    Each image is decoded (`vtrain.images`), reduced to the input and the reference, measured and
    stored; what cannot be used is listed in the catalog with its reason, and stops nothing. Files
    that did not change since an earlier pass are not opened. The same sources, config and earlier
    splits give the same catalog.

    Args:
        sources: Folders, globs, files, and zip or tar archives; none at all makes
            `config.sample_count` procedural logos in the run directory and takes those.
        run: Where the images, the catalog and `dataset_info.json` are written.
        config: Sizes, categories, quality, splits and limits.
        on_progress: Called with the files done and the files to do in all, as far as known.
        workers: Processes that decode; None for one per usable core, 0 for this process alone.
            The result is the same.

    Returns:
        The catalog as written, and what changed since the pass before.

    Raises:
        DataError: A source is missing, no image can be used, or the splits leak.
        StorageError: The run directory cannot be written.
    """
    if not sources:
        samples = run.data_cache / "samples"
        write_samples(samples, config.sample_count, config.sample_seed)
        sources = [samples]
    try:
        return _pass(sources, run, config, on_progress, workers)
    except sqlite3.OperationalError as error:  # no space, no permission
        raise StorageError(
            f"{run.known_files} cannot be written: {error}.",
            hint="Check the folder's permissions and free space.",
        ) from error
    except sqlite3.DatabaseError as error:
        # Damage deep inside shows only when it is read. What is known can be found out again.
        set_aside(run.known_files, error)
        return _pass(sources, run, config, on_progress, workers)


def _pass(
    sources: Sequence[str | Path],
    run: RunDirectory,
    config: DataConfig,
    on_progress: Progress | None,
    workers: int | None,
) -> Preparation:
    with closing(DataCache(run.known_files)) as cache:
        intake = Intake(cache, config, ImageStore(run.images))
        intake.find(sources, without=run.root)
        # A worker may be ended by a picture; this process may not.
        job = partial(make, config=config, folder=run.images, isolated=workers == 0)
        with runner(job, workers=workers) as decode:
            taking = Taking(intake, config, decode, on_progress)
            taken = sorted(taking.all(), key=lambda one: (one.name, one.id))
        if not taken:
            raise _nothing(sources, len(intake), taking.rejected)
        resemblance = _resemblance(taken, config)
        looks = Looks(resemblance.join(Groups(len(taken))), resemblance.among)
        memory = _memory(run, config)
        images = [Image(one.id, one.brand, one.category) for one in taken]
        places, pairs = place(images, looks, memory, config.split, config.split_seed)
        with closing(CatalogWriter(run.catalog)) as writer:
            entries = []
            for entry in _write_images(writer, intake, taken, places):
                entries.append(entry)
                if on_progress is not None:
                    on_progress(len(entries), len(taken))
            links = _write_links(writer, taken, pairs, places)
            check_no_leak(entries, links)
            for copy in copies(
                entries,
                cache=cache,
                config=config,
                folder=run.images,
                workers=workers,
                on_progress=on_progress,
            ):
                writer.add(copy, None)
            for item in (*taking.rejected, *_joining(taken, places)):
                writer.reject(item)
            _write_memory(writer, taken, places, memory)
            writer.finish(settings_of(config))
        counts = intake.counts()
    catalog = Catalog.load(run.catalog)
    info = dataset_info(run.catalog)
    write_json(run.dataset_info, info)
    ids = {entry.id for entry in catalog.entries}
    ImageStore(run.images).keep(ids.__contains__)
    logger.info("prepared %d images, %d left out", len(catalog.entries), len(catalog.rejected))
    return Preparation(catalog, counts, info)


def _resemblance(taken: Sequence[Taken], config: DataConfig) -> Resemblance:
    prints = np.frombuffer(b"".join(one.print for one in taken), np.uint8).reshape(len(taken), -1)
    aspects = np.array([one.aspect for one in taken], np.float32)
    return Resemblance(prints, aspects, config.duplicates)


def _memory(run: RunDirectory, config: DataConfig) -> Memory:
    """Where images were in the pass before, when it was split by the same rules."""
    if not run.catalog.exists():
        return Memory({}, {})
    if not os.access(run.catalog, os.R_OK):
        # Not damaged: the splits in it must not be forgotten.
        raise StorageError(
            f"No permission to read {run.catalog}.", hint="Change the file's permissions."
        )
    try:
        settings, images, brands = read_splits(run.catalog)
    except DataError as error:
        logger.warning("%s The splits are made anew.", error.message)
        return Memory({}, {})
    return Memory(images, brands) if settings == settings_of(config) else Memory({}, {})


def _write_images(
    writer: CatalogWriter, intake: Intake, taken: Sequence[Taken], places: Sequence[Place]
) -> Iterator[Entry]:
    for one, where in zip(taken, places, strict=True):
        if where.split is None:
            continue
        made = intake.item(one.position).outcome
        if isinstance(made, ImageRefused):  # pragma: no cover - it was taken a moment ago
            raise made
        entry = Entry(
            id=one.id,
            name=one.name,
            category=one.category,
            brand=one.brand,
            split=where.split,
            width=made.stored.width,
            height=made.stored.height,
            transparent=made.stored.transparent,
            reference_scale=made.reference_scale,
            category_from=one.category_from,
            family=where.family,
            quality=one.quality,
            reasons=one.reasons,
        )
        writer.add(entry, made.metadata)
        yield entry


def _write_links(
    writer: CatalogWriter,
    taken: Sequence[Taken],
    pairs: Sequence[Pair],
    places: Sequence[Place],
) -> list[tuple[str, str]]:
    links = []
    for pair in sorted(set(pairs), key=lambda one: (one.first, one.second)):
        if places[pair.first].split is None or places[pair.second].split is None:
            continue
        first, second = taken[pair.first].id, taken[pair.second].id
        writer.add_alike(Alike(first, second, round(pair.correlation, 4), pair.distance))
        links.append((first, second))
    return links


def _joining(taken: Sequence[Taken], places: Sequence[Place]) -> Iterator[Rejected]:
    for one, where in zip(taken, places, strict=True):
        if where.split is None:
            yield Rejected(one.name, "joins-splits", where.detail)


def _write_memory(
    writer: CatalogWriter, taken: Sequence[Taken], places: Sequence[Place], memory: Memory
) -> None:
    images: dict[str, Split] = dict(memory.images)
    brands: dict[str, Split] = dict(memory.brands)
    for one, where in zip(taken, places, strict=True):
        if where.split is not None:
            images[one.id] = brands[one.brand] = where.split
    # In order, so that the same images give the same bytes.
    writer.remember("image", sorted(images.items()))
    writer.remember("brand", sorted(brands.items()))


def _nothing(sources: Sequence[str | Path], files: int, rejected: Sequence[Rejected]) -> DataError:
    names = ", ".join(str(source) for source in sources)
    if not files and not rejected:
        return DataError(f"There is no file in {names}.", hint="Name a folder that holds images.")
    counts = Counter(item.reason for item in rejected).most_common()
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts)
    first = rejected[0]
    looked = "1 file was" if files == 1 else f"{files} files were"
    return DataError(
        f"No image in {names} can be used: {looked} looked at ({reasons}); "
        f"the first is {first.name}: {first.detail}.",
        hint="Name a folder that holds images which can be read.",
    )

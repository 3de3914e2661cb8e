"""One pass over the sources: decode, make input and reference, split, write the catalog."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vtrain.config.schema import CATEGORIES, Category, DataConfig
from vtrain.data.catalog import Catalog, Entry, Rejected
from vtrain.data.categories import brand_of, category_of
from vtrain.data.describe import dataset_info
from vtrain.data.pool import Decode, Made, decoder
from vtrain.data.samples import write_samples
from vtrain.data.scan import Found, Scan, scan
from vtrain.data.splits import assign, check_no_leak
from vtrain.data.store import ImageStore
from vtrain.errors import DataError, ImageRefused
from vtrain.rundir import RunDirectory, write_json

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


def prepare(
    sources: Sequence[str | Path],
    *,
    run: RunDirectory,
    config: DataConfig,
    on_progress: Progress | None = None,
    workers: int | None = None,
) -> Catalog:
    """Prepare the images of `sources` in a run directory.

    Each image is decoded (`vtrain.images`), reduced to the input and the reference, and stored;
    what cannot be used is listed in the catalog with its reason, and stops nothing. The same
    sources and config give the same catalog.

    Args:
        sources: Folders, globs and files; none at all makes `config.sample_count` procedural
            logos in the run directory and takes those.
        run: Where the images, the catalog and `dataset_info.json` are written.
        config: Sizes, categories, splits and limits.
        on_progress: Called with the files done and the files to do in all, as far as known.
        workers: Processes that decode; None for one per usable core, 0 for this process alone.
            The result is the same.

    Returns:
        The catalog, as written.

    Raises:
        DataError: A source is missing, or no image can be used.
        StorageError: The run directory cannot be written.
    """
    if not sources:
        samples = run.data_cache / "samples"
        write_samples(samples, config.sample_count, config.sample_seed)
        sources = [samples]
    seen = scan(sources)
    entries: list[Entry] = []
    rejected = list(seen.rejected)
    with decoder(config, run.images, workers=workers) as decode:
        for found, category, made in _outcomes(seen, config, decode, on_progress):
            if isinstance(made, ImageRefused):
                rejected.append(Rejected(found.name, made.reason, made.detail))
            else:
                entries.append(_entry(found, category, made))
    if not entries:
        raise _nothing(sources, seen, rejected)
    splits = assign((entry.brand for entry in entries), config.split, config.split_seed)
    entries = [replace(entry, split=splits[entry.brand]) for entry in entries]
    check_no_leak(entries)
    catalog = Catalog.of(entries, rejected)
    catalog.save(run.catalog)
    write_json(run.dataset_info, dataset_info(catalog))
    ImageStore(run.images).keep(entry.id for entry in entries)
    logger.info("prepared %d images, %d left out", len(entries), len(rejected))
    return catalog


def _entry(found: Found, category: Category, made: Made) -> Entry:
    return Entry(
        id=made.id,
        name=found.name,
        category=category,
        brand=brand_of(found.path.stem),
        split="train",  # until all brands are known
        width=made.width,
        height=made.height,
        transparent=made.transparent,
        reference_scale=made.reference_scale,
    )


def _outcomes(
    seen: Scan, config: DataConfig, decode: Decode, on_progress: Progress | None
) -> Iterator[tuple[Found, Category, Made | ImageRefused]]:
    """Decode all files, or until `max_images` are accepted; repeated pictures are refused."""
    queues: dict[Category, deque[Found]] = {category: deque() for category in CATEGORIES}
    for found in sorted(seen.found, key=_draw) if config.max_images else seen.found:
        queues[category_of(found.folders, config)].append(found)
    taken: Counter[Category] = Counter()
    first: dict[str, str] = {}
    done = 0
    wanted = config.max_images or len(seen.found)
    while batch := _batch(queues, taken, wanted - len(first)):
        made_ones = decode([found.path for found, _ in batch])
        for (found, category), made in zip(batch, made_ones, strict=True):
            outcome = made
            if isinstance(made, Made) and made.id in first:
                detail = f"the same pixels as {first[made.id]}"
                outcome = ImageRefused(found.name, "duplicate", detail)
            elif isinstance(made, Made):
                first[made.id] = found.name
                taken[category] += 1
            yield found, category, outcome
            done += 1
            if on_progress is not None:
                # Those that are refused are replaced by others while there are any.
                on_progress(done, done + min(wanted - len(first), len(seen.found) - done))


def _batch(
    queues: Mapping[Category, deque[Found]], taken: Mapping[Category, int], missing: int
) -> list[tuple[Found, Category]]:
    """The next `missing` files, always of the category that would have fewest."""
    counts = Counter(taken)
    batch: list[tuple[Found, Category]] = []
    while len(batch) < missing and any(queues.values()):
        category = min((name for name in CATEGORIES if queues[name]), key=lambda name: counts[name])
        counts[category] += 1
        batch.append((queues[category].popleft(), category))
    return batch


def _draw(found: Found) -> bytes:
    """A fixed order without pattern, so that a part of the corpus is a fair sample of it."""
    return hashlib.sha256(found.name.encode("utf-8", "surrogatepass")).digest()


def _nothing(sources: Sequence[str | Path], seen: Scan, rejected: Sequence[Rejected]) -> DataError:
    names = ", ".join(str(source) for source in sources)
    if not seen.found and not rejected:
        return DataError(f"There is no file in {names}.", hint="Name a folder that holds images.")
    counts = Counter(item.reason for item in rejected).most_common()
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts)
    first = rejected[0]
    files = "1 file was" if len(seen.found) == 1 else f"{len(seen.found)} files were"
    return DataError(
        f"No image in {names} can be used: {files} looked at ({reasons}); "
        f"the first is {first.name}: {first.detail}.",
        hint="Name a folder that holds images which can be read.",
    )

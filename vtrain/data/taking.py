"""Which files of a corpus are used: decoded, good enough, not repeated, and of what category."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vtrain.config.data import DataConfig
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.cache import Made
from vtrain.data.categories import brand_of
from vtrain.data.classify import classifier
from vtrain.data.intake import Intake, Key
from vtrain.data.metadata import Metadata
from vtrain.data.pool import Job, Run
from vtrain.data.quality import judge
from vtrain.data.records import Rejected
from vtrain.errors import ImageRefused

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Taken:
    """An image that is used: what is needed of it until the catalog is written."""

    position: int
    id: str
    name: str
    brand: str
    category: Category
    category_from: str
    quality: str
    reasons: str
    print: bytes
    aspect: float


class Taking:
    """Decides which files are used, in rounds when only some are wanted.

    Args:
        intake: The files.
        config: How many, quality and categories.
        decode: Decodes in processes.
        on_progress: Called with the files done and to do in all, as far as known.
    """

    def __init__(
        self,
        intake: Intake,
        config: DataConfig,
        decode: Run[Key, Job, Made],
        on_progress: Progress | None,
    ) -> None:
        self._intake = intake
        self._config = config
        self._decode = decode
        self._on_progress = on_progress
        self._first: dict[str, str] = {}
        self._done = 0
        self.rejected = list(intake.rejected)

    def all(self) -> Iterator[Taken]:
        """The images that are used; what is not goes to `rejected`."""
        if not self._config.max_images:
            yield from self._round(self._intake.positions(), len(self._intake))
            return
        queues: dict[Category | None, deque[int]] = {name: deque() for name in (*CATEGORIES, None)}
        for position, category in self._intake.drawn():
            queues[category].append(position)
        counts: Counter[Category | None] = Counter()
        wanted = self._config.max_images
        while batch := _batch(queues, counts, wanted - len(self._first)):
            names = dict(batch)
            for one in self._round([position for position, _ in batch], wanted):
                counts[names[one.position]] += 1
                yield one

    def _round(self, positions: Sequence[int], wanted: int) -> Iterator[Taken]:
        self._intake.examine(positions, self._decode, lambda count: self._tick(count, wanted))
        for position in positions:
            item = self._intake.item(position)
            made = item.outcome
            if isinstance(made, ImageRefused):
                self.rejected.append(Rejected(item.name, made.reason, made.detail))
                continue
            verdict = judge(made.metadata, item.name, self._config.quality)
            if verdict.level == "reject":
                self.rejected.append(Rejected(item.name, verdict.reasons[0], verdict.detail))
            elif made.stored.id in self._first:
                detail = f"the same pixels as {self._first[made.stored.id]}"
                self.rejected.append(Rejected(item.name, "duplicate", detail))
            else:
                self._first[made.stored.id] = item.name
                category, origin = self._category(item.folder_category, made.metadata)
                yield Taken(
                    position=position,
                    id=made.stored.id,
                    name=item.name,
                    brand=brand_of(item.stem),
                    category=category,
                    category_from=origin,
                    quality=verdict.level,
                    reasons=",".join(verdict.reasons),
                    print=bytes.fromhex(made.metadata.likeness),
                    aspect=made.metadata.aspect,
                )

    def _category(self, folder: Category | None, metadata: Metadata) -> tuple[Category, str]:
        if folder is not None:
            return folder, "folder"
        if self._config.infer_category:
            return classifier().category(metadata), "image"
        return self._config.default_category, "default"

    def _tick(self, count: int, wanted: int) -> None:
        self._done += count
        if self._on_progress is not None:
            # Those that are refused are replaced by others while there are any.
            total = min(len(self._intake), max(wanted, self._done))
            self._on_progress(self._done, total)


def _batch(
    queues: Mapping[Category | None, deque[int]],
    taken: Mapping[Category | None, int],
    missing: int,
) -> list[tuple[int, Category | None]]:
    """The next `missing` files, always of the category that would have fewest."""
    counts = Counter(taken)
    batch: list[tuple[int, Category | None]] = []
    while len(batch) < missing and any(queues.values()):
        category = min((name for name in queues if queues[name]), key=lambda name: counts[name])
        counts[category] += 1
        batch.append((queues[category].popleft(), category))
    return batch

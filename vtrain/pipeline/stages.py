"""The stages: when each is up to date, and what it does."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.data.records import SPLITS
from vtrain.environment.features import FEATURE_COUNTS, FEATURES
from vtrain.errors import DataError
from vtrain.monitoring.supervise import start_sampler
from vtrain.pipeline.fingerprints import (
    Entry,
    Ledger,
    data_fingerprint,
    train_fingerprint,
    train_length,
    validate_fingerprint,
)
from vtrain.rundir import RunDirectory, storage_error
from vtrain.tracing.parameters import TABLE_DIGEST
from vtrain.validation.report import headline
from vtrain.validation.results import Record, read_record
from vtrain.validation.validate import TABLE, validate

if TYPE_CHECKING:
    from vtrain.training.events import TrainingCallback

Progress = Callable[[int, int], None]

PREVIOUS = "checkpoints.previous"
"""Folder that keeps the checkpoints of the training before, when one is made anew."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a stage ended.

    Attributes:
        skipped: Whether it was up to date.
        detail: A sentence.
        figures: Its results, as JSON values.
    """

    skipped: bool
    detail: str
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of one run.

    Attributes:
        run: The run directory.
        config: The configuration.
        force: Whether all is made anew.
        handle_signals: Whether training handles SIGTERM and Ctrl-C; main thread only.
    """

    run: RunDirectory
    config: Config
    force: bool = False
    handle_signals: bool = False

    @property
    def _ledger(self) -> Ledger:
        return Ledger.of(self.run)

    def data(self, sources: Sequence[str], on_progress: Progress) -> Done:
        """Prepare the images, unless those that are there come of the same sources and settings.

        Without sources the run's own are used again; a run that has none gets procedural logos.
        """
        known = self._ledger.sources()
        entry = self._ledger.entry("data")
        catalog = self._catalog()
        if not sources and known is None and catalog is not None and not self.force:
            return Done(
                skipped=True,
                detail=f"{_counts(catalog)}, as prepared before",
                figures=_data_figures(catalog),
            )
        used = list(sources) or list(known or ())
        self._ledger.remember([str(Path(name).absolute()) for name in used])
        fingerprint = data_fingerprint(used, self.config, self.run.root)
        if (
            not self.force
            and entry is not None
            and catalog is not None
            and entry.fingerprint == fingerprint
            and entry.outputs == catalog.digest
        ):
            return Done(
                skipped=True,
                detail=f"{_counts(catalog)}, unchanged",
                figures=_data_figures(catalog),
            )
        with self.run.lock("run: data"):
            catalog = prepare(used, run=self.run, config=self.config.data, on_progress=on_progress)
            done = Entry(
                fingerprint, finished=True, figures=_data_figures(catalog), outputs=catalog.digest
            )
            self._ledger.put("data", done)
        origin = "" if used else " (procedural samples)"
        return Done(skipped=False, detail=_counts(catalog) + origin, figures=_data_figures(catalog))

    def train(self, on_event: TrainingCallback) -> Done:
        """Train, unless the policy that is there was trained so; go on where it was cut short."""
        catalog = Catalog.load(self.run.catalog)
        fingerprint, length = (
            train_fingerprint(catalog.digest, self.config),
            train_length(self.config),
        )
        entry = self._ledger.entry("train")
        latest = self._latest()
        same = entry is not None and entry.fingerprint == fingerprint and latest is not None
        if same and entry and entry.finished and entry.length == length and not self.force:
            figures = dict(entry.figures)
            return Done(skipped=True, detail=f"{_trained(figures)}, unchanged", figures=figures)
        resume = self._resumes(entry, latest, catalog, same=same) and not self.force

        from vtrain.training.train import train  # noqa: PLC0415 - torch, only when it trains

        begun = Entry(fingerprint, finished=False, figures={}, length=length)
        with self.run.lock("run: train"):
            if not resume:
                self._set_aside()
            self._ledger.put("train", begun)
        with _sampling(self.run, self.config):
            result = train(
                self.config,
                self.run,
                resume=resume,
                on_event=on_event,
                handle_signals=self.handle_signals,
            )
        figures = asdict(result)
        self._ledger.put("train", Entry(fingerprint, finished=True, figures=figures, length=length))
        how = ", resumed" if resume else ""
        return Done(skipped=False, detail=_trained(figures) + how, figures=figures)

    def validate(self, on_progress: Progress) -> tuple[Done, Record, Path]:
        """Judge the best policy, unless it was judged so; the judgement and its folder."""
        catalog = Catalog.load(self.run.catalog)
        best = CheckpointStore(self.run.checkpoints).resolve("best")
        table = self.run.data_cache / TABLE
        fingerprint = validate_fingerprint(catalog.digest, self.config, best, table)
        entry = self._ledger.entry("validate")
        if entry is not None and entry.fingerprint == fingerprint and not self.force:
            folder = self.run.validation / entry.outputs
            record = _known_record(folder)
            if record is not None:
                done = Done(
                    skipped=True,
                    detail=f"{_judged(record)}, unchanged",
                    figures=dict(entry.figures),
                )
                return done, record, folder
        result = validate(self.run, self.config, on_progress=on_progress)
        figures = {"headline": headline(result.record), "images": result.record.images}
        entry = Entry(fingerprint, finished=True, figures=figures, outputs=result.folder.name)
        self._ledger.put("validate", entry)
        done = Done(skipped=False, detail=_judged(result.record), figures=figures)
        return done, result.record, result.folder

    def _catalog(self) -> Catalog | None:
        """The catalog that is there; None when there is none or it must be made again."""
        try:
            return Catalog.load(self.run.catalog)
        except DataError:
            return None

    def _latest(self) -> Checkpoint | None:
        """The newest checkpoint; None when there is none, or it is not wanted.

        Raises:
            CheckpointError: There are some, and none can be used: they are not to be lost.
        """
        store = CheckpointStore(self.run.checkpoints)
        return None if self.force or not store.occupied() else store.resolve("latest")

    def _resumes(
        self, entry: Entry | None, latest: Checkpoint | None, catalog: Catalog, *, same: bool
    ) -> bool:
        """Whether training goes on from the newest checkpoint."""
        if latest is None or latest.step >= self.config.ppo.total_traces:
            return False
        seen = latest.info.get("features", FEATURE_COUNTS[0])
        if seen != len(FEATURES) or latest.info.get("table") != TABLE_DIGEST:
            return False  # its policy sees less or chooses among less, and learns no more
        if entry is None:  # trained by `vtrain train`: the checkpoint says on what
            return latest.info.get("dataset") == catalog.digest
        return same

    def _set_aside(self) -> None:
        """Keep the policies of the training before from being taken for this one's."""
        previous = self.run.root / PREVIOUS
        try:
            # Measured with settings that may have changed; what was measured is cached.
            (self.run.data_cache / TABLE).unlink(missing_ok=True)
            if self.run.checkpoints.is_dir():
                if previous.exists():
                    shutil.rmtree(previous)
                self.run.checkpoints.rename(previous)
        except OSError as error:
            raise storage_error(error, self.run.checkpoints) from error


@contextmanager
def _sampling(run: RunDirectory, config: Config) -> Iterator[None]:
    """Sample resources meanwhile, when the configuration wants it."""
    if not config.monitoring.enabled:
        yield
        return
    with start_sampler(run, config.monitoring.interval, config.monitoring.alerts):
        yield


def _known_record(folder: Path) -> Record | None:
    try:
        return read_record(folder)
    except DataError:  # removed or damaged: the policy is judged again
        return None


def _counts(catalog: Catalog) -> str:
    splits = Counter(entry.split for entry in catalog.entries)
    parts = ", ".join(f"{splits[name]} {name}" for name in SPLITS)
    return f"{len(catalog.entries)} images ({parts}), {len(catalog.rejected)} left out"


def _data_figures(catalog: Catalog) -> dict[str, Any]:
    return {
        "images": len(catalog.entries),
        "rejected": len(catalog.rejected),
        "splits": dict(Counter(entry.split for entry in catalog.entries)),
        "categories": dict(Counter(entry.category for entry in catalog.entries)),
        "digest": catalog.digest,
    }


def _trained(figures: Mapping[str, Any]) -> str:
    best = figures.get("best_utility")
    shown = "no check" if best is None else f"best check {best:+.3f} over the baseline"
    return (
        f"{figures.get('updates', 0)} updates, {figures.get('traces', 0):,} traces, {shown} "
        f"({figures.get('stopped', '?')})"
    )


def _judged(record: Record) -> str:
    return f"{record.checkpoint} on {record.images} {record.split} images"

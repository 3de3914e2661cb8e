"""Validation of a run's policy: judge it, and write what was found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.agent import TraceAgent
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import dump_yaml
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.environment.engine import open_engine
from vtrain.environment.features import features
from vtrain.errors import DataError, UsageError
from vtrain.rundir import RunDirectory, now, write_bytes, write_text
from vtrain.validation.baselines import BEST_FIXED, Chooser, PolicyChooser, parse_baselines
from vtrain.validation.gallery import exhibits, pick
from vtrain.validation.judge import Judgement, Progress, judge
from vtrain.validation.page import html_report
from vtrain.validation.plots import all_plots, png
from vtrain.validation.report import text_report
from vtrain.validation.results import Record, new_folder, write_results
from vtrain.validation.summary import summarise
from vtrain.validation.table import MeasuredTable

_LOG = logging.getLogger(__name__)

TABLE = "table.json"
"""File in the data cache with the settings measured on training images."""
REPORT = "report.txt"
PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """A judgement and where it was written.

    Attributes:
        folder: Its folder in the run directory.
        record: What was judged and the figures.
        judgement: Every row.
    """

    folder: Path
    record: Record
    judgement: Judgement

    @property
    def page(self) -> Path:
        """The report as a page."""
        return self.folder / PAGE

    @property
    def report(self) -> Path:
        """The report as text."""
        return self.folder / REPORT


def validate(
    run: RunDirectory,
    config: Config,
    *,
    checkpoint: str = "best",
    against: Sequence[str] | None = None,
    split: str | None = None,
    traces: int | None = None,
    on_progress: Progress | None = None,
) -> ValidationResult:
    """Judge a policy of the run on images it has not seen, and write results and reports.

    Args:
        run: The run directory.
        config: The run's configuration.
        checkpoint: ``best``, ``latest`` or a step.
        against: Baselines; None for those of the configuration.
        split: ``validation`` or ``test``; None for that of the configuration.
        traces: Traces the policy may spend per image, at least 1; None for the configuration's.
        on_progress: Called with the measurements done and wanted.

    Raises:
        UsageError: A baseline is unknown or cannot be judged, or `traces` is less than 1.
        DataError: No images are prepared, or the split is empty.
        CheckpointError: There is no such checkpoint, or it does not fit this version.
        StorageError: The results cannot be written.
    """
    budget = config.validation.traces if traces is None else traces
    if budget < 1:
        raise UsageError(f"A policy needs at least 1 trace per image, not {budget}.")
    wanted_split = split or config.validation.split
    baselines, notes = _baselines(run, config, against)
    entries = _entries(run, wanted_split)
    chosen = CheckpointStore(run.checkpoints).resolve(checkpoint)
    agent = TraceAgent.from_run(run, str(chosen.step))
    store = ImageStore(run.images)

    @cache
    def features_of(image: str) -> NDArray[np.float32]:
        return features(store.input(image))

    choosers: list[Chooser] = [PolicyChooser(agent, features_of), *baselines]
    settings = config.validation
    with open_engine(
        run.images,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=run.measurements,
    ) as engine:
        judgement = judge(
            choosers,
            entries,
            engine=engine,
            tastes=config.scoring.taste.model_dump(),
            traces=budget,
            scoring=config.scoring,
            on_progress=on_progress,
        )
    record = Record(
        created=now(),
        checkpoint=chosen.name,
        step=chosen.step,
        split=wanted_split,
        images=len(entries),
        traces=budget,
        choosers=judgement.choosers,
        tastes=judgement.tastes,
        confidence=settings.confidence,
        resamples=settings.resamples,
        notes=tuple(notes),
        summary=summarise(judgement, resamples=settings.resamples, confidence=settings.confidence),
    )
    folder = new_folder(run, chosen.step)
    _write(folder, record, judgement, store, config)
    run.record_event("validation", checkpoint=chosen.name, split=wanted_split, folder=folder.name)
    return ValidationResult(folder, record, judgement)


def _entries(run: RunDirectory, split: str) -> tuple[Entry, ...]:
    entries = Catalog.load(run.catalog).split(split)
    if not entries:
        raise DataError(
            f"The {split} split of {run.catalog} holds no image to judge on.",
            hint="Choose another with --split or validation.split, or give it a share with "
            f"data.split.{split} and prepare the images again.",
        )
    return entries


def _baselines(
    run: RunDirectory, config: Config, against: Sequence[str] | None
) -> tuple[list[Chooser], list[str]]:
    """The baselines, and notes on those that only the configuration's default asked for."""
    names = list(config.validation.against if against is None else against)
    path = run.data_cache / TABLE
    table = MeasuredTable.load(path) if BEST_FIXED in names and path.exists() else None
    notes = []
    if against is None and table is None and BEST_FIXED in names:
        names.remove(BEST_FIXED)
        notes.append(
            "best-fixed was not judged: this run has no table of measured settings "
            "(ppo.warm_start.enabled makes it)."
        )
        _LOG.warning("%s", notes[-1])
    return parse_baselines(names, table), notes


def _write(
    folder: Path, record: Record, judgement: Judgement, store: ImageStore, config: Config
) -> None:
    """Results first: should a plot fail, the figures are safe."""
    write_results(folder, record, judgement)
    write_text(folder / REPORT, text_report(record))
    plots = {name: png(figure) for name, figure in all_plots(judgement, record.summary).items()}
    for name, data in plots.items():
        write_bytes(folder / "plots" / f"{name}.png", data)
    picked = pick(judgement, next(iter(judgement.tastes)))
    gallery = {heading: exhibits(images, judgement, store) for heading, images in picked.items()}
    write_text(
        folder / PAGE, html_report(record, plots, gallery, dump_yaml(config, comments=False))
    )

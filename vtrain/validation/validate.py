"""Validation of a run's policy: judge it, and write what was found."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vtrain.agent import TraceAgent
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.environment.engine import open_engine
from vtrain.environment.features import features
from vtrain.environment.observation import Vector
from vtrain.errors import DataError
from vtrain.rundir import RunDirectory, now
from vtrain.validation.baselines import (
    FROM_TABLE,
    INCUMBENT,
    Chooser,
    Measured,
    PolicyChooser,
    Search,
    check_baselines,
    parse_baselines,
)
from vtrain.validation.beyond import (
    Judged,
    by_image,
    disturb,
    draw,
    summarise_beyond,
    with_trends,
    write_parts,
)
from vtrain.validation.fingerprint import fingerprint_of
from vtrain.validation.judge import Judgement, judge, shifted
from vtrain.validation.protocol import Protocol, evaluations, find_protocol, sample
from vtrain.validation.rebuild import PAGE, REPORT, write_all
from vtrain.validation.results import Record, draft, publish
from vtrain.validation.rounds import Progress
from vtrain.validation.summary import summarise
from vtrain.validation.table import MeasuredTable, OtherTable
from vtrain.validation.variants import degraded, write_variants

_LOG = logging.getLogger(__name__)

TABLE = "table.json"
"""File in the data cache with the settings measured on training images."""


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
    protocol: str | None = None,
    on_progress: Progress | None = None,
    on_wait: Callable[[], None] = lambda: None,
) -> ValidationResult:
    """Judge a policy of the run on images it has not seen, and write results and reports.

    Args:
        run: The run directory.
        config: The run's configuration.
        checkpoint: ``best``, ``latest`` or a step.
        against: Baselines; None for those of the configuration.
        split: ``validation`` or ``test``; None for that of the protocol.
        traces: Traces that the policy and the baselines with a free budget may spend per image, at
            least 1; None for the protocol's.
        protocol: Name of a protocol, or a YAML file with one; None for the configuration's.
        on_progress: Called with the measurements done and wanted.
        on_wait: Called several times a second while measuring. It may raise to break it off: what
            was measured is kept in the cache, and nothing is written.

    Raises:
        UsageError: A baseline or the protocol is unknown or cannot be judged, or `traces` is less
            than 1.
        DataError: No images are prepared, the split is empty, or settings were measured on images
            that are no training images any more.
        CheckpointError: There is no such checkpoint, or it does not fit this version.
        StorageError: The results cannot be written.
    """
    found = find_protocol(protocol, config, split=split, traces=traces)
    check_baselines(config.validation.against if against is None else against)
    entries = entries_of(run, found)
    chosen = CheckpointStore(run.checkpoints).resolve(checkpoint)
    agent = TraceAgent.from_run(run, str(chosen.step))
    judged = _judged(run, config, found, agent, entries)
    baselines, notes = _baselines(judged, against)
    choosers = [PolicyChooser(judged.agent, judged.features), *baselines]
    settings = config.validation
    images = len(judged.entries)
    expected = images * (1 + len(found.tastes) * len(choosers))
    with open_engine(
        judged.store.folder,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=run.measurements,
        on_wait=on_wait,
        on_damage=run.record_damaged_cache,
    ) as engine:
        drawn = draw(judged, engine, shifted(on_progress, 0, judged.moved + expected))
        judgement = judge(
            choosers,
            judged.entries,
            engine=engine,
            tastes=found.tastes,
            traces=found.traces,
            scoring=config.scoring,
            known=by_image(drawn),
            on_progress=shifted(on_progress, len(drawn), judged.moved),
        )
    progress = shifted(on_progress, len(drawn) + expected, 0)
    disturbed = disturb(judged, judgement, progress, on_wait)
    record = Record(
        created=now(),
        checkpoint=chosen.name,
        step=chosen.step,
        split=found.split,
        images=images,
        traces=found.traces,
        choosers=judgement.choosers,
        tastes=judgement.tastes,
        confidence=settings.confidence,
        resamples=settings.resamples,
        notes=tuple(notes),
        summary=summarise(
            judgement,
            resamples=settings.resamples,
            confidence=settings.confidence,
            success=settings.success,
        ),
        protocol=found.name,
        parts=found.parts,
        beyond=summarise_beyond(judged, judgement, drawn, disturbed),
    )
    fingerprint = fingerprint_of(
        run, config, chosen, entries, found, table=run.data_cache / TABLE, against=against
    )
    record = with_trends(judged, record, judgement, fingerprint)
    on_wait()
    with draft(run) as unfinished:
        write_parts(unfinished, drawn, disturbed)
        write_all(
            unfinished,
            record,
            judgement,
            fingerprint=fingerprint,
            store=judged.store,
            config=config,
        )
        on_wait()
        folder = publish(unfinished, run, chosen.step)
    run.record_event(
        "validation",
        checkpoint=chosen.name,
        split=found.split,
        protocol=found.name,
        folder=folder.name,
    )
    return ValidationResult(folder, record, judgement)


def entries_of(run: RunDirectory, protocol: Protocol) -> tuple[Entry, ...]:
    """The images that a protocol takes, as they are prepared.

    Raises:
        DataError: No images are prepared, or the split is empty.
    """
    split = protocol.split
    entries = Catalog.load(run.catalog).split(split)
    if not entries:
        raise DataError(
            f"The {split} split of {run.catalog} holds no image to judge on.",
            hint="Choose another with --split or validation.split, or give it a share with "
            f"data.split.{split} and prepare the images again.",
        )
    evaluated = evaluations(run) if protocol.settings.sampling == "least-evaluated" else None
    return sample(entries, protocol, evaluated)


def _judged(
    run: RunDirectory,
    config: Config,
    protocol: Protocol,
    agent: TraceAgent,
    entries: tuple[Entry, ...],
) -> Judged:
    """The images as they are judged, damaged where the protocol says so, and where they are."""
    originals = store = ImageStore(run.images)
    if protocol.damage is not None:
        store = ImageStore(run.variants)
        change = degraded(protocol.damage)
        entries = tuple(write_variants(entries, change, source=originals, target=store))
    ids = {entry.id for entry in entries}

    @cache
    def features_of(image: str) -> Vector:
        return features((store if image in ids else originals).input(image))

    return Judged(run, config, protocol, agent, entries, store, features_of)


def _baselines(
    judged: Judged, against: Sequence[str] | None
) -> tuple[list[Chooser | Search], list[str]]:
    """The baselines, and notes on those that only the configuration's default asked for."""
    names = list(judged.config.validation.against if against is None else against)
    from_table = [name for name in dict.fromkeys(names) if name in FROM_TABLE]
    strict = against is not None
    damaged = judged.protocol.damage is not None
    measured = (
        measured_settings(judged.run, judged.features, damaged=damaged, strict=strict)
        if from_table
        else None
    )
    notes = []
    if against is None and measured is None and from_table:
        names = [name for name in names if name not in FROM_TABLE]
        verb = "was" if len(from_table) == 1 else "were"
        notes.append(
            f"{', '.join(from_table)} {verb} not judged: this run has no table of measured "
            "settings of this version (a training with ppo.warm_start.enabled makes it)."
        )
        _LOG.warning("%s", notes[-1])
    incumbent = None
    if INCUMBENT in names:
        best = TraceAgent.from_run(judged.run, "best")
        incumbent = PolicyChooser(best, judged.features, name=INCUMBENT)
        if best.name == judged.agent.name:
            notes.append("The incumbent is the judged checkpoint itself.")
    return parse_baselines(names, measured, incumbent), notes


def measured_settings(
    run: RunDirectory, features_of: Callable[[str], Vector], *, damaged: bool, strict: bool = True
) -> Measured | None:
    """The settings measured on the run's training images; None when it has no table.

    Args:
        run: The run.
        features_of: Of an image by its id.
        damaged: Whether those on damaged copies count: what is best for them is not what is best
            for images as they are, and a baseline is to be the best there is.
        strict: Whether a table of another version is an error, instead of none.
    """
    path = run.data_cache / TABLE
    if not path.exists():
        return None
    try:
        table = MeasuredTable.load(path)
    except OtherTable:
        if strict:
            raise
        return None
    train = {entry.id: entry for entry in Catalog.load(run.catalog).split("train")}
    if not set(table.images) <= train.keys():
        # Some of them may be judged on now.
        raise DataError(
            f"{path} was measured on images that are no training images of this run any more.",
            hint="Train anew: `vtrain run --force`; or name baselines that need no measured "
            "settings, such as --against default.",
        )
    undamaged = [image for image in table.images if not train[image].damage]
    if undamaged and not damaged:
        table = table.of(undamaged)
    categories = {image: train[image].category for image in table.images}
    return Measured(table, categories, features_of)

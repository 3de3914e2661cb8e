"""The stages one after another, and the report at the end whatever happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vtrain.config.dump import dump_yaml
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.errors import DataError, StorageError, VtrainError
from vtrain.pipeline.advice import Facts, suggestions
from vtrain.pipeline.execution import Execution, StageOutcome, write_execution
from vtrain.pipeline.stages import Done, Stages
from vtrain.pipeline.state import RunState, run_state
from vtrain.rundir import RunDirectory, now, write_identity, write_text
from vtrain.tracing.parameters import preset
from vtrain.validation.baselines import check_baselines
from vtrain.validation.results import Record

if TYPE_CHECKING:
    from vtrain.training.events import TrainingEvent

_LOG = logging.getLogger(__name__)

STAGES = ("data", "train", "validate")


@dataclass(frozen=True, slots=True)
class PipelineEvent:
    """One thing that happened.

    Attributes:
        stage: ``data``, ``train``, ``validate`` or ``report``.
        kind: ``begin``, ``progress``, ``training`` (with `training`) or ``end``.
        message: A short sentence.
        done: Units done, for ``progress``.
        total: Units wanted.
        training: What training tells.
    """

    stage: str
    kind: Literal["begin", "progress", "training", "end"]
    message: str = ""
    done: int = 0
    total: int = 0
    training: TrainingEvent | None = None


Listener = Callable[[PipelineEvent], None]


def run_all(
    sources: Sequence[str | Path],
    run: RunDirectory,
    config: Config,
    *,
    force: bool = False,
    on_event: Listener | None = None,
    handle_signals: bool = False,
) -> Execution:
    """Prepare the data, train, validate and report, skipping what is up to date.

    The reports are written also when a stage fails; its error is then raised.

    Args:
        sources: Folders, globs and files; none for those the run has already or, in a new run,
            for procedural logos.
        run: The run directory.
        config: The configuration.
        force: Do everything again. The checkpoints of the training before are kept in
            ``checkpoints.previous`` until the next time.
        on_event: Called with progress.
        handle_signals: Whether training saves and stops on SIGTERM and Ctrl-C; main thread only.

    Raises:
        RunLocked: Another process works in the run directory.
        UsageError: The configuration names a preset or a baseline that does not exist.
        VtrainError: A stage failed.
    """
    preset(config.environment.baseline)
    check_baselines(config.validation.against)
    with run.lock("run"):
        write_text(run.config, dump_yaml(config))
        if not run.identity.exists():
            write_identity(run, config, config.seed)
    pipeline = _Pipeline(run, config, on_event or _ignore)
    stages = Stages(run, config, force=force, handle_signals=handle_signals)
    try:
        with pipeline.stage("data") as outcome:
            outcome.done = stages.data(
                [str(source) for source in sources], pipeline.progress("data")
            )
        with pipeline.stage("train") as outcome:
            outcome.done = stages.train(pipeline.training)
        with pipeline.stage("validate") as outcome:
            outcome.done, pipeline.record, pipeline.validation = stages.validate(
                pipeline.progress("validate")
            )
    except BaseException:
        pipeline.report_failure()
        raise
    return pipeline.report()


def _ignore(_event: PipelineEvent) -> None:
    """Listen to nothing."""


@dataclass(slots=True)
class _Slot:
    """Where the body of a stage leaves its result."""

    done: Done | None = None


@dataclass(slots=True)
class _Pipeline:
    """One execution while it goes on."""

    run: RunDirectory
    config: Config
    listen: Listener
    started: str = field(default_factory=now)
    outcomes: list[StageOutcome] = field(default_factory=list)
    record: Record | None = None
    validation: Path | None = None
    failure: tuple[str, str, str] | None = None

    def progress(self, stage: str) -> Callable[[int, int], None]:
        """A progress function that tells the listener."""
        return lambda done, total: self.listen(
            PipelineEvent(stage, "progress", done=done, total=total)
        )

    def training(self, event: TrainingEvent, /) -> None:
        """Pass on what training tells."""
        self.listen(
            PipelineEvent(
                "train", "training", event.message, event.done, event.total, training=event
            )
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[_Slot]:
        """Time a stage and note how it ended; what it raises goes on."""
        self.listen(PipelineEvent(name, "begin"))
        began = time.monotonic()
        slot = _Slot()
        try:
            yield slot
        except BaseException as error:
            message = error.message if isinstance(error, VtrainError) else _named(error)
            hint = error.hint if isinstance(error, VtrainError) else ""
            self.failure = (name, message, hint)
            self._note(StageOutcome(name, "failed", time.monotonic() - began, message, {}))
            raise
        done = slot.done
        if done is None:  # a body always leaves its result
            raise AssertionError(name)
        self._note(
            StageOutcome(
                name,
                "skipped" if done.skipped else "done",
                time.monotonic() - began,
                done.detail,
                done.figures,
            )
        )

    def _note(self, outcome: StageOutcome) -> None:
        self.outcomes.append(outcome)
        self.listen(PipelineEvent(outcome.name, "end", f"{outcome.status}: {outcome.detail}"))

    def report(self) -> Execution:
        """Write the reports and tell where they are."""
        execution = self._execution()
        write_execution(execution)
        self.listen(PipelineEvent("report", "end", str(execution.report)))
        return execution

    def report_failure(self) -> None:
        """As `report`, but what failed counts: a report that cannot be written is only logged."""
        reached = {outcome.name for outcome in self.outcomes}
        self.outcomes += [
            StageOutcome(name, "not reached", 0.0, "", {}) for name in STAGES if name not in reached
        ]
        try:
            self.report()
        except StorageError as error:
            _LOG.warning("The report of this execution was not written: %s", error)

    def _execution(self) -> Execution:
        trained = [outcome.figures for outcome in self.outcomes if outcome.name == "train"]
        catalog, state = self._catalog(), self._state()
        facts = Facts(
            run=str(self.run.root),
            config=self.config,
            catalog=catalog,
            training=trained[0] if trained and trained[0] else None,
            record=self.record,
            failure=self.failure,
            state=state,
        )
        stamp = _free_stamp(self.run)
        return Execution(
            run=self.run,
            started=self.started,
            outcomes=tuple(self.outcomes),
            suggestions=tuple(suggestions(facts)),
            record=self.record,
            validation=self.validation,
            results=self.run.results(stamp),
            report=self.run.report(stamp),
            page=self.run.report(stamp, ".html"),
            catalog=catalog,
            state=state,
        )

    def _state(self) -> RunState | None:
        try:
            return run_state(self.run)
        except (DataError, KeyError, TypeError, ValueError) as error:  # damaged records
            _LOG.warning("The report lacks what the run's files tell: %r", error)
            return None

    def _catalog(self) -> Catalog | None:
        try:
            return Catalog.load(self.run.catalog)
        except DataError:  # the failure that led here says so already
            return None


def _named(error: BaseException) -> str:
    return (
        "interrupted"
        if isinstance(error, KeyboardInterrupt)
        else f"{type(error).__name__}: {error}"
    )


def _free_stamp(run: RunDirectory) -> str:
    """The time to the second, counted on when an execution ended in the same second."""
    stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    stamp, attempt = stem, 1
    while run.results(stamp).exists():
        attempt += 1
        stamp = f"{stem}-{attempt}"
    return stamp

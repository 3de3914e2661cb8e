"""A validation that nobody watches: locked, skipped when nothing is new, checked, and told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.schema import Config
from vtrain.errors import ThresholdNotMet, VtrainError
from vtrain.rundir import RunDirectory
from vtrain.validation.baselines import check_baselines
from vtrain.validation.fingerprint import fingerprint_of, judged_before
from vtrain.validation.junit import Case
from vtrain.validation.protocol import find_protocol
from vtrain.validation.rebuild import PAGE, REPORT
from vtrain.validation.regression import Regression, as_json, find_base, look_for_regression
from vtrain.validation.results import Record, read_record
from vtrain.validation.rounds import Progress
from vtrain.validation.thresholds import Outcome, Threshold, check
from vtrain.validation.validate import TABLE, entries_of, validate

_GROUP = "vtrain.validate"


@dataclass(frozen=True, slots=True)
class Job:
    """What is wanted of a validation.

    Attributes:
        checkpoint: ``best``, ``latest`` or a step.
        against: Baselines; None for those of the configuration.
        split: ``validation`` or ``test``; None for that of the protocol.
        traces: Traces that the policy may spend per image, at least 1 (count); None for those of
            the protocol.
        protocol: Name of a protocol, or a YAML file with one; None for the configuration's.
        thresholds: Figures that must be reached.
        regression: What to compare with, as `find_base` takes it; None to compare with nothing.
        only_new: Whether nothing is done when the same was judged before.
        wait: How long to wait for another validation of the run to end (s).
    """

    checkpoint: str = "best"
    against: Sequence[str] | None = None
    split: str | None = None
    traces: int | None = None
    protocol: str | None = None
    thresholds: Sequence[Threshold] = ()
    regression: str | None = None
    only_new: bool = False
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a job.

    Attributes:
        folder: Folder of the judgement.
        record: What was judged and the figures.
        skipped: Whether it was judged before, and nothing was measured.
        outcomes: How the thresholds turned out.
        regression: How it compares with an earlier judgement; None when that was not asked for.
    """

    folder: Path
    record: Record
    skipped: bool = False
    outcomes: tuple[Outcome, ...] = ()
    regression: Regression | None = None

    @property
    def page(self) -> Path:
        """The report as a page."""
        return self.folder / PAGE

    def require(self) -> None:
        """Do nothing when all that was required was reached.

        Raises:
            ThresholdNotMet: It was not; the message says which figures and by how much.
        """
        missed = [str(outcome) for outcome in self.outcomes if not outcome.met]
        if self.regression is not None:
            missed += [self.regression.sentence(change) for change in self.regression.worse]
        if missed:
            raise ThresholdNotMet(
                "; ".join(missed) + ".", hint=f"The figures are in {self.folder / REPORT}."
            )


def run_job(
    run: RunDirectory,
    config: Config,
    job: Job,
    *,
    on_progress: Progress | None = None,
    on_wait: Callable[[], None] = lambda: None,
) -> Finding:
    """Judge a policy while no other validation of the run goes on, and check what came of it.

    Args:
        run: The run directory.
        config: The run's configuration.
        job: What is wanted.
        on_progress: As of `validate`.
        on_wait: As of `validate`.

    Raises:
        RunLocked: Another validation of the run goes on.
        VtrainError: What `validate` and `find_base` raise.
    """
    protocol = find_protocol(job.protocol, config, split=job.split, traces=job.traces)
    check_baselines(config.validation.against if job.against is None else job.against)
    with run.lock_validation("validate", wait=job.wait):
        # From here on this one is judged, even when a training finds a better one meanwhile.
        checkpoint = CheckpointStore(run.checkpoints).resolve(job.checkpoint)
        fingerprint = fingerprint_of(
            run,
            config,
            checkpoint,
            entries_of(run, protocol),
            protocol,
            table=run.data_cache / TABLE,
            against=job.against,
        )
        known = judged_before(run, fingerprint) if job.only_new else None
        if known is not None:
            return Finding(known, read_record(known), skipped=True)
        # Before anything is measured: a wrong name should not cost minutes.
        base = find_base(run, job.regression, fingerprint) if job.regression else None
        result = validate(
            run,
            config,
            checkpoint=str(checkpoint.step),
            against=job.against,
            split=job.split,
            traces=job.traces,
            protocol=job.protocol,
            on_progress=on_progress,
            on_wait=on_wait,
        )
    regression = None
    if job.regression:
        regression = look_for_regression(
            result.judgement,
            base,
            resamples=config.validation.resamples,
            confidence=config.validation.confidence,
        )
    outcomes = tuple(check(job.thresholds, result.record.summary))
    return Finding(result.folder, result.record, outcomes=outcomes, regression=regression)


def finding_json(run: RunDirectory, finding: Finding) -> dict[str, Any]:
    """A finding as JSON values."""
    return {
        "run": run.root,
        "folder": finding.folder,
        "page": finding.page,
        "skipped": finding.skipped,
        **asdict(finding.record),
        "thresholds": [
            {**asdict(outcome.threshold), "found": outcome.found, "met": outcome.met}
            for outcome in finding.outcomes
        ],
        "regression": as_json(finding.regression) if finding.regression else None,
    }


def failure_json(
    run: RunDirectory | None, finding: Finding | None, error: Exception
) -> Mapping[str, Any]:
    """What a command on failure is told: the finding as far as there is one, and the error."""
    known = finding_json(run, finding) if run is not None and finding is not None else {}
    return {
        "schema": 1,
        "run": None if run is None else run.root,
        **known,
        "exit_code": error.exit_code if isinstance(error, VtrainError) else 1,
        "error": {
            "kind": type(error).__name__,
            "message": error.message if isinstance(error, VtrainError) else str(error),
            "hint": error.hint if isinstance(error, VtrainError) else "",
        },
    }


def junit_cases(
    job: Job | None, finding: Finding | None, error: Exception | None, *, seconds: float
) -> list[Case]:
    """A case for the validation itself, each threshold, and each taste of the regression check.

    Args:
        job: What was wanted; None when the command failed before that was clear.
        finding: What came of it; None when the validation itself failed.
        error: What the command ends with; None when all is well.
        seconds: How long it took (s).
    """
    if finding is None:
        failed = error or VtrainError("The validation gave no result.")
        name = type(failed).__name__
        cases = [
            Case(_GROUP, "validation", "error", f"{name}: {failed}", kind=name, seconds=seconds)
        ]
        names = [f"{it.metric}={it.value:g}" for it in job.thresholds] if job else []
        cases += [Case(f"{_GROUP}.threshold", name, "skipped", "not judged") for name in names]
        if job and job.regression:
            cases.append(Case(f"{_GROUP}.regression", "regression", "skipped", "not judged"))
        return cases
    if finding.skipped:
        return [Case(_GROUP, "validation", "skipped", f"judged before: {finding.folder}")]
    told = f"{finding.record.checkpoint} on {finding.record.images} images: {finding.folder}"
    cases = [Case(_GROUP, "validation", "passed", told, seconds=seconds)]
    if error is not None and not isinstance(error, ThresholdNotMet):
        name = type(error).__name__
        cases.append(Case(_GROUP, "command", "error", f"{name}: {error}", kind=name))
    cases += [
        Case(
            f"{_GROUP}.threshold",
            f"{outcome.threshold.metric}={outcome.threshold.value:g}",
            "passed" if outcome.met else "failure",
            str(outcome),
            kind="ThresholdNotMet",
        )
        for outcome in finding.outcomes
    ]
    return cases + _regression_cases(finding.regression)


def _regression_cases(regression: Regression | None) -> list[Case]:
    group = f"{_GROUP}.regression"
    if regression is None:
        return []
    if regression.base is None:
        return [Case(group, "regression", "skipped", " ".join(regression.sentences()))]
    return [
        Case(
            group,
            f"regression at {change.taste}",
            "failure" if change in regression.worse else "passed",
            regression.sentence(change),
            kind="Regression",
        )
        for change in regression.changes
    ]

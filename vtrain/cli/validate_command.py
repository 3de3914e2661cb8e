"""One call of ``vtrain validate``: what it does, and what has to be told of it whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vtrain.config.schema import Config
    from vtrain.rundir import RunDirectory
    from vtrain.validation.job import Finding, Job

NEWEST = "newest"
"""Stands for the newest validation where one may be named."""


@dataclass(slots=True)
class ValidateCommand:
    """One call of the command, and what has to be told of it whatever happens.

    Attributes:
        started: When it began (ISO 8601, UTC).
        begun: The same on a clock that only goes forward (s).
        junit: Of ``--junit``.
        on_fail: Of ``--on-fail``.
        run: The run directory, once it is open.
        job: What is wanted, once that is clear.
        finding: What came of it, once it is done.
    """

    started: str
    begun: float
    junit: Path | None
    on_fail: str | None
    run: RunDirectory | None = None
    job: Job | None = None
    finding: Finding | None = None

    @classmethod
    def begin(cls, *, junit: Path | None, on_fail: str | None) -> ValidateCommand:
        """A call that starts now.

        Raises:
            UsageError: ``--junit`` names a folder.
        """
        import time

        from vtrain.errors import UsageError
        from vtrain.rundir import now

        if junit is not None and junit.is_dir():
            raise UsageError(
                f"--junit {junit} is a folder.", hint=f"Name a file: {junit / 'validation.xml'}."
            )
        return cls(now(), time.monotonic(), junit, on_fail)

    @property
    def seconds(self) -> float:
        """Time since it began (s)."""
        import time

        return time.monotonic() - self.begun

    def open(self, run: Path | None) -> RunDirectory:
        """The run directory: the named one, or the newest."""
        from vtrain.rundir import RunDirectory

        self.run = RunDirectory.open(run)
        return self.run

    @staticmethod
    def configure(
        run: RunDirectory, files: Sequence[str] | None, overrides: Sequence[str] | None
    ) -> Config:
        """The configuration of the run, with files and overrides on top."""
        from vtrain.cli.resolve import resolve_config

        return resolve_config(run, files, overrides)

    def judge(self, settings: Config, *, on_wait: Callable[[], None], quiet: bool) -> None:
        """Do the job, with a bar unless it is to be quiet."""
        from contextlib import nullcontext

        from vtrain.cli.bar import bar
        from vtrain.validation.job import run_job

        assert self.run is not None  # noqa: S101 - narrows the types: both are set before
        assert self.job is not None  # noqa: S101
        with nullcontext(None) if quiet else bar("Judging") as on_progress:
            self.finding = run_job(
                self.run, settings, self.job, on_progress=on_progress, on_wait=on_wait
            )

    def tell(self, *, quiet: bool, as_json: bool) -> None:
        """Print what was found, and end with 3 when it is not what was required."""
        from vtrain.cli.output import print_json
        from vtrain.errors import ThresholdNotMet
        from vtrain.validation.job import finding_json

        if self.run is None or self.finding is None:
            return
        missed = None
        try:
            self.finding.require()
        except ThresholdNotMet as error:
            missed = error
        if missed is not None or not quiet:
            if as_json:
                print_json(finding_json(self.run, self.finding))
            else:
                _tell(self.finding)
        if missed is not None:
            raise missed

    def succeeded(self) -> None:
        """Tell machines that all is well."""
        self._write_junit(None)

    def failed(self, error: Exception) -> None:
        """Tell machines of a failure; problems with that are told, and change nothing."""
        from vtrain.cli.main import render
        from vtrain.cli.output import say
        from vtrain.errors import Stopped, VtrainError

        try:
            self._write_junit(error)
        except VtrainError as problem:
            render(problem)
        if self.on_fail is None or isinstance(error, Stopped):
            return
        from vtrain.validation.hooks import run_on_fail
        from vtrain.validation.job import failure_json

        complaint = run_on_fail(self.on_fail, failure_json(self.run, self.finding, error))
        if complaint:
            say(complaint)

    def _write_junit(self, error: Exception | None) -> None:
        from vtrain.rundir import write_text
        from vtrain.validation.job import junit_cases
        from vtrain.validation.junit import junit_xml

        if self.junit is None or (error is None and self.finding is None):
            return
        seconds = self.seconds
        cases = junit_cases(self.job, self.finding, error, seconds=seconds)
        write_text(self.junit, junit_xml(cases, started=self.started, seconds=seconds))


def job_of(
    settings: Config, *, against: str | None, fail_under: Sequence[str], **wanted: Any
) -> Job:
    """What the options ask for.

    Args:
        settings: The configuration.
        against: Of ``--against``.
        fail_under: Of ``--fail-under``.
        wanted: What else a `Job` holds, by name.

    Raises:
        UsageError: No baseline is named, or a threshold is wrong.
    """
    from vtrain.errors import UsageError
    from vtrain.validation.job import Job
    from vtrain.validation.thresholds import parse_thresholds

    names = None
    if against is not None:
        names = [name.strip() for name in against.split(",") if name.strip()]
        if not names:
            raise UsageError("--against names no baseline.", hint="Such as --against default.")
    # Before anything is measured: a misspelt metric should not cost minutes.
    thresholds = parse_thresholds(fail_under, names or settings.validation.against)
    return Job(against=names, thresholds=thresholds, **wanted)


def _tell(finding: Finding) -> None:
    from vtrain.cli.output import say
    from vtrain.validation.report import headline

    if finding.skipped:
        say(f"{finding.record.checkpoint} was judged in this way before: {finding.page}")
        return
    lines = [*headline(finding.record), *finding.record.notes]
    if finding.regression is not None:
        lines += finding.regression.sentences()
    for line in lines:
        say(line)
    say(f"Report: {finding.page}")


def rebuild_reports(
    run: RunDirectory, name: str, *, pictures: int, wait: float, quiet: bool, as_json: bool
) -> None:
    """Make the reports of a validation again, and say where they are.

    Args:
        run: The run directory.
        name: The validation, as `find_folder` takes it, or `NEWEST`.
        pictures: Most logos that the page shows pictures of (count).
        wait: How long to wait for another validation of the run to end (s).
        quiet: Whether nothing is printed.
        as_json: Whether the result is printed as JSON.

    Raises:
        RunLocked: Another validation of the run goes on.
        VtrainError: What `find_folder` and `rebuild` raise.
    """
    from vtrain.cli.output import print_json, say
    from vtrain.validation.job import Finding, finding_json
    from vtrain.validation.rebuild import find_folder, rebuild

    with run.lock_validation("validate --report-only", wait=wait):
        folder = find_folder(run, None if name == NEWEST else name)
        finding = Finding(folder, rebuild(folder, run, pictures=pictures), skipped=True)
    if quiet:
        return
    if as_json:
        print_json(finding_json(run, finding))
    else:
        say(f"Report: {finding.page}")

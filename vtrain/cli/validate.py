"""``vtrain validate``: judge a policy against baselines on images it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import typer

from vtrain.cli.optional_values import OptionalValueGroup
from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption

if TYPE_CHECKING:
    from vtrain.config.schema import Config
    from vtrain.rundir import RunDirectory
    from vtrain.validation.job import Finding, Job

_NEWEST = "newest"
_PREVIOUS = "previous"


class _ValidateGroup(OptionalValueGroup):
    left_out: ClassVar = {"--report-only": _NEWEST, "--fail-on-regression": _PREVIOUS}


app = typer.Typer(
    cls=_ValidateGroup,
    add_completion=False,
    invoke_without_command=True,
)


@app.callback()
def judge(
    ctx: typer.Context,
    run: RunOption = None,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="best|latest|STEP", help="The policy.")
    ] = "best",
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="NAME,...",
            help="Baselines: default, flattened, poster, photo, recipe, presets, best-fixed, "
            "best-fixed-per-category, portfolio, knn, trees, random, tpe, cmaes; without it those "
            "of the config. trees, tpe and cmaes need the extra vtrain[baselines].",
        ),
    ] = None,
    split: Annotated[
        Literal["validation", "test"] | None,
        typer.Option("--split", help="Images to judge on; without it that of the config."),
    ] = None,
    traces: Annotated[
        int | None,
        typer.Option(
            "--traces",
            min=1,
            help="Traces that the policy, portfolio, knn, trees, random, tpe and cmaes may spend "
            "per image (count).",
        ),
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under",
            metavar="METRIC=VALUE",
            help="Exit with 3 unless reached; may be repeated. gain, better, ssim (at fidelity), "
            "utility, utility-over-NAME, bytes-ratio (at balanced), failures; the last two must "
            "not be above VALUE.",
        ),
    ] = None,
    fail_on_regression: Annotated[
        str | None,
        typer.Option(
            "--fail-on-regression",
            metavar="[BASE]",
            help="Exit with 3 when the policy is worse, beyond the interval, than in the previous "
            "validation of the same images, traces and tastes; or than in the validation or run "
            "BASE.",
        ),
    ] = None,
    if_new_checkpoint: Annotated[
        bool,
        typer.Option(
            "--if-new-checkpoint",
            help="Do nothing when the checkpoint was judged in this way before.",
        ),
    ] = False,
    report_only: Annotated[
        str | None,
        typer.Option(
            "--report-only",
            metavar="[VALIDATION]",
            help="Make the reports and plots of the newest or the named validation again, from "
            "its files; nothing is measured.",
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the outcome as JUnit XML."),
    ] = None,
    on_fail: Annotated[
        str | None,
        typer.Option(
            "--on-fail",
            metavar="CMD",
            help="Run this in a shell when the exit code is going to be 1 to 6, with the result "
            "as JSON on its standard input; it has 60 s.",
        ),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(
            "--wait",
            metavar="TIME",
            help="Wait this long (90s, 55m, 1.5h) for another validation of the run to end, "
            "instead of ending with 5 at once.",
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="Give up after this long (90s, 55m, 1.5h), with 1; what was measured is kept.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing unless something failed.")
    ] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a policy on held-out images; write results, plots and a page under validation/.

    One validation of a run goes on at a time; another ends with 5. SIGTERM ends it with 143.

    Example: vtrain validate --run runs/logos --against default,best-fixed --fail-under gain=3
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    command = _Command.begin(junit=junit, on_fail=on_fail)
    # All that a failure needs is imported now: a signal may come while something else is.
    from vtrain.validation import hooks, job  # noqa: F401
    from vtrain.validation.interruption import interruptible

    try:
        limit = _seconds(timeout, "--timeout")
        with interruptible(limit, spent=command.seconds) as check:
            directory = command.open(run)
            settings = command.configure(directory, config, set_)
            if quiet:
                _hush(ctx)
            patience = _seconds(wait, "--wait")
            if report_only is not None:
                _rebuild(directory, report_only, wait=patience, quiet=quiet, as_json=as_json)
            else:
                command.job = _job(
                    settings,
                    checkpoint=checkpoint,
                    against=against,
                    split=split,
                    traces=traces,
                    fail_under=fail_under or (),
                    regression=fail_on_regression,
                    only_new=if_new_checkpoint,
                    wait=patience,
                )
                command.judge(settings, on_wait=check, quiet=quiet)
        command.tell(quiet=quiet, as_json=as_json)
    except Exception as error:
        command.failed(error)
        raise
    command.succeeded()


@app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run directories, whose newest validation counts, or folders of validations.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Write tables, plots and a page there."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare validations side by side, and with the first one logo by logo, with intervals.

    Example: vtrain validate compare runs/one runs/two -o comparison
    """
    from vtrain.cli.output import print_json, say
    from vtrain.validation.compare import (
        PAGE,
        compare_runs,
        comparison_json,
        comparison_text,
        write_comparison,
    )

    found = compare_runs(runs)
    if output is not None:
        write_comparison(output, found)
    if as_json:
        print_json(comparison_json(found))
        return
    say(comparison_text(found))
    if output is not None:
        say(f"Report: {output / PAGE}")


@dataclass(slots=True)
class _Command:
    """One call of the command, and what has to be told of it whatever happens."""

    started: str
    begun: float
    junit: Path | None
    on_fail: str | None
    run: RunDirectory | None = None
    job: Job | None = None
    finding: Finding | None = None

    @classmethod
    def begin(cls, *, junit: Path | None, on_fail: str | None) -> _Command:
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
        from vtrain.rundir import RunDirectory

        self.run = RunDirectory.open(run)
        return self.run

    @staticmethod
    def configure(
        run: RunDirectory, files: Sequence[str] | None, overrides: Sequence[str] | None
    ) -> Config:
        from vtrain.cli.resolve import resolve_config

        return resolve_config(run, files, overrides)

    def judge(self, settings: Config, *, on_wait: Callable[[], None], quiet: bool) -> None:
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


def _job(settings: Config, *, against: str | None, fail_under: Sequence[str], **wanted: Any) -> Job:
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


def _rebuild(run: RunDirectory, name: str, *, wait: float, quiet: bool, as_json: bool) -> None:
    from vtrain.cli.output import print_json, say
    from vtrain.data.store import ImageStore
    from vtrain.validation.job import Finding, finding_json
    from vtrain.validation.rebuild import find_folder, rebuild

    with run.lock_validation("validate --report-only", wait=wait):
        folder = find_folder(run, None if name == _NEWEST else name)
        finding = Finding(folder, rebuild(folder, ImageStore(run.images)), skipped=True)
    if quiet:
        return
    if as_json:
        print_json(finding_json(run, finding))
    else:
        say(f"Report: {finding.page}")


def _seconds(text: str | None, option: str) -> float:
    from vtrain.cli.resolve import parse_duration

    return parse_duration(text, option=option) if text else 0.0


def _hush(ctx: typer.Context) -> None:
    """Let warnings go unless they were asked for: cron mails whatever a command prints."""
    import logging

    if not (ctx.obj or {}).get("verbose"):
        logging.getLogger("vtrain").setLevel(logging.ERROR)


def _refuse_options(ctx: typer.Context) -> None:
    """Options of `vtrain validate` itself mean nothing to its subcommands."""
    from vtrain.errors import UsageError

    given = [
        max(parameter.opts, key=len)
        for parameter in ctx.command.params
        if _is_given(ctx, parameter.name)
    ]
    if given:
        raise UsageError(
            f"{given[0]} is no option of vtrain validate {ctx.invoked_subcommand}.",
            hint=f"See vtrain validate {ctx.invoked_subcommand} --help.",
        )


def _is_given(ctx: typer.Context, name: str | None) -> bool:
    source = ctx.get_parameter_source(name or "")
    return source is not None and source.name == "COMMANDLINE"

"""``vtrain validate``: judge a policy against baselines on images it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from vtrain.cli.optional_values import OptionalValueGroup
from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption
from vtrain.cli.validate_command import NEWEST, ValidateCommand, job_of, rebuild_reports

_PREVIOUS = "previous"


class _ValidateGroup(OptionalValueGroup):
    left_out: ClassVar = {"--report-only": NEWEST, "--fail-on-regression": _PREVIOUS}


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
            "best-fixed-per-category, portfolio, knn, trees, random, tpe, cmaes, incumbent (the "
            "run's best checkpoint); without it those of the config. trees, tpe and cmaes need the "
            "extra vtrain[baselines].",
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
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME|FILE",
            help="What is judged and measured: standard, quick, degraded, thorough, one of "
            "validation.protocols, or a YAML file; without it that of the config.",
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
            help="Exit with 3 when the policy is worse, beyond chance, than in the previous "
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
    command = ValidateCommand.begin(junit=junit, on_fail=on_fail)
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
                rebuild_reports(
                    directory,
                    report_only,
                    pictures=settings.validation.gallery,
                    wait=patience,
                    quiet=quiet,
                    as_json=as_json,
                )
            else:
                command.job = job_of(
                    settings,
                    checkpoint=checkpoint,
                    against=against,
                    split=split,
                    traces=traces,
                    protocol=protocol,
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
    from vtrain.cli.output import answer, print_json, say
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
    answer(comparison_text(found))
    if output is not None:
        say(f"Report: {output / PAGE}")


@app.command()
def history(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="Run directories; without any the newest.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the validations of runs, the oldest first, and tell what they show together.

    Regressions, plateaus, overfitting and drift are told with their evidence; none changes the
    exit code.

    Example: vtrain validate history runs/monday runs/today
    """
    from vtrain.cli.output import answer, print_json
    from vtrain.rundir import RunDirectory
    from vtrain.validation.history import history_json, history_of, history_text

    found = history_of(runs or [RunDirectory.open(None).root])
    if as_json:
        print_json(history_json(found))
    else:
        answer(history_text(found))


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

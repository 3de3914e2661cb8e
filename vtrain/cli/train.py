"""``vtrain train``: train a policy on the prepared data of a run directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption

if TYPE_CHECKING:
    from vtrain.training.events import TrainingEvent


def command(
    run: RunOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from this run's newest checkpoint.")
    ] = False,
    fork: Annotated[
        str | None,
        typer.Option(
            "--fork",
            metavar="RUN[@STEP]",
            help="Start from the policy of another run's checkpoint.",
        ),
    ] = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Resume although the config, the images, versions or threads changed.",
        ),
    ] = False,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit", metavar="TIME", help="Stop and save after this long: 90s, 55m, 1.5h."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a policy; the data must be prepared (see vtrain data prepare, or vtrain run).

    Ctrl-C and SIGTERM save and end it (exit codes 130 and 143); a second one ends it at once. With
    --json the result is printed then too, as it is when a stage ends training (3).

    Example: vtrain train --run runs/logos --resume --time-limit 55m
    """
    from contextlib import ExitStack

    from vtrain.cli.output import print_json, say
    from vtrain.cli.progress import training_progress
    from vtrain.cli.resolve import parse_duration, resolve_config
    from vtrain.errors import DataError, Stopped, ThresholdNotMet, UsageError, quoted
    from vtrain.rundir import RunDirectory

    if resume and fork:
        raise UsageError("--resume and --fork cannot be used together.")
    limit = parse_duration(time_limit, option="--time-limit") if time_limit else None
    directory = RunDirectory.open(run)
    settings = resolve_config(directory, config, set_)
    if not directory.catalog.is_file():
        raise DataError(
            f"{directory.root} has no prepared data.",
            hint=f"Prepare it: vtrain data prepare SOURCE --run {quoted(directory.root)}",
        )
    from vtrain.monitoring.supervise import start_sampler
    from vtrain.training.result import result_json
    from vtrain.training.train import train

    ended: dict[str, Any] = {}

    def tell(event: TrainingEvent) -> None:
        on_event(event)
        if event.kind == "end":
            ended.update(event.data)

    try:
        with ExitStack() as stack:
            on_event = stack.enter_context(training_progress())
            if settings.monitoring.enabled:
                watching = settings.monitoring
                stack.enter_context(start_sampler(directory, watching.interval, watching.alerts))
            result = train(
                settings,
                directory,
                resume=resume,
                fork=fork,
                accept_changes=accept_changes,
                time_limit=limit,
                on_event=tell,
                handle_signals=True,
            )
    except (Stopped, ThresholdNotMet):
        if as_json and ended:
            print_json(result_json(directory, ended, fork=fork))
        raise
    if as_json:
        print_json(result_json(directory, ended, fork=fork))
        return
    best = "none" if result.best_utility is None else f"{result.best_utility:+.3f}"
    say(
        f"Trained {result.updates} updates, {result.traces} traces, in {result.seconds:.0f} s "
        f"({result.stopped}). Best check: {best} in utility over the baseline recipe."
    )
    say(f"Judge it with: vtrain validate --run {quoted(directory.root)}")

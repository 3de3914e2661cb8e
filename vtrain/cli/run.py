"""``vtrain run``: all stages in order, skipping what is up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from vtrain.pipeline import Execution, PipelineEvent


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE...]",
            help="Folders, files, or globs in quotes; without any the run's own, or procedural "
            "sample logos in a new run.",
            show_default=False,
        ),
    ] = None,
    run: RunOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Do every stage again, up to date or not.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prepare the logos, train a policy, judge it and report; skip what is up to date.

    Without --run a new run directory runs/DATE-NAME is made. Ctrl-C and SIGTERM save the training;
    the same command then goes on with it.

    Example: vtrain run logos/ --run runs/logos
    """
    from vtrain.cli.output import print_json, say
    from vtrain.cli.resolve import resolve_config
    from vtrain.rundir import RunDirectory

    existing = RunDirectory(run) if run is not None and run.is_dir() else None
    settings = resolve_config(existing, config, set_)
    directory = RunDirectory.create(run, name=settings.name)
    say(f"Run directory: {directory.root}")

    from vtrain.pipeline import run_all

    with _progress() as on_event:
        execution = run_all(
            sources or (),
            directory,
            settings,
            force=force,
            on_event=on_event,
            handle_signals=True,
        )
    if as_json:
        print_json(execution.as_dict())
        return
    _tell(execution)


def _tell(execution: Execution) -> None:
    from vtrain.cli.output import say
    from vtrain.validation.report import headline

    if execution.record is not None:
        for line in headline(execution.record):
            say(line)
    for suggestion in execution.suggestions[:3]:
        say(f"Next: {suggestion.action} ({suggestion.evidence})")
    if execution.validation is not None:
        say(f"Validation: {execution.validation / 'report.html'}")


@contextmanager
def _progress() -> Iterator[Callable[[PipelineEvent], None]]:
    """Shows the stages: a line at the end of each, a bar within."""
    with ExitStack() as stack:
        screen = _Screen(stack)
        yield screen


class _Screen:
    """Passes events of the pipeline on to a bar for the present stage."""

    def __init__(self, stack: ExitStack) -> None:
        self._outer = stack
        self._stage = stack.enter_context(ExitStack())
        self._bar: Callable[[int, int], None] | None = None
        self._training: Callable[..., None] | None = None

    def __call__(self, event: PipelineEvent) -> None:
        from vtrain.cli.bar import bar
        from vtrain.cli.output import say
        from vtrain.cli.progress import training_progress

        if event.kind == "begin":
            if event.stage == "train":
                self._training = self._stage.enter_context(training_progress())
            else:
                title = {"data": "Preparing", "validate": "Judging"}[event.stage]
                self._bar = self._stage.enter_context(bar(title))
        elif event.kind == "progress" and self._bar is not None:
            self._bar(event.done, event.total)
        elif event.kind == "training" and self._training is not None:
            self._training(event.training)
        elif event.kind == "end":
            self._stage.close()  # a bar must not be drawn over by what comes next
            self._bar = self._training = None
            if event.stage == "report":
                say(f"Report: {event.message}")
            else:
                say(f"{event.stage}: {event.message}")

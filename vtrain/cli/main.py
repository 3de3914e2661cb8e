"""The ``vtrain`` command: its verbs, and the one place where errors become messages.

A verb's module is imported when the verb is invoked, so that ``vtrain --help`` answers at once and
a command that does not train never imports torch. Help is plain text for the same reason.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from vtrain import __version__
from vtrain.cli.start import prepare_process
from vtrain.errors import VtrainError

VERBS = {
    "data": "Prepare, inspect and split logos; make sample logos.",
    "train": "Train a policy with PPO on traces of the prepared logos.",
    "validate": "Judge a policy against baselines on held-out logos.",
    "checkpoint": "Look at, check, keep, repair and exchange the checkpoints of a run.",
    "monitor": "Summarise a run: progress, resources, events.",
    "run": "All stages in order, skipping what is up to date.",
    "trace": "Use a policy: images in, SVGs out.",
    "config": "Write, show and check configurations.",
}
INTERRUPTED = 130  # 128 + SIGINT
BROKEN_PIPE = 141  # 128 + SIGPIPE, as other programs end whose reader went away


class VerbGroup(TyperGroup):
    """Lists all verbs without importing them, and ends each command with its exit code."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, meaning in VERBS.items():  # enough for the list of commands
            self.add_command(TyperCommand(name, help=meaning, rich_markup_mode=None))

    # `ctx` is Any: the public name of click's context has moved between versions of Typer.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that `args` name, imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(name) if command is not None and name else command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; whatever it raises ends here."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if _is_usage_error(error):
                raise
            verbose = bool((ctx.obj or {}).get("verbose"))
            raise typer.Exit(end(error, verbose=verbose)) from error
        return result


app = typer.Typer(
    name="vtrain",
    cls=VerbGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vtrain {__version__}")
        raise typer.Exit


@app.callback()
def _vtrain(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", is_eager=True, callback=_version
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what happens; show tracebacks.")
    ] = False,
) -> None:
    """Train a policy that chooses, logo by logo, how to turn a raster image into an SVG.

    Start with 'vtrain run FOLDER' and then 'vtrain trace logo.png -o logo.svg'.
    """
    ctx.obj = {"verbose": verbose}
    prepare_process(verbose=verbose)


def main() -> None:
    """Run the command line and exit."""
    typer.main.get_command(app)(prog_name="vtrain")


def end(error: Exception | KeyboardInterrupt, *, verbose: bool = False) -> int:
    """Tell people how a command failed; the exit code that goes with it.

    Args:
        error: What it raised.
        verbose: Whether a fault is shown with its traceback.
    """
    if isinstance(error, VtrainError):
        render(error)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        _line("Interrupted.")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Python flushes at exit; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    # The last stop: what is not ours is shown as a fault.
    shown = _os_error(error) if isinstance(error, OSError) else _internal_error(error)
    if verbose or os.environ.get("VTRAIN_DEBUG"):
        traceback.print_exception(error)
    render(shown)
    return shown.exit_code


def render(error: VtrainError) -> None:
    """Print an error for people: its title and what happened, then what to do next."""
    from vtrain.config.problems import printable

    color = False if os.environ.get("NO_COLOR") else None
    typer.secho(f"{error.title}: ", err=True, nl=False, fg="red", bold=True, color=color)
    for line in error.message.splitlines() or [""]:
        _line(printable(line))
    if error.hint:
        _line(printable(error.hint))


def _load(name: str) -> Any:
    module = importlib.import_module(f"vtrain.cli.{name}")
    verb = getattr(module, "app", None)
    if verb is None:
        verb = typer.Typer(add_completion=False)
        verb.command(name)(module.command)
    verb.rich_markup_mode = None
    command = typer.main.get_command(verb)
    command.name = name
    return command


def _line(text: str) -> None:
    typer.echo(text, err=True)


def _os_error(error: OSError) -> VtrainError:
    from vtrain.rundir import storage_error

    if error.filename is None:
        return storage_error(error, "the output")
    shown = VtrainError(
        f"{error.filename}: {error.strerror or error}.",
        hint="Check the path, its permissions and the space that is left.",
    )
    shown.title = "File error"
    return shown


def _internal_error(error: Exception) -> VtrainError:
    shown = VtrainError(
        f"{type(error).__name__}: {error}",
        hint="This is a fault in vtrain, not in what you asked for. 'vtrain -v ...' repeats it "
        "with a traceback, which a report of it should hold.",
    )
    shown.title = "Internal error"
    return shown


def _is_usage_error(error: BaseException) -> bool:
    """Whether Typer raised it for a wrong argument, and will print it with the usage."""
    # Newer Typers carry click inside, older ones use it from outside.
    return any(base.__name__ == "ClickException" for base in type(error).__mro__)


if __name__ == "__main__":
    main()

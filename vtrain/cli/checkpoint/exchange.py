"""``vtrain checkpoint fork|export|import``: policies for other runs and programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vtrain.cli.checkpoint.app import WhichArgument, app, open_store
from vtrain.cli.options import RunOption
from vtrain.cli.output import say


@app.command()
def fork(
    source: Annotated[
        str, typer.Argument(metavar="RUN[@STEP]", help="The run to start from, best by default.")
    ],
    run: Annotated[Path, typer.Option("--run", metavar="DIR", help="The new run directory.")],
) -> None:
    """Make a new run with the data and config of another, ready to train from its policy.

    Example: vtrain checkpoint fork runs/logos@best --run runs/other
    """
    from vtrain.checkpoints.fork import fork_run
    from vtrain.errors import quoted

    checkpoint = fork_run(source, run)
    say(f"Made {run} from {checkpoint.path}.")
    say(f"Train it with: vtrain train --run {quoted(run)} --fork {quoted(source)}")


@app.command()
def export(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .zip for stable-baselines3, or .safetensors with the plain weights.",
        ),
    ],
    which: WhichArgument = "best",
    run: RunOption = None,
) -> None:
    """Write a policy for other programs.

    Example: vtrain checkpoint export best --run runs/logos -o policy.safetensors
    """
    from vtrain.errors import UsageError
    from vtrain.rundir import write_bytes

    suffix = output.suffix.lower()
    if suffix not in (".zip", ".safetensors"):
        raise UsageError(
            f"{output} names no format that is written.", hint="End it in .zip or .safetensors."
        )
    found = open_store(run).resolve(which)
    if suffix == ".zip":
        from vtrain.training.exchange import export_sb3

        export_sb3(found, output)
    else:
        write_bytes(output, found.manifest.read_file(found.path, "policy.safetensors"))
    say(f"Wrote {output} from {found.name}.")


@app.command(name="import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE.zip", help="As export wrote it.")],
    run: Annotated[Path, typer.Option("--run", metavar="DIR", help="The run it goes to.")],
    trust: Annotated[
        bool,
        typer.Option("--trust-pickle", help="Read a file of a format that can hold pickles."),
    ] = False,
) -> None:
    """Make a checkpoint of a stable-baselines3 .zip; only its tensors are read.

    Example: vtrain checkpoint import policy.zip --run runs/other --trust-pickle
    """
    from vtrain.checkpoints.store import CheckpointStore
    from vtrain.config.load import load_config
    from vtrain.errors import UsageError, quoted
    from vtrain.rundir import RunDirectory, write_identity

    if not trust:
        raise UsageError(
            f"{source} is of a format that can hold pickles, which run code.",
            hint="When you know where it comes from, add --trust-pickle.",
        )
    from vtrain.training.exchange import read_sb3

    policy = read_sb3(source)
    directory = RunDirectory.create(run, name=run.name)
    store = CheckpointStore(directory.checkpoints)
    with directory.lock("checkpoint import"):
        if store.occupied():
            # It would become the newest, and has nothing that a training could go on with.
            raise UsageError(f"{run} has checkpoints already.", hint="Import into a new folder.")
        if not directory.identity.exists():
            write_identity(directory, load_config((), ()).config, 0)
        made = policy.save(store)
    say(f"Imported {source} as {made.name}.")
    say(f"Use it: vtrain trace logo.png -o logo.svg --run {quoted(run)}")
    say("Or prepare data in a new run and start from it:")
    say(f"vtrain train --run NEW --fork {quoted(run)}")

"""What the commands of ``vtrain checkpoint`` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vtrain.checkpoints.store import CheckpointStore

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look at, check, keep, drop, repair and exchange the checkpoints of a run.",
)
WhichArgument = Annotated[str, typer.Argument(metavar="[best|latest|STEP]", help="Which one.")]


def open_store(run: Path | None) -> CheckpointStore:
    """The checkpoints of a run; of the newest run without one."""
    from vtrain.checkpoints.store import CheckpointStore
    from vtrain.rundir import RunDirectory

    return CheckpointStore(RunDirectory.open(run).checkpoints)

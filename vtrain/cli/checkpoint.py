"""``vtrain checkpoint``: list, show and verify the checkpoints of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtrain.cli.options import JsonOption, RunOption
from vtrain.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from pathlib import Path

    from vtrain.checkpoints.store import Checkpoint, CheckpointStore

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, show and verify the checkpoints of a run.",
)
WhichArgument = Annotated[str, typer.Argument(metavar="[best|latest|STEP]", help="Which one.")]


@app.command(name="list")
def list_(run: RunOption = None, as_json: JsonOption = False) -> None:
    """List the checkpoints of a run, oldest first.

    Example: vtrain checkpoint list --run runs/logos
    """
    store = _store(run)
    found = store.checkpoints()
    marks = {name: store.pointer(name) for name in ("latest", "best")}
    damaged = store.damaged()
    if as_json:
        print_json(
            {
                "run": store.folder.parent,
                **marks,
                "checkpoints": [_summary(item) for item in found],
                "damaged": [{"path": path, "problem": problem} for path, problem in damaged],
            }
        )
        return
    if not found:
        say(f"There is no checkpoint in {store.folder} yet.")
    else:
        rows = [
            (
                item.step,
                "-" if item.utility is None else f"{item.utility:.3f}",
                f"{item.size / 2**20:.2f}",
                item.manifest.created,
                ", ".join(name for name, target in marks.items() if target == item.name),
            )
            for item in found
        ]
        print_table(("step", "utility", "MiB", "created (UTC)", ""), rows)
    for path, problem in damaged:
        say(f"Damaged: {path} ({problem})")


@app.command()
def show(
    which: WhichArgument = "latest", run: RunOption = None, as_json: JsonOption = False
) -> None:
    """Show what a checkpoint holds: files, versions and what was said when it was written.

    Example: vtrain checkpoint show best --run runs/logos
    """
    found = _store(run).resolve(which)
    summary = _summary(found)
    if as_json:
        print_json(summary)
        return
    print_table(("", ""), _lines(summary), title=found.name)


@app.command()
def verify(
    which: Annotated[
        str | None,
        typer.Argument(metavar="[best|latest|STEP]", help="Which one; without it, all."),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every file against its size and SHA-256; exit 6 when one is damaged.

    Nothing is moved or changed.

    Example: vtrain checkpoint verify --run runs/logos
    """
    from vtrain.errors import CheckpointError

    store = _store(run)
    found = _named(store, which)
    problems = {item.name: store.verify(item) for item in found}
    if which is None:
        problems |= {path.name: [problem] for path, problem in store.damaged()}
    bad = {name: listed for name, listed in problems.items() if listed}
    if as_json:
        print_json({"checked": list(problems), "problems": bad})
    else:
        for name, listed in problems.items():
            say(f"{name}: {'; '.join(listed) if listed else 'whole'}")
    if bad:
        raise CheckpointError(
            f"{len(bad)} of {len(problems)} checkpoints in {store.folder} are damaged.",
            hint="Loading 'best' or 'latest' passes over them; remove them when you are done.",
        )
    if not problems:
        raise CheckpointError(f"There is no checkpoint in {store.folder}.")


def _store(run: Path | None) -> CheckpointStore:
    from vtrain.checkpoints.store import CheckpointStore
    from vtrain.rundir import RunDirectory

    return CheckpointStore(RunDirectory.open(run).checkpoints)


def _named(store: CheckpointStore, which: str | None) -> list[Checkpoint]:
    """The checkpoints that `which` names, damaged or not; `resolve` would pass over these."""
    from vtrain.errors import CheckpointError

    found = store.checkpoints()
    if which is None:
        return found
    name = store.pointer(which) if which in ("best", "latest") else which
    named = [item for item in found if name in (item.name, str(item.step))]
    if not named:
        raise CheckpointError(
            f"There is no checkpoint {which} in {store.folder}.",
            hint="'vtrain checkpoint list' shows those there are.",
        )
    return named


def _summary(item: Checkpoint) -> dict[str, Any]:
    return {
        "name": item.name,
        "step": item.step,
        "path": item.path,
        "created": item.manifest.created,
        "bytes": item.size,
        "files": {name: record.size for name, record in item.manifest.files.items()},
        "versions": item.manifest.versions,
        "info": item.info,
    }


def _lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for key, value in summary.items():
        if isinstance(value, Mapping):
            lines += [(f"{key}: {name}", str(item)) for name, item in value.items()]
        else:
            lines.append((key, str(value)))
    return lines

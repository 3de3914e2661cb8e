"""``vtrain checkpoint list|show|verify|diff``: what there is, and whether it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtrain.cli.checkpoint.app import WhichArgument, app, open_store
from vtrain.cli.options import JsonOption, RunOption
from vtrain.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from vtrain.checkpoints.store import Checkpoint, CheckpointStore


@app.command(name="list")
def list_(run: RunOption = None, as_json: JsonOption = False) -> None:
    """List the checkpoints of a run, oldest first.

    Example: vtrain checkpoint list --run runs/logos
    """
    store = open_store(run)
    found = store.checkpoints()
    marks = {name: store.pointer(name) for name in ("latest", "best")}
    pinned = store.pins()
    damaged = store.damaged()
    if as_json:
        print_json(
            {
                "run": store.folder.parent,
                **marks,
                "pinned": pinned,
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
                ", ".join(_marks(item, marks, pinned)),
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
    found = open_store(run).resolve(which)
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
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Also make one update twice from it, and compare the whole state."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check every file against its size and SHA-256; exit 6 when one is damaged.

    Nothing is moved or changed. With --resume, this machine proves that it goes on exactly: one
    update is made twice from the checkpoint (the newest, when none is named).

    Example: vtrain checkpoint verify --run runs/logos
    """
    from vtrain.errors import CheckpointError

    if resume:
        _verify_resume(run, which or "latest", as_json=as_json)
        return
    store = open_store(run)
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


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="best, latest, STEP or RUN@STEP.")],
    second: Annotated[
        str, typer.Argument(metavar="SECOND", help="best, latest, STEP or RUN@STEP.")
    ] = "latest",
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what differs between two checkpoints: config, images, versions, weights.

    Example: vtrain checkpoint diff best latest --run runs/logos
    """
    from dataclasses import asdict

    from vtrain.checkpoints.compare import (
        Change,
        config_changes,
        version_changes,
        weight_changes,
    )

    one, other = (_anywhere(name, run) for name in (first, second))
    before, after = one.load(), other.load()
    changes = config_changes(before.documents.get("config", {}), after.documents.get("config", {}))
    for name in ("dataset", "table"):
        if one.info.get(name) != other.info.get(name):
            changes.append(Change(name, one.info.get(name), other.info.get(name)))
    changes += version_changes(one.manifest.versions, other.manifest.versions)
    moved = weight_changes(before.tensors, after.tensors)
    if as_json:
        print_json(
            {
                "first": one.path,
                "second": other.path,
                "changes": [asdict(change) for change in changes],
                "weights": [asdict(item) for item in moved],
            }
        )
        return
    if not changes and not moved:
        say(f"{one.path} and {other.path} are alike.")
        return
    if changes:
        rows = ((item.what, str(item.before), str(item.after)) for item in changes)
        print_table(("", one.name, other.name), rows)
    if moved:
        rows = (
            (item.name, _figure(item.largest), _figure(item.relative) or item.note)
            for item in moved
        )
        print_table(("tensor", "largest change", "relative"), rows)


def _anywhere(name: str, run: Path | None) -> Checkpoint:
    """The checkpoint that ``best``, ``latest``, ``STEP`` or ``RUN@STEP`` names."""
    other, at, step = name.rpartition("@")
    return open_store(Path(other) if at else run).resolve(step)


def _verify_resume(run: Path | None, which: str, *, as_json: bool) -> None:
    from vtrain.cli.resolve import resolve_config
    from vtrain.errors import CheckpointError
    from vtrain.rundir import RunDirectory
    from vtrain.training.replay import replay

    directory = RunDirectory.open(run)
    found = open_store(run).resolve(which)
    result = replay(directory, resolve_config(directory, None, None), found)
    if as_json:
        print_json({"checkpoint": found.name, "exact": result.exact, "digest": result.first})
    if not result.exact:
        raise CheckpointError(
            f"Two updates from {found.name} ended differently: {result.first[:16]} and "
            f"{result.second[:16]}.",
            hint="A resume is not exact on this machine; report its versions and processor.",
        )
    if not as_json:
        say(f"{found.name}: two updates from it end alike ({result.first[:16]}).")


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


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _marks(
    item: Checkpoint, pointers: Mapping[str, str | None], pinned: Mapping[str, str]
) -> list[str]:
    marks = [name for name, target in pointers.items() if target == item.name]
    if item.name in pinned:
        note = pinned[item.name]
        marks.append(f"pinned ({note})" if note else "pinned")
    return marks


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

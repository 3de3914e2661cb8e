"""``vtrain checkpoint list|show|verify|diff``: what there is, and whether it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtrain.cli.checkpoint.app import WhichArgument, app, open_store
from vtrain.cli.options import JsonOption, RunOption
from vtrain.cli.output import answer, print_json, print_table, say

if TYPE_CHECKING:
    from vtrain.checkpoints.store import Checkpoint, CheckpointStore


@app.command(name="list")
def list_(run: RunOption = None, as_json: JsonOption = False) -> None:
    """List the checkpoints of a run, oldest first.

    Example: vtrain checkpoint list --run runs/logos
    """
    from vtrain.errors import CheckpointError

    store = open_store(run)
    found = store.checkpoints()
    marks = {name: store.pointer(name) for name in ("latest", "best")}
    try:
        pinned = store.pins()
    except CheckpointError as error:
        say(str(error))
        pinned = {}
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

    store = open_store(run)
    found = _named(store, which or "latest" if resume else which)
    problems = {item.name: store.verify(item) for item in found}
    if which is None and not resume:
        problems |= {path.name: [problem] for path, problem in store.damaged()}
    bad = {name: listed for name, listed in problems.items() if listed}
    proof = _replay(run, found[-1]) if resume and not bad else None
    if as_json:
        print_json({"checked": list(problems), "problems": bad, "resume": proof})
    else:
        for name, listed in problems.items():
            answer(f"{name}: {'; '.join(listed) if listed else 'whole'}")
    if bad:
        raise CheckpointError(
            f"{len(bad)} of {len(problems)} checkpoints in {store.folder} cannot be used.",
            hint="'vtrain checkpoint restore' sets damaged ones aside; those of a later version "
            "can be used again once vtrain is updated.",
        )
    if not problems:
        raise CheckpointError(f"There is no checkpoint in {store.folder}.")
    if proof and not proof["exact"]:
        raise CheckpointError(
            f"Two updates from {found[-1].name} ended differently: {proof['first'][:16]} and "
            f"{proof['second'][:16]}.",
            hint="A resume is not exact on this machine; report its versions and processor.",
        )
    if proof and not as_json:
        answer(f"Two updates from {found[-1].name} end alike ({proof['first'][:16]}).")


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
        answer(f"{one.path} and {other.path} are alike.")
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
    from vtrain.checkpoints.names import parse_source

    if "@" not in name:
        return open_store(run).resolve(name)
    other, step = parse_source(name, "latest")
    return open_store(other).resolve(step)


def _replay(run: Path | None, found: Checkpoint) -> dict[str, Any]:
    """Two updates from a checkpoint, and whether they end alike."""
    from vtrain.cli.resolve import resolve_config
    from vtrain.rundir import RunDirectory
    from vtrain.training.replay import replay

    directory = RunDirectory.open(run)
    result = replay(directory, resolve_config(directory, None, None), found)
    return {"exact": result.exact, "first": result.first, "second": result.second}


def _named(store: CheckpointStore, which: str | None) -> list[Checkpoint]:
    """The checkpoints that `which` names, damaged or not; `resolve` would pass over these."""
    from vtrain.errors import CheckpointError

    found = store.checkpoints()
    if which is None:
        return found
    name: str | None = which
    if which in ("best", "latest"):
        # A pointer is a hint: without it, what it would name.
        name = store.pointer(which) or (store.resolve(which).name if found else None)
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

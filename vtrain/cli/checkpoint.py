"""``vtrain checkpoint``: look at, check, keep, drop, repair and exchange checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption
from vtrain.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from vtrain.checkpoints.store import Checkpoint, CheckpointStore

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look at, check, keep, drop, repair and exchange the checkpoints of a run.",
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


@app.command()
def prune(
    run: RunOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove checkpoints by the rules of the config; pinned ones, the best and the newest stay.

    Example: vtrain checkpoint prune --run runs/logos --set checkpoints.keep_last=2 --dry-run
    """
    from dataclasses import asdict

    from vtrain.checkpoints.retention import rules_of
    from vtrain.checkpoints.store import CheckpointStore
    from vtrain.cli.resolve import resolve_config
    from vtrain.rundir import RunDirectory

    directory = RunDirectory.open(run)
    rules = rules_of(resolve_config(directory, config, set_).checkpoints)
    store = CheckpointStore(directory.checkpoints)
    if dry_run:
        removed = store.prune(rules, dry_run=True)
    else:
        with directory.lock("checkpoint prune"):
            removed = store.prune(rules)
    if as_json:
        print_json({"dry_run": dry_run, "removed": [asdict(item) for item in removed]})
        return
    for item in removed:
        say(f"{'Would remove' if dry_run else 'Removed'} {item.name}: {item.reason}.")
    if not removed:
        say("There is nothing to remove.")


@app.command()
def restore(run: RunOption = None, as_json: JsonOption = False) -> None:
    """Repair a folder of checkpoints: set damaged ones aside, point at the newest and best whole.

    Example: vtrain checkpoint restore --run runs/logos
    """
    from vtrain.checkpoints.store import CheckpointStore
    from vtrain.errors import CheckpointError
    from vtrain.rundir import RunDirectory

    directory = RunDirectory.open(run)
    store = CheckpointStore(directory.checkpoints)
    with directory.lock("checkpoint restore"):
        pointers = store.repair()
    aside = [path.name for path, _ in store.damaged()]
    if as_json:
        print_json({**pointers, "set_aside": aside})
    else:
        for name, target in pointers.items():
            say(f"{name}: {target or 'none'}")
        if aside:
            say(f"Set aside: {', '.join(aside)}.")
    if pointers["latest"] is None:
        raise CheckpointError(f"No checkpoint in {store.folder} is whole.")


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

    checkpoint = fork_run(source, run)
    say(f"Made {run} from {checkpoint.path}.")
    say(f"Train it with: vtrain train --run {run} --fork {source}")


@app.command()
def pin(
    which: WhichArgument = "latest",
    run: RunOption = None,
    note: Annotated[str, typer.Option("--note", help="Why, for those who list it.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Let the rules decide again.")] = False,
) -> None:
    """Keep a checkpoint whatever the rules of pruning say.

    Example: vtrain checkpoint pin best --run runs/logos --note "shipped"
    """
    store = _store(run)
    found = store.resolve(which)
    if remove:
        say(f"{found.name} {'is no longer' if store.unpin(found) else 'was not'} pinned.")
        return
    store.pin(found, note)
    say(f"{found.name} is pinned.")


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
    found = _store(run).resolve(which)
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
    from vtrain.errors import UsageError
    from vtrain.rundir import RunDirectory

    if not trust:
        raise UsageError(
            f"{source} is of a format that can hold pickles, which run code.",
            hint="When you know where it comes from, add --trust-pickle.",
        )
    from vtrain.training.exchange import import_sb3

    directory = RunDirectory.create(run, name=run.name)
    with directory.lock("checkpoint import"):
        made = import_sb3(source, CheckpointStore(directory.checkpoints))
    say(f"Imported {source} as {made.name}. Use it with: vtrain train --run NEW --fork {run}")


@app.command()
def request(
    run: RunOption = None,
    wait: Annotated[
        str | None,
        typer.Option("--wait", metavar="TIME", help="Wait this long for it: 30s, 5m."),
    ] = None,
) -> None:
    """Ask whoever trains in a run to save a checkpoint at the end of its update.

    Example: vtrain checkpoint request --run runs/logos --wait 5m
    """
    from vtrain.checkpoints.request import ask
    from vtrain.cli.resolve import parse_duration
    from vtrain.rundir import RunDirectory

    seconds = parse_duration(wait, option="--wait") if wait else 0.0
    made = ask(RunDirectory.open(run), seconds)
    say(f"Saved {made}." if made else "Asked; it is saved at the end of the update.")


def _store(run: Path | None) -> CheckpointStore:
    from vtrain.checkpoints.store import CheckpointStore
    from vtrain.rundir import RunDirectory

    return CheckpointStore(RunDirectory.open(run).checkpoints)


def _anywhere(name: str, run: Path | None) -> Checkpoint:
    """The checkpoint that ``best``, ``latest``, ``STEP`` or ``RUN@STEP`` names."""
    other, at, step = name.rpartition("@")
    return _store(Path(other) if at else run).resolve(step)


def _verify_resume(run: Path | None, which: str, *, as_json: bool) -> None:
    from vtrain.cli.resolve import resolve_config
    from vtrain.errors import CheckpointError
    from vtrain.rundir import RunDirectory
    from vtrain.training.replay import replay

    directory = RunDirectory.open(run)
    found = _store(run).resolve(which)
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

"""``vtrain checkpoint prune|restore|pin|request``: what stays, and what is written."""

from __future__ import annotations

from typing import Annotated

import typer

from vtrain.cli.checkpoint.app import WhichArgument, app, open_store
from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption
from vtrain.cli.output import print_json, say


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
        done = store.repair()
    if as_json:
        print_json({**done.pointers, "set_aside": done.set_aside, "newer": done.newer})
    else:
        for name, target in done.pointers.items():
            say(f"{name}: {target or 'none'}")
        if done.set_aside:
            say(f"Set aside: {', '.join(done.set_aside)}.")
        if done.newer:
            say(f"Of a later version of vtrain, and left alone: {', '.join(done.newer)}.")
    if done.pointers["latest"] is None:
        raise CheckpointError(f"No checkpoint in {store.folder} is whole.")


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
    store = open_store(run)
    found = store.resolve(which)
    if remove:
        say(f"{found.name} {'is no longer' if store.unpin(found) else 'was not'} pinned.")
        return
    store.pin(found, note)
    say(f"{found.name} is pinned.")


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

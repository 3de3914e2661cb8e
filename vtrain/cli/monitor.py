"""``vtrain monitor``: look at a run from outside, and at the machine it runs on."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from vtrain.cli.options import JsonOption, RunOption
from vtrain.cli.output import console, print_json, print_table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Watch a run in the terminal or the browser, report on it, check the machine.",
)


@app.command()
def report(
    run: RunOption = None,
    events: Annotated[int, typer.Option("--events", min=0, help="Newest events told (count).")] = 8,
    as_json: JsonOption = False,
) -> None:
    """Tell how far a run is, its best result, its resources and its last events.

    Example: vtrain monitor report --run runs/logos --json
    """
    from dataclasses import asdict

    from vtrain.monitoring.report import report as read_report
    from vtrain.monitoring.terminal import render
    from vtrain.rundir import RunDirectory

    found = read_report(RunDirectory.open(run), events=events)
    if as_json:
        print_json(asdict(found))
    else:
        console().print(render(found))


@app.command()
def watch(
    run: RunOption = None,
    interval: Annotated[
        float, typer.Option("--interval", min=0.2, help="Time between refreshes (s).")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
) -> None:
    """Show a run in the terminal until Ctrl-C; the run itself is not touched.

    Example: vtrain monitor watch --run runs/logos
    """
    from rich.live import Live

    from vtrain.monitoring.report import report as read_report
    from vtrain.monitoring.terminal import render
    from vtrain.rundir import RunDirectory

    directory, screen = RunDirectory.open(run), console()
    if once:
        screen.print(render(read_report(directory)))
        return
    try:
        # Written to a file, a refresh is a new page: there is no screen to draw over.
        while not screen.is_terminal:
            screen.print(render(read_report(directory)))
            time.sleep(interval)
        with Live(render(read_report(directory)), console=screen, screen=True) as live:
            while True:
                time.sleep(interval)
                live.update(render(read_report(directory)))
    except KeyboardInterrupt:
        return


@app.command()
def doctor(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where runs are kept: its disk is checked.")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Check cores, memory, disk, versions, and that the tracer and the renderer work.

    Ends with 1 when something does not work, with 0 otherwise.

    Example: vtrain monitor doctor
    """
    from dataclasses import asdict

    from vtrain.errors import UsageError
    from vtrain.monitoring.doctor import examine

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", hint="Name one with --folder.")
    checks = examine(folder)
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        rows = [(c.name, c.status, f"{c.detail}. {c.hint}".rstrip(". ")) for c in checks]
        print_table(("check", "status", "found"), rows)
    if any(check.status == "problem" for check in checks):
        raise typer.Exit(1)


@app.command()
def serve(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Run directories.")
    ] = None,
    run: RunOption = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="A folder of runs: all of them, new ones too.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address; away from loopback a token is wanted.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8300,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Another name of this server; may be repeated."),
    ] = None,
) -> None:
    """Show runs in the browser until Ctrl-C; they are only read, never touched.

    Needs the extra 'web'. The address to open is printed on standard output.

    Example: vtrain monitor serve --run runs/logos
    """
    from importlib.util import find_spec

    from vtrain.errors import UsageError
    from vtrain.rundir import RunDirectory

    if any(find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise UsageError(
            "The dashboard needs the extra 'web', which is not installed.",
            hint="Install it: pip install -c constraints.txt -e '.[web]'",
        )
    if root is not None and not root.is_dir():
        raise UsageError(f"{root} is not a folder.", hint="Name a folder of runs with --root.")
    named = [*(runs or []), *([run] if run is not None else [])]
    if not named and root is None:
        folders = [RunDirectory.open(None).root]
    else:
        folders = [RunDirectory.open(path).root for path in named]

    from vtrain.monitoring.web.server import serve as serve_runs

    try:
        serve_runs(folders, root, host=host, port=port, hosts=allow_host or (), on_start=_say_where)
    except KeyboardInterrupt:  # the way to end it
        return


def _say_where(address: str) -> None:
    typer.echo(address)
    sys.stdout.flush()
    console().print("Ctrl-C ends the server; runs go on.")

"""``vtrain monitor``: look at a run from outside, and at the machine it runs on."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption
from vtrain.cli.output import console, print_json, print_table, say

if TYPE_CHECKING:
    from vtrain.rundir import RunDirectory

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Watch a run in the terminal or the browser, report on it, check the machine.",
)


@app.command()
def report(
    run: RunOption = None,
    events: Annotated[int, typer.Option("--events", min=0, help="Newest events told (count).")] = 8,
    plots: Annotated[
        bool,
        typer.Option("--plots", help="Also draw the curves into resource_monitoring/plots."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell how far a run is, its best result, its resources and its last events.

    With --plots the curves of training and of the resources are drawn as PNG and SVG.

    Example: vtrain monitor report --run runs/logos --plots
    """
    from dataclasses import asdict

    from vtrain.monitoring.report import report as read_report
    from vtrain.monitoring.terminal import render
    from vtrain.rundir import RunDirectory

    directory = RunDirectory.open(run)
    found = read_report(directory, events=events)
    drawn = _draw(directory) if plots else []
    if as_json:
        print_json({**asdict(found), **({"plots": drawn} if plots else {})})
        return
    console(answer=True).print(render(found))
    for path in drawn:
        say(f"Drawn: {path}")
    if plots and not drawn:
        say("Nothing is recorded yet that could be drawn.")


def _draw(run: RunDirectory) -> list[str]:
    from vtrain.monitoring.plots import write_plots

    return [str(path) for path in write_plots(run)]


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

    directory, screen = RunDirectory.open(run), console(answer=True)
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
def export(
    run: RunOption = None,
    form: Annotated[
        Literal["prometheus", "csv"],
        typer.Option("--format", help="Present figures for Prometheus, or a table of all records."),
    ] = "prometheus",
    records: Annotated[
        Literal["samples", "metrics", "events"],
        typer.Option("--records", help="What the table holds."),
    ] = "samples",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; standard output without.")
    ] = None,
) -> None:
    """Write a run's figures for other tools.

    Example: vtrain monitor export --run runs/logos --format csv --records metrics -o metrics.csv
    """
    from vtrain.monitoring.export import prometheus, to_csv
    from vtrain.monitoring.report import report as read_report
    from vtrain.monitoring.summary import SAMPLES
    from vtrain.rundir import RunDirectory, read_jsonl, write_text

    directory = RunDirectory.open(run)
    if form == "prometheus":
        text = prometheus(read_report(directory, events=0))
    else:
        files = {
            "samples": directory.resource_monitoring / SAMPLES,
            "metrics": directory.metrics,
            "events": directory.events,
        }
        text = to_csv(read_jsonl(files[records]))
    if output is None or str(output) == "-":
        typer.echo(text.encode(), nl=False)
    else:
        write_text(output, text)


@app.command()
def doctor(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where runs are kept: its disk is checked.")
    ] = Path(),
    config: ConfigOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the machine, the installation and the configuration: what will be slow or fail.

    Cores, memory, disk and locks, containers included; versions, the tracer and the renderer; and
    whether the configuration suits them. Ends with 1 when something does not work, else with 0.

    Example: vtrain monitor doctor -c curriculum --set resources.workers=4
    """
    from dataclasses import asdict

    from vtrain.cli.resolve import resolve_config
    from vtrain.errors import UsageError
    from vtrain.monitoring.doctor import examine

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", hint="Name one with --folder.")
    checks = examine(folder, resolve_config(None, config, set_))
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

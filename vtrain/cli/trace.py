"""``vtrain trace``: use a policy on images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vtrain.cli.options import JsonOption, RunOption


def command(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Images, folders or globs; '-' is standard input."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="An SVG file for one image, a folder for several; '-' is standard output. "
            "Without it one image's drawing goes beside it, as STEM.svg, where nothing is yet.",
        ),
    ] = None,
    run: RunOption = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            readable=False,  # whether it is, and what to do about it, is the agent's to say
            help="A policy.safetensors instead of a run.",
        ),
    ] = None,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="best|latest|STEP", help="Which of the run's.")
    ] = "best",
    prefer: Annotated[
        str,
        typer.Option(
            "--prefer", metavar="TASTE", help="fidelity, balanced, compact or a lambda to 8."
        ),
    ] = "balanced",
    traces: Annotated[
        int, typer.Option("--traces", metavar="K", help="Traces to try per image; best is kept.")
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Processes for several images; without it one per usable core for more than 8.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip images whose SVG is there and newer.")
    ] = False,
    title: Annotated[
        bool, typer.Option("--title", help="Name each drawing after its file, for accessibility.")
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Judge each drawing, term by term, and VTracer's default."),
    ] = False,
    gallery: Annotated[
        Path | None,
        typer.Option(
            "--gallery",
            metavar="FILE.html",
            help="Write a page that shows each image, VTracer's default and the drawing.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn images into SVGs with a trained policy.

    Folders are mirrored under OUT, each file as STEM.svg. Without --run and --policy the newest
    run under runs/ is used, or else the policy that comes with vtrain.

    Example: vtrain trace logos/ -o svg/ --run runs/logos --prefer compact --traces 4
    """
    from vtrain.cli.trace_command import trace

    trace(
        inputs=inputs,
        output=output,
        run=run,
        policy=policy,
        checkpoint=checkpoint,
        prefer=prefer,
        traces=traces,
        workers=workers,
        resume=resume,
        title=title,
        explain=explain,
        gallery=gallery,
        as_json=as_json,
    )

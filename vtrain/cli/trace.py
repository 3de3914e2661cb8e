"""``vtrain trace``: use a policy on images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vtrain.cli.options import JsonOption, RunOption

NAMED = 3
"""Images named in the error when some could not be traced."""


def command(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Images, folders or globs; '-' is standard input."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="An SVG file for one image, a folder for several; '-' is standard output.",
        ),
    ],
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
        typer.Option("--prefer", metavar="TASTE", help="fidelity, balanced, compact or a lambda."),
    ] = "balanced",
    traces: Annotated[
        int, typer.Option("--traces", metavar="K", help="Traces to try per image; best is kept.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Turn images into SVGs with a trained policy.

    Folders are mirrored under OUT, each file as STEM.svg.

    Example: vtrain trace logos/ -o svg/ --run runs/logos --prefer compact --traces 4
    """
    import sys

    from vtrain.agent import TraceAgent
    from vtrain.agent.batch import trace_files
    from vtrain.cli.output import print_json, say
    from vtrain.errors import DataError, UsageError

    if traces < 1:
        raise UsageError(f"--traces {traces} is out of range.", hint="Give 1 or more.")
    if policy is not None and run is not None:
        raise UsageError("--run and --policy cannot be used together.")
    to_stdout = str(output) == "-"
    if as_json and to_stdout:
        raise UsageError("--json and -o - both want standard output.", hint="Write to a file.")
    agent = TraceAgent.from_file(policy) if policy else TraceAgent.from_run(run, checkpoint)
    rows, failures = [], []
    for done in trace_files(agent, inputs, output, prefer=prefer, traces=traces):
        if done.error is not None:
            failures.append(done)
            say(f"Not traced: {done.error}")
        elif done.result is not None:
            rows.append(done.as_dict())
            if to_stdout:
                sys.stdout.write(done.result.svg)
            else:
                say(f"{done.name} -> {done.output}  {len(done.result.svg)} bytes")
    if as_json:
        print_json({"traced": rows, "failed": [done.as_dict() for done in failures]})
    if failures:
        raise DataError(
            f"{len(failures)} of {len(failures) + len(rows)} images were not traced: "
            f"{', '.join(done.name for done in failures[:NAMED])}"
            f"{' and others' if len(failures) > NAMED else ''}.",
            hint="Each one's reason stands above; replace them or leave them out.",
        )

"""``vtrain validate``: judge a policy against baselines on images it has not seen."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption


def command(
    run: RunOption = None,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="best|latest|STEP", help="The policy.")
    ] = "best",
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="NAME,...",
            help="Baselines: default, flattened, poster, photo, recipe, presets, best-fixed, "
            "best-fixed-per-category, portfolio, knn, trees, random, tpe, cmaes; without it those "
            "of the config. trees, tpe and cmaes need the extra vtrain[baselines].",
        ),
    ] = None,
    split: Annotated[
        Literal["validation", "test"] | None,
        typer.Option("--split", help="Images to judge on; without it that of the config."),
    ] = None,
    traces: Annotated[
        int | None,
        typer.Option(
            "--traces",
            min=1,
            help="Traces that the policy, portfolio, knn, trees, random, tpe and cmaes may spend "
            "per image (count).",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME|FILE",
            help="What is judged and measured: standard, quick, degraded, thorough, one of "
            "validation.protocols, or a YAML file; without it that of the config.",
        ),
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under",
            metavar="METRIC=VALUE",
            help="Exit with 3 unless reached; may be repeated. gain, better, ssim (at fidelity), "
            "utility, utility-over-NAME, bytes-ratio (at balanced), failures; the last two must "
            "not be above VALUE.",
        ),
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a policy on held-out images; write results, plots and a page under validation/.

    Example: vtrain validate --run runs/logos --against default,best-fixed --fail-under gain=3
    """
    from dataclasses import asdict

    from vtrain.cli.bar import bar
    from vtrain.cli.output import print_json, say
    from vtrain.cli.resolve import resolve_config
    from vtrain.errors import ThresholdNotMet, UsageError
    from vtrain.rundir import RunDirectory

    directory = RunDirectory.open(run)
    settings = resolve_config(directory, config, set_)
    names = None
    if against is not None:
        names = [name.strip() for name in against.split(",") if name.strip()]
        if not names:
            raise UsageError("--against names no baseline.", hint="Such as --against default.")

    from vtrain.validation.thresholds import check, parse_thresholds

    # Before anything is measured: a misspelt metric should not cost minutes.
    wanted = parse_thresholds(fail_under or (), names or settings.validation.against)

    from vtrain.validation.report import headline
    from vtrain.validation.validate import validate

    with bar("Judging") as on_progress:
        result = validate(
            directory,
            settings,
            checkpoint=checkpoint,
            against=names,
            split=split,
            traces=traces,
            protocol=protocol,
            on_progress=on_progress,
        )
    outcomes = check(wanted, result.record.summary)
    if as_json:
        print_json(
            {
                "run": directory.root,
                "folder": result.folder,
                "page": result.page,
                **asdict(result.record),
                "thresholds": [
                    {**asdict(outcome.threshold), "found": outcome.found, "met": outcome.met}
                    for outcome in outcomes
                ],
            }
        )
    else:
        for line in (*headline(result.record), *result.record.notes):
            say(line)
        say(f"Report: {result.page}")
    missed = [str(outcome) for outcome in outcomes if not outcome.met]
    if missed:
        raise ThresholdNotMet("; ".join(missed) + ".", hint=f"The figures are in {result.report}.")

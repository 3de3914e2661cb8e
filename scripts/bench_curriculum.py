"""A curriculum against drawing every category from the start, with the same number of traces.

    python -m scripts.bench_curriculum --run RUN --out FOLDER [--seeds 3] [-c curriculum]
        [--traces 40000] [--set KEY=VALUE]

RUN is a run directory with prepared data. For each seed a copy of it in FOLDER is trained once with
the stages of the configuration and once with `curriculum.enabled=false`; nothing else differs, and
neither ends early. Then the newest and the best policy are checked on the same validation images.
What is done is kept in FOLDER: after an interruption the same command goes on.

Prints the mean utility over the baseline of each training, and the difference of the two ways over
seeds and images: paired, with an interval that resamples brands.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vtrain import RunDirectory
from vtrain.agent.network import PolicyNetwork
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import config_hash
from vtrain.config.load import load_config
from vtrain.config.schema import Config
from vtrain.environment.engine import open_engine
from vtrain.errors import UsageError
from vtrain.rundir import read_json, write_json
from vtrain.training.check import check_policy
from vtrain.training.problem import load_problem
from vtrain.training.train import train
from vtrain.validation.statistics import mean_interval

WAYS = {"uniform": "false", "stages": "true"}
POLICIES = ("latest", "best")
RESULT = "bench_curriculum.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one training.

    Attributes:
        traces: Traces that it took (count).
        values: Of each policy, utility over the baseline of each image of the check.
        brands: Brand of each image.
    """

    traces: int
    values: dict[str, list[float]]
    brands: list[str]


def main() -> None:
    """Train what is not trained yet, check, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="run directory with prepared data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each way")
    parser.add_argument("--traces", type=int, default=None, help="traces of each training")
    parser.add_argument("-c", "--config", action="append", default=[], metavar="NAME|FILE")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    more = [f"ppo.total_traces={arguments.traces}"] if arguments.traces else []
    outcomes: dict[str, list[Outcome]] = {way: [] for way in WAYS}
    for seed in range(arguments.seeds):
        for way, enabled in WAYS.items():
            settings = (
                *arguments.set,
                *more,
                f"seed={seed}",
                f"curriculum.enabled={enabled}",
                "early_stopping.patience=0",
                "early_stopping.max_drop=0",
            )
            config = load_config(arguments.config, settings).config
            outcome = trained(arguments.run, arguments.out / f"{way}-{seed}", config)
            outcomes[way].append(outcome)
            shown = ", ".join(f"{name} {np.mean(outcome.values[name]):+.3f}" for name in POLICIES)
            print(f"{way}, seed {seed}: {outcome.traces} traces; {shown}", flush=True)
    print_difference(outcomes)


def trained(source: Path, target: Path, config: Config) -> Outcome:
    """The outcome of a training: the one that is kept, or a new one, or one gone on from.

    Raises:
        UsageError: The folder holds a training with other settings.
    """
    kept = target / RESULT
    if kept.is_file():
        known = read_json(kept)
        if known["config"] != config_hash(config):
            raise UsageError(
                f"{target} was trained with other settings.", hint="Give another --out."
            )
        return Outcome(known["traces"], known["values"], known["brands"])
    run = copied(source, target)
    occupied = CheckpointStore(run.checkpoints).occupied()
    result = train(config, run, resume=occupied)
    values, brands = checked(run, config)
    write_json(
        kept,
        {
            "config": config_hash(config),
            "traces": result.traces,
            "values": values,
            "brands": brands,
        },
    )
    return Outcome(result.traces, values, brands)


def copied(source: Path, target: Path) -> RunDirectory:
    """A run directory with the data of another one; the one that is there when it is whole."""
    run = RunDirectory(target)
    if not run.data_cache.exists():
        unfinished = target.with_name(f".{target.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        # Each way measures for itself what it starts from.
        shutil.copytree(
            RunDirectory(source).data_cache,
            unfinished,
            ignore=shutil.ignore_patterns("table.json", "stages.json"),
        )
        target.mkdir(parents=True, exist_ok=True)
        unfinished.rename(run.data_cache)
    return run


def checked(run: RunDirectory, config: Config) -> tuple[dict[str, list[float]], list[str]]:
    """Utility over the baseline of each image of the check, of both policies; the brands."""
    problem = load_problem(run, config)
    store = CheckpointStore(run.checkpoints)
    values = {}
    with open_engine(
        run.images,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=run.measurements,
    ) as engine:
        for name in POLICIES:
            checkpoint = store.resolve(name)
            weights = store.load(checkpoint).tensors["policy"]
            network = PolicyNetwork.from_arrays(weights, name=checkpoint.name)
            check = check_policy(network, problem, engine, config.scoring)
            values[name] = list(check.values)
    return values, [entry.brand for entry in problem.check]


def print_difference(outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """The stages less the other way, image by image, as a mean over the seeds."""
    brands = outcomes["stages"][0].brands
    print("\n| policy | uniform | stages | stages less uniform [95 %] | better on |")
    print("| --- | --- | --- | --- | --- |")
    for name in POLICIES:
        means = {
            way: np.mean([outcome.values[name] for outcome in found], axis=0)
            for way, found in outcomes.items()
        }
        difference = means["stages"] - means["uniform"]
        print(
            f"| {name} | {means['uniform'].mean():+.3f} | {means['stages'].mean():+.3f} "
            f"| {mean_interval(difference, groups=brands)} | {(difference > 0).mean():.0%} |"
        )
    print(f"\n{len(brands)} images, {len(outcomes['stages'])} seeds.")


if __name__ == "__main__":
    main()
